//! Detections: what a use case may ask of the database about them, and how they are stored on any engine.
//!
//! Positions and motions come by the hundred, are never changed, and are read by time. So they are stored as
//! [blocks](Block): up to [`BLOCK_MAX_ENTRIES`] of one user, one kind and one day (UTC), column by column. The blocks of a
//! kind are ordered by the keys of their detections and do not overlap, as the leaves of a b-tree: a detection has one
//! place, and a repetition is found there. A trip changes while it goes on, and is a row of its own.
//!
//! What was stored before there were blocks is in [old rows](OldRows) until the platform has brought it over.

mod block;
mod columns;
mod list;
mod old_rows;
mod record;

pub use block::{BLOCK_MAX_ENTRIES, Block};
pub use list::{Listing, Order, Start, list};
pub use old_rows::{Conversion, OldRows, bring_over, bring_trip_over};
pub use record::{Recorded, record};

use super::StoreError;
use crate::{
    clock::Timestamp,
    model::{AppId, DetectionId, DetectionKey, StoredDetection, UserId},
};
use sentiance_protocol::DetectionType;
use std::{future::Future, time::Duration};

type Stored<T> = Result<T, StoreError>;

/// Whose detections, and of which kind.
#[derive(Clone, Copy, Debug)]
pub struct Of<'a> {
    /// The application.
    pub app: &'a AppId,
    /// Its user.
    pub user: &'a UserId,
    /// Their kind.
    pub kind: DetectionType,
}

/// How large a page may be: it ends where either is reached, but not before its first row.
#[derive(Clone, Copy, Debug)]
pub struct Page {
    /// Rows.
    pub limit: u32,
    /// Bytes of content.
    pub bytes: usize,
}

/// How many bytes are stored.
#[derive(Clone, Copy, Debug)]
pub struct StoredBytes {
    /// For the user.
    pub of_user: u64,
    /// For the user, on the day that was asked for.
    pub of_user_today: u64,
    /// For all users of the application.
    pub of_application: u64,
}

/// Detections, and how many bytes they take.
pub trait Detections: Send {
    /// Blocks by the keys with which they begin, at most so many.
    fn list_blocks(
        &mut self,
        of: Of<'_>,
        start: Start<'_>,
        limit: u32,
    ) -> impl Future<Output = Stored<Vec<Block>>> + Send;
    /// Adds a block. `dated` tells when it is old enough to go: the time of its last detection, but not later than that at
    /// which it was stored.
    fn insert_block(
        &mut self,
        of: Of<'_>,
        block: &Block,
        dated: Timestamp,
    ) -> impl Future<Output = Stored<()>> + Send;
    /// Puts a block in the place of the one that begins with this key.
    fn replace_block(
        &mut self,
        of: Of<'_>,
        first: &DetectionKey,
        block: &Block,
        dated: Timestamp,
    ) -> impl Future<Output = Stored<()>> + Send;

    /// The user's trip of that id.
    fn find_trip(
        &mut self,
        app: &AppId,
        user: &UserId,
        trip: &DetectionId,
    ) -> impl Future<Output = Stored<Option<StoredDetection>>> + Send;
    /// Adds a trip, or replaces what is known of it.
    fn save_trip(
        &mut self,
        app: &AppId,
        user: &UserId,
        trip: &StoredDetection,
        dated: Timestamp,
    ) -> impl Future<Output = Stored<()>> + Send;
    /// Trips by their keys, and whether there are more than fit into the page.
    fn list_trips(
        &mut self,
        of: Of<'_>,
        start: Start<'_>,
        page: Page,
    ) -> impl Future<Output = Stored<(Vec<StoredDetection>, bool)>> + Send;

    /// Counts so many bytes more (or fewer) for a user, and where they were uploaded for that day since 1970; tells how
    /// many there are then.
    fn count_stored(
        &mut self,
        app: &AppId,
        user: &UserId,
        bytes: i64,
        day: Option<i64>,
    ) -> impl Future<Output = Stored<StoredBytes>> + Send;
    /// How many bytes are counted for all applications.
    fn stored_bytes(&mut self) -> impl Future<Output = Stored<u64>> + Send;

    /// Deletes detections of a user, at most so many rows and about so many bytes; gives what is left of that, or nothing
    /// where there may be more of them.
    fn delete_detections(
        &mut self,
        app: &AppId,
        user: &UserId,
        batch: Page,
    ) -> impl Future<Output = Stored<Option<Page>>> + Send;
    /// Applications of which detections go after a time, and after what time; those after this one in order of ids, at
    /// most so many.
    fn detections_retentions(
        &mut self,
        default: Option<Duration>,
        after: Option<&AppId>,
        limit: u32,
    ) -> impl Future<Output = Stored<Vec<(AppId, Duration)>>> + Send;
    /// Deletes blocks and trips of an application that are dated before that time, at most so many of each, and reads no
    /// content. Returns the user of each, and the bytes that were counted for it.
    fn delete_detections_before(
        &mut self,
        app: &AppId,
        time: Timestamp,
        limit: u32,
    ) -> impl Future<Output = Stored<Vec<(UserId, u64)>>> + Send;
}
