//! The store on SQLite: one file, write-ahead log, one writer, a few readers.

mod backup;
mod changes;
mod connect;
mod files;
mod health;
#[cfg(test)]
mod plans;
mod queue;
mod readers;
mod schema;
mod source;
mod transaction;
mod turn;
mod writer;

use super::{StoreError, Work};
use crate::metrics::StoreMetrics;
use connect::{Mode, connect, prepare_to_write};
use files::OpenedFiles;
use health::Health;
use rusqlite::ffi::{
    SQLITE_BUSY, SQLITE_CANTOPEN, SQLITE_CORRUPT, SQLITE_FULL, SQLITE_IOERR, SQLITE_NOMEM, SQLITE_NOTADB,
    SQLITE_READONLY,
};
use schema::{Schema, SchemaError};
use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};
use tokio::sync::watch;
use transaction::SqliteTransaction;
use turn::Turnstile;
use writer::Writer;

pub use backup::{BackupError, back_up, check};
pub(super) use changes::SqliteChanges;
pub(super) use readers::SqliteReader;
pub(super) use source::SqliteSource;

/// How long a statement waits for another process that writes: callers wait with it.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a server waits for a process whose turn it is to write. That one needs some milliseconds, if it lives.
const TURN_TIMEOUT: Duration = Duration::from_secs(1);
/// How long a command waits: longer than any server holds the database.
const COMMAND_TIMEOUT: Duration = Duration::from_secs(30);
const READERS: usize = 4;

/// How long to wait for other processes that write.
struct Patience {
    lock: Duration,
    turn: Duration,
}

/// A SQLite database. Clones share it.
#[derive(Clone, Debug)]
pub struct SqliteStore {
    file: Arc<Path>,
    writer: Arc<Writer>,
    readers: SqliteReader,
    /// Told by the writer after each commit that recorded an event.
    recorded: watch::Sender<()>,
    health: Arc<Health>,
    metrics: StoreMetrics,
}

impl SqliteStore {
    /// Opens the file for a server, makes it if it is missing, and brings its schema up to date.
    pub async fn open(file: &Path) -> Result<Self, StoreError> {
        Self::open_with(file, Patience { lock: BUSY_TIMEOUT, turn: TURN_TIMEOUT }).await
    }

    /// The same for a command, which has the time to wait for its turn.
    pub async fn open_for_command(file: &Path) -> Result<Self, StoreError> {
        Self::open_with(file, Patience { lock: COMMAND_TIMEOUT, turn: COMMAND_TIMEOUT }).await
    }

    async fn open_with(file: &Path, patience: Patience) -> Result<Self, StoreError> {
        files::create_privately(file)?;
        let turnstile = Turnstile::beside(file, patience.turn);
        if schema::look(file)? == Schema::Old {
            schema::migrate(file, patience.lock, &turnstile)?;
        }
        let connection = connect(file, Mode::Write, patience.lock)?;
        prepare_to_write(&connection, free_bytes(file))?;
        let recorded = watch::Sender::default();
        let readers = SqliteReader::connect(file, READERS)?;
        let health = Health::of(file)?;
        let metrics = StoreMetrics::default();
        let writes = health.writes.clone();
        let files = OpenedFiles::of(file)?;
        let writer = Writer::start(connection, turnstile, files, writes, recorded.clone(), metrics.clone())?;
        let (writer, health) = (Arc::new(writer), Arc::new(health));
        Ok(SqliteStore { file: file.into(), writer, readers, recorded, health, metrics })
    }

    /// What it measures of itself.
    pub fn metrics(&self) -> &StoreMetrics {
        &self.metrics
    }

    /// How many bytes are free for this process on the database's disk, where the system tells.
    pub fn free_bytes(&self) -> Option<u64> {
        free_bytes(&self.file)
    }

    /// Runs a use case that writes. Returns after its writes are durable.
    pub async fn write<W: Work>(&self, work: W) -> Result<W::Output, W::Error> {
        self.writer.submit(work).await
    }

    /// Runs a use case that only reads. All its statements see one committed state, the newest as of the first of them.
    pub async fn read<W: Work>(&self, work: W) -> Result<W::Output, W::Error> {
        self.readers.read(work).await
    }

