//! Whether anything has changed since the last build: a checksum of all that goes into the package.

use super::Variant;
use crate::workspace::root;
use anyhow::Context;
use sha2::{Digest, Sha256};
use std::fs;
use std::path::{Path, PathBuf};

/// What goes into the package besides the compiled core: the facade, this program, and the versions of all tools.
const SOURCES: [&str; 9] = [
    "js",
    "src/types.d.ts",
    "tests/package/fault-injection",
    "xtask/src/build",
    "Cargo.lock",
    "package-lock.json",
    "rollup.config.js",
    "tsconfig.json",
    "LICENSE-APACHE",
];

/// A checksum of everything that a build depends on.
pub(super) struct Fingerprint(String);

impl Fingerprint {
    /// The checksum of the present inputs.
    ///
    /// # Errors
    /// One of them cannot be read.
    pub(super) fn of_inputs(module: &Path) -> anyhow::Result<Self> {
        let mut files = vec![module.to_path_buf()];
        for source in SOURCES {
            collect(&root().join(source), &mut files)?;
        }
        let mut hash = Sha256::new();
        for file in files {
            let content = fs::read(&file).with_context(|| format!("cannot read {}", file.display()))?;
            hash.update(file.to_string_lossy().as_bytes());
            hash.update(content.len().to_le_bytes());
            hash.update(content);
        }
        Ok(Fingerprint(hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()))
    }

    /// Whether the last build of `variant` was complete and had the same inputs.
    pub(super) fn is_current(&self, variant: Variant) -> bool {
        variant.package_dir().exists() && fs::read_to_string(path(variant)).is_ok_and(|last| last == self.0)
    }

    /// Notes that the build of `variant` is complete.
    ///
    /// # Errors
    /// The note cannot be written.
    pub(super) fn remember(&self, variant: Variant) -> anyhow::Result<()> {
        fs::write(path(variant), &self.0).context("cannot write the build's fingerprint")
    }
}

/// Forgets the last build of `variant`: the next one starts, and may stop halfway.
///
/// # Errors
/// The note of it cannot be removed.
pub(super) fn forget(variant: Variant) -> anyhow::Result<()> {
    let path = path(variant);
    if path.exists() {
        fs::remove_file(path).context("cannot remove the build's fingerprint")?;
    }
    Ok(())
}

fn path(variant: Variant) -> PathBuf {
    variant.work_dir().join("fingerprint")
}

/// Collects the files under `path`, in an order that does not depend on the file system.
fn collect(path: &Path, files: &mut Vec<PathBuf>) -> anyhow::Result<()> {
    if path.is_file() {
        files.push(path.to_path_buf());
    } else if path.is_dir() {
        let mut entries: Vec<PathBuf> =
            fs::read_dir(path)?.map(|entry| entry.map(|entry| entry.path())).collect::<Result<_, _>>()?;
        entries.sort();
        for entry in entries {
            collect(&entry, files)?;
        }
    }
    Ok(())
}
