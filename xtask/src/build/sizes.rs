//! The table of sizes at the end of the build, next to the budgets.

use crate::workspace::root;
use anyhow::Context;
use flate2::{Compression, write::GzEncoder};
use serde::Deserialize;
use std::fs;
use std::io::Write;
use std::path::Path;

/// A part of the package with a limit: see `tests/package/budgets.json`.
#[derive(Deserialize)]
struct Budget {
    /// What it is, for the table.
    name: String,
    /// Which files of the package it consists of.
    files: Vec<String>,
    /// The limit of the sum of the files, each compressed by `gzip -9`, in bytes.
    #[serde(rename = "maxGzipBytes")]
    max_gzip_bytes: Option<usize>,
    /// The limit of the sum of the files as they are, in bytes.
    #[serde(rename = "maxBytes")]
    max_bytes: Option<usize>,
}

/// Prints the sizes of the package in `folder`. A test fails where a budget is exceeded; a build goes on.
///
/// # Errors
/// A file that is to be counted is missing.
pub(super) fn report(folder: &Path) -> anyhow::Result<()> {
    let path = root().join("tests/package/budgets.json");
    let text = fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
    let budgets: Vec<Budget> = serde_json::from_str(&text).context("budgets.json is malformed")?;
    println!("{:<44} {:>9} {:>9}  budget", "size in bytes", "minified", "gzip -9");
    for budget in budgets {
        let (mut bytes, mut gzip_bytes) = (0, 0);
        for file in &budget.files {
            let content = fs::read(folder.join(file)).with_context(|| format!("{file} is missing"))?;
            bytes += content.len();
            gzip_bytes += gzip_size(&content)?;
        }
        let limit = match (budget.max_gzip_bytes, budget.max_bytes) {
            (Some(limit), _) => format!("{limit} gzip"),
            (None, Some(limit)) => format!("{limit} minified"),
            (None, None) => String::new(),
        };
        let kept = budget.max_gzip_bytes.is_none_or(|limit| gzip_bytes <= limit)
            && budget.max_bytes.is_none_or(|limit| bytes <= limit);
        let verdict = if kept { "" } else { "  EXCEEDED" };
        println!("{:<44} {bytes:>9} {gzip_bytes:>9}  {limit}{verdict}", budget.name);
    }
    Ok(())
}

fn gzip_size(content: &[u8]) -> anyhow::Result<usize> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(content)?;
    Ok(encoder.finish()?.len())
}
