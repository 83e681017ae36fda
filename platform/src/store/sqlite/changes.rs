//! Waiting for changes: told by this process's writer, and found out about other processes' writes.

use super::{SqliteTransaction, transaction::run_now};
use crate::model::Change;
use crate::store::{
    StoreError,
    changes::{AT_ONCE, News},
    sql::{Ask, texts, values},
};
use rusqlite::Connection;
use std::time::Duration;
use tokio::{sync::watch, time::sleep};

/// How often it is looked whether another process wrote. One such look reads a counter in shared memory, no row.
const LOOK_INTERVAL: Duration = Duration::from_millis(200);

/// Waits for changes, on a connection of its own: SQLite tells a connection what *others* have committed.
#[derive(Debug)]
pub struct SqliteChanges {
    connection: Connection,
    version: Option<i64>,
    recorded: watch::Receiver<()>,
    /// The place of the newest event that was told.
    last: i64,
}

impl SqliteChanges {
    /// From now on.
    pub(super) fn on(mut connection: Connection, recorded: watch::Receiver<()>) -> Result<Self, StoreError> {
        let newest = run_now(SqliteTransaction::on(&mut connection).first_of(
            &texts::NEWEST_CHANGE,
            values![],
            "audit_events",
            |row| row.take("seq"),
        ))?;
        // The version is not known yet, so the first look is a change.
        Ok(SqliteChanges { connection, version: None, recorded, last: newest.unwrap_or_default() })
    }

    /// What was recorded since the last time, once there is something.
    pub async fn next(&mut self) -> Result<News, StoreError> {
        loop {
            let values = values![self.last, AT_ONCE];
            let new: Vec<(i64, Change)> =
                run_now(SqliteTransaction::on(&mut self.connection).list(&texts::CHANGES_AFTER, values))?;
            if let Some((newest, _)) = new.last() {
                self.last = *newest;
                return Ok(News::Of(new.into_iter().map(|(_, change)| change).collect()));
            }
            self.wait().await?;
        }
    }

    /// Returns when something may have been recorded: at once after a commit of this process, and soon after one of
    /// another.
    async fn wait(&mut self) -> Result<(), StoreError> {
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
        store::sqlite::SqliteStore as Store,
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
