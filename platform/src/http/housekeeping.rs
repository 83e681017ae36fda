//! Forgetting what is too old, from time to time and a little at a time.

use super::Platform;
use crate::domain::CleanUp;
use std::{sync::Arc, time::Duration};
use tokio::time::sleep;

/// Between two batches: others write meanwhile.
const PAUSE: Duration = Duration::from_millis(50);

/// Cleans up for as long as the platform runs.
pub(super) async fn keep_clean(platform: Arc<Platform>) {
    loop {
        let settings = &platform.settings;
        let work = CleanUp {
            keep_events: settings.audit_retention,
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
