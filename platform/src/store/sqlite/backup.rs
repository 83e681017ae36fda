//! A consistent copy of a database that others use meanwhile, and the check whether a database is sound.

use super::{
    BUSY_TIMEOUT, StoreError,
    connect::{Mode, connect},
};
use crate::store::sql::texts;
use std::{
    fs::File,
    io,
    path::{Path, PathBuf},
};

/// Why there is no copy, or what a check has found.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// There is a file of that name already: a copy never replaces another.
    #[error("{0} is there already; a backup replaces nothing")]
    Exists(PathBuf),
    /// The path does not name a file in a folder.
    #[error("{0} does not name a file")]
    NotAFile(PathBuf),
    /// The copy could not be written.
    #[error("{0} cannot be written: {1}")]
    Unwritable(PathBuf, #[source] io::Error),
    /// The database could not be read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// It has no schema of this platform.
    #[error("it is not a database of this platform")]
    Foreign,
    /// What it holds contradicts itself.
    #[error("it is damaged: {0}")]
    Damaged(String),
}

impl From<rusqlite::Error> for BackupError {
    fn from(error: rusqlite::Error) -> Self {
        BackupError::Store(error.into())
    }
}

/// Copies the database `file`, as it is at one moment, to the new file `copy`. Others read and write it meanwhile.
///
/// The copy gets its name only when it is complete, sound and on the disk: whatever goes wrong before leaves no file of
/// that name. It is for its owner only, and a database that can be used at once.
pub async fn back_up(file: &Path, copy: &Path) -> Result<(), BackupError> {
    let unwritable = |error| BackupError::Unwritable(copy.to_owned(), error);
    if copy.symlink_metadata().is_ok() {
        return Err(BackupError::Exists(copy.to_owned()));
    }
    if copy.file_name().is_none() {
        return Err(BackupError::NotAFile(copy.to_owned()));
    }
    // Of a name without a folder, the parent is an empty path.
    let folder = copy.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let partial = tempfile::Builder::new()
        .prefix(".platform-backup-")
        .suffix(".partial")
        .tempfile_in(folder)
        .map_err(unwritable)?;

    // Without bringing its schema up to date.
    let connection = connect(file, Mode::Write, BUSY_TIMEOUT)?;
    connection.execute("vacuum into ?1", (partial.path().to_str(),))?;
    connection.close().map_err(|(_, error)| error)?;
    check(partial.path()).await?;

    partial.as_file().sync_all().map_err(unwritable)?;
    // Unlike a plain rename this replaces nothing, even if the name was taken meanwhile.
    partial.persist_noclobber(copy).map_err(|failed| match failed.error.kind() {
        io::ErrorKind::AlreadyExists => BackupError::Exists(copy.to_owned()),
        _ => unwritable(failed.error),
    })?;
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(unwritable)
}

/// Reads the whole database `file` and looks for contradictions. Others may use it meanwhile.
pub async fn check(file: &Path) -> Result<(), BackupError> {
    let connection = connect(file, Mode::Read, BUSY_TIMEOUT)?;
    if !connection.query_row(texts::HAS_MIGRATIONS.sqlite, (), |row| row.get::<_, bool>(0))? {
        return Err(BackupError::Foreign);
    }
    let finding: String = connection.query_row("pragma integrity_check(1)", (), |row| row.get(0))?;
    if finding != "ok" {
        return Err(BackupError::Damaged(finding));
    }
    if connection.prepare("pragma foreign_key_check")?.exists(())? {
        return Err(BackupError::Damaged("a row refers to one that is missing".to_owned()));
    }
    Ok(connection.close().map_err(|(_, error)| error)?)
}
