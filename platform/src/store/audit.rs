//! What a use case may ask of the database about the audit log.

use super::StoreError;
use crate::model::{AuditEvent, Change};
use std::future::Future;

type Stored<T> = Result<T, StoreError>;

/// The audit log, which is also the feed of changes for the processes on one database.
pub trait AuditLog: Send {
    /// Adds an event. Whoever waits for changes is told after the commit.
    fn record_event(&mut self, event: &AuditEvent) -> impl Future<Output = Stored<()>> + Send;
    /// The place of the newest event in the order of commits; 0 before the first.
    fn newest_change(&mut self) -> impl Future<Output = Stored<i64>> + Send;
    /// Whom the events after that place may concern, in their order.
    fn changes_after(&mut self, seq: i64, limit: u32) -> impl Future<Output = Stored<Vec<Change>>> + Send;
}
