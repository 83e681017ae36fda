//! `cargo xtask platform`: the platform's program as it is handed out, without the paths of whoever built it.
//!
//! A panic names its source file, and cargo gives rustc the files of other crates by absolute paths, so that a plain release
//! build tells the builder's home some hundred times. rustc can be told other names for them; cargo's own setting for this
//! (`trim-paths`) is not stable.

use crate::process;
use crate::workspace::{cargo, root, target_dir};
use anyhow::{Context, bail};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

const COMPILE_LIMIT: Duration = Duration::from_secs(30 * 60);
/// What cargo takes flags apart by that may hold spaces.
const SEPARATOR: &str = "\u{1f}";

/// Builds it, and looks for paths that were left.
///
/// # Errors
/// It did not build, or holds a path of this machine.
pub(crate) fn run() -> anyhow::Result<()> {
    let places = places()?;
    let mut command = cargo(["build", "--locked", "--release", "-p", "sentiance-platform"]);
    command.env("CARGO_ENCODED_RUSTFLAGS", flags(&places));
    process::run("the platform's build", &mut command, COMPILE_LIMIT)?;
    let program = target_dir().join("release/platform");
    let bytes = std::fs::read(&program).with_context(|| format!("cannot read {}", program.display()))?;
    match first_of(&places, &bytes) {
        Some(place) => bail!("{} holds paths in {}", program.display(), place.display()),
        None => Ok(()),
    }
}

/// A folder of this machine, and what it is called instead.
type Place = (PathBuf, &'static str);

/// The folders that are nobody's business. Where one lies in another it comes later: rustc takes the last that fits.
fn places() -> anyhow::Result<Vec<Place>> {
    let home = std::env::home_dir().context("there is no home folder")?;
    let cargo_home = std::env::var_os("CARGO_HOME").map_or_else(|| home.join(".cargo"), PathBuf::from);
    let sysroot = Command::new("rustc").args(["--print", "sysroot"]).current_dir(root()).output()?;
    let sysroot = PathBuf::from(String::from_utf8(sysroot.stdout)?.trim());
    Ok(vec![(home, "~"), (root(), "."), (target_dir(), "target"), (cargo_home, "cargo"), (sysroot, "rust")])
}

fn flags(places: &[Place]) -> String {
    let given = std::env::var("RUSTFLAGS").unwrap_or_default();
    let given = given.split_whitespace().map(str::to_owned);
    let remap = |(folder, name): &Place| format!("--remap-path-prefix={}={name}", folder.display());
    given.chain(places.iter().map(remap)).collect::<Vec<_>>().join(SEPARATOR)
}

/// The first of the folders that the program names.
fn first_of<'p>(places: &'p [Place], program: &[u8]) -> Option<&'p Path> {
    let names = |folder: &Path| {
        let text = format!("{}/", folder.display());
        program.windows(text.len()).any(|window| window == text.as_bytes())
    };
    places.iter().map(|(folder, _)| folder.as_path()).find(|folder| names(folder))
}

#[cfg(test)]
mod tests {
    use super::{Place, SEPARATOR, first_of, flags};
    use std::path::Path;
    use std::process::Command;

    /// Compiles a program with a panic in a file of `folder`, as cargo does with a crate of a registry.
    fn program_with_a_panic_in(folder: &Path, flags: &str) -> Vec<u8> {
        let (source, output) = (folder.join("main.rs"), folder.join("program"));
        std::fs::write(&source, "fn main() { std::env::args().nth(9).unwrap(); }").unwrap();
        let mut rustc = Command::new("rustc");
        rustc.args(flags.split(SEPARATOR).filter(|flag| !flag.is_empty()));
        assert!(rustc.arg("-o").arg(&output).arg(&source).status().unwrap().success());
        std::fs::read(output).unwrap()
    }

    #[test]
    fn a_program_holds_no_path_of_its_builder() {
        let folder = crate::workspace::target_dir().join("tmp/release-paths");
        std::fs::create_dir_all(&folder).unwrap();
        let places: Vec<Place> = vec![(folder.clone(), "cargo")];
        let plain = program_with_a_panic_in(&folder, "");
        assert_eq!(first_of(&places, &plain), Some(folder.as_path()), "a plain build tells it");
        let program = program_with_a_panic_in(&folder, &flags(&places));
        assert_eq!(first_of(&places, &program), None);
    }
}
