//! Where detections wait until they are sent: a bounded queue that outlives the page. One job after the other, each
//! answered once. What a job makes of the entries is in `queue.js`.

use super::js;
use super::pump::Driver;
use super::table::Queue;
use super::wire;
use crate::core::{
    Addition, Batch, Claim, Effect, Event, QueueFailure, QueueState, SideStore, Ticket, Warning,
};
use js_sys::{Array, Promise};
use sentiance_protocol::Detection;
use std::cell::Cell;
use wasm_bindgen::prelude::wasm_bindgen;
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::spawn_local;

/// How long one job may take: `queue.js` opens the database twice, and tries the transaction twice, for two seconds each.
const DEADLINE_MS: f64 = 9_000.0;
/// The key of the queue where it is a document in the storage.
const KEY: &str = "sentiance.core.queue";
/// How many bytes of detections it may hold there: every change writes the whole of it.
const DOCUMENT_LIMIT_BYTES: f64 = 256.0 * 1024.0;

#[wasm_bindgen(module = "/src/driver/queue/queue.js")]
extern "C" {
    #[wasm_bindgen(js_name = inDatabase, catch)]
    fn in_database(job: &JsValue) -> Result<Promise, JsValue>;
    #[wasm_bindgen(js_name = inText, catch)]
    fn in_text(job: &JsValue, text: &JsValue) -> Result<JsValue, JsValue>;
}

/// What is to be done with the queue.
#[derive(Default)]
pub(super) struct DetectionQueue {
    jobs: Queue<Job>,
    working: Cell<bool>,
}

/// Something to be done with the queue.
pub(super) enum Job {
    Add(Ticket, Box<Addition>),
    Take { ticket: Ticket, claim: Claim, max_bytes: usize, max_entries: usize },
    Drop(Ticket, Vec<f64>),
    Clear { ticket: Ticket, claim: Claim, all: bool },
}

impl DetectionQueue {
    pub(super) fn push(&self, driver: &'static Driver, job: Job) {
        self.jobs.push(job);
        if self.working.replace(true) {
            return;
        }
        spawn_local(async move {
            while let Some(job) = driver.queue.jobs.pop() {
                let answer = perform(driver, &job).await;
                driver.answer(job, answer);
            }
            driver.queue.working.set(false);
        });
    }
}

/// Where the record is in `localStorage`, the queue is in IndexedDB, which has room; elsewhere it is in the storage of the
/// record. An app that wants nothing on the disk gets nothing there, and what is lost is lost together.
async fn perform(driver: &'static Driver, job: &Job) -> Result<JsValue, String> {
    let describe = |thrown| js::describe(&thrown);
    if driver.storage.local().is_some() {
        let started = in_database(&job.to_js(f64::MAX)).map_err(describe)?;
        return match js::within(&started, DEADLINE_MS, false).await {
            Some(outcome) => outcome.map_err(describe),
            None => Err("the database did not answer in time".to_owned()),
        };
    }
    let store = driver.storage.opened().ok_or("no storage is open")?;
    // Other processes may use the same file, other tabs the same adapter.
    let _guard = driver.storage.guard(&store).await;
    let text = store.get(KEY).await?;
    if let (None, Some(claim)) = (&text, job.claim())
        && let Err(epoch) = driver.storage.check_by_record(&store, claim).await
    {
        return Ok(js::object(&[("superseded", epoch.into())]).into());
    }
    let before = text.map_or(JsValue::NULL, JsValue::from);
    let done = in_text(&job.to_js(DOCUMENT_LIMIT_BYTES), &before).map_err(describe)?;
    let after = js::get(&done, "text");
    if matches!(job, Job::Clear { .. }) && !before.is_null() && superseding_epoch(&done).is_none() {
        store.remove(KEY).await?;
    } else if after != before && !matches!(job, Job::Clear { .. }) {
        store.set(KEY, &after.as_string().unwrap_or_default()).await?;
    }
    Ok(done)
}

/// The epoch that the queue knows, where it could not accept a job.
fn superseding_epoch(answer: &JsValue) -> Option<u32> {
    js::get(answer, "superseded").as_f64().map(|epoch| epoch as u32)
}

