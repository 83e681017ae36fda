//! By what the health of a database is told without a write, and without a reading for everyone who asks.

use super::StoreError;
use std::{
    future::Future,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::time::Instant;

/// A group of writes that takes longer than this is stuck.
const STUCK_AFTER: Duration = Duration::from_secs(5);
/// How long what a reading has found is told to others who ask.
const REMEMBERED: Duration = Duration::from_secs(1);

/// What came of the last writes, and when the present ones began, where one group follows another.
#[derive(Clone, Debug, Default)]
pub(super) struct Writes(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    began: Option<Instant>,
    last: Option<(Instant, Result<(), StoreError>)>,
    /// Since then a write has failed that need not mean anything.
    is_doubted: bool,
}

impl Writes {
    pub(super) fn begin(&self) {
        self.state().began = Some(Instant::now());
    }

    pub(super) fn end(&self, outcome: &Result<(), StoreError>) {
        *self.state() =
            State { began: None, last: Some((Instant::now(), outcome.clone())), is_doubted: false };
    }

    /// A write has failed that need not mean anything: the next probe tells, and until then the last outcome holds.
    pub(super) fn doubt(&self) {
        self.state().is_doubted = true;
    }

    /// How long ago something was written, unless the last attempt failed.
    pub(super) fn last_success(&self) -> Option<Duration> {
        let state = self.state();
        let last = state.last.as_ref().filter(|(_, outcome)| outcome.is_ok() && !state.is_doubted);
        last.map(|(at, _)| at.elapsed())
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

/// What the last reading found. Those who ask meanwhile wait for one reading.
#[derive(Debug, Default)]
pub(super) struct LastReading(tokio::sync::Mutex<Option<(Instant, Result<(), StoreError>)>>);

impl LastReading {
    /// What it found, or what this one finds where it was long ago.
    pub(super) async fn or(
        &self,
        read: impl Future<Output = Result<(), StoreError>>,
    ) -> Result<(), StoreError> {
        let mut last = self.0.lock().await;
        match &*last {
            Some((at, outcome)) if at.elapsed() < REMEMBERED => outcome.clone(),
            _ => {
                let outcome = read.await;
                *last = Some((Instant::now(), outcome.clone()));
                outcome
            }
        }
    }
}
