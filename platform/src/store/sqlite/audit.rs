//! The audit log, on SQLite.

use super::{
    SqliteTransaction,
    rows::{self, Reader},
};
use crate::{
    model::{Actor, AuditEvent, Change, InstallId, KeyId, UserId},
    store::{AuditLog, StoreError, sql},
};
use sqlx::query;

impl AuditLog for SqliteTransaction<'_> {
    async fn record_event(&mut self, event: &AuditEvent) -> Result<(), StoreError> {
        let (actor, actor_id) = match &event.actor {
            Actor::Install(install) => ("install", Some(install.as_str())),
            Actor::ApiKey(key) => ("api_key", Some(key.as_str())),
            Actor::Operator => ("operator", None),
            Actor::Platform => ("platform", None),
            Actor::Unknown => ("unknown", None),
        };
        query(sql::RECORD_EVENT)
            .bind(event.app_id.as_str())
            .bind(event.kind.as_str())
            .bind(event.user_id.as_ref().map(UserId::as_str))
            .bind(event.install_id.as_ref().map(InstallId::as_str))
            .bind(event.key_id.as_ref().map(KeyId::as_str))
            .bind(actor)
            .bind(actor_id)
            .bind(event.trace.address.map(|address| address.to_string()))
            .bind(event.trace.request.as_deref())
            .bind(event.occurred_at.0)
            .execute(&mut *self.connection)
            .await?;
        self.recorded = true;
        Ok(())
    }

    async fn newest_change(&mut self) -> Result<i64, StoreError> {
        let row = query(sql::NEWEST_CHANGE).fetch_one(&mut *self.connection).await?;
        Reader::of("audit_events", &row).get("seq")
    }

    async fn changes_after(&mut self, seq: i64, limit: u32) -> Result<Vec<Change>, StoreError> {
        rows::all(query(sql::CHANGES_AFTER).bind(seq).bind(limit).fetch_all(&mut *self.connection).await?)
    }
}
