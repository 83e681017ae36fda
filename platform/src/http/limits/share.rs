//! Which part of every limit this platform gives, where several serve one database.
//!
//! Limits count in the memory of one process. Counting together would cost a write to the database for each request; so
//! each of several platforms gives its part, and a proxy that spreads requests evenly lets callers have about all of it. A
//! caller who always comes to the same one has that part only.

use super::Limit;
use std::sync::{
    Arc,
    atomic::{AtomicU32, Ordering},
};

/// The number of platforms that share the limits. Clones are the same.
#[derive(Clone, Debug)]
pub(super) struct Share(Arc<AtomicU32>);

impl Default for Share {
    fn default() -> Self {
        Share(Arc::new(AtomicU32::new(1)))
    }
}

impl Share {
    pub(super) fn set(&self, replicas: u32) {
        self.0.store(replicas.max(1), Ordering::Relaxed);
    }

    /// The part of a limit.
    pub(super) fn of(&self, limit: Limit) -> Limit {
        limit.divided_by(self.0.load(Ordering::Relaxed))
    }
}
