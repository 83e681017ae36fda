//! What a use case may ask of the database about the clock.

use super::StoreError;
use crate::model::ClockWatch;
use std::future::Future;

/// What is remembered of the clock.
pub trait ClockMemory: Send {
    /// What was last seen; none before the first look.
    fn clock_watch(&mut self) -> impl Future<Output = Result<Option<ClockWatch>, StoreError>> + Send;
    /// Remembers what was seen.
    fn save_clock_watch(&mut self, watch: ClockWatch) -> impl Future<Output = Result<(), StoreError>> + Send;
}
