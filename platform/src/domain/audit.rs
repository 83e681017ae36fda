//! The audit log: recording, and finding out whom new events concern.

use crate::{
    clock::Timestamp,
    model::{Actor, AppId, AuditEvent, AuditKind, Change, InstallId, Trace, UserId},
    store::{StoreError, Transaction, Work},
};

/// How many changes are read at once.
const CHANGES_AT_ONCE: u32 = 256;

/// Records what happened to a user, and to an install of the user if to one.
pub(super) async fn record<T: Transaction>(
    tx: &mut T,
    kind: AuditKind,
    (app_id, user_id, install_id): (&AppId, &UserId, Option<&InstallId>),
    actor: Actor,
    trace: &Trace,
    now: Timestamp,
) -> Result<(), StoreError> {
    let event = AuditEvent {
        app_id: app_id.clone(),
        kind,
        user_id: Some(user_id.clone()),
        install_id: install_id.cloned(),
        key_id: None,
        actor,
        trace: trace.clone(),
        occurred_at: now,
    };
    tx.record_event(&event).await
}

/// The place of the newest change: where somebody starts who only wants what comes later.
#[derive(Debug)]
pub struct NewestChange;

impl Work for NewestChange {
    type Output = i64;
    type Error = StoreError;

    async fn run<T: Transaction>(self, tx: &mut T) -> Result<i64, StoreError> {
        tx.newest_change().await
    }
}

/// The next changes after that place, whichever process made them; none when all were read.
#[derive(Debug)]
pub struct ChangesAfter(pub i64);

impl Work for ChangesAfter {
    type Output = Vec<Change>;
    type Error = StoreError;

    async fn run<T: Transaction>(self, tx: &mut T) -> Result<Vec<Change>, StoreError> {
        tx.changes_after(self.0, CHANGES_AT_ONCE).await
    }
}
