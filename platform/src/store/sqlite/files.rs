//! The database's files: made for their owner only, recognized while they are open, and refused where one is missing.

use super::{StoreError, UnusableDatabase};
use std::{
    fs::OpenOptions,
    io::{self, ErrorKind},
    os::unix::fs::{MetadataExt, OpenOptionsExt},
    path::{Path, PathBuf},
    sync::Arc,
};

/// Makes the file if it is missing, for its owner only: it holds the external ids of users. SQLite gives the files
/// beside it the same mode.
///
/// A file that is there is not opened: closing it again would give up every lock that this process has on it.
pub(super) fn create_privately(file: &Path) -> Result<(), StoreError> {
    refuse_unspeakable(file)?;
    refuse_log_alone(file)?;
    match OpenOptions::new().write(true).create_new(true).mode(0o600).open(file) {
        Err(error) if error.kind() != ErrorKind::AlreadyExists => Err(StoreError::Disk(Arc::new(error))),
        _ => Ok(()),
    }
}

/// SQLite takes names in UTF-8 only; it would say so after the file was made.
pub(super) fn refuse_unspeakable(file: &Path) -> Result<(), UnusableDatabase> {
    if file.to_str().is_some() { Ok(()) } else { Err(UnusableDatabase::NotUtf8) }
}

/// Says which of the files others than their owner may read or write, in words for the log; nothing where all is well.
/// SQLite gives the files beside a database the mode that the database has.
pub(super) fn open_to_others(file: &Path) -> Option<String> {
    let beside = |suffix: &str| {
        let mut name = file.as_os_str().to_owned();
        name.push(suffix);
        PathBuf::from(name)
    };
    let mode = |path: PathBuf| {
        let mode = path.metadata().ok()?.mode() & 0o777;
        (mode & 0o077 != 0).then(|| format!("{} has the mode {mode:04o}", path.display()))
    };
    let open: Vec<_> = ["", "-wal", "-shm"].into_iter().map(beside).filter_map(mode).collect();
    (!open.is_empty()).then(|| open.join(", "))
}

/// How long a file is; nothing where there is none.
pub(super) fn length(file: &Path) -> u64 {
    file.metadata().map_or(0, |metadata| metadata.len())
}

/// A log without its database is what is left where somebody deleted the one and forgot the other. SQLite would throw
/// the log away and begin anew, and with it the users that only the log has.
fn refuse_log_alone(file: &Path) -> Result<(), UnusableDatabase> {
    let log = log_of(file);
    // Whatever else keeps these from being looked at, keeps SQLite from opening them, and it says why.
    if length(file) == 0 && length(&log) > 0 { Err(UnusableDatabase::LogAlone(log)) } else { Ok(()) }
}

pub(super) fn log_of(file: &Path) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push("-wal");
    name.into()
}

/// Which files were opened. SQLite goes on writing into a file that was deleted meanwhile, and reports success.
#[derive(Debug)]
pub(super) struct OpenedFiles([(PathBuf, FileId); 2]);

/// Device and inode.
type FileId = (u64, u64);

impl OpenedFiles {
    /// Remembers them; a connection must be open, so that both are there.
    pub(super) fn of(file: &Path) -> Result<Self, StoreError> {
        let remember = |path: PathBuf| {
            id_of(&path).map(|id| (path, id)).map_err(|error| StoreError::Disk(Arc::new(error)))
        };
        Ok(OpenedFiles([remember(file.to_owned())?, remember(log_of(file))?]))
    }

    /// Whether their names still lead to them.
    pub(super) fn are_in_place(&self) -> bool {
        self.0.iter().all(|(path, id)| id_of(path).is_ok_and(|found| found == *id))
    }
}

fn id_of(path: &Path) -> io::Result<FileId> {
    path.metadata().map(|metadata| (metadata.dev(), metadata.ino()))
}
