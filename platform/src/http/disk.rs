//! The reserve of the disk: uploads and new users are refused before it is full, so that there is room for what makes
//! room (deleting) and for what users cannot do without (codes, creations, refreshes).

use super::{Platform, failure::Failure, limits::Policy};
use crate::{domain::SumStored, store::Store};
use sentiance_protocol::ErrorCode;
use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};
use tokio::{task::spawn_blocking, time::sleep};

/// How often the disk is looked at.
const INTERVAL: Duration = Duration::from_secs(2);
/// How long an upload waits for room, in seconds.
const RETRY_AFTER_SECONDS: u64 = 60;

/// What is known of the disk.
#[derive(Debug)]
pub(super) struct Disk {
    /// How many bytes stay free.
    reserve: u64,
    free: AtomicU64,
}

/// How near the reserve is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Room {
    Enough,
    /// Less than twice the reserve: somebody should know.
    Little,
    /// The reserve has begun.
    None,
}

impl Disk {
    /// The disk as it is now.
    pub(super) fn new(reserve: u64, store: &Store) -> Self {
        Disk { reserve, free: AtomicU64::new(store.free_bytes().unwrap_or(u64::MAX)) }
    }

    /// Refuses what needs room where the reserve has begun.
    pub(super) fn admit(&self) -> Result<(), Failure> {
        if self.room() != Room::None {
            return Ok(());
        }
        let refusal = Failure::saying(ErrorCode::DatabaseUnavailable, Policy::DiskReserve.refusal());
        Err(Failure { limit: Some(Policy::DiskReserve), retry_after: Some(RETRY_AFTER_SECONDS), ..refusal })
    }

    fn room(&self) -> Room {
        match self.free.load(Ordering::Relaxed) {
            free if free < self.reserve => Room::None,
            free if free < self.reserve.saturating_mul(2) => Room::Little,
            _ => Room::Enough,
        }
    }
}

/// Looks at the disk for as long as the platform runs, and says when the reserve comes near, begins and is over.
pub(super) async fn watch(platform: Arc<Platform>) {
    let mut before = Room::Enough;
    loop {
        let store = platform.store.clone();
        // It may take long where the disk is a network's.
        if let Ok(Some(free)) = spawn_blocking(move || store.free_bytes()).await {
            platform.disk.free.store(free, Ordering::Relaxed);
            platform.metrics.disk_has(free);
            let (room, reserve) = (platform.disk.room(), platform.disk.reserve);
            match room {
                _ if room == before => {}
                Room::None => tracing::error!(free, reserve, "the disk is nearly full: uploads are refused"),
                Room::Little => tracing::warn!(free, reserve, "the disk has little room left"),
                Room::Enough => tracing::info!(free, reserve, "the disk has room again"),
            }
            before = room;
        }
        if let Ok(bytes) = platform.store.read(SumStored).await {
            platform.metrics.has_stored(bytes);
        }
        sleep(INTERVAL).await;
    }
}
