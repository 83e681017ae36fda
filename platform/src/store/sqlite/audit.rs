//! The audit log, on SQLite.

use super::SqliteTransaction;
use crate::{
    clock::Timestamp,
    model::{AppId, AuditEvent, AuditKind, Change, KeyId, UserId},
    store::{AuditLog, StoreError, sql},
};

impl AuditLog for SqliteTransaction<'_> {
    async fn record_event(&mut self, event: &AuditEvent) -> Result<(), StoreError> {
        let (actor, actor_id) = event.actor.parts();
        let address = event.trace.address.map(|address| address.to_string());
        let values = (
            &event.app_id,
            event.kind.as_str(),
            &event.user_id,
            &event.install_id,
            &event.key_id,
            actor,
            actor_id,
            address,
            event.trace.request.as_deref(),
            event.occurred_at,
        );
        self.change(sql::RECORD_EVENT, values)?;
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
        self.exists(sql::USER_HAS_EVENT_SINCE, (app, user, kind.as_str(), since))
    }

    async fn key_has_event_since(
        &mut self,
        app: &AppId,
        key: &KeyId,
        kind: AuditKind,
        since: Timestamp,
    ) -> Result<bool, StoreError> {
        self.exists(sql::KEY_HAS_EVENT_SINCE, (app, key, kind.as_str(), since))
    }

    async fn list_events(
        &mut self,
        app: &AppId,
        user: Option<&UserId>,
        since: Timestamp,
        limit: u32,
    ) -> Result<Vec<AuditEvent>, StoreError> {
        match user {
            None => self.list(sql::LIST_EVENTS, (app, since, limit)),
            Some(user) => self.list(sql::LIST_EVENTS_OF_USER, (app, since, limit, user)),
        }
    }

    async fn forget_addresses(&mut self, app: &AppId, user: &UserId, limit: u32) -> Result<u64, StoreError> {
        self.change(sql::FORGET_ADDRESSES, (app, user, limit))
    }

    async fn delete_events_before(&mut self, time: Timestamp, limit: u32) -> Result<u64, StoreError> {
        self.delete_before(sql::DELETE_EVENTS_BEFORE, time, limit)
    }

    async fn newest_change(&mut self) -> Result<i64, StoreError> {
        let newest = self.first_of(sql::NEWEST_CHANGE, (), "audit_events", |row| row.take("seq"))?;
        Ok(newest.unwrap_or_default())
    }

    async fn changes_after(&mut self, seq: i64, limit: u32) -> Result<Vec<Change>, StoreError> {
        self.list(sql::CHANGES_AFTER, (seq, limit))
    }
}
