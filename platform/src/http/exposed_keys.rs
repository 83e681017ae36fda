//! API keys that browsers send: refused before anything is looked up, and then reported, since such a key is in a page
//! where everybody can read it.

use super::{Platform, credentials::bearer, trace::Traced};
use crate::{
    domain::RecordExposedKey,
    secret::{ApiKey, Plain},
};
use axum::extract::Request;
use std::sync::Arc;
use tokio::sync::Semaphore;

/// Reports one key at a time: anybody can send what looks like one, and must not keep the database busy with it.
#[derive(Debug)]
pub(super) struct Reporter {
    turn: Arc<Semaphore>,
}

impl Default for Reporter {
    fn default() -> Self {
        Reporter { turn: Arc::new(Semaphore::new(1)) }
    }
}

/// Records the key of a refused request, if there is such a key. The answer does not wait for it and tells nothing of it.
pub(super) fn report(platform: &Arc<Platform>, request: &Request) {
    let Some(key) = bearer(request.headers()).and_then(Plain::<ApiKey>::parse) else { return };
    // While one is looked up, others are not: a page that has a key sends it again.
    let Ok(turn) = platform.exposed_keys.turn.clone().try_acquire_owned() else { return };
    let Traced(trace) = request.extensions().get().cloned().unwrap_or_default();
    let platform = platform.clone();
    tokio::spawn(async move {
        let record = RecordExposedKey { hash: key.hash(), trace, now: platform.clock.now() };
        if let Err(error) = platform.store.write(record).await {
            tracing::warn!(%error, "an API key that a browser sent could not be reported");
        }
        drop(turn);
    });
}
