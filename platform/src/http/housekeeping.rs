//! Forgetting what is too old, from time to time and a little at a time.

use super::Platform;
use crate::domain::{CleanUp, RemoveLeftovers};
use std::{sync::Arc, time::Duration};
use tokio::time::{sleep, timeout};

/// Between two batches: others write meanwhile.
const PAUSE: Duration = Duration::from_millis(50);

/// Between two batches of what deleted users have left.
const LEFTOVERS_PAUSE: Duration = Duration::from_millis(20);

/// Cleans up for as long as the platform runs.
pub(super) async fn keep_clean(platform: Arc<Platform>) {
    loop {
        let settings = &platform.settings;
        let work = CleanUp {
            keep_events: settings.audit_retention,
            keep_unused_users: settings.unused_user_lifetime,
            lifetimes: settings.lifetimes,
            now: platform.clock.now(),
        };
        loop {
            match platform.store.write(work.clone()).await {
                Ok(true) => sleep(PAUSE).await,
                Ok(false) => break,
                Err(error) => {
                    tracing::warn!(%error, "cleaning up failed and is tried again later");
                    break;
                }
            }
        }
        sleep(settings.clean_up_interval).await;
    }
}

/// Removes what deleted users have left, for as long as the platform runs: soon after a deletion here, and from time to
/// time what a command or an earlier process has left.
pub(super) async fn remove_leftovers(platform: Arc<Platform>) {
    let work = RemoveLeftovers { tombstones_for: platform.settings.lifetimes.refresh_token };
    loop {
        loop {
            match platform.store.write(work.clone()).await {
                Ok(true) => sleep(LEFTOVERS_PAUSE).await,
                Ok(false) => break,
                Err(error) => {
                    tracing::warn!(%error, "what deleted users have left is removed later");
                    break;
                }
            }
        }
        // A deletion meanwhile is not missed: it leaves a permit.
        let _ = timeout(platform.settings.clean_up_interval, platform.leftovers.notified()).await;
    }
}
