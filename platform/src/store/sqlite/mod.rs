//! The store on SQLite: one file, write-ahead log, one writer, a few readers.

mod api_keys;
mod applications;
mod audit;
mod backup;
mod changes;
mod clock;
mod codes;
mod files;
mod health;
mod installs;
#[cfg(test)]
mod plans;
mod queue;
mod rows;
mod schema;
mod tokens;
mod turn;
mod uploads;
mod users;
mod writer;

use super::{StoreError, Work};
use crate::{clock::Timestamp, metrics::StoreMetrics};
use files::OpenedFiles;
use health::Health;
use schema::Schema;
use sqlx::{
    Connection, SqliteConnection, SqlitePool,
    migrate::MigrateError,
    query,
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous},
};
use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};
use tokio::sync::watch;
use turn::Turnstile;
use writer::Writer;

pub use backup::{BackupError, back_up, check};
pub use changes::Changes;

/// How long a statement waits for another process that writes: callers wait with it.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a server waits for a process whose turn it is to write. That one needs some milliseconds, if it lives.
const TURN_TIMEOUT: Duration = Duration::from_secs(1);
/// How long a command waits: longer than any server holds the database.
const COMMAND_TIMEOUT: Duration = Duration::from_secs(30);
/// How long a reader waits for a free connection.
const READER_DEADLINE: Duration = Duration::from_secs(5);
const READERS: u32 = 4;
/// How long the log stays once it was longer, in bytes.
const LOG_LIMIT: u64 = 16 * 1024 * 1024;

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
        let schema = schema::look(&plain_options(file)).await?;
        let options = plain_options(file)
            .journal_mode(SqliteJournalMode::Wal)
            // An acknowledged write survives a power cut; grouped commits make it affordable.
            .synchronous(SqliteSynchronous::Full)
            .foreign_keys(true)
            // What a statement may have to undo stays in memory: a file for it could not be made where the disk is
            // full or no file descriptor is left, and would lie outside of the database's folder.
            .pragma("temp_store", "memory")
            // What is deleted is overwritten, in pages that stay and in pages that become free.
            .pragma("secure_delete", "on")
            // After a long reading the log is longer than it needs to be; it is cut when it starts over.
            .pragma("journal_size_limit", LOG_LIMIT.to_string())
            .busy_timeout(patience.lock);
        let turnstile = Turnstile::beside(file, patience.turn);
        if schema == Schema::Old {
            schema::migrate(&options, &turnstile).await?;
        }
        let connection = SqliteConnection::connect_with(&options).await?;
        let recorded = watch::Sender::default();
        let readers = SqliteReader::connect(options, READERS).await?;
        let health = Health::of(file)?;
        let metrics = StoreMetrics::default();
        let writes = health.writes.clone();
        let files = OpenedFiles::of(file)?;
        let writer = Writer::start(connection, turnstile, files, writes, recorded.clone(), metrics.clone());
        let (writer, health) = (Arc::new(writer), Arc::new(health));
        Ok(SqliteStore { file: file.into(), writer, readers, recorded, health, metrics })
    }

    /// What it measures of itself.
    pub fn metrics(&self) -> &StoreMetrics {
        &self.metrics
    }

    /// How many bytes are free for this process on the database's disk, where the system tells.
    pub fn free_bytes(&self) -> Option<u64> {
        let disk = rustix::fs::statvfs(&*self.file).ok()?;
        Some(disk.f_bavail.saturating_mul(disk.f_frsize))
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
    pub async fn changes(&self) -> Result<Changes, StoreError> {
        let recorded = self.recorded.subscribe();
        let connection = SqliteConnection::connect_with(&self.readers.0.connect_options()).await?;
        // The version is not known yet, so the first look is a change.
        Ok(Changes { connection, version: None, recorded })
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

/// A database that is only read: no lock of it keeps a writer waiting, and its schema stays as it is.
#[derive(Clone, Debug)]
pub struct SqliteReader(SqlitePool);

impl SqliteReader {
    /// Opens a file that is there and up to date.
    pub async fn open(file: &Path) -> Result<Self, StoreError> {
        files::refuse_unspeakable(file)?;
        let options = plain_options(file).create_if_missing(false);
        match schema::look(&options).await? {
            Schema::Current => Self::connect(options, 1).await,
            Schema::Old => Err(UnusableDatabase::Old.into()),
        }
    }

    async fn connect(options: SqliteConnectOptions, connections: u32) -> Result<Self, StoreError> {
        let pool = SqlitePoolOptions::new()
            // Opened now and kept: later there may be no file descriptor left.
            .min_connections(connections)
            .max_connections(connections)
            .idle_timeout(None)
            .max_lifetime(None)
            // A file does not hang up; a connection is tested when it is given back.
            .test_before_acquire(false)
            .acquire_timeout(READER_DEADLINE)
            .connect_with(options.create_if_missing(false).pragma("query_only", "on"))
            .await?;
        Ok(SqliteReader(pool))
    }

    /// Runs a use case that only reads. All its statements see one committed state, the newest as of the first of them.
    pub async fn read<W: Work>(&self, work: W) -> Result<W::Output, W::Error> {
        let mut connection = self.0.acquire().await.map_err(StoreError::from)?;
        let mut transaction = connection.begin().await.map_err(StoreError::from)?;
        let result = work.run(&mut SqliteTransaction::on(&mut transaction)).await;
        // It wrote nothing: this only lets go of the state that it saw.
        transaction.rollback().await.map_err(StoreError::from)?;
        result
    }

    /// Runs a use case that reads, and of which no two statements must agree: each sees the newest committed state.
    async fn look_up<W: Work>(&self, work: W) -> Result<W::Output, W::Error> {
        let mut connection = self.0.acquire().await.map_err(StoreError::from)?;
        work.run(&mut SqliteTransaction::on(&mut connection)).await
    }

    /// Closes the file.
    pub async fn close(&self) {
        self.0.close().await;
    }
}

fn plain_options(file: &Path) -> SqliteConnectOptions {
    SqliteConnectOptions::new().filename(file).busy_timeout(BUSY_TIMEOUT)
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
    /// The schema could not be brought up to date.
    #[error("its schema could not be brought up to date: {0}")]
    Schema(Arc<MigrateError>),
}

/// A connection, as the use cases see it.
pub(super) struct SqliteTransaction<'c> {
    connection: &'c mut SqliteConnection,
    /// Whether an event was recorded.
    recorded: bool,
}

impl<'c> SqliteTransaction<'c> {
    fn on(connection: &'c mut SqliteConnection) -> Self {
        SqliteTransaction { connection, recorded: false }
    }
}

impl SqliteTransaction<'_> {
    /// Deletes what is older than that time, at most so many rows; tells how many.
    async fn delete_before(
        &mut self,
        statement: &'static str,
        time: Timestamp,
        limit: u32,
    ) -> Result<u64, StoreError> {
        let deleted = query(statement).bind(time.0).bind(limit).execute(&mut *self.connection).await?;
        Ok(deleted.rows_affected())
    }
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        match &error {
            sqlx::Error::PoolTimedOut | sqlx::Error::PoolClosed => StoreError::Unavailable,
            sqlx::Error::Io(_) => StoreError::Disk(Arc::new(error)),
            sqlx::Error::Database(cause) => match primary_code(cause.code().as_deref()) {
                // Another process holds the file.
                Some(SQLITE_BUSY) => StoreError::Unavailable,
                Some(
                    SQLITE_NOMEM | SQLITE_READONLY | SQLITE_IOERR | SQLITE_CORRUPT | SQLITE_FULL
                    | SQLITE_CANTOPEN | SQLITE_NOTADB,
                ) => StoreError::Disk(Arc::new(error)),
                _ => StoreError::Database(Arc::new(error)),
            },
            _ => StoreError::Database(Arc::new(error)),
        }
    }
}

// From sqlite3.h.
const SQLITE_BUSY: i32 = 5;
const SQLITE_NOMEM: i32 = 7;
const SQLITE_READONLY: i32 = 8;
const SQLITE_IOERR: i32 = 10;
const SQLITE_CORRUPT: i32 = 11;
const SQLITE_FULL: i32 = 13;
const SQLITE_CANTOPEN: i32 = 14;
const SQLITE_NOTADB: i32 = 26;

/// The kind of error: the low byte of SQLite's code. The rest is its details.
fn primary_code(code: Option<&str>) -> Option<i32> {
    code.and_then(|code| code.parse::<i32>().ok()).map(|code| code & 0xff)
}

#[cfg(test)]
mod tests {
    use super::{SQLITE_BUSY, SQLITE_IOERR, primary_code};

    #[test]
    fn the_kind_of_an_error_is_found_among_its_details() {
        assert_eq!(primary_code(Some("5")), Some(SQLITE_BUSY));
        assert_eq!(primary_code(Some("517")), Some(SQLITE_BUSY), "a snapshot that is too old");
        assert_eq!(primary_code(Some("778")), Some(SQLITE_IOERR), "a write that failed");
        assert_eq!(primary_code(None), None);
    }
}
