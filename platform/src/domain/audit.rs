//! The audit log.

use super::Refusal;
use crate::{
    clock::Timestamp,
    model::{Actor, AppId, AuditEvent, AuditKind, InstallId, KeyId, Trace, UserId},
    secret::{ApiKey, Hashed},
    store::{StoreError, Transaction, Work},
};
use std::time::Duration;

/// How often the exposure of one API key is recorded, at most.
const EXPOSURE_INTERVAL: Duration = Duration::from_secs(24 * 60 * 60);

/// Records what happened to a user, and to an install of the user if to one.
pub(super) async fn record<T: Transaction>(
    tx: &mut T,
    kind: AuditKind,
    (app_id, user_id, install_id): (&AppId, &UserId, Option<&InstallId>),
    actor: Actor,
    trace: &Trace,
    now: Timestamp,
) -> Result<(), StoreError> {
    let event = AuditEvent::of(app_id, kind, actor, trace, now);
    tx.record_event(&AuditEvent { user_id: Some(user_id.clone()), install_id: install_id.cloned(), ..event })
        .await
}

/// Records what an operator did to an application, or to one of its API keys.
pub(super) async fn record_operation<T: Transaction>(
    tx: &mut T,
    kind: AuditKind,
    app_id: &AppId,
    key_id: Option<&KeyId>,
    now: Timestamp,
) -> Result<(), StoreError> {
    let event = AuditEvent::of(app_id, kind, Actor::Operator, &Trace::default(), now);
    tx.record_event(&AuditEvent { key_id: key_id.cloned(), ..event }).await
}

/// Records that a browser sent something that looks like an API key, if there is such a key: whoever revokes it must
/// know. At most once a day for a key, so that nobody who reads it in a page can fill the log.
#[derive(Clone, Debug)]
pub struct RecordExposedKey {
    /// What was sent.
    pub hash: Hashed<ApiKey>,
    /// In which request.
    pub trace: Trace,
    /// The present.
    pub now: Timestamp,
}

impl Work for RecordExposedKey {
    type Output = ();
    type Error = StoreError;

    async fn run<T: Transaction>(self, tx: &mut T) -> Result<(), StoreError> {
        let kind = AuditKind::ApiKeyExposed;
        let Some(key) = tx.find_api_key(self.hash).await? else { return Ok(()) };
        if tx.key_has_event_since(&key.app_id, &key.key_id, kind, self.now.minus(EXPOSURE_INTERVAL)).await? {
            return Ok(());
        }
        let event = AuditEvent::of(&key.app_id, kind, Actor::Unknown, &self.trace, self.now);
        tx.record_event(&AuditEvent { key_id: Some(key.key_id), ..event }).await
    }
}

/// Lists the newest events of an application, or of one of its users; the newest last.
#[derive(Clone, Debug)]
pub struct ListAuditEvents {
    /// The application.
    pub app_id: AppId,
    /// Only those of this user.
    pub user_id: Option<UserId>,
    /// Only those since then.
    pub since: Timestamp,
    /// How many, at most.
    pub limit: u32,
}

impl Work for ListAuditEvents {
    type Output = Vec<AuditEvent>;
    type Error = Refusal;

    fn reads_much(&self) -> bool {
        true
    }

    async fn run<T: Transaction>(self, tx: &mut T) -> Result<Vec<AuditEvent>, Refusal> {
        tx.find_application(&self.app_id).await?.ok_or(Refusal::ApplicationNotFound)?;
        let mut events = tx.list_events(&self.app_id, self.user_id.as_ref(), self.since, self.limit).await?;
        events.reverse();
        Ok(events)
    }
}
