//! `npm run fuzz`: coverage-guided fuzzing of everything that reads what others wrote, with libFuzzer. The targets are
//! the programs in `fuzz/targets`; what each starts from is in `fuzz/corpus`.
//!
//! It needs no nightly toolchain: the compiler's coverage counters are a pass of LLVM that stable `rustc` can run.

use crate::process::{self, Ending};
use crate::setup;
use crate::workspace::{cargo, root, target_dir};
use anyhow::{Context, bail, ensure};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

/// The counters that libFuzzer reads, and the operands of comparisons.
const COVERAGE: &str = "-Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
    -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
    -Cllvm-args=-sanitizer-coverage-trace-compares";
/// Holds a bug on purpose, to show that the fuzzer finds one.
const SELF_TEST: &str = "self_test";
/// What the bug on purpose says.
const PLANTED: &str = "the planted bug was found";
const BUILD_LIMIT: Duration = Duration::from_secs(20 * 60);
/// How long a target may take beyond its time: to start, and to write down what it found.
const GRACE: Duration = Duration::from_secs(120);
/// How long all targets together run where nothing else is said, in minutes.
const DEFAULT_MINUTES: f64 = 10.0;
/// The same in `npm test`.
const BRIEF_MINUTES: f64 = 0.8;

/// What the command line says.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// Run this target only.
    #[arg(long)]
    target: Option<String>,
    /// How long to run, in minutes; the targets share them.
    #[arg(long, default_value_t = DEFAULT_MINUTES)]
    minutes: f64,
    /// As in `npm test`: less than a minute.
    #[arg(long, conflicts_with = "minutes")]
    brief: bool,
    /// Only build the targets.
    #[arg(long, conflicts_with_all = ["minutes", "brief", "input"])]
    no_run: bool,
    /// Try this one input of the target, such as one that it has crashed on.
    #[arg(long, value_name = "FILE", requires = "target")]
    input: Option<PathBuf>,
}

/// Builds the targets, shows that the fuzzer finds a planted bug, and runs them.
///
/// # Errors
/// An input was found that a target fails on; the message says which.
pub(crate) fn run(options: &Options) -> anyhow::Result<()> {
    setup::install_cpp_compiler()?;
    let targets = chosen(options)?;
    let programs = build()?;
    if options.no_run {
        return Ok(());
    }
    if let Some(input) = &options.input {
        let input = input.canonicalize().with_context(|| format!("there is no {}", input.display()))?;
        return process::run("this input", Command::new(programs.join(&targets[0])).arg(input), GRACE);
    }

    println!("\nA planted bug, to show that the fuzzer finds one:");
    let found = fuzz(&programs, SELF_TEST, Duration::from_secs(60))?;
    ensure!(
        found.crash.is_some() && found.output.iter().any(|line| line.contains(PLANTED)),
        "the fuzzer did not find the planted bug, so it would find no other"
    );
    // Each right byte reached new code, and was kept because of that: no blind search gets there.
    ensure!(found.news >= PLANTED_DEPTH, "the fuzzer does not see which inputs reach new code");
    println!(
        "found after {} executions, led by {} inputs that reached new code",
        found.executions, found.news
    );

    let minutes = if options.brief { BRIEF_MINUTES } else { options.minutes };
    let share = Duration::from_secs_f64(minutes * 60.0 / targets.len() as f64);
    println!(
        "\n{:<14} {:>12} {:>10} {:>8} {:>10}",
        "target", "executions", "per second", "edges", "new inputs"
    );
    let mut crashes = Vec::new();
    for target in &targets {
        let run = fuzz(&programs, target, share)?;
        let per_second = run.executions as f64 / share.as_secs_f64();
        println!("{target:<14} {:>12} {per_second:>10.0} {:>8} {:>10}", run.executions, run.edges, run.news);
        if let Some(crash) = run.crash {
            println!("\n{}\n", run.output.join("\n"));
            crashes.push(format!("{target}: npm run fuzz -- --target {target} --input {}", crash.display()));
        }
    }
    ensure!(crashes.is_empty(), "inputs that must not fail do; to try them again:\n{}", crashes.join("\n"));
    Ok(())
}

/// How many inputs on the way to the planted bug reach new code, at least: one may have several right bytes at once.
const PLANTED_DEPTH: u64 = 3;

/// The targets to run.
fn chosen(options: &Options) -> anyhow::Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(root().join("fuzz/targets"))? {
        let path = entry?.path();
        names.extend(path.file_stem().map(|name| name.to_string_lossy().into_owned()));
    }
    names.retain(|name| name != SELF_TEST);
    names.sort();
    match &options.target {
        None => Ok(names),
        Some(name) if names.contains(name) => Ok(vec![name.clone()]),
        Some(name) => bail!("there is no target `{name}`; there are: {}", names.join(", ")),
    }
}

