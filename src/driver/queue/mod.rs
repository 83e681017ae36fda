//! Where detections wait until they are sent: a bounded queue that outlives the page. One job after the other, each
//! in one transaction, each answered once.
//!
//! | file | job |
//! |---|---|
//! | `jobs` | what is done with the queue, wherever it is |
//! | `transaction` | the entries and their totals, changed together or not at all |
//! | `entry` | one entry |
//! | `database` | IndexedDB, in pages |
//! | `document` | a JSON document beside the record, elsewhere |

mod database;
mod document;
mod entry;
mod jobs;
mod transaction;

use super::pump::Driver;
use super::storage::Store;
use super::table::Queue;
use crate::core::Warning;
use database::{Database, Durability};
use document::Document;
pub(super) use jobs::Job;
use std::cell::{Cell, RefCell};
use std::rc::Rc;
use transaction::{Place, Transaction};
use wasm_bindgen_futures::spawn_local;

/// How long one job may take.
const DEADLINE_MS: f64 = 3_000.0;
/// How many jobs may wait. More come up only where the browser does not get on with them.
const MAX_WAITING: usize = 1_000;

/// The queue and what is to be done with it.
#[derive(Default)]
pub(super) struct DetectionQueue {
    jobs: Queue<Job>,
    working: Cell<bool>,
    database: Database,
    /// In the place of a database that can't be used.
    memory: RefCell<Option<Rc<Store>>>,
}

impl DetectionQueue {
    pub(super) fn push(&self, driver: &Rc<Driver>, job: Job) {
        if self.jobs.len() >= MAX_WAITING {
            return job.refuse(driver);
        }
        self.jobs.push(job);
        if self.working.replace(true) {
            return;
        }
        let driver = Rc::clone(driver);
        spawn_local(async move {
            while let Some(job) = driver.queue.jobs.pop() {
                job.perform(&driver).await;
            }
            driver.queue.working.set(false);
        });
    }

    async fn begin(&self, driver: &Driver, durability: Durability) -> Result<Transaction, String> {
        if self.is_in_database(driver) {
            match self.database.begin(durability, js_sys::Date::now() + DEADLINE_MS).await {
                Ok(access) => return Transaction::begin(Place::Database(access)).await,
                Err(why) => {
                    driver.warn(&Warning::queue_unavailable(&why));
                    *self.memory.borrow_mut() = Some(Rc::new(Store::memory()));
                }
            }
        }
        let document = Document::open(self.store(driver)?).await?;
        Transaction::begin(Place::Document(document)).await
    }

    async fn clear(&self, driver: &Driver) {
        // A failure does no harm: what is left belongs to an install that is gone, and is removed when it is met.
        if self.is_in_database(driver) {
            let _ = self.database.delete(js_sys::Date::now() + DEADLINE_MS).await;
        } else if let Ok(store) = self.store(driver) {
            let _ = Document::remove(&store).await;
        }
    }

    /// Only what may stay on the disk, and is not bounded as tightly as an app's own storage may be.
    fn is_in_database(&self, driver: &Driver) -> bool {
        driver.storage.is_shared() && self.memory.borrow().is_none()
    }

    fn store(&self, driver: &Driver) -> Result<Rc<Store>, String> {
        let memory = self.memory.borrow().clone();
        memory.or_else(|| driver.storage.opened()).ok_or_else(|| "no storage is open".to_owned())
    }
}
