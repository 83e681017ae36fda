//! Set-up: what a fresh machine with only Node and Rust lacks for the demo and the tests.
//!
//! Quick where nothing is missing, and safe to run again at any time.

use crate::build;
use crate::process;
use crate::workspace::{node, npm, root, target_dir};
use anyhow::{Context, bail};
use nix::{sys::statvfs::statvfs, unistd::geteuid};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, SystemTime};

/// How many seconds to wait for another program that installs packages.
const LOCK_PATIENCE: &str = "DPkg::Lock::Timeout=300";
const APT_LIMIT: Duration = Duration::from_secs(20 * 60);
const NPM_LIMIT: Duration = Duration::from_secs(10 * 60);
/// The packages with which Debian's own Rust builds WebAssembly.
const DEBIAN_WASM: [&str; 3] = ["rustc-web", "cargo-web", "rust-web-src"];
/// The package of Debian's browser, and its program.
const DEBIAN_CHROMIUM: &str = "chromium";

/// The package of Debian's C++ compiler, which builds libFuzzer, and its program.
const DEBIAN_CPP: &str = "g++";

/// The package of Debian's PostgreSQL, and where it puts the programs of each version's server.
const DEBIAN_POSTGRESQL: &str = "postgresql";
const POSTGRESQL_VERSIONS: &str = "/usr/lib/postgresql";
const OLDEST_POSTGRESQL: u32 = 15;

/// The packages of what stands between platforms and PostgreSQL, and before platforms, which are also their programs; and
/// where Debian puts those, which is not on every user's path.
const DEBIAN_PROXIES: [&str; 2] = ["haproxy", "pgbouncer"];
const DAEMONS: &str = "/usr/sbin";

/// The folders of the target folder into which `npm test` builds, and how many megabytes each takes.
const ROOM: [(&str, u64); 4] = [("debug", 2500), ("wasm", 400), ("fuzz", 1100), ("simulation", 1100)];
/// How many of them the demo builds.
const ROOM_TO_BUILD: usize = 2;
/// What is needed beside what was built: databases, the browser's profiles, copies of the example.
const ROOM_TO_RUN: u64 = 1500;

/// The oldest Node with which the development tools run. (The package itself asks for less.)
const OLDEST_NODE: (u32, u32) = (20, 19);

/// What the caller is about to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// Build and run.
    Build,
    /// Build, run, and test everything: in a browser, by fuzzing, and on PostgreSQL behind proxies.
    AllTests,
}

/// Installs whatever `purpose` needs and this machine lacks.
///
/// # Errors
/// Something is missing and could not be installed; the message says what, and how to get it.
pub(crate) fn run(purpose: Purpose) -> anyhow::Result<()> {
    check_node()?;
    check_room(purpose)?;
    install_debian_packages(&missing_debian_packages(purpose))?;
    install_npm_packages()
}

/// Installs what fuzzing needs beyond Rust.
///
/// # Errors
/// It is missing and could not be installed; the message says how to get it.
pub(crate) fn install_cpp_compiler() -> anyhow::Result<()> {
    install_debian_packages(if has_cpp_compiler() { &[] } else { &[DEBIAN_CPP] })
}

/// A full disk shows itself in the strangest places.
fn check_room(purpose: Purpose) -> anyhow::Result<()> {
    let folder = target_dir();
    let count = if purpose == Purpose::AllTests { ROOM.len() } else { ROOM_TO_BUILD };
    let missing = ROOM.iter().take(count).filter(|(name, _)| !folder.join(name).exists());
    let needed = missing.map(|(_, megabytes)| megabytes).sum::<u64>() + ROOM_TO_RUN;
    let disk = statvfs(&root())?;
    let free = disk.blocks_available() * disk.fragment_size() / 1_000_000;
    if free < needed {
        let folder = folder.display();
        bail!(
            "this needs {needed} MB of free disk space, and there are {free} MB: make room, or remove {folder}"
        );
    }
    Ok(())
}

fn has_cpp_compiler() -> bool {
    process::is_installed("c++") || process::is_installed(DEBIAN_CPP)
}

fn check_node() -> anyhow::Result<()> {
    let (major, minor) = OLDEST_NODE;
    let wanted = format!("Node.js {major}.{minor} or newer with npm; get it from nodejs.org");
    let Ok(output) = node(["--version"]).output() else { bail!("missing on this machine: {wanted}") };
    let version = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    match node_version(&version) {
        Some(version) if version >= OLDEST_NODE && process::is_installed("npm") => Ok(()),
        _ => bail!("this machine has Node.js {version}, but this project needs {wanted}"),
    }
}

/// The major and minor number of a version such as `v20.19.1`.
fn node_version(text: &str) -> Option<(u32, u32)> {
    let mut numbers = text.strip_prefix('v')?.split('.').map(str::parse);
    Some((numbers.next()?.ok()?, numbers.next()?.ok()?))
}

