//! `npm run bench`: prepares the machine and the parts, then lets `bench/main.mjs` measure them.

use crate::{setup, stage};

/// Measures. Does not return where all went well so far: the measurement's exit code is the command's.
///
/// # Errors
/// The machine lacks something, or the build failed.
pub(crate) fn run() -> anyhow::Result<()> {
    setup::run(setup::Purpose::AllTests)?;
    stage::prepare()?;
    stage::play("bench/main.mjs", &[])
}
