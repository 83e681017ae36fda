//! Where detections wait until they are sent: a bounded queue that outlives the page. One job after the other, each
//! answered once; the core has a bounded number of them under way.
//!
//! | file | job |
//! |---|---|
//! | `entry` | what is kept |
//! | `plan` | what a job makes of it |
//! | `database` | the place in pages: IndexedDB |
//! | `document` | the place elsewhere: a JSON document beside the record |

mod database;
mod document;
mod entry;
mod plan;

use super::pump::Driver;
use super::storage::Store;
use super::table::Queue;
use crate::core::{Addition, Batch, Event, QueueState, Ticket, Warning};
use database::{Database, Transaction};
use document::Document;
use js_sys::{Array, Date};
use plan::{Next, Plan};
use std::cell::{Cell, RefCell};
use std::rc::Rc;
use wasm_bindgen_futures::spawn_local;

/// How long one job may take.
const DEADLINE_MS: f64 = 3_000.0;
/// How many items are read where entries are needed: more than fit into one request.
const MANY: u32 = 512;
/// What the error of a browser without room begins with.
const NO_ROOM: &str = "QuotaExceededError";

/// The queue and what is to be done with it.
#[derive(Default)]
pub(super) struct DetectionQueue {
    jobs: Queue<Job>,
    working: Cell<bool>,
    database: Database,
    /// In the place of a database that can't be used.
    memory: RefCell<Option<Rc<Store>>>,
}

/// Something to be done with the queue.
pub(super) enum Job {
    Add(Ticket, Box<Addition>),
    Take { ticket: Ticket, install_id: String, max_bytes: usize },
    Drop(Ticket, Vec<f64>),
    Clear,
}

/// What the core is told.
enum Answer {
    State(QueueState),
    Batch(Batch),
}

/// Where the queue is.
enum Place {
    Database(Transaction),
    Document(Document),
}

impl DetectionQueue {
    pub(super) fn push(&self, driver: &Rc<Driver>, job: Job) {
        self.jobs.push(job);
        if self.working.replace(true) {
            return;
        }
        let driver = Rc::clone(driver);
        spawn_local(async move {
            while let Some(job) = driver.queue.jobs.pop() {
                let outcome = driver.queue.run(&driver, &job).await;
                job.answer(&driver, outcome);
            }
            driver.queue.working.set(false);
        });
    }

    async fn run(&self, driver: &Driver, job: &Job) -> Result<Answer, String> {
        let until = Date::now() + DEADLINE_MS;
        if let Job::Clear = job {
            self.clear(driver, until).await;
            return Ok(Answer::State(QueueState::default()));
        }
        let (mut making_room, mut made_room) = (false, false);
        loop {
            let place = self.place(driver, job, until).await?;
            let count = if matches!(job, Job::Add(..)) && !making_room { 1 } else { MANY };
            let (totals, entries) = entry::read(&place.read(count).await?);
            let mut plan = Plan::new(totals);
            let next = if making_room {
                plan.make_room(&entries);
                Next::Again
            } else {
                plan.perform(job, &entries, place.limit_bytes(), Date::now())
            };
            let written = match next {
                Next::NoRoom => Err(NO_ROOM.to_owned()),
                _ => place.write(&plan).await,
            };
            match (next, written) {
                (Next::Done(answer), Ok(())) => return Ok(answer),
                (_, Ok(())) => making_room = false,
                (_, Err(why)) if made_room || !why.starts_with(NO_ROOM) => return Err(why),
                // Once, and by itself: what does not fit undoes what would have made room for it.
                (_, Err(_)) => (making_room, made_room) = (true, true),
            }
        }
    }

    async fn place(&self, driver: &Driver, job: &Job, until: f64) -> Result<Place, String> {
        if self.is_in_database(driver) {
            match self.database.begin(job.is_vital(), until).await {
                Ok(transaction) => return Ok(Place::Database(transaction)),
                Err(why) => {
                    driver.warn(&Warning::queue_unavailable(&why));
                    *self.memory.borrow_mut() = Some(Rc::new(Store::memory()));
                }
            }
        }
        Document::open(self.store(driver)?).await.map(Place::Document)
    }

    async fn clear(&self, driver: &Driver, until: f64) {
        // A failure does no harm: what is left belongs to an install that is gone, and is removed when it is met.
        if self.is_in_database(driver) {
            let _ = self.database.delete(until).await;
        } else if let Ok(store) = self.store(driver) {
            let _ = Document::remove(&store).await;
        }
    }

    /// In a page whose storage lasts. An app that wants nothing on the disk gets nothing there.
    fn is_in_database(&self, driver: &Driver) -> bool {
        driver.storage.is_shared() && self.memory.borrow().is_none()
    }

    fn store(&self, driver: &Driver) -> Result<Rc<Store>, String> {
        let memory = self.memory.borrow().clone();
        memory.or_else(|| driver.storage.opened()).ok_or_else(|| "no storage is open".to_owned())
    }
}

impl Job {
    /// Whether not even a crash of the system may lose it: a trip is told once, but of positions the next is not far.
    fn is_vital(&self) -> bool {
        matches!(self, Job::Add(_, addition) if addition.detections.iter().any(|detection| detection.trip.is_some()))
    }

    fn answer(self, driver: &Rc<Driver>, outcome: Result<Answer, String>) {
        let state = |answer| if let Answer::State(state) = answer { state } else { QueueState::default() };
        let batch = |answer| if let Answer::Batch(batch) = answer { batch } else { Batch::default() };
        driver.dispatch(match self {
            Job::Add(ticket, _) => {
                driver.look_around_after_write();
                Event::Queued(ticket, outcome.map(state))
            }
            Job::Drop(ticket, _) => Event::Queued(ticket, outcome.map(state)),
            Job::Take { ticket, .. } => Event::Batch(ticket, outcome.map(batch)),
            Job::Clear => return,
        });
    }
}

impl Place {
    /// How many bytes of detections it may hold.
    fn limit_bytes(&self) -> f64 {
        match self {
            Place::Database(_) => f64::INFINITY,
            Place::Document(_) => document::LIMIT_BYTES,
        }
    }

    async fn read(&self, count: u32) -> Result<Array, String> {
        match self {
            Place::Database(transaction) => transaction.read(count).await,
            Place::Document(document) => Ok(document.items()),
        }
    }

    async fn write(&self, plan: &Plan) -> Result<(), String> {
        match self {
            Place::Database(transaction) => transaction.write(plan).await,
            Place::Document(document) if !plan.items().is_empty() => document.write(plan).await,
            Place::Document(_) => Ok(()),
        }
    }
}
