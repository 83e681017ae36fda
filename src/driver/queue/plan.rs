//! What a job makes of the queue. Nothing of it happens yet: the place where the queue is does all of it, or nothing.

use super::entry::{Entry, Totals};
use super::{Answer, Job};
use crate::core::{Addition, Batch};
use crate::driver::wire;
use wasm_bindgen::JsValue;

/// What stands before and behind the detections of a batch.
const HEAD: &str = "{\"detections\":[";
const TAIL: &str = "]}";
/// How much of a full queue stays when room is made: less than all but the newest, so that this is done seldom.
const KEPT: f64 = 15.0 / 16.0;

/// The changes.
pub(super) struct Plan {
    /// The keys of entries that go.
    pub(super) removed: Vec<f64>,
    totals: Totals,
    added: Vec<Entry>,
}

/// What comes after a plan.
pub(super) enum Next {
    Done(Answer),
    /// There is more to be done.
    Again,
    /// It can't be done before there is room for it.
    NoRoom,
}

impl Plan {
    pub(super) fn new(totals: Totals) -> Plan {
        Plan { removed: Vec::new(), totals, added: Vec::new() }
    }

    /// What is to be written, if anything.
    pub(super) fn items(&self) -> Vec<JsValue> {
        if self.removed.is_empty() && self.added.is_empty() {
            return Vec::new();
        }
        let added = self.added.iter().map(Entry::to_js);
        std::iter::once(self.totals.to_js()).chain(added).collect()
    }

    /// Plans a job. `entries` are the oldest ones, or none where it needs none; `now` is this device's clock.
    pub(super) fn perform(&mut self, job: &Job, entries: &[Entry], limit_bytes: f64, now: f64) -> Next {
        match job {
            Job::Add(_, addition) => {
                self.add(addition, now);
                if self.totals.state.bytes > addition.limit_bytes.min(limit_bytes) {
                    return Next::NoRoom;
                }
            }
            Job::Take { install_id, max_bytes, .. } => {
                let batch = self.take(entries, install_id, *max_bytes);
                let only_removed = batch.keys.is_empty() && !self.removed.is_empty();
                return if only_removed { Next::Again } else { Next::Done(Answer::Batch(batch)) };
            }
            Job::Drop(_, keys) => {
                for entry in entries.iter().filter(|entry| keys.contains(&entry.key)) {
                    self.remove(entry);
                }
            }
            Job::Clear => {}
        }
        Next::Done(Answer::State(self.totals.state))
    }

    /// Drops the oldest positions and motions.
    pub(super) fn make_room(&mut self, entries: &[Entry]) {
        let enough = self.totals.state.bytes * KEPT;
        for entry in entries {
            if self.totals.state.bytes > enough && entry.is_detail {
                self.drop(entry);
            }
        }
    }

    fn add(&mut self, addition: &Addition, now: f64) {
        for detection in &addition.detections {
            // What can't be encoded can't be sent either.
            let Some(text) = wire::write(detection) else { continue };
            // By the clock, so that no key is used again in a queue that was cleared: another tab may still remove it.
            self.totals.last = now.max(self.totals.last + 1.0);
            self.totals.state.count += 1.0;
            self.totals.state.bytes += text.len() as f64;
            self.added.push(Entry {
                key: self.totals.last,
                owner: addition.install_id.clone(),
                is_detail: detection.trip.is_none(),
                text,
            });
        }
    }

    /// Makes a batch. What another install has left is removed.
    fn take(&mut self, entries: &[Entry], install_id: &str, max_bytes: usize) -> Batch {
        let mut batch = Batch { keys: Vec::new(), body: HEAD.to_owned(), state: self.totals.state };
        for entry in entries {
            // One more for the comma.
            let length = entry.text.len() + 1 + TAIL.len();
            if entry.owner != install_id {
                self.remove(entry);
            } else if HEAD.len() + length > max_bytes {
                // Nothing behind it would ever be sent.
                self.drop(entry);
            } else if batch.body.len() + length > max_bytes {
                break;
            } else {
                if !batch.keys.is_empty() {
                    batch.body.push(',');
                }
                batch.body.push_str(&entry.text);
                batch.keys.push(entry.key);
            }
        }
        batch.body.push_str(TAIL);
        batch.state = self.totals.state;
        batch
    }

    fn drop(&mut self, entry: &Entry) {
        self.totals.state.dropped += 1.0;
        self.remove(entry);
    }

    fn remove(&mut self, entry: &Entry) {
        self.totals.state.count -= 1.0;
        self.totals.state.bytes -= entry.text.len() as f64;
        self.removed.push(entry.key);
    }
}
