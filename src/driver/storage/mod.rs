//! Where the record and its documents live: loads, commits and edits in their order, each within a deadline.

mod documents;
mod store;

use super::js;
use super::locks::{self, Guard};
use super::pump::{Driver, driver};
use super::table::Queue;
use super::wire;
use crate::core::{
    Claim, CommitOutcome, Edit, EditFailure, Effect, Event, LoadOutcome, RECORD_VERSION, Record, SideStore,
    Stamp, Ticket,
};
use sentiance_protocol::{Message, Source};
use std::cell::{Cell, RefCell};
use std::rc::{Rc, Weak};
pub(super) use store::{Choice, Store};
use wasm_bindgen::JsValue;
use wasm_bindgen_futures::spawn_local;

/// The key of the record. Letters and dots only: some secure stores take nothing else.
pub(super) const RECORD_KEY: &str = "sentiance.core";
/// Where a record that can't be read is set aside.
const UNREADABLE_KEY: &str = "sentiance.core.unreadable";
/// Why a record of a later version is not used.
const NEWER: &str = "a newer version of the SDK wrote the record; reload the page";
/// The lock under which the tabs compare and set.
const COMMIT_LOCK: &str = "sentiance.core.commit";
/// How long to wait for that lock: longer than a slow adapter may hold it, so a longer wait means that something is
/// wrong.
const COMMIT_LOCK_MS: f64 = 10_000.0;
/// The same for `localStorage`, with up to as much again, so that not all tabs lose patience at once.
const LOCAL_LOCK_MS: f64 = 2_000.0;
/// How long that lock is held after a write to `localStorage`. Chromium brings a write to the other tabs' processes a
/// moment later; without this, the next tab under the lock can read what was there before.
pub(super) const PROPAGATION_MS: f64 = 50.0;

/// The storage and what is to be done with it.
#[derive(Default)]
pub(super) struct Storage {
    choice: RefCell<Choice>,
    store: RefCell<Option<Rc<Store>>>,
    jobs: Queue<Job>,
    working: Cell<bool>,
    /// The lock of the last write, while it is held for the other tabs' sake.
    lingering: RefCell<Weak<Guard>>,
    /// The text of the record when it was last read or written here, as the storage returns it.
    seen: RefCell<JsValue>,
    /// Whether the storage returns promises.
    is_slow: Cell<bool>,
}

enum Job {
    Load(Ticket),
    Commit(Ticket, Stamp, Box<Record>),
    Remove(Ticket, Stamp, Box<Record>),
    Edit(Ticket, Edit),
    ClearDocuments(Ticket, Claim, bool),
}

