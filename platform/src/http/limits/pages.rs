//! Which pages may read that they are limited, known without asking the database.

use axum::http::HeaderValue;
use std::{
    collections::HashSet,
    sync::{Mutex, MutexGuard, PoisonError},
};

/// How many origins are remembered. Applications list them, so no caller can make them many; `dev` has one for each port
/// of this machine.
const CAPACITY: usize = 1000;

/// Origins whose pages could read an answer before. A limit stands before every look-up, so that it cannot ask whether
/// a page's origin is listed; and a page that cannot read its 429 does not know that it must wait.
#[derive(Debug, Default)]
pub(in crate::http) struct KnownPages(Mutex<HashSet<HeaderValue>>);

impl KnownPages {
    /// An answer was shared with this origin.
    pub(super) fn remember(&self, origin: &HeaderValue) {
        let mut known = self.lock();
        if known.contains(origin) {
            return;
        }
        if known.len() >= CAPACITY {
            known.clear();
        }
        known.insert(origin.clone());
    }

    /// Whether one was.
    pub(super) fn knows(&self, origin: &HeaderValue) -> bool {
        self.lock().contains(origin)
    }

    fn lock(&self) -> MutexGuard<'_, HashSet<HeaderValue>> {
        // Nothing in here can panic half-way.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