fn missing_debian_packages(purpose: Purpose) -> Vec<&'static str> {
    let mut missing = Vec::new();
    if build::toolchain::find().is_err() {
        missing.extend(DEBIAN_WASM);
    }
    if purpose == Purpose::AllTests && !process::is_installed(DEBIAN_CHROMIUM) {
        missing.push(DEBIAN_CHROMIUM);
    }
    if purpose == Purpose::AllTests && !has_cpp_compiler() {
        missing.push(DEBIAN_CPP);
    }
    if purpose == Purpose::AllTests && !has_postgresql() {
        missing.push(DEBIAN_POSTGRESQL);
    }
    if purpose == Purpose::AllTests {
        missing.extend(DEBIAN_PROXIES.into_iter().filter(|proxy| !has_daemon(proxy)));
    }
    missing
}

fn has_postgresql() -> bool {
    let versions = Path::new(POSTGRESQL_VERSIONS).read_dir().into_iter().flatten().flatten();
    versions
        .filter(|version| version.path().join("bin/initdb").exists())
        .filter_map(|version| version.file_name().to_str()?.parse::<u32>().ok())
        .any(|version| version >= OLDEST_POSTGRESQL)
}

fn has_daemon(program: &str) -> bool {
    process::is_installed(program) || Path::new(DAEMONS).join(program).is_file()
}

fn install_debian_packages(missing: &[&str]) -> anyhow::Result<()> {
    if missing.is_empty() {
        return Ok(());
    }
    let names = missing.join(" ");
    let by_hand = format!("sudo apt-get update && sudo apt-get install -y --no-install-recommends {names}");
    let Some(apt_get) = AptGet::find() else {
        bail!("missing on this machine: {names}. Install them with: {by_hand}");
    };
    println!("Installing {names} with apt-get (a few minutes, once) ...");
    let installed =
        process::run("apt-get update", &mut apt_get.command(&["update"]), APT_LIMIT).and_then(|()| {
            let arguments = [&["install", "-y", "--no-install-recommends"], missing].concat();
            process::run("apt-get install", &mut apt_get.command(&arguments), APT_LIMIT)
        });
    installed.with_context(|| format!("could not install {names}. Try it by hand: {by_hand}"))
}

/// The right to install packages, and how to use it.
enum AptGet {
    Root,
    Sudo,
}

impl AptGet {
    fn find() -> Option<Self> {
        if !process::is_installed("apt-get") {
            None
        } else if geteuid().is_root() {
            Some(AptGet::Root)
        } else {
            // Never a password prompt: nobody may be there to answer it.
            let sudo = Command::new("sudo")
                .args(["-n", "true"])
                .stdin(Stdio::null())
                .stderr(Stdio::null())
                .status()
                .is_ok_and(|status| status.success());
            sudo.then_some(AptGet::Sudo)
        }
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = match self {
            AptGet::Root => Command::new("apt-get"),
            AptGet::Sudo => {
                let mut sudo = Command::new("sudo");
                sudo.args(["-n", "DEBIAN_FRONTEND=noninteractive", "apt-get"]);
                sudo
            }
        };
        // A fresh machine often installs its own updates first, and holds the lock meanwhile.
        command.args(["-o", LOCK_PATIENCE]).args(arguments).env("DEBIAN_FRONTEND", "noninteractive");
        command
    }
}

fn install_npm_packages() -> anyhow::Result<()> {
    if !process::is_installed("npm") {
        bail!(
            "missing on this machine: Node.js 20 or newer with npm. Get it from your system's packages or nodejs.org"
        );
    }
    // npm writes its own copy of the lock file last, so an interrupted installation lacks it.
    let installed = modified(&root().join("node_modules/.package-lock.json"));
    if installed.is_some() && installed >= modified(&root().join("package-lock.json")) {
        return Ok(());
    }
    println!("Installing the npm packages that package-lock.json lists ...");
    process::run("npm ci", &mut npm(["ci", "--no-audit", "--no-fund"]), NPM_LIMIT)
}

fn modified(path: &Path) -> Option<SystemTime> {
    path.metadata().and_then(|metadata| metadata.modified()).ok()
}

#[cfg(test)]
mod tests {
    use super::{OLDEST_NODE, node_version};

    #[test]
    fn a_version_of_node_is_read_and_compared_by_its_numbers() {
        assert_eq!(node_version("v20.19.1"), Some((20, 19)));
        assert!(node_version("v22.3.0") > Some(OLDEST_NODE));
        assert!(node_version("v20.9.0") < Some(OLDEST_NODE));
        assert_eq!(node_version("not a version"), None);
    }
}
