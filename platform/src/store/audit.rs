//! What a use case may ask of the database about the audit log.

use super::StoreError;
use crate::{
    clock::Timestamp,
    model::{AppId, AuditEvent, AuditKind, KeyId, UserId},
};
use std::future::Future;

type Stored<T> = Result<T, StoreError>;

/// The audit log. What it records is also what [`Changes`](super::Changes) tells to all processes on one database.
pub trait AuditLog: Send {
    /// Adds an event. Those who wait for changes are told after the commit.
    fn record_event(&mut self, event: &AuditEvent) -> impl Future<Output = Stored<()>> + Send;
    /// Whether an event of this kind of that user was recorded since then.
    fn user_has_event_since(
        &mut self,
        app: &AppId,
        user: &UserId,
        kind: AuditKind,
        since: Timestamp,
    ) -> impl Future<Output = Stored<bool>> + Send;
    /// Whether an event of this kind of that API key was recorded since then.
    fn key_has_event_since(
        &mut self,
        app: &AppId,
        key: &KeyId,
        kind: AuditKind,
        since: Timestamp,
    ) -> impl Future<Output = Stored<bool>> + Send;
    /// The newest events of an application, or of one of its users, since then; the newest first.
    fn list_events(
        &mut self,
        app: &AppId,
        user: Option<&UserId>,
        since: Timestamp,
        limit: u32,
    ) -> impl Future<Output = Stored<Vec<AuditEvent>>> + Send;
    /// Forgets the addresses in events of a user who goes, in at most so many; tells in how many.
    fn forget_addresses(
        &mut self,
        app: &AppId,
        user: &UserId,
        limit: u32,
    ) -> impl Future<Output = Stored<u64>> + Send;
    /// Forgets events before that time, at most so many; tells how many.
    fn delete_events_before(
        &mut self,
        time: Timestamp,
        limit: u32,
    ) -> impl Future<Output = Stored<u64>> + Send;
}
