//! The store on SQLite: one file, write-ahead log, one writer, a few readers.

mod api_keys;
mod applications;
mod audit;
mod backup;
mod changes;
mod codes;
mod files;
mod installs;
#[cfg(test)]
mod plans;
mod queue;
mod rows;
mod tokens;
mod uploads;
mod users;
mod writer;

use super::{StoreError, Work};
use crate::{clock::Timestamp, metrics::StoreMetrics};
use files::OpenedFiles;
use sqlx::{
    Connection, SqlSafeStr, SqliteConnection, SqlitePool,
    migrate::{MigrateError, Migration, MigrationType, Migrator},
    query,
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous},
};
use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};
use tokio::sync::watch;
use writer::Writer;

pub use backup::{BackupError, back_up, check};
pub use changes::Changes;

/// How long a statement waits for another process that writes.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a reader waits for a free connection.
const READER_DEADLINE: Duration = Duration::from_secs(5);
const READERS: u32 = 4;

/// A SQLite database. Clones share it.
#[derive(Clone, Debug)]
pub struct SqliteStore {
    writer: Arc<Writer>,
    readers: SqlitePool,
    /// Told by the writer after each commit that recorded an event.
    recorded: watch::Sender<()>,
    metrics: StoreMetrics,
    /// The database's file.
    file: Arc<Path>,
}

impl SqliteStore {
    /// Opens the file, makes it if it is missing, and brings its schema up to date.
    pub async fn open(file: &Path) -> Result<Self, StoreError> {
        files::create_privately(file)?;
        refuse_foreign(file).await?;
        let options = SqliteConnectOptions::new()
            .filename(file)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            // An acknowledged write survives a power cut; grouped commits make it affordable.
            .synchronous(SqliteSynchronous::Full)
            .foreign_keys(true)
            // What a statement may have to undo stays in memory: a file for it could not be made where the disk is
            // full or no file descriptor is left, and would lie outside of the database's folder.
            .pragma("temp_store", "memory")
            .busy_timeout(BUSY_TIMEOUT);
        migrate(&options).await?;
        let connection = SqliteConnection::connect_with(&options).await?;
        let recorded = watch::Sender::default();
        let readers = SqlitePoolOptions::new()
            // Opened now and kept: later there may be no file descriptor left.
            .min_connections(READERS)
            .max_connections(READERS)
            .idle_timeout(None)
            .max_lifetime(None)
            // A file does not hang up; whoever gives a connection back tests it.
            .test_before_acquire(false)
            .acquire_timeout(READER_DEADLINE)
            .connect_with(options.create_if_missing(false).pragma("query_only", "on"))
            .await?;
        let files = OpenedFiles::of(file)?;
        let metrics = StoreMetrics::default();
        let writer = Arc::new(Writer::start(connection, files, recorded.clone(), metrics.clone()));
        Ok(SqliteStore { writer, readers, recorded, metrics, file: file.into() })
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

    /// Runs a use case that only reads. Each of its statements sees the newest committed state.
    pub async fn read<W: Work>(&self, work: W) -> Result<W::Output, W::Error> {
        let mut connection = self.readers.acquire().await.map_err(StoreError::from)?;
        work.run(&mut SqliteTransaction::on(&mut connection)).await
    }

    /// Waits, from now on, for what this and other processes record.
    pub async fn changes(&self) -> Result<Changes, StoreError> {
        let recorded = self.recorded.subscribe();
        let connection = SqliteConnection::connect_with(&self.readers.connect_options()).await?;
        // The version is not known yet, so the first look is a change.
        Ok(Changes { connection, version: None, recorded })
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
                Some(SQLITE_NOMEM | SQLITE_READONLY | SQLITE_IOERR | SQLITE_FULL | SQLITE_CANTOPEN) => {
                    StoreError::Disk(Arc::new(error))
                }
                _ => StoreError::Database(Arc::new(error)),
            },
            _ => StoreError::Database(Arc::new(error)),
        }
    }
}

impl From<MigrateError> for StoreError {
    fn from(error: MigrateError) -> Self {
        match error {
            MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _) => error.into(),
            MigrateError::VersionMissing(version) => UnusableDatabase::Newer(version).into(),
            error => UnusableDatabase::Schema(Arc::new(error)).into(),
        }
    }
}

// From sqlite3.h.
const SQLITE_BUSY: i32 = 5;
const SQLITE_NOMEM: i32 = 7;
const SQLITE_READONLY: i32 = 8;
const SQLITE_IOERR: i32 = 10;
const SQLITE_FULL: i32 = 13;
const SQLITE_CANTOPEN: i32 = 14;

/// The kind of error: the low byte of SQLite's code. The rest is its details.
fn primary_code(code: Option<&str>) -> Option<i32> {
    code.and_then(|code| code.parse::<i32>().ok()).map(|code| code & 0xff)
}

const MIGRATIONS: [(i64, &str, &str); 7] = [
    (20260101000000, "schema", include_str!("../../../migrations/sqlite/20260101000000_schema.sql")),
    (20260201000000, "linking", include_str!("../../../migrations/sqlite/20260201000000_linking.sql")),
    (20260202000000, "uploads", include_str!("../../../migrations/sqlite/20260202000000_uploads.sql")),
    (20260301000000, "audit", include_str!("../../../migrations/sqlite/20260301000000_audit.sql")),
    (20260302000000, "clean-up", include_str!("../../../migrations/sqlite/20260302000000_clean_up.sql")),
    (20260401000000, "plans", include_str!("../../../migrations/sqlite/20260401000000_plans.sql")),
    (20260402000000, "bounds", include_str!("../../../migrations/sqlite/20260402000000_bounds.sql")),
    (
        20260402000100,
        "unused users",
        include_str!("../../../migrations/sqlite/20260402000100_unused_users.sql"),
    ),
];

/// Refuses the database of another program, and leaves it as it is: not even its journal mode changes.
async fn refuse_foreign(file: &Path) -> Result<(), StoreError> {
    let options = SqliteConnectOptions::new().filename(file).busy_timeout(BUSY_TIMEOUT);
    let mut connection = SqliteConnection::connect_with(&options).await?;
    let is_foreign = sqlx::query_scalar(super::sql::HAS_FOREIGN_TABLES).fetch_one(&mut connection).await?;
    connection.close().await?;
    if is_foreign { Err(UnusableDatabase::Foreign.into()) } else { Ok(()) }
}

/// All migrations run in one transaction, so that two processes which start at once do not run one twice. Foreign keys
/// are off meanwhile: a table that is made anew would take along whatever refers to it.
async fn migrate(options: &SqliteConnectOptions) -> Result<(), StoreError> {
    let mut connection = SqliteConnection::connect_with(&options.clone().foreign_keys(false)).await?;
    let migrations = MIGRATIONS.map(|(version, description, sql)| {
        Migration::new(version, description.into(), MigrationType::Simple, sql.into_sql_str(), false)
    });
    let mut transaction = connection.begin_with("begin immediate").await?;
    Migrator::with_migrations(migrations.to_vec()).run(&mut *transaction).await?;
    transaction.commit().await?;
    Ok(connection.close().await?)
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
