//! The audit log, on SQLite.

use super::{
    SqliteTransaction,
    rows::{self, Reader},
};
use crate::{
    clock::Timestamp,
    model::{AppId, AuditEvent, AuditKind, Change, InstallId, KeyId, UserId},
    store::{AuditLog, StoreError, sql},
};
use sqlx::query;

impl SqliteTransaction<'_> {
    async fn has_event_since(
        &mut self,
        statement: &'static str,
        app: &AppId,
        subject: &str,
        kind: AuditKind,
        since: Timestamp,
    ) -> Result<bool, StoreError> {
        let found = query(statement)
            .bind(app.as_str())
            .bind(subject)
            .bind(kind.as_str())
            .bind(since.0)
            .fetch_optional(&mut *self.connection)
            .await?;
        Ok(found.is_some())
    }
}

impl AuditLog for SqliteTransaction<'_> {
    async fn record_event(&mut self, event: &AuditEvent) -> Result<(), StoreError> {
        let (actor, actor_id) = event.actor.parts();
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

    async fn user_has_event_since(
        &mut self,
        app: &AppId,
        user: &UserId,
        kind: AuditKind,
        since: Timestamp,
    ) -> Result<bool, StoreError> {
        self.has_event_since(sql::USER_HAS_EVENT_SINCE, app, user.as_str(), kind, since).await
    }

    async fn key_has_event_since(
        &mut self,
        app: &AppId,
        key: &KeyId,
        kind: AuditKind,
        since: Timestamp,
    ) -> Result<bool, StoreError> {
        self.has_event_since(sql::KEY_HAS_EVENT_SINCE, app, key.as_str(), kind, since).await
    }

    async fn list_events(
        &mut self,
        app: &AppId,
        user: Option<&UserId>,
        since: Timestamp,
        limit: u32,
    ) -> Result<Vec<AuditEvent>, StoreError> {
        let statement = if user.is_some() { sql::LIST_EVENTS_OF_USER } else { sql::LIST_EVENTS };
        let mut listing = query(statement).bind(app.as_str()).bind(since.0).bind(limit);
        if let Some(user) = user {
            listing = listing.bind(user.as_str());
        }
        rows::all(listing.fetch_all(&mut *self.connection).await?)
    }

    async fn forget_addresses(&mut self, app: &AppId, user: &UserId, limit: u32) -> Result<u64, StoreError> {
        let forgotten = query(sql::FORGET_ADDRESSES)
            .bind(app.as_str())
            .bind(user.as_str())
            .bind(limit)
            .execute(&mut *self.connection)
            .await?;
        Ok(forgotten.rows_affected())
    }

    async fn delete_events_before(&mut self, time: Timestamp, limit: u32) -> Result<u64, StoreError> {
        self.delete_before(sql::DELETE_EVENTS_BEFORE, time, limit).await
    }

    async fn newest_change(&mut self) -> Result<i64, StoreError> {
        let row = query(sql::NEWEST_CHANGE).fetch_one(&mut *self.connection).await?;
        Reader::of("audit_events", &row).get("seq")
    }

    async fn changes_after(&mut self, seq: i64, limit: u32) -> Result<Vec<Change>, StoreError> {
        rows::all(query(sql::CHANGES_AFTER).bind(seq).bind(limit).fetch_all(&mut *self.connection).await?)
    }
}
