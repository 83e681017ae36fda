//! The database of the platform that is measured.

use crate::accounting::Usage;
use clap::ValueEnum;
use postgres_cluster::Cluster;
use rusqlite::Connection;
use std::{fs, path::PathBuf};
use tempfile::TempDir;

/// Where the platform keeps its data.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Engine {
    #[default]
    Sqlite,
    Postgresql,
}

pub(crate) enum Database {
    File(TempDir),
    /// As its packages set it up, but for more memory.
    Cluster(Cluster),
}

/// The database that every cluster has.
const NAME: &str = "postgres";

impl Database {
    pub(crate) fn new(engine: Engine) -> anyhow::Result<Self> {
        Ok(match engine {
            Engine::Sqlite => Database::File(tempfile::tempdir()?),
            Engine::Postgresql => Database::Cluster(Cluster::start(&["shared_buffers=1GB"])?),
        })
    }

    pub(crate) fn engine(&self) -> Engine {
        match self {
            Database::File(_) => Engine::Sqlite,
            Database::Cluster(_) => Engine::Postgresql,
        }
    }

    /// What the platform is told: a file, or a URL.
    pub(crate) fn name(&self) -> PathBuf {
        match self {
            Database::File(folder) => folder.path().join("platform.db"),
            Database::Cluster(cluster) => cluster.url(NAME).into(),
        }
    }

    /// Runs statements, one after the other on one connection.
    pub(crate) fn run(&self, statements: &str) -> anyhow::Result<()> {
        match self {
            Database::File(_) => Ok(Connection::open(self.name())?.execute_batch(statements)?),
            Database::Cluster(cluster) => cluster.run(NAME, statements).map(drop),
        }
    }

    /// The number that a query gives.
    pub(crate) fn number(&self, query: &str) -> anyhow::Result<i64> {
        match self {
            Database::File(_) => Ok(Connection::open(self.name())?.query_row(query, (), |row| row.get(0))?),
            Database::Cluster(cluster) => Ok(cluster.run(NAME, query)?.parse()?),
        }
    }

    /// What processes of its own have used; nothing where it has none.
    pub(crate) fn usage(&self) -> anyhow::Result<Usage> {
        match self {
            Database::File(_) => Usage::of(&[]),
            Database::Cluster(cluster) => Usage::of(&cluster.processes()?),
        }
    }

    /// With its log.
    pub(crate) fn bytes(&self) -> anyhow::Result<u64> {
        match self {
            Database::File(folder) => {
                fs::read_dir(folder.path())?.map(|file| Ok(file?.metadata()?.len())).sum()
            }
            Database::Cluster(_) => {
                Ok(self.number("select pg_database_size(current_database())")?.try_into()?)
            }
        }
    }
}