impl Job {
    /// In whose name it adds.
    fn claim(&self) -> Option<&Claim> {
        match self {
            Job::Add(_, addition) => Some(&addition.claim),
            _ => None,
        }
    }

    /// The job, as `queue.js` takes it.
    fn to_js(&self, limit_bytes: f64) -> JsValue {
        match self {
            Job::Add(_, addition) => {
                let is_vital = addition.detections.iter().any(|detection| detection.trip.is_some());
                js::object(&[
                    ("owner", addition.claim.install_id.clone().into()),
                    ("epoch", addition.claim.epoch.into()),
                    ("add", addition.detections.iter().map(entry).collect::<Array>().into()),
                    ("limit", addition.limit_bytes.min(limit_bytes).into()),
                    // A trip is told once, so that not even a crash of the system may lose it; of positions, the next
                    // is not far.
                    ("vital", is_vital.into()),
                ])
            }
            Job::Take { claim, max_bytes, max_entries, .. } => js::object(&[
                ("owner", claim.install_id.clone().into()),
                ("epoch", claim.epoch.into()),
                ("take", (*max_bytes as f64).into()),
                ("most", (*max_entries as f64).into()),
            ]),
            Job::Drop(_, keys) => {
                let keys: Array = keys.iter().copied().map(JsValue::from).collect();
                js::object(&[("drop", keys.into())])
            }
            Job::Clear { claim, .. } => js::object(&[("epoch", claim.epoch.into()), ("clear", true.into())]),
        }
        .into()
    }
}

fn entry(detection: &Detection) -> JsValue {
    let text = wire::write(detection).unwrap_or_default();
    js::object(&[
        ("bytes", (text.len() as f64).into()),
        ("detail", detection.trip.is_none().into()),
        ("text", text.into()),
    ])
    .into()
}

impl Driver {
    /// Tells the core what came of a job.
    fn answer(&'static self, job: Job, answer: Result<JsValue, String>) {
        if let Ok(answer) = &answer
            && let Some(why) = js::text(&js::get(answer, "unavailable"))
        {
            self.warn(&Warning::queue_unavailable(&why));
        }
        if let Some(epoch) = answer.as_ref().ok().and_then(superseding_epoch) {
            return self.dispatch(Event::Superseded(epoch, Box::new(job.into_effect())));
        }
        self.dispatch(match job {
            Job::Add(ticket, _) | Job::Drop(ticket, _) => {
                let failed = |why: String| QueueFailure { is_full: is_full(&why), why };
                Event::Queued(ticket, answer.map(|answer| read_state(&answer)).map_err(failed))
            }
            Job::Take { ticket, .. } => Event::Batch(ticket, answer.map(|answer| read_batch(&answer))),
            Job::Clear { ticket, .. } => return self.dispatch(Event::Cleared(ticket, answer.map(drop))),
        });
        self.look_around_after_write();
    }
}

/// Whether the browser, an app's storage or the queue's own limit left no room. Every one of them says it by this name.
fn is_full(why: &str) -> bool {
    why.starts_with("QuotaExceededError")
}

impl Job {
    /// The effect that this job performs.
    fn into_effect(self) -> Effect {
        match self {
            Job::Add(ticket, addition) => Effect::Enqueue(ticket, addition),
            Job::Take { ticket, claim, max_bytes, max_entries } => {
                Effect::TakeBatch { ticket, claim, max_bytes, max_entries }
            }
            Job::Drop(ticket, keys) => Effect::DropBatch(ticket, keys),
            Job::Clear { ticket, claim, all } => {
                Effect::Clear { ticket, store: SideStore::Queue, claim, all }
            }
        }
    }
}

fn read_state(answer: &JsValue) -> QueueState {
    let number = |name| js::get(answer, name).as_f64().unwrap_or(0.0);
    QueueState { count: number("count"), bytes: number("bytes"), dropped: number("dropped") }
}

fn read_batch(answer: &JsValue) -> Batch {
    let keys = js::get(answer, "keys").dyn_into::<Array>().unwrap_or_default();
    Batch {
        keys: keys.iter().filter_map(|key| key.as_f64()).collect(),
        body: js::get(answer, "body").as_string().unwrap_or_default(),
        oversized: js::get(answer, "oversized").as_f64().unwrap_or(0.0),
        state: read_state(answer),
    }
}
