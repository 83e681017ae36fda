//! The audit log.

use super::{Engine, engine::Ask, texts, values::values};
use crate::{
    clock::Timestamp,
    model::{AppId, AuditEvent, AuditKind, KeyId, UserId},
    store::{AuditLog, StoreError},
};

impl<E: Engine> AuditLog for E {
    async fn record_event(&mut self, event: &AuditEvent) -> Result<(), StoreError> {
        let (actor, actor_id) = event.actor.parts();
        let address = event.trace.address.map(|address| address.to_string());
        self.post(
            &texts::RECORD_EVENT,
            values![
                &event.app_id,
                event.kind.as_str(),
                &event.user_id,
                &event.install_id,
                &event.key_id,
                actor,
                actor_id,
                address,
                event.trace.request.as_deref(),
                event.occurred_at
            ],
        )
        .await?;
        self.note_recorded();
        Ok(())
    }

    async fn user_has_event_since(
        &mut self,
        app: &AppId,
        user: &UserId,
        kind: AuditKind,
        since: Timestamp,
    ) -> Result<bool, StoreError> {
        self.exists(&texts::USER_HAS_EVENT_SINCE, values![app, user, kind.as_str(), since]).await
    }

    async fn key_has_event_since(
        &mut self,
        app: &AppId,
        key: &KeyId,
        kind: AuditKind,
        since: Timestamp,
    ) -> Result<bool, StoreError> {
        self.exists(&texts::KEY_HAS_EVENT_SINCE, values![app, key, kind.as_str(), since]).await
    }

    async fn list_events(
        &mut self,
        app: &AppId,
        user: Option<&UserId>,
        since: Timestamp,
        limit: u32,
    ) -> Result<Vec<AuditEvent>, StoreError> {
        match user {
            None => self.list(&texts::LIST_EVENTS, values![app, since, limit]).await,
            Some(user) => self.list(&texts::LIST_EVENTS_OF_USER, values![app, since, limit, user]).await,
        }
    }

    async fn forget_addresses(&mut self, app: &AppId, user: &UserId, limit: u32) -> Result<u64, StoreError> {
        self.change(&texts::FORGET_ADDRESSES, values![app, user, limit]).await
    }

    async fn delete_events_before(&mut self, time: Timestamp, limit: u32) -> Result<u64, StoreError> {
        self.delete_before(&texts::DELETE_EVENTS_BEFORE, time, limit).await
    }
}
