//! The entries and their totals, changed together or not at all, in a database or a document alike.

use super::database::Access;
use super::document::{self, Document};
use super::entry::{Draft, Entry};
use crate::core::QueueState;
use crate::driver::js;
use js_sys::Date;
use wasm_bindgen::JsValue;

/// The key of the totals, before that of any entry.
pub(super) const TOTALS_KEY: f64 = 0.0;

/// Where the entries are.
pub(super) enum Place {
    Database(Access),
    Document(Document),
}

/// What becomes of an entry that is met.
pub(super) enum Verdict {
    Keep,
    /// It was sent, or nobody will ever send it.
    Remove,
    /// There is no room for it.
    Drop,
    /// It stays, and nothing behind it is looked at.
    Stop,
}

/// An open transaction.
pub(super) struct Transaction {
    place: Place,
    /// The totals, as they will be.
    pub(super) state: QueueState,
    /// The key of the newest entry that there ever was.
    last: f64,
    changed: bool,
}

impl Transaction {
    pub(super) async fn begin(place: Place) -> Result<Transaction, String> {
        let totals = place.get(TOTALS_KEY).await;
        let mut transaction =
            Transaction { place, state: QueueState::default(), last: TOTALS_KEY, changed: false };
        match totals {
            Ok(totals) => {
                let read = |name| js::get(&totals, name).as_f64().unwrap_or(0.0);
                transaction.state =
                    QueueState { count: read("count"), bytes: read("bytes"), dropped: read("dropped") };
                transaction.last = read("last");
                Ok(transaction)
            }
            Err(why) => transaction.finish(Err(why)).await,
        }
    }

    /// How many bytes of detections fit where the queue is.
    pub(super) fn limit(&self) -> f64 {
        match self.place {
            Place::Database(_) => f64::INFINITY,
            Place::Document(_) => document::LIMIT_BYTES,
        }
    }

    /// Adds an entry behind all others.
    pub(super) fn add(&mut self, owner: &str, draft: Draft) -> Result<(), String> {
        // By the clock, so that a key is not used again in a queue that was cleared: another tab might remove it.
        self.last = Date::now().max(self.last + 1.0);
        self.state.count += 1.0;
        self.state.bytes += draft.bytes();
        self.changed = true;
        self.place.put(&draft.into_entry(self.last, owner).0)
    }

    /// Goes through the entries, the oldest first, and does with each what `judge` says.
    pub(super) async fn sweep(
        &mut self,
        judge: &mut dyn FnMut(&Entry, &QueueState) -> Verdict,
    ) -> Result<(), String> {
        let mut after = TOTALS_KEY;
        loop {
            let entries = self.place.some_after(after).await?;
            if entries.is_empty() {
                return Ok(());
            }
            for entry in entries {
                after = entry.key();
                let verdict = judge(&entry, &self.state);
                match verdict {
                    Verdict::Stop => return Ok(()),
                    Verdict::Keep => continue,
                    Verdict::Drop => self.state.dropped += 1.0,
                    Verdict::Remove => {}
                }
                self.state.count -= 1.0;
                self.state.bytes -= entry.bytes();
                self.changed = true;
                self.place.delete(after)?;
            }
        }
    }

    /// Keeps the changes if `outcome` is good, and undoes them if it is not.
    pub(super) async fn finish<T>(self, outcome: Result<T, String>) -> Result<T, String> {
        let outcome = match outcome {
            Ok(value) if self.changed => self.put_totals().map(|()| value),
            other => other,
        };
        match self.place.finish(self.changed && outcome.is_ok()).await {
            Ok(()) => outcome,
            // What went wrong first says more.
            Err(why) => outcome.and(Err(why)),
        }
    }

    fn put_totals(&self) -> Result<(), String> {
        let totals = js::object(&[
            ("key", TOTALS_KEY.into()),
            ("count", self.state.count.into()),
            ("bytes", self.state.bytes.into()),
            ("dropped", self.state.dropped.into()),
            ("last", self.last.into()),
        ]);
        self.place.put(&totals)
    }
}

impl Place {
    /// What is under `key`, or `undefined`.
    async fn get(&self, key: f64) -> Result<JsValue, String> {
        match self {
            Place::Database(access) => access.get(key).await,
            Place::Document(document) => Ok(document.get(key)),
        }
    }

    /// Some entries behind `key`, in their order; none only where there are none.
    async fn some_after(&self, key: f64) -> Result<Vec<Entry>, String> {
        match self {
            Place::Database(access) => access.some_after(key).await,
            Place::Document(document) => Ok(document.all_after(key)),
        }
    }

    fn put(&self, value: &JsValue) -> Result<(), String> {
        match self {
            Place::Database(access) => access.put(value),
            Place::Document(document) => {
                document.put(value);
                Ok(())
            }
        }
    }

    fn delete(&self, key: f64) -> Result<(), String> {
        match self {
            Place::Database(access) => access.delete(key),
            Place::Document(document) => {
                document.delete(key);
                Ok(())
            }
        }
    }

    async fn finish(self, keep: bool) -> Result<(), String> {
        match self {
            Place::Database(access) => access.finish(keep).await,
            Place::Document(document) if keep => document.write().await,
            Place::Document(_) => Ok(()),
        }
    }
}