/// Builds all targets; gives the folder in which they are.
fn build() -> anyhow::Result<PathBuf> {
    println!("Building the fuzz targets (a few minutes the first time) ...");
    let host = host()?;
    let folder = target_dir().join("fuzz");
    // With a target named, build scripts and macros are compiled without counters. Not `--locked`: what the platform has
    // come to depend on is added to this workspace's own lock file as it is built.
    let mut command = cargo(["build", "--quiet", "--release", "--manifest-path"]);
    command.arg(root().join("fuzz/Cargo.toml")).args(["--target", &host, "--target-dir"]).arg(&folder);
    command.env_remove("CARGO_ENCODED_RUSTFLAGS").env("RUSTFLAGS", COVERAGE);
    process::run("the build of the fuzz targets", &mut command, BUILD_LIMIT)?;
    Ok(folder.join(host).join("release"))
}

/// This machine, as the compiler calls it.
fn host() -> anyhow::Result<String> {
    let output =
        Command::new("rustc").args(["--print", "host-tuple"]).output().context("cannot start rustc")?;
    ensure!(output.status.success(), "rustc does not say for what machine it compiles");
    Ok(String::from_utf8(output.stdout)?.trim().to_owned())
}

/// What a run of one target came to.
#[derive(Default)]
struct Run {
    executions: u64,
    edges: u64,
    news: u64,
    /// The input that it failed on.
    crash: Option<PathBuf>,
    /// The last lines of its output.
    output: Vec<String>,
}

/// How many lines are shown of a target that failed.
const SHOWN_LINES: usize = 60;

fn fuzz(programs: &Path, target: &str, time: Duration) -> anyhow::Result<Run> {
    let found = target_dir().join("fuzz/corpus").join(target);
    if target == SELF_TEST {
        // What an earlier run has found would make it too easy.
        let _ = fs::remove_dir_all(&found);
    }
    let artifacts = root().join("artifacts/fuzz");
    fs::create_dir_all(&found)?;
    fs::create_dir_all(&artifacts)?;
    let mut command = Command::new(programs.join(target));
    command
        .arg(format!("-max_total_time={}", time.as_secs().max(1)))
        .arg(format!("-artifact_prefix={}/{target}-", artifacts.display()))
        .args(["-max_len=8192", "-timeout=10", "-rss_limit_mb=1024", "-print_final_stats=1"])
        .arg(&found);
    for (name, option) in [("dictionary", "-dict="), ("corpus", "")] {
        let path = root().join("fuzz").join(name).join(target);
        if path.exists() {
            command.arg(format!("{option}{}", path.display()));
        }
    }
    let mut run = Run::default();
    let ending = process::stream(&mut command, time + GRACE, &mut |line| run.read(line))?;
    match ending {
        Ending::Failure if run.crash.is_none() => bail!("{target} failed:\n{}", run.output.join("\n")),
        Ending::TimedOut => bail!("{target} did not stop by itself"),
        Ending::Success | Ending::Failure => Ok(run),
    }
}

impl Run {
    /// Takes in a line such as `#2048 NEW cov: 120 ft: 300 corp: 7/2Kb exec/s: 1024 ...`.
    fn read(&mut self, line: &str) {
        let number = |name: &str| {
            let (_, rest) = line.split_once(name)?;
            rest.split_whitespace().next()?.parse::<u64>().ok()
        };
        if line.starts_with('#') {
            self.executions = number("#").unwrap_or(self.executions);
            self.edges = number(" cov: ").unwrap_or(self.edges);
            self.news += u64::from(line.contains("\tNEW "));
            return;
        }
        if let Some(executions) = number("stat::number_of_executed_units:") {
            self.executions = executions;
        }
        if let Some((_, path)) = line.split_once("Test unit written to ") {
            self.crash = Some(PathBuf::from(path));
        }
        if self.output.len() == SHOWN_LINES {
            self.output.remove(0);
        }
        self.output.push(line.to_owned());
    }
}

#[cfg(test)]
mod tests {
    use super::Run;
    use std::path::Path;

    #[test]
    fn the_output_of_a_run_is_understood() {
        let mut run = Run::default();
        for line in [
            "INFO: Seed: 1",
            "#2\tINITED cov: 10 ft: 11 corp: 1/1b exec/s: 0 rss: 30Mb",
            "#64\tNEW    cov: 12 ft: 13 corp: 2/3b lim: 4 exec/s: 0 rss: 30Mb L: 2/2 MS: 1 ShuffleBytes-",
            "#128\tREDUCE cov: 12 ft: 13 corp: 2/2b lim: 4 exec/s: 0 rss: 30Mb L: 1/1 MS: 1 EraseBytes-",
            "thread panicked at here: it broke",
            "artifact_prefix='a/'; Test unit written to a/crash-1",
            "stat::number_of_executed_units: 200",
        ] {
            run.read(line);
        }
        assert_eq!((run.executions, run.edges, run.news), (200, 12, 1));
        assert_eq!(run.crash.as_deref(), Some(Path::new("a/crash-1")));
        assert!(run.output.iter().any(|line| line.contains("it broke")));
    }
}
