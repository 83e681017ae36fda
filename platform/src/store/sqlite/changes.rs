//! Waiting for what may have changed: told by this process's writer, and found out about other processes' writes.

use crate::store::StoreError;
use rusqlite::Connection;
use std::time::Duration;
use tokio::{sync::watch, time::sleep};

/// How often it is looked whether another process wrote. One such look reads a counter in shared memory, no row.
const LOOK_INTERVAL: Duration = Duration::from_millis(200);

/// Waits for changes, on a connection of its own: SQLite tells a connection what *others* have committed.
#[derive(Debug)]
pub struct Changes {
    pub(super) connection: Connection,
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
                    let mut statement = self.connection.prepare_cached("pragma data_version")?;
                    let version = Some(statement.query_row((), |row| row.get(0))?);
                    drop(statement);
                    if version != self.version {
                        self.version = version;
                        return Ok(());
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::{
        clock::Timestamp,
        domain::{CreateApplication, Ping, SetAppSecret},
        model::{AppId, Application},
        random::OsRandomness,
        secret::Plain,
        store::Store,
    };

    #[tokio::test]
    async fn a_commit_of_this_process_is_told_before_it_is_acknowledged_if_it_recorded_anything() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&folder.path().join("platform.db")).await.unwrap();
        let mut changes = store.changes().await.unwrap();
        let mut told = move || {
            let told = changes.recorded.has_changed().unwrap();
            changes.recorded.mark_unchanged();
            told
        };
        store.write(Ping).await.unwrap();
        assert!(!told(), "nothing was recorded");

        let (app_id, secret) = (AppId::generate(&OsRandomness), Plain::generate(&OsRandomness).hash());
        let now = Timestamp(0);
        store.write(SetAppSecret { app_id: app_id.clone(), secret, now }).await.unwrap_err();
        assert!(!told(), "it was refused");

        let application = Application { app_id, name: String::new(), created_at: now, user_linking: true };
        store.write(CreateApplication { application, secret, origins: Vec::new() }).await.unwrap();
        assert!(told());
        assert!(!told(), "once");
    }
}
