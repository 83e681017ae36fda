//! What a server does by itself from time to time: forgetting what is too old, emptying the log, and trying whether
//! something can be written.

use super::Platform;
use crate::{
    domain::{BringOver, CleanUp, Cleaned, ForgetDetections, Ping, RemoveLeftovers},
    store::{Attendance, StoreError},
};
use std::{sync::Arc, time::Duration};
use tokio::time::sleep;

/// Between two batches: others write meanwhile.
const PAUSE: Duration = Duration::from_millis(50);
/// Between two batches of what deleted users have left.
const LEFTOVERS_PAUSE: Duration = Duration::from_millis(20);
/// How often platforms on one database tell each other that they serve: a third of the time after which one is missed.
const ATTEND_INTERVAL: Duration = Duration::from_secs(5);
/// A platform without writes tries one itself when this has passed since the last write.
const TRY_AFTER: Duration = Duration::from_secs(10);
/// How often it is looked whether it must, and how often it tries while it fails.
const TRY_INTERVAL: Duration = Duration::from_secs(1);

/// Finds out which other platforms serve the database, for as long as this one runs.
pub(super) async fn keep_attending(platform: Arc<Platform>) {
    loop {
        match platform.store.attend().await {
            Ok(attendance) => {
                platform.limits.share_among(attendance.replicas);
                platform.metrics.replicas(attendance.replicas);
                platform.attendance.send_replace(Some(attendance));
            }
            // What was found before is the best guess.
            Err(error) => tracing::debug!(%error, "the other platforms on this database are not known"),
        }
        sleep(ATTEND_INTERVAL).await;
    }
}

/// Returns when this platform is the one that does what one does for all.
async fn until_first(platform: &Platform) {
    let is_first = |attendance: &Option<Attendance>| attendance.is_some_and(|known| known.is_first);
    // It ends with the platform only.
    let _ = platform.attendance.subscribe().wait_for(is_first).await;
}

/// Cleans up for as long as the platform runs.
pub(super) async fn keep_clean(platform: Arc<Platform>) {
    // When the clock was last looked at.
    let mut last = None;
    loop {
        until_first(&platform).await;
        clean_up(&platform, &mut last).await;
        forget_detections(&platform).await;
        // What was deleted, or replaced, stands in the log until then.
        match platform.store.empty_log().await {
            Ok(true) => {}
            // Ordinary under load; the metric `database_log_bytes` shows one that grows.
            Ok(false) => tracing::debug!(
                bytes = platform.store.log_bytes(),
                "the database's log cannot be emptied now, since somebody reads; it is tried again later"
            ),
            Err(error) => {
                tracing::warn!(%error, "emptying the database's log failed and is tried again later")
            }
        }
        sleep(platform.settings.clean_up_interval).await;
    }
}

async fn clean_up(platform: &Platform, last: &mut Option<Duration>) {
    let settings = &platform.settings;
    loop {
        let elapsed = platform.clock.elapsed();
        let work = CleanUp {
            keep_events: settings.audit_retention,
            keep_unused_users: settings.unused_user_lifetime,
            lifetimes: settings.lifetimes,
            now: platform.clock.now(),
            elapsed: last.map(|last| elapsed.saturating_sub(last)),
        };
        let cleaned = platform.store.write(work).await;
        if cleaned.is_ok() {
            *last = Some(elapsed);
        }
        match cleaned {
            Ok(Cleaned::Some) => sleep(PAUSE).await,
            Ok(Cleaned::All) => break tell_pause(platform, false),
            Ok(Cleaned::Nothing(_)) => break tell_pause(platform, true),
            Err(error) => break tracing::warn!(%error, "cleaning up failed and is tried again later"),
        }
    }
}

async fn forget_detections(platform: &Platform) {
    let keep = platform.settings.detections_retention;
    let mut next = Some(ForgetDetections { keep, after: None, now: platform.clock.now() });
    while let Some(work) = next {
        next = platform.store.write(work).await.unwrap_or_else(|error| {
            tracing::warn!(%error, "old detections are removed later");
            None
        });
        if next.is_some() {
            sleep(PAUSE).await;
        }
    }
}

/// Once when it begins, and once when it is over.
fn tell_pause(platform: &Platform, is_paused: bool) {
    let before = platform.metrics.clean_up_paused(is_paused);
    if is_paused && !before {
        tracing::warn!(
            "the clock has jumped ahead: nothing is forgotten until it is set right, or has gone on steadily for a day"
        );
    } else if before && !is_paused {
        tracing::info!("the clock is trusted again: what is too old is forgotten");
    }
}

/// Removes what deleted users have left, for as long as the platform runs: soon after a deletion here, and from time to
/// time, one platform for all, what a command or an earlier process has left.
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
        let interval = async {
            sleep(platform.settings.clean_up_interval).await;
            until_first(&platform).await;
        };
        tokio::select! {
            () = platform.leftovers.notified() => {}
            () = interval => {}
        }
    }
}

/// Brings the detections of an earlier version over, until there are none.
pub(super) async fn bring_over(platform: Arc<Platform>) {
    loop {
        match platform.store.write(BringOver { now: platform.clock.now() }).await {
            Ok(true) => sleep(PAUSE).await,
            Ok(false) => break,
            Err(error) => {
                tracing::warn!(%error, "detections of an earlier version are brought over later");
                sleep(platform.settings.clean_up_interval).await;
            }
        }
    }
}

/// Writes by itself, so that a health check needs no write for its response.
pub(super) async fn keep_trying(platform: Arc<Platform>) {
    loop {
        if platform.store.last_success().is_none_or(|last| last > TRY_AFTER) {
            let tried: Result<(), StoreError> = platform.store.write(Ping).await;
            if let Err(error) = tried {
                tracing::warn!(%error, "nothing can be written");
            }
        }
        sleep(TRY_INTERVAL).await;
    }
}
