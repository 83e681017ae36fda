//! The build of the npm package: Rust → WebAssembly → bindings → optimized → `pkg/`.
//!
//! | file | job |
//! |---|---|
//! | `toolchain` | finds a Rust that can build WebAssembly for every engine |
//! | `compile` | cargo |
//! | `checks` | what must hold of the WebAssembly module |
//! | `bindings` | wasm-bindgen, `wasm-opt`, `wasm2js` |
//! | `glue` | turns generated code into factories, so that instances share nothing |
//! | `packing` | LZMA |
//! | `bundle` | esbuild and the declarations |
//! | `licenses` | the licenses of what others wrote |
//! | `fingerprint` | whether anything has changed since the last build |
//! | `sizes` | the table at the end, and the budgets |
//! | `tool` | runs a tool from npm |

mod bindings;
mod bundle;
mod checks;
mod compile;
mod fingerprint;
mod glue;
mod licenses;
mod packing;
mod sizes;
mod tool;
pub(crate) mod toolchain;

use crate::workspace::root;
use anyhow::Context;
use fingerprint::Fingerprint;
use std::fs::{self, File};
use std::path::PathBuf;

/// What is built.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Variant {
    /// The package that ships.
    Release,
    /// The same with exports that break the core on purpose; only tests use it.
    FaultInjection,
}

impl Variant {
    /// The folder with everything that the build makes on the way.
    pub(crate) fn work_dir(self) -> PathBuf {
        // Not cargo's target folder, which the environment may move: tests look here.
        root().join("target/wasm").join(match self {
            Variant::Release => "release",
            Variant::FaultInjection => "fault-injection",
        })
    }

    /// The folder with what applications load.
    pub(crate) fn package_dir(self) -> PathBuf {
        match self {
            Variant::Release => root().join("pkg"),
            Variant::FaultInjection => self.work_dir().join("pkg"),
        }
    }

    /// The folder with what wasm-bindgen, `wasm-opt` and `wasm2js` have made of the compiled module.
    fn generated_dir(self) -> PathBuf {
        self.work_dir().join("generated")
    }

    /// The source file of an entry of the package.
    fn entry(self, name: &str) -> String {
        match self {
            Variant::Release => format!("js/entries/{name}.ts"),
            Variant::FaultInjection => format!("tests/package/fault-injection/{name}.ts"),
        }
    }

    /// The folder with wasm-bindgen's own package for Node: the core as it is without the facade.
    pub(crate) fn crate_dir(self) -> PathBuf {
        self.work_dir().join("crate")
    }
}

/// What the developer asked for.
#[derive(Clone, Copy, Debug, Default, clap::Args)]
pub(crate) struct Options {
    /// Build the variant for fault tests too, which stays under `target/`.
    #[arg(long)]
    with_fault_injection: bool,
}

/// Builds the package that ships, or as much of it as has changed, and prints the table of sizes.
///
/// # Errors
/// As [`build`]; or a budget is exceeded.
pub(crate) fn run(options: &Options) -> anyhow::Result<()> {
    build(Variant::Release)?;
    if options.with_fault_injection {
        build(Variant::FaultInjection)?;
    }
    sizes::report(&Variant::Release.package_dir())
}

/// Builds `variant`, or as much of it as has changed.
///
/// # Errors
/// A tool is missing (the message says how to get it), a tool failed, or a check did not hold.
fn build(variant: Variant) -> anyhow::Result<()> {
    let toolchain = toolchain::find()?;
    fs::create_dir_all(variant.work_dir())?;
    // Two builds at once (a developer's and a test's) would write the same files: the second waits.
    let lock = File::create(variant.work_dir().join("lock"))?;
    lock.lock().context("cannot lock the build's folder")?;
    let module = compile::run(&toolchain, variant)?;
    let fingerprint = Fingerprint::of_inputs(&module)?;
    if fingerprint.is_current(variant) {
        return Ok(());
    }
    fingerprint::forget(variant)?;
    bindings::generate(&module, variant)?;
    bundle::run(variant)?;
    fingerprint.remember(variant)
}
