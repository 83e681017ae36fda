//! What the demo and the measurements share: the parts as they ship, and a Node script that uses them.

use crate::workspace::{node, target_dir};
use crate::{build, release, setup};
use std::os::unix::process::CommandExt;

/// Sets the machine up, builds the npm package, and the platform in release.
///
/// # Errors
/// Something is missing or did not build; the message says what.
pub(crate) fn prepare() -> anyhow::Result<()> {
    setup::run(setup::Purpose::Build)?;
    build::run(&build::Options::default())?;
    println!("Building the platform (a few minutes the first time) ...");
    release::run()
}

/// Becomes the Node process that runs `script`, so that its output, its exit code and Ctrl-C are its own.
///
/// # Errors
/// Node could not be started.
pub(crate) fn play(script: &str, arguments: &[&str]) -> anyhow::Result<()> {
    let failure =
        node([script]).args(arguments).env("PLATFORM_BINARY", target_dir().join("release/platform")).exec();
    Err(anyhow::Error::new(failure).context("cannot start node"))
}
