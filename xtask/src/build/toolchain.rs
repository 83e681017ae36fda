//! Finds a Rust toolchain that can build the core.
//!
//! The core is compiled for WebAssembly's first version (`-Ctarget-cpu=mvp`), since `wasm2js` and older browsers know
//! no later one. The standard library that comes with the target uses newer features, so it is compiled too
//! (`-Zbuild-std`), which needs its source. Two kinds of machine have all of that: one with rustup, and Debian with its
//! packages for the web.

use anyhow::bail;
use std::path::{Path, PathBuf};
use std::process::Command;

const TARGET: &str = "wasm32-unknown-unknown";
/// Debian's programs, by their full path: rustup's come first on the search path.
const DEBIAN_RUSTC: &str = "/usr/bin/rustc";
const DEBIAN_CARGO: &str = "/usr/bin/cargo";

/// Cargo, rustc and linker that fit together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Toolchain {
    /// The cargo to call.
    pub(super) cargo: PathBuf,
    /// The rustc that it is to call.
    pub(super) rustc: PathBuf,
    /// The linker, where rustc does not find one by itself.
    pub(super) linker: Option<PathBuf>,
}

/// The toolchain of this machine.
///
/// # Errors
/// There is none; the message says in one line what is missing and how to get it.
pub(crate) fn find() -> anyhow::Result<Toolchain> {
    if let Some(toolchain) = rustup() {
        return Ok(toolchain);
    }
    let Some(toolchain) = debian() else {
        bail!(
            "building the core needs Rust's standard library for WebAssembly, and its source. \
             With rustup: rustup target add {TARGET} && rustup component add rust-src. \
             On Debian: sudo apt-get install rustc-web cargo-web rust-web-src"
        );
    };
    if toolchain.linker.is_none() {
        bail!("no rust-lld found, which links WebAssembly. Get it by: rustup toolchain install stable");
    }
    Ok(toolchain)
}

/// The toolchain that rustup selects here, if it has the target and the source.
fn rustup() -> Option<Toolchain> {
    let sysroot = sysroot("rustc")?;
    let complete = has_target(&sysroot) && has_source(&sysroot);
    let tool = |name| sysroot.join("bin").join(name);
    complete.then(|| Toolchain { cargo: tool("cargo"), rustc: tool("rustc"), linker: None })
}

/// Debian's toolchain, if it has the target and the source. It has no linker: rustup's is taken.
fn debian() -> Option<Toolchain> {
    let sysroot = sysroot(DEBIAN_RUSTC)?;
    let complete = Path::new(DEBIAN_CARGO).exists() && has_source(&sysroot);
    complete.then(|| Toolchain {
        cargo: DEBIAN_CARGO.into(),
        rustc: DEBIAN_RUSTC.into(),
        linker: self::sysroot("rustc").and_then(|sysroot| find_linker(&sysroot)),
    })
}

/// Where `rustc` keeps its libraries; nothing where it does not run.
fn sysroot(rustc: &str) -> Option<PathBuf> {
    let output = Command::new(rustc).args(["--print", "sysroot"]).output().ok()?;
    let path = String::from_utf8(output.stdout).ok()?;
    output.status.success().then(|| PathBuf::from(path.trim()))
}

fn has_target(sysroot: &Path) -> bool {
    sysroot.join("lib/rustlib").join(TARGET).is_dir()
}

fn has_source(sysroot: &Path) -> bool {
    sysroot.join("lib/rustlib/src/rust/library/std").is_dir()
}

fn find_linker(sysroot: &Path) -> Option<PathBuf> {
    let hosts = std::fs::read_dir(sysroot.join("lib/rustlib")).ok()?;
    hosts.flatten().map(|host| host.path().join("bin/rust-lld")).find(|path| path.is_file())
}
