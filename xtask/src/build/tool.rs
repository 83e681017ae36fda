//! Runs the tools that the build needs: silent while they work, and with all that they said where they fail.

use crate::workspace::root;
use anyhow::{Context, bail};
use std::path::PathBuf;
use std::process::Command;

/// A tool that `npm ci` has installed.
///
/// # Errors
/// It is not installed.
pub(super) fn npm_tool(name: &str) -> anyhow::Result<Command> {
    let program: PathBuf = root().join("node_modules/.bin").join(name);
    if !program.exists() {
        bail!("`{name}` is not installed. Get it by: npm ci");
    }
    let mut command = Command::new(program);
    command.current_dir(root());
    Ok(command)
}

/// Node itself.
pub(super) fn node() -> Command {
    Command::new("node")
}

/// Runs `command` to its end.
///
/// # Errors
/// It cannot be started, or fails; the message holds its output.
pub(super) fn run(command: &mut Command) -> anyhow::Result<()> {
    let name = command.get_program().to_string_lossy().into_owned();
    let output = command.output().with_context(|| format!("cannot start {name}"))?;
    if !output.status.success() {
        bail!(
            "{name} failed:\n{}{}",
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        );
    }
    Ok(())
}
