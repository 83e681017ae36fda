//! `npm run soak`: simulates on and on, each time with new seeds, until something fails.

use crate::{process, test_command::suites};
use std::time::Duration;

/// How much longer than it was told the simulation may take: to be built, and to shrink what failed.
const MARGIN: Duration = Duration::from_secs(30 * 60);

/// What the command line says.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// For how long.
    #[arg(long, default_value_t = 10.0)]
    minutes: f64,
    /// Run this seed only, and tell it step by step.
    #[arg(long)]
    seed: Option<u64>,
}

/// Simulates.
///
/// # Errors
/// A seed failed; its schedule is printed, shrunk.
pub(crate) fn run(options: &Options) -> anyhow::Result<()> {
    let mut command = suites::simulation("run");
    match options.seed {
        Some(seed) => command.args(["--", "--seed", &seed.to_string()]),
        None => command.args(["--", "--minutes", &options.minutes.to_string()]),
    };
    let limit = Duration::try_from_secs_f64(options.minutes * 60.0)? + MARGIN;
    process::run("the simulation", &mut command, limit)
}
