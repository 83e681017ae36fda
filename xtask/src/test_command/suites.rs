//! The table of everything that `npm test` runs, cheap checks first.

use super::summary::Format;
use crate::process;
use crate::workspace::{cargo, node, npm, root};
use anyhow::Context;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

/// One suite: a child process that is run and counted.
pub(crate) struct Suite {
    /// Its name in the report and for `--only`.
    pub(crate) name: &'static str,
    /// How it tells its result.
    pub(crate) format: Format,
    /// How long it may take, compiling included.
    pub(crate) limit: Duration,
    /// Whether `--quick` leaves it out.
    pub(crate) slow: bool,
    /// Whether it leaves the processors idle for most of its time, and is not disturbed by what uses that.
    pub(crate) mostly_waits: bool,
    /// What it has to build first, which can be done in idle time.
    pub(crate) ahead: Option<Command>,
    /// The command that runs it.
    pub(crate) command: Command,
}

/// All suites, in the order in which they run. Those that mostly wait stand together, and what is measured by the clock
/// comes after what is built beside them.
///
/// # Errors
/// A folder of tests is missing or holds none.
pub(crate) fn all() -> anyhow::Result<Vec<Suite>> {
    Ok(vec![
        check("rust formatting", cargo(["fmt", "--all", "--check"])),
        check(
            "rust lints",
            cargo(["clippy", "--quiet", "--locked", "--workspace", "--all-targets", "--", "-D", "warnings"]),
        ),
        check("supply chain", cargo(["run", "--quiet", "--locked", "-p", "xtask", "--", "supply-chain"])),
        cargo_test("protocol", "sentiance-protocol"),
        cargo_test("sdk core", "sentiance-core"),
        // What has a suite of its own is left out.
        cargo_test_of(
            "platform",
            "sentiance-platform",
            &["--lib", "--bins", "--test", "api", "--", "--skip", PLANS_ON_POSTGRESQL],
        ),
        // What needs PostgreSQL is slow: `--quick` does not install it.
        Suite {
            slow: true,
            ..cargo_test_of("plans on postgresql", "sentiance-platform", &["--lib", PLANS_ON_POSTGRESQL])
        },
        Suite { slow: true, ..cargo_test("postgres cluster", "postgres-cluster") },
        on_postgresql(cargo_test_of(
            "platform on postgresql",
            "sentiance-platform",
            &["--test", "api", "--test", "postgres", "--", "--skip", "::file::"],
        )),
        cargo_test("xtask", "xtask"),
        check(
            "build",
            cargo(["run", "--quiet", "--locked", "-p", "xtask", "--", "build", "--with-fault-injection"]),
        ),
        // The platform's binary for the suites below; cargo test builds it on the way, but not by promise.
        check("platform binary", cargo(["build", "--quiet", "--locked", "-p", "sentiance-platform"])),
        check("javascript lints", npm(["run", "--silent", "lint"])),
        node_test("security", "tests/security")?,
        node_test("package", "tests/package")?,
        Suite { mostly_waits: true, limit: minutes(20), ..node_test("node", "tests/e2e/node")? },
        Suite { slow: true, mostly_waits: true, ..node_test("conformance", "tests/conformance")? },
        Suite { slow: true, mostly_waits: true, ..node_test("hermes", "tests/e2e/hermes")? },
        Suite {
            slow: true,
            mostly_waits: true,
            limit: minutes(20),
            ..node_test("browser", "tests/e2e/browser")?
        },
        Suite { slow: true, ahead: Some(fuzz("--no-run")), ..check("fuzz", fuzz("--brief")) },
        // That it is the same each time and finds what is broken; the seeds come after, so that building is not theirs.
        Suite {
            format: Format::CargoTest,
            ahead: Some(simulation_tests(&["--no-run"])),
            ..check("simulation's own", simulation_tests(&[]))
        },
        Suite { ahead: Some(simulation("build")), ..check("simulation", simulation("run")) },
        Suite { slow: true, ..check("simulation on postgresql", simulation_on_postgresql()) },
        // It tells what it has tried.
        Suite {
            slow: true,
            ..cargo_test_of(
                "durability",
                "sentiance-platform",
                &["--test", "durability", "--", "--nocapture"],
            )
        },
        // What is not about files.
        on_postgresql(cargo_test_of(
            "durability on postgresql",
            "sentiance-platform",
            &["--test", "durability", "--", "--nocapture", "attacks::", "crashes::", "operator::"],
        )),
        // It installs the example's own packages, mostly from npm's cache.
        Suite { slow: true, ..node_test("example", "tests/e2e/example")? },
        // Some of its blocks need the browser.
        Suite { slow: true, ..node_test("readme", "tests/readme")? },
    ])
}

