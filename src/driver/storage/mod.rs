//! Where the record lives: loads and commits in their order, each within a deadline.

mod store;

use super::locks;
use super::pump::Driver;
use super::table::Queue;
use super::wire;
use crate::core::{CommitOutcome, Event, LoadOutcome, RECORD_VERSION, Record, Stamp, Ticket};
use std::cell::{Cell, RefCell};
use std::rc::Rc;
pub(super) use store::Choice;
use store::Store;
use wasm_bindgen_futures::spawn_local;

/// The key of the record. Letters and dots only: some secure stores take nothing else.
pub(super) const RECORD_KEY: &str = "sentiance.core";
/// Where a record that can't be read is set aside.
const UNREADABLE_KEY: &str = "sentiance.core.unreadable";
/// The lock under which the tabs compare and set.
const COMMIT_LOCK: &str = "sentiance.core.commit";
/// How long to wait for that lock. It is held for a moment only, so a longer wait means that something is wrong.
const COMMIT_LOCK_MS: f64 = 1_000.0;

/// The storage and what is to be done with it.
#[derive(Default)]
pub(super) struct Storage {
    choice: RefCell<Choice>,
    store: RefCell<Option<Rc<Store>>>,
    jobs: Queue<Job>,
    working: Cell<bool>,
}

enum Job {
    Load(Ticket),
    Commit(Ticket, Stamp, Box<Record>),
    Remove(Ticket, Stamp),
}

enum Stored {
    Nothing,
    Record(Box<Record>),
    Unreadable(String),
}

impl Storage {
    /// Whether `choice` is another storage than the one in use.
    pub(super) fn differs_from(&self, choice: &Choice) -> bool {
        *self.choice.borrow() != *choice
    }

    /// Uses another storage from the next load on.
    pub(super) fn choose(&self, choice: Choice) {
        if self.differs_from(&choice) {
            *self.choice.borrow_mut() = choice;
            *self.store.borrow_mut() = None;
        }
    }

    /// Whether other tabs may use the same storage.
    pub(super) fn is_shared(&self) -> bool {
        self.store.borrow().as_ref().is_some_and(|store| store.is_shared())
    }

    /// The page's `localStorage`, if that is the storage in use.
    pub(super) fn local(&self) -> Option<web_sys::Storage> {
        self.store.borrow().as_ref().and_then(|store| store.local())
    }

    pub(super) fn load(&self, driver: &Rc<Driver>, ticket: Ticket) {
        self.enqueue(driver, Job::Load(ticket));
    }

    pub(super) fn commit(&self, driver: &Rc<Driver>, ticket: Ticket, expected: Stamp, record: Record) {
        self.enqueue(driver, Job::Commit(ticket, expected, Box::new(record)));
    }

    pub(super) fn remove(&self, driver: &Rc<Driver>, ticket: Ticket, expected: Stamp) {
        self.enqueue(driver, Job::Remove(ticket, expected));
    }

    fn enqueue(&self, driver: &Rc<Driver>, job: Job) {
        self.jobs.push(job);
        if self.working.replace(true) {
            return;
        }
        let driver = Rc::clone(driver);
        spawn_local(async move {
            while let Some(job) = driver.storage.jobs.pop() {
                let event = driver.storage.work(job).await;
                driver.dispatch(event);
            }
            driver.storage.working.set(false);
        });
    }

    async fn work(&self, job: Job) -> Event {
        match job {
            Job::Load(ticket) => Event::Loaded(ticket, self.read_for_core().await),
            Job::Commit(ticket, expected, record) => {
                Event::Committed(ticket, self.compare_and_set(&expected, Some(&record)).await)
            }
            Job::Remove(ticket, expected) => {
                Event::Committed(ticket, self.compare_and_set(&expected, None).await)
            }
        }
    }

    /// The storage in use, opened if it is not yet.
    fn store(&self) -> Result<Rc<Store>, String> {
        if let Some(store) = &*self.store.borrow() {
            return Ok(Rc::clone(store));
        }
        let store = Rc::new(Store::open(&self.choice.borrow())?);
        *self.store.borrow_mut() = Some(Rc::clone(&store));
        Ok(store)
    }

    async fn read_for_core(&self) -> LoadOutcome {
        let is_first = self.store.borrow().is_none();
        let read = match self.store() {
            Ok(store) => read(&store).await,
            Err(why) => Err(why),
        };
        match read {
            Ok(Stored::Nothing) => LoadOutcome::Found(None),
            Ok(Stored::Record(record)) => LoadOutcome::Found(Some(record)),
            Ok(Stored::Unreadable(text)) => {
                self.set_aside(&text).await;
                LoadOutcome::Unreadable
            }
            Err(why) => {
                // What can't be read at the start is left alone: writing to it could destroy a user that is there.
                if is_first {
                    *self.store.borrow_mut() = Some(Rc::new(Store::memory()));
                }
                LoadOutcome::Unavailable(why)
            }
        }
    }

    /// Writes the record, or removes it, if the storage holds what is expected.
    async fn compare_and_set(&self, expected: &Stamp, record: Option<&Record>) -> CommitOutcome {
        let store = match self.store() {
            Ok(store) => store,
            Err(why) => return CommitOutcome::Failed(why),
        };
        let _guard = match store.is_shared() {
            true => locks::hold_briefly(COMMIT_LOCK, COMMIT_LOCK_MS).await,
            false => None,
        };
        let stored = match read(&store).await {
            Ok(Stored::Nothing) => None,
            Ok(Stored::Record(record)) => Some(record),
            Ok(Stored::Unreadable(text)) => {
                self.set_aside(&text).await;
                None
            }
            Err(why) => return CommitOutcome::Failed(why),
        };
        if Stamp::of(stored.as_deref()) != *expected {
            return CommitOutcome::Conflict(stored);
        }
        let outcome = match record.map(wire::write) {
            Some(Some(text)) => store.set(RECORD_KEY, &text).await,
            Some(None) => Err("the record could not be encoded".to_owned()),
            None => store.remove(RECORD_KEY).await,
        };
        outcome.map_or_else(CommitOutcome::Failed, |()| CommitOutcome::Written)
    }

    /// Best effort: what can't be set aside is overwritten by the next commit.
    async fn set_aside(&self, text: &str) {
        if let Ok(store) = self.store() {
            let _ = store.set(UNREADABLE_KEY, text).await;
            let _ = store.remove(RECORD_KEY).await;
        }
    }
}

async fn read(store: &Store) -> Result<Stored, String> {
    let Some(text) = store.get(RECORD_KEY).await? else { return Ok(Stored::Nothing) };
    Ok(match wire::read::<Record>(&text).filter(|record| record.version == RECORD_VERSION) {
        Some(record) => Stored::Record(Box::new(record)),
        None => Stored::Unreadable(text),
    })
}
