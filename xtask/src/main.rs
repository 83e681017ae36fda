//! The project's commands: build the npm package, test everything, perform the main job, simulate, measure.
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a command-line tool talks on its standard streams"
)]

mod bench;
mod build;
mod demo;
mod fuzz;
mod process;
mod release;
mod setup;
mod soak;
mod stage;
mod supply_chain;
mod test_command;
mod workspace;

use clap::{Parser, Subcommand};
use std::process::ExitCode;

#[derive(Parser)]
#[command(about = "Builds, tests and shows the project")]
struct CommandLine {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Install what this machine lacks.
    Setup,
    /// Build the npm package into `pkg/`.
    Build(build::Options),
    /// Build the platform's program as it is handed out, into `target/release/platform`.
    Platform,
    /// Run every test; the last line is `N passed, N failed`.
    Test(test_command::Options),
    /// Perform the main job, step by step.
    Demo(demo::Options),
    /// Check licenses, origins and known flaws of all dependencies.
    SupplyChain,
    /// Simulate devices, network and platform, and everything that goes wrong, until something fails.
    Soak(soak::Options),
    /// Measure the SDK, or the platform.
    Bench(bench::Options),
    /// Try to break whatever reads what others wrote.
    Fuzz(fuzz::Options),
}

fn main() -> ExitCode {
    let CommandLine { command } = CommandLine::parse();
    let result = process::end_children_on_interrupt().and_then(|()| match command {
        Command::Setup => setup::run(setup::Purpose::AllTests),
        Command::Build(options) => build::run(&options),
        Command::Platform => release::run(),
        Command::Test(options) => test_command::run(&options),
        Command::Demo(options) => demo::run(&options),
        Command::SupplyChain => supply_chain::run(),
        Command::Soak(options) => soak::run(&options),
        Command::Bench(options) => bench::run(&options),
        Command::Fuzz(options) => fuzz::run(&options),
    });
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
