//! Whether the database can be read and written, without writing for everybody who asks.

use super::{OpenedFiles, SqliteReader, StoreError, connect::connect_to_immutable, files};
use crate::store::{
    health::{LastReading, Writes},
    sql::texts,
};
use std::{
    path::{Path, PathBuf},
    time::Duration,
};
use tokio::time::sleep;

/// How often the file is looked at before it is said to be damaged: while the log is copied into it, its beginning may
/// be newer than its end.
const LOOKS: u32 = 5;
const LOOK_INTERVAL: Duration = Duration::from_millis(40);

/// What is known of the database's health.
#[derive(Debug)]
pub(super) struct Health {
    pub(super) writes: Writes,
    database: PathBuf,
    files: OpenedFiles,
    reading: LastReading,
}

impl Health {
    pub(super) fn of(database: &Path) -> Result<Self, StoreError> {
        let files = OpenedFiles::of(database)?;
        let (writes, reading) = (Writes::default(), LastReading::default());
        Ok(Health { writes, database: database.to_owned(), files, reading })
    }

    pub(super) async fn verdict(&self, reader: &SqliteReader) -> Result<(), StoreError> {
        self.writes.verdict()?;
        self.reading.or(self.read(reader)).await
    }

    /// Reads a row as callers do, and then what they do not need for as long as it is in memory: the file itself.
    async fn read(&self, reader: &SqliteReader) -> Result<(), StoreError> {
        reader.lend().await?.prepare_cached(texts::LIST_MIGRATIONS.sqlite)?.query_row((), |_| Ok(()))?;
        if !self.files.are_in_place() {
            return Err(StoreError::Moved);
        }
        let mut outcome = self.read_file();
        for _ in 1..LOOKS {
            if outcome.is_ok() {
                break;
            }
            sleep(LOOK_INTERVAL).await;
            outcome = self.read_file();
        }
        outcome
    }

    /// Reads the file's head without the log, as no other reader does while the log has a newer one.
    fn read_file(&self) -> Result<(), StoreError> {
        if files::length(&self.database) == 0 {
            return Err(StoreError::Moved);
        }
        // By SQLite, whose way to close a file gives up no lock of this process.
        let connection = connect_to_immutable(&self.database)?;
        Ok(connection.query_row("pragma schema_version", (), |_| Ok(()))?)
    }
}
