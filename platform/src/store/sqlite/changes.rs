//! Waiting for what may have changed: told by this process's writer, and found out about other processes' writes.

use crate::store::StoreError;
use sqlx::{SqliteConnection, query_scalar};
use std::time::Duration;
use tokio::{sync::watch, time::sleep};

/// How often it is looked whether another process wrote. One such look reads a counter in shared memory, no row.
const LOOK_INTERVAL: Duration = Duration::from_millis(200);

/// Waits for changes, on a connection of its own: SQLite tells a connection what *others* have committed.
#[derive(Debug)]
pub struct Changes {
    pub(super) connection: SqliteConnection,
    pub(super) version: Option<i64>,
    pub(super) recorded: watch::Receiver<()>,
}

impl Changes {
    /// Returns when something may have been recorded since the last return: at once after a commit of this process,
    /// and soon after one of another.
    pub async fn wait(&mut self) -> Result<(), StoreError> {
        loop {
            tokio::select! {
                recorded = self.recorded.changed() => return recorded.map_err(|_| StoreError::Unavailable),
                () = sleep(LOOK_INTERVAL) => {
                    let version = Some(query_scalar("pragma data_version").fetch_one(&mut self.connection).await?);
                    if version != self.version {
                        self.version = version;
                        return Ok(());
                    }
                }
            }
        }
    }
}
