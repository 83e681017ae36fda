//! What the state machine knows of the queue of detections, which the driver keeps: in IndexedDB, or in the storage.
//!
//! Every entry belongs to one install. What an earlier install has left is never sent, and is removed when it is met.
//! Which is the earlier one, the record's epoch tells: a tab that does not know yet who is there must not harm the newer.

use sentiance_protocol::Detection;

/// A queue's answer: how much it holds, or why it can't be used.
pub type QueueOutcome = Result<QueueState, String>;

/// How much the queue holds.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct QueueState {
    /// Entries.
    pub count: f64,
    /// Bytes, as they will be sent.
    pub bytes: f64,
    /// How many entries were dropped for want of room since the queue was last cleared.
    pub dropped: f64,
}

/// Entries to be added, all of them or none.
#[derive(Clone, Debug)]
pub struct Addition {
    /// The install that recorded them.
    pub install_id: String,
    /// The record's epoch, as the tab knows it. Where the queue is another install's of a later one, nothing is added.
    pub epoch: u32,
    /// The entries.
    pub detections: Vec<Detection>,
    /// How many bytes the queue may hold. To make room, the oldest positions and motions go, never a trip.
    pub limit_bytes: f64,
}

/// The oldest entries, as one body of a request.
#[derive(Clone, Debug, Default)]
pub struct Batch {
    /// What the queue calls them, to be handed back when they were sent.
    pub keys: Vec<f64>,
    /// The body: a `DetectionsRequest`, no longer than was asked for.
    pub body: String,
    /// How many entries were dropped, since each alone is longer than a body may be.
    pub oversized: f64,
    /// What the queue holds, these entries among it.
    pub state: QueueState,
}
