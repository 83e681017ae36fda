//! `npm run soak`: simulates on and on, each time with new seeds, until something fails.

use crate::{process, setup, test_command::suites};
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
    /// Where the platform keeps its data.
    #[arg(long, value_enum, default_value_t)]
    engine: Engine,
}

/// An engine of the simulation.
#[derive(Clone, Copy, Default, PartialEq, Eq, clap::ValueEnum)]
enum Engine {
    /// In a file of SQLite.
    #[default]
    Sqlite,
    /// In PostgreSQL, which is started for it.
    Postgresql,
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
    if options.engine == Engine::Postgresql {
        setup::run(setup::Purpose::AllTests)?;
        command.args(["--engine", "postgresql"]);
    }
    let limit = Duration::try_from_secs_f64(options.minutes * 60.0)? + MARGIN;
    process::run("the simulation", &mut command, limit)
}