/// The library's tests that need a server of PostgreSQL.
const PLANS_ON_POSTGRESQL: &str = "store::postgres::plans";

fn suite(name: &'static str, format: Format, limit: Duration, command: Command) -> Suite {
    Suite { name, format, limit, slow: false, mostly_waits: false, ahead: None, command }
}

fn check(name: &'static str, command: Command) -> Suite {
    suite(name, Format::ExitCode, minutes(20), command)
}

/// The simulation and its database take turns. As a batch job, who wakes the other is not interrupted by it.
const AS_BATCH: &str = r#"target.'cfg(target_os = "linux")'.runner = ["chrt", "--batch", "0"]"#;

/// The simulation has a profile of its own, in which thousands of seeds take a minute.
pub(crate) fn simulation(verb: &str) -> Command {
    let mut command = cargo([verb, "--quiet", "--locked", "--profile", "simulation", "-p", "simulation"]);
    if process::is_installed("chrt") {
        command.args(["--config", AS_BATCH]);
    }
    command
}

/// Fewer seeds, each of which takes ten times as long there.
fn simulation_on_postgresql() -> Command {
    let mut command = simulation("run");
    command.args(["--", "--engine", "postgresql", "--seeds", "1000"]);
    command
}

fn simulation_tests(arguments: &[&str]) -> Command {
    let mut command = simulation("test");
    command.args(arguments);
    command
}

fn fuzz(option: &str) -> Command {
    cargo(["run", "--quiet", "--locked", "-p", "xtask", "--", "fuzz", option])
}

fn cargo_test(name: &'static str, package: &str) -> Suite {
    cargo_test_of(name, package, &[])
}

/// The same tests on the other engine. They start a server of their own.
fn on_postgresql(mut suite: Suite) -> Suite {
    suite.command.env("PLATFORM_TEST_ENGINE", "postgresql");
    Suite { slow: true, ..suite }
}

/// With arguments that choose among the package's tests.
fn cargo_test_of(name: &'static str, package: &str, arguments: &[&str]) -> Suite {
    let mut command = cargo(["test", "--quiet", "--locked", "--no-fail-fast", "-p", package]);
    command.args(arguments);
    suite(name, Format::CargoTest, minutes(20), command)
}

fn node_test(name: &'static str, folder: &str) -> anyhow::Result<Suite> {
    // The files by name: what `node --test <folder>` means differs from one version of Node to the next.
    let mut command = node(["--test", "--test-reporter=spec", "--test-concurrency=1"]);
    command.args(test_files(folder)?);
    Ok(suite(name, Format::NodeTest, minutes(10), command))
}

fn test_files(folder: &str) -> anyhow::Result<Vec<PathBuf>> {
    let entries = root().join(folder).read_dir().with_context(|| format!("cannot read {folder}"))?;
    let mut files: Vec<PathBuf> = entries
        .filter_map(|entry| entry.ok().map(|entry| entry.path()))
        .filter(|path| path.to_string_lossy().ends_with(".test.mjs"))
        .collect();
    files.sort();
    anyhow::ensure!(!files.is_empty(), "there are no tests in {folder}");
    Ok(files)
}

const fn minutes(count: u64) -> Duration {
    Duration::from_secs(count * 60)
}
