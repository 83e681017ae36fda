//! The database's files: made for their owner only, recognized while they are open, and refused where one is missing.

use super::{StoreError, UnusableDatabase};
use std::{
    fs::OpenOptions,
    io::{self, ErrorKind},
    os::unix::fs::{MetadataExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

/// Makes the file if it is missing, for its owner only: it holds the external ids of users. SQLite gives the files
/// beside it the same mode.
///
/// A file that is there is not opened: closing it again would give up every lock that this process has on it.
pub(super) fn create_privately(file: &Path) -> Result<(), StoreError> {
    refuse_log_alone(file)?;
    match OpenOptions::new().write(true).create_new(true).mode(0o600).open(file) {
        Err(error) if error.kind() != ErrorKind::AlreadyExists => Err(sqlx::Error::Io(error).into()),
        _ => Ok(()),
    }
}

/// A log without its database is what is left where somebody deleted the one and forgot the other. SQLite would throw
/// the log away and begin anew, and with it the users that only the log has.
fn refuse_log_alone(file: &Path) -> Result<(), UnusableDatabase> {
    let log = log_of(file);
    // Whatever else keeps these from being looked at, keeps SQLite from opening them, and it says why.
    let length = |path: &Path| path.metadata().map_or(0, |metadata| metadata.len());
    if length(file) == 0 && length(&log) > 0 { Err(UnusableDatabase::LogAlone(log)) } else { Ok(()) }
}

fn log_of(file: &Path) -> PathBuf {
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
        let remember = |path: PathBuf| id_of(&path).map(|id| (path, id)).map_err(sqlx::Error::Io);
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
