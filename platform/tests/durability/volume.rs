//! Small disks that can be filled and emptied: a file system of its own where the test may mount one, else a limit on
//! the size of the server's files. Either way writing fails, and works again later, while the server runs.

use std::{
    fs,
    io::{BufRead, BufReader, Write},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

/// Ends the mount with the test, even where the test is killed.
const LIFETIME_SECONDS: &str = "600";
/// Starts a program for which a limit of the size of its files is an error, and not its end.
pub(crate) const HEEDLESS_OF_SIZES: &[&str] = &["sh", "-c", "trap '' XFSZ; exec \"$0\" \"$@\""];

pub(crate) enum Volume {
    /// A file system in memory, in the mount namespace of a process that does nothing else.
    Mounted { holder: Child, folder: PathBuf, enter: Vec<String> },
    /// No limit yet: it is set on the running server.
    Limited { folder: PathBuf },
}

impl Volume {
    /// A disk of this size, in an empty folder.
    pub(crate) fn new(folder: &Path, megabytes: u32) -> Self {
        fs::create_dir(folder).unwrap();
        for namespace in [&["-m"][..], &["-Urm"]] {
            if let Some(volume) = Self::mount(folder, megabytes, namespace) {
                return volume;
            }
        }
        println!("no file system can be mounted here: the size of the server's files is limited instead");
        Volume::Limited { folder: folder.to_owned() }
    }

    fn mount(folder: &Path, megabytes: u32, namespace: &[&str]) -> Option<Self> {
        let script = format!(
            "mount -t tmpfs -o size={megabytes}m,mode=700 tmpfs \"$0\" && echo mounted && exec sleep {LIFETIME_SECONDS}"
        );
        let mut holder = Command::new("unshare")
            .args(namespace)
            .args(["sh", "-c", &script])
            .arg(folder)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .ok()?;
        let mut line = String::new();
        BufReader::new(holder.stdout.take()?).read_line(&mut line).ok()?;
        if line != "mounted\n" {
            holder.wait().unwrap();
            return None;
        }
        let pid = holder.id().to_string();
        let mut enter = vec!["nsenter", "-t", &pid, "-m"];
        if namespace != ["-m"] {
            enter.extend(["-U", "--preserve-credentials"]);
        }
        let enter = enter.into_iter().map(str::to_owned).collect();
        Some(Volume::Mounted { holder, folder: folder.to_owned(), enter })
    }

    /// The program through which a command works on this disk.
    pub(crate) fn starter(&self) -> Vec<&str> {
        match self {
            Volume::Mounted { enter, .. } => enter.iter().map(String::as_str).collect(),
            Volume::Limited { .. } => HEEDLESS_OF_SIZES.to_vec(),
        }
    }

    /// From now on nothing can be written; nobody may have a file open.
    pub(crate) fn make_read_only(&self) {
        match self {
            Volume::Mounted { folder, enter, .. } => {
                let mut mount = Command::new(&enter[0]);
                mount.args(&enter[1..]).args(["mount", "-o", "remount,ro"]).arg(folder);
                assert!(mount.status().unwrap().success());
            }
            Volume::Limited { folder } => {
                let everything = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
                for path in everything.chain([folder.clone()]) {
                    let mut permissions = fs::metadata(&path).unwrap().permissions();
                    permissions.set_readonly(true);
                    fs::set_permissions(&path, permissions).unwrap();
                }
                let probe = fs::File::create(folder.join("probe"));
                assert!(probe.is_err(), "the superuser needs the right to mount for this test");
            }
        }
    }

    /// Where the disk is for such a command.
    pub(crate) fn folder(&self) -> &Path {
        match self {
            Volume::Mounted { folder, .. } | Volume::Limited { folder } => folder,
        }
    }

    /// A copy of a database on it, of which nobody writes anything now, in a folder elsewhere.
    pub(crate) fn copy_of(&self, database: &str, folder: &Path) -> PathBuf {
        for suffix in ["", "-wal"] {
            let name = format!("{database}{suffix}");
            let _ = fs::remove_file(folder.join(&name));
            let there = self.seen().join(&name);
            if there.exists() {
                fs::copy(there, folder.join(&name)).unwrap();
            }
        }
        folder.join(database)
    }

    /// The same folder as this process sees it.
    fn seen(&self) -> PathBuf {
        match self {
            Volume::Mounted { holder, folder, .. } => {
                format!("/proc/{}/root{}", holder.id(), folder.display()).into()
            }
            Volume::Limited { folder } => folder.clone(),
        }
    }

    /// Leaves no room for what the server `pid` writes.
    pub(crate) fn fill(&self, pid: &str) {
        match self {
            Volume::Mounted { .. } => {
                let mut filler = fs::File::create(self.seen().join("filler")).unwrap();
                // In small pieces, so that nothing is left in the end.
                while filler.write_all(&[1; 1024]).is_ok() {}
            }
            Volume::Limited { folder } => {
                let sizes =
                    fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().metadata().unwrap().len());
                limit_file_size(pid, &sizes.max().unwrap_or_default().to_string());
            }
        }
    }

    /// Gives the room back.
    pub(crate) fn free(&self, pid: &str) {
        match self {
            Volume::Mounted { .. } => fs::remove_file(self.seen().join("filler")).unwrap(),
            Volume::Limited { .. } => limit_file_size(pid, "unlimited"),
        }
    }
}

/// Sets the soft limit: the hard one stays, so that the soft one may be raised again.
pub(crate) fn limit_file_size(pid: &str, bytes: &str) {
    let limit = format!("--fsize={bytes}:");
    assert!(Command::new("prlimit").args(["--pid", pid, &limit]).status().unwrap().success());
}

impl Drop for Volume {
    fn drop(&mut self) {
        if let Volume::Mounted { holder, .. } = self {
            let _ = holder.kill();
            let _ = holder.wait();
        }
    }
}
