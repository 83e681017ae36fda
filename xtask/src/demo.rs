//! `npm run demo`: prepares the machine and the parts, then lets `demo/main.mjs` perform the main job.

use crate::stage;

/// What the command line says.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// Keep the platform up afterwards, and say how to talk to it.
    #[arg(long)]
    serve: bool,
}

/// Performs the main job. Does not return where all went well so far: the demo's exit code is the command's.
///
/// # Errors
/// The machine lacks something, or the build failed.
pub(crate) fn run(options: &Options) -> anyhow::Result<()> {
    stage::prepare()?;
    stage::play("demo/main.mjs", if options.serve { &["--serve"] } else { &[] })
}
