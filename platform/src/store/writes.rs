//! What came of the last writes, by which the health of a database is told without a write.

use super::StoreError;
use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::time::Instant;

/// A group of writes that takes longer than this is stuck.
const STUCK_AFTER: Duration = Duration::from_secs(5);

/// What came of the last writes, and when the present ones began, where one group follows another.
#[derive(Clone, Debug, Default)]
pub(super) struct Writes(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    began: Option<Instant>,
    last: Option<(Instant, Result<(), StoreError>)>,
}

impl Writes {
    pub(super) fn begin(&self) {
        self.state().began = Some(Instant::now());
    }

    pub(super) fn end(&self, outcome: &Result<(), StoreError>) {
        *self.state() = State { began: None, last: Some((Instant::now(), outcome.clone())) };
    }

    /// How long ago something was written, unless the last attempt failed.
    pub(super) fn last_success(&self) -> Option<Duration> {
        self.state().last.as_ref().filter(|(_, outcome)| outcome.is_ok()).map(|(at, _)| at.elapsed())
    }

    /// Whether something can be written, as far as that is known.
    pub(super) fn verdict(&self) -> Result<(), StoreError> {
        let state = self.state();
        if state.began.is_some_and(|began| began.elapsed() > STUCK_AFTER) {
            return Err(StoreError::Unavailable);
        }
        state.last.as_ref().map_or(Ok(()), |(_, outcome)| outcome.clone())
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing in here can panic half-way.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
