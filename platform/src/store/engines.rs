//! The engine that a database's name chooses.

use super::{
    Attendance, News, StoreError, Work,
    postgres::{PostgresChanges, PostgresStore},
    sqlite::{SqliteChanges, SqliteReader, SqliteStore},
};
use crate::metrics::StoreMetrics;
use std::{
    fmt,
    path::{Path, PathBuf},
    time::Duration,
};

/// Where a database is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// In a file, by SQLite.
    File(PathBuf),
    /// At a URL, by PostgreSQL.
    Url(String),
}

impl fmt::Display for Place {
    /// Without a password, which a URL may hold.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Place::File(file) => write!(formatter, "{}", file.display()),
            Place::Url(url) => {
                let (start, _) = url.split_once('?').unwrap_or((url, ""));
                let (_, address) = start.split_once("://").unwrap_or(("", start));
                let server = address.rsplit_once('@').map_or(address, |(_, server)| server);
                write!(formatter, "postgres://{server}")
            }
        }
    }
}

impl Place {
    /// What a name means: a URL of PostgreSQL, or a file.
    pub fn parse(name: &Path) -> Self {
        let is_url = |name: &&str| name.starts_with("postgres://") || name.starts_with("postgresql://");
        name.to_str()
            .filter(is_url)
            .map_or_else(|| Place::File(name.to_owned()), |url| Place::Url(url.to_owned()))
    }
}

/// A database. Clones share it.
#[derive(Clone, Debug)]
pub enum Store {
    /// SQLite.
    Sqlite(SqliteStore),
    /// PostgreSQL.
    Postgres(PostgresStore),
}

impl Store {
    /// Opens the database for a server, makes a file that is missing, and brings the schema up to date.
    pub async fn open(name: &Path) -> Result<Self, StoreError> {
        Ok(match Place::parse(name) {
            Place::File(file) => Store::Sqlite(SqliteStore::open(&file).await?),
            Place::Url(url) => Store::Postgres(PostgresStore::open(&url).await?),
        })
    }

    /// The same for a command, which has the time to wait for its turn.
    pub async fn open_for_command(name: &Path) -> Result<Self, StoreError> {
        Ok(match Place::parse(name) {
            Place::File(file) => Store::Sqlite(SqliteStore::open_for_command(&file).await?),
            Place::Url(url) => Store::Postgres(PostgresStore::open(&url).await?),
        })
    }

    /// Tells the others on this database that this platform serves it, and finds out about them. Processes on one file are
    /// not counted.
    pub async fn attend(&self) -> Result<Attendance, StoreError> {
        match self {
            Store::Sqlite(_) => Ok(Attendance::ALONE),
            Store::Postgres(store) => store.attend().await,
        }
    }

    /// What it measures of itself.
    pub fn metrics(&self) -> &StoreMetrics {
        match self {
            Store::Sqlite(store) => store.metrics(),
            Store::Postgres(store) => store.metrics(),
        }
    }

    /// How many bytes are free for this process on the database's disk, where that is known.
    pub fn free_bytes(&self) -> Option<u64> {
        match self {
            Store::Sqlite(store) => store.free_bytes(),
            Store::Postgres(_) => None,
        }
    }

    /// Runs a use case that writes. Returns after its writes are durable.
    pub async fn write<W: Work>(&self, work: W) -> Result<W::Output, W::Error> {
        match self {
            Store::Sqlite(store) => store.write(work).await,
            Store::Postgres(store) => store.write(work).await,
        }
    }

    /// Returns when what other platforms were doing has ended: what was taken away before is then used by none of them. On
    /// a file it is so after every write.
    pub async fn until_others_ended(&self) -> Result<(), StoreError> {
        match self {
            Store::Sqlite(_) => Ok(()),
            Store::Postgres(store) => store.until_others_ended().await,
        }
    }

    /// Runs a use case that only reads. All its statements see one committed state, the newest as of the first of them.
    pub async fn read<W: Work>(&self, work: W) -> Result<W::Output, W::Error> {
        match self {
            Store::Sqlite(store) => store.read(work).await,
            Store::Postgres(store) => store.read(work).await,
        }
    }

    /// Runs a use case that reads, and of which no two statements must agree: cheaper than [`read`](Self::read).
    pub async fn look_up<W: Work>(&self, work: W) -> Result<W::Output, W::Error> {
        match self {
            Store::Sqlite(store) => store.look_up(work).await,
            Store::Postgres(store) => store.look_up(work).await,
        }
    }

