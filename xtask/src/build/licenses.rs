//! The licenses of everything that others wrote and that is inside the package: their texts have to go along.

use crate::workspace::root;
use anyhow::{Context, bail};
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The part of `cargo metadata` that tells which crates the core is made of.
#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
    resolve: Resolve,
}

#[derive(Deserialize)]
struct Package {
    id: String,
    name: String,
    version: String,
    license: Option<String>,
    /// Where it came from; none for a crate of this repository.
    source: Option<String>,
    manifest_path: PathBuf,
    targets: Vec<Target>,
}

#[derive(Deserialize)]
struct Target {
    kind: Vec<String>,
}

#[derive(Deserialize)]
struct Resolve {
    nodes: Vec<Node>,
}

#[derive(Deserialize)]
struct Node {
    id: String,
    deps: Vec<Dependency>,
}

#[derive(Deserialize)]
struct Dependency {
    pkg: String,
    dep_kinds: Vec<DependencyKind>,
}

#[derive(Deserialize)]
struct DependencyKind {
    /// `dev`, `build`, or none for a dependency that ends up in the code.
    kind: Option<String>,
}

/// Writes the licenses into `file`: each text once, with the names of those that it covers.
///
/// # Errors
/// `cargo metadata` failed, or a part of the package has no license text.
pub(super) fn write(file: &Path) -> anyhow::Result<()> {
    let mut texts: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for package in crates_of_the_core()? {
        let folder = package.manifest_path.parent().unwrap_or(Path::new(""));
        let name = format!("{} {} ({})", package.name, package.version, package.license.unwrap_or_default());
        texts.entry(license_text(folder, &name)?).or_default().insert(name);
    }
    let apache = fs::read_to_string(root().join("LICENSE-APACHE"))?;
    texts.entry(apache).or_default().insert("Rust's standard library (MIT OR Apache-2.0)".into());
    let mut report = String::from("What others wrote and this package contains, with their licenses.\n");
    for (text, names) in texts {
        report.push_str(&"=".repeat(80));
        for name in names {
            report.push_str(&format!("\n{name}"));
        }
        report.push_str(&format!("\n\n{}\n", text.trim()));
    }
    fs::write(file, report).context("cannot write the licenses")
}

/// The crates whose code is in the core: what its package depends on, without what only runs while it is built.
fn crates_of_the_core() -> anyhow::Result<Vec<Package>> {
    let output = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
        .current_dir(root())
        .args([
            "metadata",
            "--locked",
            "--format-version",
            "1",
            "--filter-platform",
            "wasm32-unknown-unknown",
        ])
        .output()
        .context("cannot start cargo")?;
    if !output.status.success() {
        bail!("cargo metadata failed:\n{}", String::from_utf8_lossy(&output.stderr));
    }
    let metadata: Metadata = serde_json::from_slice(&output.stdout)?;
    let mut packages: HashMap<String, Package> =
        metadata.packages.into_iter().map(|package| (package.id.clone(), package)).collect();
    let nodes: HashMap<&str, &Node> = metadata.resolve.nodes.iter().map(|node| (&*node.id, node)).collect();

    let core = packages.values().find(|package| package.name == "sentiance-core" && package.source.is_none());
    let mut waiting = vec![core.context("there is no package sentiance-core")?.id.clone()];
    let mut found = Vec::new();
    while let Some(id) = waiting.pop() {
        let Some(package) = packages.remove(&id) else { continue };
        let runs_while_building =
            package.targets.iter().any(|target| target.kind.iter().any(|kind| kind == "proc-macro"));
        if runs_while_building {
            continue;
        }
        let dependencies = nodes.get(&*id).map_or(&[][..], |node| &node.deps);
        let ends_up_in_the_code =
            |dependency: &&Dependency| dependency.dep_kinds.iter().any(|kind| kind.kind.is_none());
        waiting
            .extend(dependencies.iter().filter(ends_up_in_the_code).map(|dependency| dependency.pkg.clone()));
        if package.source.is_some() {
            found.push(package);
        }
    }
    Ok(found)
}

/// The text of the license in `folder`; the MIT license where there is a choice. Some crates offer the Apache License
/// and leave out its text, which is the same for all.
fn license_text(folder: &Path, name: &str) -> anyhow::Result<String> {
    let entries = fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))?;
    let mut files: Vec<PathBuf> = entries
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| path.file_name().is_some_and(|file| file.to_string_lossy().starts_with("LICENSE")))
        .collect();
    files.sort_by_key(|path| (!path.to_string_lossy().contains("MIT"), path.clone()));
    let apache = name.contains("Apache-2.0").then(|| root().join("LICENSE-APACHE"));
    let file = files.into_iter().next().or(apache);
    Ok(fs::read_to_string(file.with_context(|| format!("{name} comes without a license text"))?)?)
}
