//! `npm run bench`: prepares the machine and the parts, then has them measured.

use crate::workspace::{cargo, target_dir};
use crate::{process, release, setup, stage};
use std::process::Command;
use std::time::Duration;

/// Seeding millions of users takes its time.
const PLATFORM_LIMIT: Duration = Duration::from_secs(2 * 60 * 60);
const BUILD_LIMIT: Duration = Duration::from_secs(30 * 60);

/// What is measured.
#[derive(clap::Args)]
pub(crate) struct Options {
    #[command(subcommand)]
    subject: Option<Subject>,
}

#[derive(clap::Subcommand)]
enum Subject {
    /// Start-up, memory, the SDK's cost and sizes; the same as without a word.
    Sdk,
    /// What a request costs the platform, and how that grows. Its options come after the word.
    Platform {
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        options: Vec<String>,
    },
}

/// Measures. Does not return from the SDK's measurement where all went well so far: its exit code is the command's.
///
/// # Errors
/// The machine lacks something, the build failed, or the measurement.
pub(crate) fn run(options: &Options) -> anyhow::Result<()> {
    match &options.subject {
        None | Some(Subject::Sdk) => {
            setup::run(setup::Purpose::AllTests)?;
            stage::prepare()?;
            stage::play("bench/main.mjs", &[])
        }
        Some(Subject::Platform { options }) => {
            println!("Building the platform and its load (a few minutes the first time) ...");
            release::run()?;
            let mut build = cargo(["build", "--quiet", "--locked", "--release", "-p", "platform-bench"]);
            process::run("the build of the load", &mut build, BUILD_LIMIT)?;
            let folder = target_dir().join("release");
            let mut bench = Command::new(folder.join("platform-bench"));
            bench.arg("--binary").arg(folder.join("platform")).args(options);
            process::run("the measurement", &mut bench, PLATFORM_LIMIT)
        }
    }
}
