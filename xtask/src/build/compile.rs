//! Compiles the core.

use super::Variant;
use super::toolchain::Toolchain;
use crate::process;
use crate::workspace::root;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(20 * 60);
const TARGET: &str = "wasm32-unknown-unknown";

/// Only WebAssembly's first version; and no texts for a developer of the core, who can compile without these flags:
/// a panic stops the instance at once, and the facade's fence tells the application.
const FLAGS: [&str; 6] = [
    "-Ctarget-cpu=mvp",
    "-Zfmt-debug=none",
    "-Zlocation-detail=none",
    "-Zunstable-options",
    "-Cpanic=immediate-abort",
    // It saves reading memory twice, and copies code for that.
    "-Cllvm-args=-enable-load-pre=false",
];

/// Compiles `variant` and returns the path of its module, which cargo touches only where something has changed.
///
/// # Errors
/// The code does not compile; cargo has said why.
pub(super) fn run(toolchain: &Toolchain, variant: Variant) -> anyhow::Result<PathBuf> {
    // A folder of its own for each variant and apart from the native builds, whose flags differ.
    let folder = variant.work_dir().join("cargo");
    let mut command = Command::new(&toolchain.cargo);
    command
        .current_dir(root())
        .args(["rustc", "--quiet", "--locked", "--lib", "--package", "sentiance-core"])
        // Not the library for Rust along with it: what such a one offers would stay in the module, used or not.
        .args(["--crate-type", "cdylib", "--profile", "wasm", "--target", TARGET])
        .args(["-Zbuild-std=std,panic_abort", "-Zbuild-std-features=optimize_for_size"])
        .arg("--target-dir")
        .arg(&folder)
        .env("RUSTC", &toolchain.rustc)
        // The flags with -Z are not stable yet: this opens them on a stable compiler.
        .env("RUSTC_BOOTSTRAP", "1")
        .env("RUSTFLAGS", FLAGS.join(" "))
        // What cargo and rustup have set for this program's own build is not meant for that one.
        .env_remove("CARGO_ENCODED_RUSTFLAGS")
        .env_remove("RUSTUP_TOOLCHAIN");
    if let Some(linker) = &toolchain.linker {
        command.env("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER", linker);
    }
    if variant == Variant::FaultInjection {
        command.args(["--features", "fault-injection"]);
    }
    if !folder.exists() {
        println!("Compiling the core and the standard library for WebAssembly (about a minute, once) ...");
    }
    process::run("compiling the core", &mut command, LIMIT)?;
    Ok(folder.join(TARGET).join("wasm/sentiance_core.wasm"))
}
