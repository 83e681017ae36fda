//! The store on SQLite: one file, write-ahead log, one writer, a few readers.

mod api_keys;
mod applications;
mod audit;
mod changes;
mod codes;
mod installs;
mod rows;
mod tokens;
mod uploads;
mod users;
mod writer;

use super::{StoreError, Work};
use sqlx::{
    Connection, SqlSafeStr, SqliteConnection, SqlitePool,
    migrate::{Migration, MigrationType, Migrator},
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous},
};
use std::{fs::OpenOptions, os::unix::fs::OpenOptionsExt, path::Path, sync::Arc, time::Duration};
use tokio::sync::watch;
use writer::Writer;

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
}

impl SqliteStore {
    /// Opens the file, makes it if it is missing, and brings its schema up to date.
    pub async fn open(file: &Path) -> Result<Self, StoreError> {
        create_privately(file)?;
        let options = SqliteConnectOptions::new()
            .filename(file)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            // An acknowledged write survives a power cut; grouped commits make it affordable.
            .synchronous(SqliteSynchronous::Full)
            .foreign_keys(true)
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
            .acquire_timeout(READER_DEADLINE)
            .connect_with(options.create_if_missing(false).pragma("query_only", "on"))
            .await?;
        let writer = Arc::new(Writer::start(connection, recorded.clone()));
        Ok(SqliteStore { writer, readers, recorded })
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

/// Makes the file if it is missing, for its owner only: it holds the external ids of users. SQLite gives the files
/// beside it the same mode.
fn create_privately(file: &Path) -> Result<(), StoreError> {
    OpenOptions::new().append(true).create(true).mode(0o600).open(file).map_err(sqlx::Error::Io)?;
    Ok(())
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

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        match &error {
            sqlx::Error::PoolTimedOut | sqlx::Error::PoolClosed => StoreError::Unavailable,
            sqlx::Error::Database(cause) if is_busy(cause.code().as_deref()) => StoreError::Unavailable,
            _ => StoreError::Database(Arc::new(error)),
        }
    }
}

/// Whether another process holds the file. The low byte of SQLite's code is the kind of error, the rest its details.
fn is_busy(code: Option<&str>) -> bool {
    const SQLITE_BUSY: i32 = 5;
    code.and_then(|code| code.parse::<i32>().ok()).is_some_and(|code| code & 0xff == SQLITE_BUSY)
}

const MIGRATIONS: [(i64, &str, &str); 4] = [
    (20260101000000, "schema", include_str!("../../../migrations/sqlite/20260101000000_schema.sql")),
    (20260201000000, "linking", include_str!("../../../migrations/sqlite/20260201000000_linking.sql")),
    (20260202000000, "uploads", include_str!("../../../migrations/sqlite/20260202000000_uploads.sql")),
    (20260301000000, "audit", include_str!("../../../migrations/sqlite/20260301000000_audit.sql")),
];

/// All migrations run in one transaction, so that two processes which start at once do not run one twice. Foreign keys
/// are off meanwhile: a table that is made anew would take along whatever refers to it.
async fn migrate(options: &SqliteConnectOptions) -> Result<(), StoreError> {
    let mut connection = SqliteConnection::connect_with(&options.clone().foreign_keys(false)).await?;
    let migrations = MIGRATIONS.map(|(version, description, sql)| {
        Migration::new(version, description.into(), MigrationType::Simple, sql.into_sql_str(), false)
    });
    let mut transaction = connection.begin_with("begin immediate").await?;
    Migrator::with_migrations(migrations.to_vec())
        .run(&mut *transaction)
        .await
        .map_err(|error| StoreError::Migration(Arc::new(error)))?;
    transaction.commit().await?;
    Ok(connection.close().await?)
}

#[cfg(test)]
mod tests {
    use super::is_busy;

    #[test]
    fn a_busy_database_is_told_from_a_broken_one() {
        assert!(is_busy(Some("5")));
        assert!(is_busy(Some("517")), "a snapshot that is too old");
        assert!(!is_busy(Some("11")), "a damaged file");
        assert!(!is_busy(None));
    }
}