    /// Runs a use case that reads, and of which no two statements must agree: cheaper than [`read`](Self::read).
    pub async fn look_up<W: Work>(&self, work: W) -> Result<W::Output, W::Error> {
        self.readers.look_up(work).await
    }

    /// Waits, from now on, for what this and other processes record.
    pub async fn changes(&self) -> Result<SqliteChanges, StoreError> {
        let recorded = self.recorded.subscribe();
        SqliteChanges::on(connect(&self.file, Mode::Read, BUSY_TIMEOUT)?, recorded)
    }

    /// Whether it can be read and written now. Writes nothing: it goes by what came of the last write, which must not be
    /// long ago, and reads the file once a second at most, however many ask.
    pub async fn health(&self) -> Result<(), StoreError> {
        self.health.verdict(&self.readers).await
    }

    /// How long ago something was written; none where the last attempt failed, or there was none.
    pub fn last_success(&self) -> Option<Duration> {
        self.health.writes.last_success()
    }

    /// Writes the log into the database and cuts it off, so that nothing stays in it that was deleted. Tells whether that
    /// was possible: a reader may be in the way.
    pub async fn empty_log(&self) -> Result<bool, StoreError> {
        self.writer.empty_log().await
    }

    /// How long the log beside the database is, in bytes.
    pub fn log_bytes(&self) -> u64 {
        files::length(&files::log_of(&self.file))
    }

    /// Which of the files others than their owner may read or write, in words; none where all is well.
    pub fn open_to_others(&self) -> Option<String> {
        files::open_to_others(&self.file)
    }

    /// How many use cases wait for the writer.
    pub fn waiting(&self) -> usize {
        self.writer.waiting()
    }

    /// Finishes what is waiting and closes the file.
    pub async fn close(&self) {
        self.writer.stop().await;
        self.readers.close().await;
    }
}

/// Why the platform does not work on a file, in words for whoever runs it.
#[derive(Clone, Debug, thiserror::Error)]
pub enum UnusableDatabase {
    /// A platform of a later version made it: this one would not know what it means.
    #[error("a newer platform made it, with schema {0}: run that one")]
    Newer(i64),
    /// Another program made it.
    #[error("it is the database of another program")]
    Foreign,
    /// The database is missing, or empty, but its log is not.
    #[error("it is missing or empty, but its log {} is there: put the database back, or both away", .0.display())]
    LogAlone(PathBuf),
    /// Its name is not in UTF-8.
    #[error("its name is not in UTF-8")]
    NotUtf8,
    /// It is empty, or an earlier platform made it, and it was opened only to read.
    #[error("its schema is older than this platform: bring it up to date with `platform migrate`")]
    Old,
    /// It is the target of an import that is not finished.
    #[error("an import into it is not finished: run `platform import` again")]
    HalfImported,
    /// The schema could not be brought up to date.
    #[error("its schema could not be brought up to date: {0}")]
    Schema(#[from] SchemaError),
}

/// How many bytes are free for this process on a file's disk, where the system tells.
fn free_bytes(file: &Path) -> Option<u64> {
    let disk = rustix::fs::statvfs(file).ok()?;
    Some(disk.f_bavail.saturating_mul(disk.f_frsize))
}

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        // The kind of an error is the low byte of SQLite's code; the rest is its details.
        match error.sqlite_error().map(|cause| cause.extended_code & 0xff) {
            // Another process holds the file.
            Some(SQLITE_BUSY) => StoreError::Unavailable,
            Some(
                SQLITE_NOMEM | SQLITE_READONLY | SQLITE_IOERR | SQLITE_CORRUPT | SQLITE_FULL
                | SQLITE_CANTOPEN | SQLITE_NOTADB,
            ) => StoreError::Disk(Arc::new(error)),
            _ => StoreError::Database(Arc::new(error)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::StoreError;
    use rusqlite::{Error, ffi};

    #[test]
    fn the_kind_of_an_error_is_found_among_its_details() {
        let of_code = |code| StoreError::from(Error::SqliteFailure(ffi::Error::new(code), None));
        assert!(matches!(of_code(5), StoreError::Unavailable));
        assert!(matches!(of_code(517), StoreError::Unavailable), "a snapshot that is too old");
        assert!(matches!(of_code(778), StoreError::Disk(_)), "a write that failed");
        assert!(matches!(of_code(1), StoreError::Database(_)));
    }
}
