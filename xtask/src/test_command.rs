//! `npm test`: runs every suite as a child process, and sums up.

mod ahead;
pub(crate) mod suites;
mod summary;

use crate::{process, setup};
use ahead::Ahead;
use anyhow::bail;
use std::time::{Duration, Instant};
use suites::Suite;
use summary::Count;

/// How many cases a property test tries under `--quick`; its own default otherwise.
const QUICK_PROPERTY_CASES: &str = "32";
/// How many seeds the simulation runs under `--quick`.
const QUICK_SEEDS: &str = "500";

/// What the command line says.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// Leave out the slow suites, and try fewer cases in property tests and fewer seeds of the simulation.
    #[arg(long)]
    quick: bool,
    /// Run this suite only; may be given several times. Names are those of the report.
    #[arg(long, value_name = "SUITE")]
    only: Vec<String>,
}

/// Runs the suites. The last line is `N passed, N failed`.
///
/// # Errors
/// A test failed, or the machine lacks something.
pub(crate) fn run(options: &Options) -> anyhow::Result<()> {
    let mut suites = chosen(options)?;
    setup::run(if options.quick { setup::Purpose::Build } else { setup::Purpose::AllTests })?;

    let mut reports = Vec::new();
    let mut ahead = Ahead::of(&mut suites);
    for mut suite in suites {
        println!("\n=== {} ===", suite.name);
        let started = now();
        if suite.mostly_waits {
            ahead.start();
        } else {
            ahead.finish();
        }
        if options.quick {
            suite.command.env("PROPTEST_CASES", QUICK_PROPERTY_CASES);
            suite.command.env("SIMULATION_SEEDS", QUICK_SEEDS);
        }
        let count = run_suite(&mut suite)?;
        reports.push((suite.name, count, now() - started));
    }
    summarize(&reports)
}

/// The suites that the options ask for.
fn chosen(options: &Options) -> anyhow::Result<Vec<Suite>> {
    let all = suites::all()?;
    let names: Vec<&str> = all.iter().map(|suite| suite.name).collect();
    if let Some(unknown) = options.only.iter().find(|name| !names.contains(&name.as_str())) {
        bail!("there is no suite `{unknown}`; there are: {}", names.join(", "));
    }
    Ok(all
        .into_iter()
        .filter(|suite| match options.only.as_slice() {
            [] => !(options.quick && suite.slow),
            only => only.iter().any(|name| name == suite.name),
        })
        .collect())
}

/// Runs one suite, showing its output as it comes.
fn run_suite(suite: &mut Suite) -> anyhow::Result<Count> {
    let (mut count, format) = (Count::default(), suite.format);
    let ending = process::stream(&mut suite.command, suite.limit, &mut |line| {
        println!("{line}");
        count.read(format, line);
    })?;
    if ending == process::Ending::TimedOut {
        println!("the suite was stopped: it took longer than {} minutes", suite.limit.as_secs() / 60);
    }
    Ok(count.finish(format, ending))
}

/// Prints the table of results and the sum.
fn summarize(reports: &[(&str, Count, Duration)]) -> anyhow::Result<()> {
    let mut sum = Count::default();
    println!("\n{:<20} {:>8} {:>8} {:>8}", "suite", "passed", "failed", "seconds");
    for (name, count, took) in reports {
        sum += *count;
        println!("{name:<20} {:>8} {:>8} {:>8}", count.passed, count.failed, took.as_secs());
    }
    println!("\n{} passed, {} failed", sum.passed, sum.failed);
    if sum.failed > 0 {
        // The table has said everything; the exit code is for scripts.
        std::process::exit(1);
    }
    Ok(())
}

#[expect(clippy::disallowed_methods, reason = "the report says how long each suite took")]
fn now() -> Instant {
    Instant::now()
}
