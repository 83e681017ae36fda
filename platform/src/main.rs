//! The `platform` command.

use clap::Parser;
use sentiance_platform::cli::{self, Command};
use std::process::ExitCode;

fn main() -> ExitCode {
    cli::run(Command::parse())
}