enum Stored {
    Nothing,
    Record(Box<Record>),
    Unreadable(String),
    /// Of a later version of this package, which another tab may be running.
    Newer,
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
            *self.seen.borrow_mut() = JsValue::NULL;
            self.is_slow.set(false);
        }
    }

    /// Whether other tabs may use the same storage.
    pub(super) fn is_shared(&self) -> bool {
        self.store.borrow().as_ref().is_some_and(|store| store.is_shared())
    }

    /// The file in use, if that is the storage.
    pub(super) fn file(&self) -> Option<JsValue> {
        self.store.borrow().as_ref().and_then(|store| store.file().cloned())
    }

    /// The page's `localStorage`, if that is the storage in use.
    pub(super) fn local(&self) -> Option<web_sys::Storage> {
        self.store.borrow().as_ref().and_then(|store| store.local())
    }

    /// The storage in use, once the first load has opened it.
    pub(super) fn opened(&self) -> Option<Rc<Store>> {
        self.store.borrow().clone()
    }

    pub(super) fn load(&self, driver: &'static Driver, ticket: Ticket) {
        self.enqueue(driver, Job::Load(ticket));
    }

    pub(super) fn commit(&self, driver: &'static Driver, ticket: Ticket, expected: Stamp, record: Record) {
        self.enqueue(driver, Job::Commit(ticket, expected, Box::new(record)));
    }

    pub(super) fn remove(&self, driver: &'static Driver, ticket: Ticket, expected: Stamp, tombstone: Record) {
        self.enqueue(driver, Job::Remove(ticket, expected, Box::new(tombstone)));
    }

    pub(super) fn edit(&self, driver: &'static Driver, ticket: Ticket, edit: Edit) {
        self.enqueue(driver, Job::Edit(ticket, edit));
    }

    pub(super) fn clear_documents(&self, driver: &'static Driver, ticket: Ticket, claim: Claim, all: bool) {
        self.enqueue(driver, Job::ClearDocuments(ticket, claim, all));
    }

    /// Whether the stored record may be another than the one that was read or written here last. A storage that returns
    /// promises tells that only later.
    pub(super) fn may_differ(&self) -> bool {
        if self.is_slow.get() {
            return true;
        }
        // What can't be read now is taken for what it was.
        let Some(text) = self.opened().and_then(|store| store.peek(RECORD_KEY)) else { return false };
        self.is_slow.set(text.is_object());
        text != *self.seen.borrow()
    }

    fn enqueue(&self, driver: &'static Driver, job: Job) {
        self.jobs.push(job);
        if self.working.replace(true) {
            return;
        }
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
                Event::Committed(ticket, self.compare_and_set(&expected, &record, false).await)
            }
            Job::Remove(ticket, expected, tombstone) => {
                Event::Committed(ticket, self.compare_and_set(&expected, &tombstone, true).await)
            }
            Job::Edit(ticket, edit) => match self.edit_document(&edit).await {
                Err(EditFailure::Superseded(epoch)) => superseded(epoch, Effect::Edit(ticket, edit)),
                outcome => Event::Edited(ticket, outcome),
            },
            Job::ClearDocuments(ticket, claim, all) => match self.clear_documents_now(&claim, all).await {
                Err(EditFailure::Superseded(epoch)) => {
                    superseded(epoch, Effect::Clear { ticket, store: SideStore::Documents, claim, all })
                }
                Err(EditFailure::Storage(why)) => Event::Cleared(ticket, Err(why)),
                _ => Event::Cleared(ticket, Ok(())),
            },
        }
    }

    /// The storage in use, opened if it is not yet.
    fn store(&self) -> Result<Rc<Store>, String> {
        if let Some(store) = &*self.store.borrow() {
            return Ok(Rc::clone(store));
        }
        // Opening runs the app's getters, so nothing may be borrowed.
        let choice = self.choice.borrow().clone();
        let store = Rc::new(Store::open(&choice)?);
        *self.store.borrow_mut() = Some(Rc::clone(&store));
        Ok(store)
    }

    async fn read_for_core(&self) -> LoadOutcome {
        let store = match self.store() {
            Ok(store) => store,
            // Only where the app chose none: what it chose must not be passed over.
            Err(why) if *self.choice.borrow() == Choice::Default => {
                *self.store.borrow_mut() = Some(Rc::new(Store::memory()));
                return LoadOutcome::Unavailable(why);
            }
            Err(why) => return LoadOutcome::Failed(why),
        };
        match self.read(&store).await {
            Ok(Stored::Nothing) => LoadOutcome::Found(None),
            Ok(Stored::Record(record)) => LoadOutcome::Found(Some(record)),
            Ok(Stored::Unreadable(text)) => {
                let _guard = self.guard(&store).await;
                set_aside(&store, &text).await;
                LoadOutcome::Unreadable
            }
            Ok(Stored::Newer) => LoadOutcome::Newer,
            Err(why) => LoadOutcome::Failed(why),
        }
    }

    /// Reads the record, and remembers what was read.
    async fn read(&self, store: &Store) -> Result<Stored, String> {
        let text = store.get(RECORD_KEY).await?;
        *self.seen.borrow_mut() = text.as_deref().map_or(JsValue::NULL, JsValue::from);
        Ok(understand(text))
    }

    /// Whether a store that remembers nothing may accept a claim, by the record that is beside it; else its epoch.
    pub(super) async fn check_by_record(&self, store: &Store, claim: &Claim) -> Result<(), u32> {
        let text = store.get(RECORD_KEY).await.ok().flatten();
        match understand(text) {
            Stored::Record(record) => record.superseding(claim).map_or(Ok(()), Err),
            _ => Ok(()),
        }
    }

    /// The lock under which the tabs (of a file, the processes) compare and set, where they can agree on one.
    pub(super) async fn guard(&self, store: &Store) -> Option<Rc<Guard>> {
        if let Some(file) = store.file() {
            return locks::hold_file(file, COMMIT_LOCK, COMMIT_LOCK_MS).await.map(Rc::new);
        }
        if !store.is_shared() {
            return None;
        }
        // What this tab wrote itself it can read at once, so it goes on under the lock that it still has.
        let lingering = self.lingering.borrow().upgrade();
        if lingering.is_some() {
            return lingering;
        }
        let patience_ms = match store {
            Store::Local(_) => LOCAL_LOCK_MS * (1.0 + js_sys::Math::random()),
            _ => COMMIT_LOCK_MS,
        };
        driver().locks.hold_briefly(COMMIT_LOCK, patience_ms).await.map(Rc::new)
    }

    /// Gives that lock back after a write.
    fn release(&self, store: &Store, guard: Option<Rc<Guard>>) {
        let Some(guard) = guard.filter(|_| store.local().is_some()) else { return };
        *self.lingering.borrow_mut() = Rc::downgrade(&guard);
        spawn_local(async move {
            js::sleep(PROPAGATION_MS).await;
            drop(guard);
        });
    }

    /// The page goes to sleep, and with it what would give the lock back.
    pub(super) fn stop_lingering(&self) {
        if let Some(guard) = self.lingering.take().upgrade() {
            guard.release();
        }
    }

    /// Writes the record if the storage holds what is expected; `after_removal` makes room for it first, and is content
    /// with that.
    async fn compare_and_set(&self, expected: &Stamp, record: &Record, after_removal: bool) -> CommitOutcome {
        let store = match self.store() {
            Ok(store) => store,
            Err(why) => return CommitOutcome::Failed(why),
        };
        let guard = self.guard(&store).await;
        let mut expects = true;
        let stored = match self.read(&store).await {
            Ok(Stored::Nothing) => None,
            Ok(Stored::Record(record)) => Some(record),
            Ok(Stored::Unreadable(text)) => {
                set_aside(&store, &text).await;
                None
            }
            // Only a reset replaces it.
            Ok(Stored::Newer) if after_removal => {
                expects = false;
                None
            }
            Ok(Stored::Newer) => return CommitOutcome::Failed(NEWER.to_owned()),
            Err(why) => return CommitOutcome::Failed(why),
        };
        if expects && Stamp::of(stored.as_deref()) != *expected {
            return CommitOutcome::Conflict(stored);
        }
        let Some(text) = wire::write(record) else {
            return CommitOutcome::Failed("the record could not be encoded".to_owned());
        };
        let mut outcome = Ok(());
        if after_removal {
            outcome = store.remove(RECORD_KEY).await;
            *self.seen.borrow_mut() = JsValue::NULL;
        }
        if outcome.is_ok() {
            let written = store.set(RECORD_KEY, &text).await;
            if written.is_ok() {
                *self.seen.borrow_mut() = text.into();
            }
            outcome = if after_removal { Ok(()) } else { written };
        }
        if record.user.is_none() && record.pending.is_none() {
            // What was set aside is a user's, too.
            let _ = store.remove(UNREADABLE_KEY).await;
        }
        self.release(&store, guard);
        outcome.map_or_else(CommitOutcome::Failed, |()| CommitOutcome::Written)
    }
}

/// Moves what can't be read out of the way, if it can be kept elsewhere and nobody else has done so; else the next
/// commit overwrites it.
async fn set_aside(store: &Store, text: &str) {
    if store.get(RECORD_KEY).await.ok().flatten().as_deref() == Some(text)
        && store.set(UNREADABLE_KEY, text).await.is_ok()
    {
        let _ = store.remove(RECORD_KEY).await;
    }
}

fn superseded(epoch: u32, job: Effect) -> Event {
    Event::Superseded(epoch, Box::new(job))
}

fn understand(text: Option<String>) -> Stored {
    let Some(text) = text else { return Stored::Nothing };
    let parsed = wire::parse(&text);
    let version = parsed.as_ref().and_then(|parsed| parsed.number("version"));
    if version.is_some_and(|version| version > f64::from(RECORD_VERSION)) {
        return Stored::Newer;
    }
    let is_sound = |record: &Record| record.version == RECORD_VERSION && record.is_sound();
    match parsed.and_then(|parsed| Record::read(&parsed)).filter(is_sound) {
        Some(record) => Stored::Record(Box::new(record)),
        None => Stored::Unreadable(text),
    }
}