    /// Waits, from now on, for what this and other processes record.
    pub async fn changes(&self) -> Result<Changes, StoreError> {
        Ok(match self {
            Store::Sqlite(store) => Changes::Sqlite(store.changes().await?),
            Store::Postgres(store) => Changes::Postgres(store.changes().await?),
        })
    }

    /// Whether it can be read and written now. Writes nothing.
    pub async fn health(&self) -> Result<(), StoreError> {
        match self {
            Store::Sqlite(store) => store.health().await,
            Store::Postgres(store) => store.health().await,
        }
    }

    /// How long ago something was written; none where the last attempt failed, or there was none.
    pub fn last_success(&self) -> Option<Duration> {
        match self {
            Store::Sqlite(store) => store.last_success(),
            Store::Postgres(store) => store.last_success(),
        }
    }

    /// Cuts the log of a file off, so that nothing stays in it that was deleted. Tells whether that was possible.
    pub async fn empty_log(&self) -> Result<bool, StoreError> {
        match self {
            Store::Sqlite(store) => store.empty_log().await,
            Store::Postgres(_) => Ok(true),
        }
    }

    /// How long the log beside a file is, in bytes.
    pub fn log_bytes(&self) -> u64 {
        match self {
            Store::Sqlite(store) => store.log_bytes(),
            Store::Postgres(_) => 0,
        }
    }

    /// Which files of the database others than their owner may read or write, in words; none where all is well.
    pub fn open_to_others(&self) -> Option<String> {
        match self {
            Store::Sqlite(store) => store.open_to_others(),
            Store::Postgres(_) => None,
        }
    }

    /// How many use cases wait for the one writer of a file, or for a connection.
    pub fn waiting(&self) -> usize {
        match self {
            Store::Sqlite(store) => store.waiting(),
            Store::Postgres(store) => store.waiting(),
        }
    }

    /// Finishes what is waiting and closes the database.
    pub async fn close(&self) {
        match self {
            Store::Sqlite(store) => store.close().await,
            Store::Postgres(store) => store.close().await,
        }
    }
}

/// A database that is only read: its schema stays as it is, and no writer waits for it.
#[derive(Clone, Debug)]
pub enum Reader {
    /// SQLite.
    Sqlite(SqliteReader),
    /// PostgreSQL.
    Postgres(PostgresStore),
}

impl Reader {
    /// Opens a database that is there and up to date.
    pub async fn open(name: &Path) -> Result<Self, StoreError> {
        Ok(match Place::parse(name) {
            Place::File(file) => Reader::Sqlite(SqliteReader::open(&file).await?),
            Place::Url(url) => Reader::Postgres(PostgresStore::open_to_read(&url).await?),
        })
    }

    /// Runs a use case that only reads. All its statements see one committed state.
    pub async fn read<W: Work>(&self, work: W) -> Result<W::Output, W::Error> {
        match self {
            Reader::Sqlite(reader) => reader.read(work).await,
            Reader::Postgres(store) => store.read(work).await,
        }
    }

    /// Closes it.
    pub async fn close(&self) {
        match self {
            Reader::Sqlite(reader) => reader.close().await,
            Reader::Postgres(store) => store.close().await,
        }
    }
}

/// Waits for what is recorded.
#[derive(Debug)]
pub enum Changes {
    /// In a file.
    Sqlite(SqliteChanges),
    /// On a server.
    Postgres(PostgresChanges),
}

impl Changes {
    /// What was recorded since the last time, once there is something. It may tell something twice.
    pub async fn next(&mut self) -> Result<News, StoreError> {
        match self {
            Changes::Sqlite(changes) => changes.next().await,
            Changes::Postgres(changes) => changes.next().await,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Place;
    use std::path::Path;

    #[test]
    fn the_place_of_a_database_is_told_without_its_password() {
        for (name, told) in [
            ("platform.db", "platform.db"),
            (
                "postgres://me:p@ss@db.example.com:5432/platform?password=x",
                "postgres://db.example.com:5432/platform",
            ),
            ("postgresql://a,b/platform", "postgres://a,b/platform"),
        ] {
            assert_eq!(Place::parse(Path::new(name)).to_string(), told);
        }
    }
}
