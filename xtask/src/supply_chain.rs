//! `cargo xtask supply-chain`: licenses, origins and known flaws of everything that this project depends on.
//!
//! What needs a server that cannot be reached is skipped, and said to be: it is never counted as passed.

use crate::process::{self, Ending};
use crate::workspace::{cargo, npm, root, target_dir};
use anyhow::bail;
use serde::Deserialize;
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

/// Its version is pinned like everything else that decides whether a build is good.
const CARGO_DENY: &str = "0.20.2";
/// It compiles for a minute or two, once.
const INSTALL_LIMIT: Duration = Duration::from_secs(15 * 60);
/// How long one check may take: some ask servers, which may never answer.
const CHECK_LIMIT: Duration = Duration::from_secs(5 * 60);
/// What it says where the database of advisories, a git repository, cannot be fetched.
const UNREACHABLE: &str = "failed to fetch advisory database";

/// Checks everything.
///
/// # Errors
/// A dependency is not what it may be, or what ships has a known flaw.
pub(crate) fn run() -> anyhow::Result<()> {
    let deny = cargo_deny()?;
    check_origins(&deny)?;
    check_advisories(&deny)?;
    audit_npm()
}

/// The program, installed where it is missing.
fn cargo_deny() -> anyhow::Result<PathBuf> {
    let folder = target_dir().join("tools").join(format!("cargo-deny-{CARGO_DENY}"));
    let program = folder.join("bin/cargo-deny");
    if !program.exists() {
        println!("Installing cargo-deny {CARGO_DENY} (a minute or two, once) ...");
        // Without optimization: it is fast enough, and compiles in a third of the time.
        let mut install =
            cargo(["install", "--quiet", "--locked", "--debug", "cargo-deny", "--version", CARGO_DENY]);
        install.arg("--root").arg(&folder).arg("--target-dir").arg(target_dir().join("tools/build"));
        process::run("cargo install cargo-deny", &mut install, INSTALL_LIMIT)?;
    }
    Ok(program)
}

fn check_origins(deny: &Path) -> anyhow::Result<()> {
    let (succeeded, said) = ask(deny, &["licenses", "bans", "sources"])?;
    if !succeeded {
        bail!("a crate's license, version or origin is not allowed by deny.toml:\n{said}");
    }
    println!("licenses, bans and sources of all crates: as deny.toml allows");
    Ok(())
}

fn check_advisories(deny: &Path) -> anyhow::Result<()> {
    match ask(deny, &["advisories"])? {
        (true, _) => println!("advisories about crates: none"),
        (false, said) if said.contains(UNREACHABLE) => {
            println!("SKIPPED advisories about crates: their database cannot be reached from here");
        }
        (false, said) => bail!("a crate has a known flaw:\n{said}"),
    }
    Ok(())
}

/// Whether it is content, and what it said.
fn ask(deny: &Path, checks: &[&str]) -> anyhow::Result<(bool, String)> {
    let mut command = Command::new(deny);
    command
        .current_dir(root())
        // Otherwise it would look at the root package only.
        .args(["--workspace", "--locked", "--log-level", "error", "check", "--hide-inclusion-graph"])
        .args(checks);
    listen_to("cargo-deny", &mut command)
}

/// Whether the command succeeds, and what it says.
fn listen_to(what: &str, command: &mut Command) -> anyhow::Result<(bool, String)> {
    let mut said = String::new();
    let ending = process::stream(command, CHECK_LIMIT, &mut |line| said.extend([line, "\n"]))?;
    match ending {
        Ending::TimedOut => bail!("{what} took longer than {} minutes", CHECK_LIMIT.as_secs() / 60),
        Ending::Success | Ending::Failure => Ok((ending == Ending::Success, said)),
    }
}

/// What `npm audit --json` tells.
#[derive(Deserialize)]
struct Audit {
    vulnerabilities: HashMap<String, Vulnerability>,
}

#[derive(Deserialize)]
struct Vulnerability {
    severity: String,
}

/// A flaw in what ships is a failure. One in a tool of the development is reported: it reaches nobody's app.
fn audit_npm() -> anyhow::Result<()> {
    let Some(shipped) = serious(npm(["audit", "--json", "--omit=dev"]))? else {
        println!("SKIPPED npm audit: the registry does not answer it");
        return Ok(());
    };
    if !shipped.is_empty() {
        bail!("npm packages that ship have known flaws: {}", shipped.join(", "));
    }
    println!("serious flaws in npm packages that ship: none");
    match serious(npm(["audit", "--json"]))? {
        Some(tools) if tools.is_empty() => println!("serious flaws in development tools: none"),
        Some(tools) => {
            println!("serious flaws in development tools, which do not ship: {}", tools.join(", "))
        }
        None => println!("SKIPPED npm audit of development tools: the registry does not answer it"),
    }
    Ok(())
}

/// The packages with a serious flaw; none at all where the registry does not say.
fn serious(mut audit: Command) -> anyhow::Result<Option<Vec<String>>> {
    // Its warnings would stand among the report.
    let (_, said) = listen_to("npm audit", audit.arg("--loglevel=silent"))?;
    Ok(serious_in(said.as_bytes()))
}

fn serious_in(report: &[u8]) -> Option<Vec<String>> {
    let audit: Audit = serde_json::from_slice(report).ok()?;
    let mut names: Vec<String> = audit
        .vulnerabilities
        .into_iter()
        .filter(|(_, flaw)| matches!(flaw.severity.as_str(), "high" | "critical"))
        .map(|(name, _)| name)
        .collect();
    names.sort();
    Some(names)
}

#[cfg(test)]
mod tests {
    use super::serious_in;
    use crate::workspace::root;
    use std::fs;
    use std::path::{Path, PathBuf};

    #[test]
    fn only_serious_flaws_count_and_an_answer_without_a_report_is_none() {
        let report = br#"{"vulnerabilities": {"a": {"severity": "high"}, "b": {"severity": "low"},
            "c": {"severity": "critical"}}}"#;
        assert_eq!(serious_in(report), Some(vec!["a".to_owned(), "c".to_owned()]));
        assert_eq!(serious_in(br#"{"vulnerabilities": {}}"#), Some(Vec::new()));
        assert_eq!(serious_in(br#"{"message": "405 Method Not Allowed", "error": {}}"#), None);
        assert_eq!(serious_in(b""), None);
    }

    /// Every manifest in the repository, wherever it is: also of examples and fuzz targets.
    fn manifests(folder: &Path, found: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            if path.is_dir() && !name.starts_with('.') && name != "target" && name != "node_modules" {
                manifests(&path, found);
            } else if name == "Cargo.toml" {
                found.push(path);
            }
        }
    }

    #[test]
    fn no_crate_of_this_project_may_hold_unsafe_code() {
        let workspace = fs::read_to_string(root().join("Cargo.toml")).unwrap();
        let lints = workspace.split_once("[workspace.lints.rust]\n").unwrap().1;
        assert!(lints.split("\n[").next().unwrap().contains("unsafe_code = \"forbid\""));
        let mut found = Vec::new();
        manifests(&root(), &mut found);
        assert!(found.len() >= 4, "{found:?}");
        for manifest in found {
            let text = fs::read_to_string(&manifest).unwrap();
            let inherits = text.contains("[lints]\nworkspace = true");
            let forbids = text.split_once("[lints.rust]\n").is_some_and(|(_, lints)| {
                lints.split("\n[").next().is_some_and(|own| own.contains("unsafe_code = \"forbid\""))
            });
            assert!(inherits || forbids, "{} does not forbid unsafe code", manifest.display());
        }
    }
}
