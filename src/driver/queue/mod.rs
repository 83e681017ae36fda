//! Where detections wait until they are sent: a bounded queue that outlives the page. One job after the other, each
//! answered once. What a job makes of the entries is in `queue.js`.

use super::js;
use super::pump::Driver;
use super::table::Queue;
use super::wire;
use crate::core::{Addition, Batch, Event, QueueState, Ticket, Warning};
use js_sys::{Array, Promise};
use sentiance_protocol::Detection;
use std::cell::Cell;
use wasm_bindgen::prelude::wasm_bindgen;
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::spawn_local;

/// How long one job may take.
const DEADLINE_MS: f64 = 3_000.0;
/// The key of the queue where it is a document in the storage.
const KEY: &str = "sentiance.core.queue";
/// How many bytes of detections it may hold there: every change writes the whole of it.
const DOCUMENT_LIMIT_BYTES: f64 = 256.0 * 1024.0;

#[wasm_bindgen(module = "/src/driver/queue/queue.js")]
extern "C" {
    #[wasm_bindgen(js_name = inDatabase)]
    fn in_database(job: &JsValue) -> Promise;
    #[wasm_bindgen(js_name = inText, catch)]
    fn in_text(job: &JsValue, text: &JsValue) -> Result<JsValue, JsValue>;
    #[wasm_bindgen(js_name = clearDatabase)]
    fn clear_database(epoch: u32) -> Promise;
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
    Take { ticket: Ticket, install_id: String, epoch: u32, max_bytes: usize, max_entries: usize },
    Drop(Ticket, Vec<f64>),
    Clear(u32),
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

/// In a page whose storage lasts, the queue is in IndexedDB; elsewhere in the storage of the record. An app that wants
/// nothing on the disk gets nothing there.
async fn perform(driver: &'static Driver, job: &Job) -> Result<JsValue, String> {
    let in_page = driver.storage.is_shared();
    if in_page {
        let started = match job {
            Job::Clear(epoch) => clear_database(*epoch),
            _ => in_database(&job.to_js(f64::MAX)),
        };
        return match js::within(&started, DEADLINE_MS, false).await {
            Some(outcome) => outcome.map_err(|thrown| js::describe(&thrown)),
            None => Err("the database did not answer in time".to_owned()),
        };
    }
    let store = driver.storage.opened().ok_or("no storage is open")?;
    // Other processes may use the same file.
    let _guard = driver.storage.guard(&store).await;
    if let Job::Clear(_) = job {
        return store.remove(KEY).await.map(|()| JsValue::UNDEFINED);
    }
    let text = store.get(KEY).await?;
    let before = text.map_or(JsValue::NULL, JsValue::from);
    let done = in_text(&job.to_js(DOCUMENT_LIMIT_BYTES), &before).map_err(|thrown| js::describe(&thrown))?;
    let after = js::get(&done, "text");
    if after != before {
        store.set(KEY, &after.as_string().unwrap_or_default()).await?;
    }
    Ok(done)
}

impl Job {
    /// The job, as `queue.js` takes it.
    fn to_js(&self, limit_bytes: f64) -> JsValue {
        match self {
            Job::Add(_, addition) => {
                let is_vital = addition.detections.iter().any(|detection| detection.trip.is_some());
                js::object(&[
                    ("owner", addition.install_id.as_str().into()),
                    ("epoch", addition.epoch.into()),
                    ("add", addition.detections.iter().map(entry).collect::<Array>().into()),
                    ("limit", addition.limit_bytes.min(limit_bytes).into()),
                    // A trip is told once, so that not even a crash of the system may lose it; of positions, the next
                    // is not far.
                    ("vital", is_vital.into()),
                ])
            }
            Job::Take { install_id, epoch, max_bytes, max_entries, .. } => js::object(&[
                ("owner", install_id.as_str().into()),
                ("epoch", (*epoch).into()),
                ("take", (*max_bytes as f64).into()),
                ("most", (*max_entries as f64).into()),
            ]),
            Job::Drop(_, keys) => {
                let keys: Array = keys.iter().copied().map(JsValue::from).collect();
                js::object(&[("drop", keys.into())])
            }
            Job::Clear(_) => js::object(&[]),
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
        self.dispatch(match job {
            Job::Add(ticket, _) | Job::Drop(ticket, _) => {
                Event::Queued(ticket, answer.as_ref().map(read_state).map_err(String::clone))
            }
            Job::Take { ticket, .. } => {
                Event::Batch(ticket, answer.as_ref().map(read_batch).map_err(String::clone))
            }
            // A failure does no harm: what is left belongs to an install that is gone, and goes when it is met.
            Job::Clear(_) => return,
        });
        self.look_around_after_write();
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
