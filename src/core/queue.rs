//! What the state machine knows of the queue of detections, which the driver keeps: in IndexedDB, or in the storage.
//!
//! Every entry belongs to one install. What an earlier install has left is never sent, and is removed when it is met.
//! Which is the earlier one, the record tells (`claim`).

use super::claim::Claim;
use super::effect::Output;
use super::error::{Code, Reason, SdkError};
use super::event::CallId;
use sentiance_protocol::Detection;

/// What came of a job: how much the queue holds, or why it can't be used.
pub type QueueOutcome = Result<QueueState, QueueFailure>;

/// Why the queue can't be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueueFailure {
    /// Whether there is no room. Only then does the status call the disk full.
    pub is_full: bool,
    /// For a developer.
    pub why: String,
}

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

/// A call that waits until something was added.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Waiting {
    pub(crate) call: CallId,
    /// Which call, as its errors say it; of the others than a trip's start and end, `Unexpected`.
    pub(crate) code: Code,
}

impl Waiting {
    /// How the call ends: what was not kept is not told as done. But a trip whose start could not be queued is under way
    /// all the same: its end will tell of its beginning.
    pub(crate) fn outcome(self, failure: Option<&str>) -> Result<Output, SdkError> {
        match (failure, self.code) {
            (None, Code::Unexpected) => Ok(Output::Bool(true)),
            (None, _) | (Some(_), Code::StartTrip) => Ok(Output::Done),
            (Some(why), code) => Err(SdkError::new(
                code,
                Reason::UnexpectedError,
                ["What was recorded could not be kept: ", why].concat(),
            )),
        }
    }
}

/// Entries to be added, all of them or none.
#[derive(Clone, Debug)]
pub struct Addition {
    /// Whose they are: always an install's.
    pub claim: Claim,
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
