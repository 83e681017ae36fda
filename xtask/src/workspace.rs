//! Where things are: the repository, what cargo builds, and how the tools are called.

use std::path::{Path, PathBuf};
use std::process::Command;

/// The repository's root folder.
pub(crate) fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap_or(here).to_path_buf()
}

/// The folder into which cargo builds.
pub(crate) fn target_dir() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), |dir| root().join(dir))
}

/// The cargo that runs this program, with `arguments`, in the repository.
pub(crate) fn cargo<const N: usize>(arguments: [&str; N]) -> Command {
    tool(&std::env::var("CARGO").unwrap_or_else(|_| "cargo".into()), arguments)
}

/// `npm` with `arguments`, in the repository.
pub(crate) fn npm<const N: usize>(arguments: [&str; N]) -> Command {
    tool("npm", arguments)
}

/// `node` with `arguments`, in the repository.
pub(crate) fn node<const N: usize>(arguments: [&str; N]) -> Command {
    tool("node", arguments)
}

fn tool<const N: usize>(program: &str, arguments: [&str; N]) -> Command {
    let mut command = Command::new(program);
    command.args(arguments).current_dir(root());
    command
}
