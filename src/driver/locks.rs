//! What only one tab does at a time: Web Locks, or a lease in `localStorage` where a browser has none. Processes that share
//! a file have locks beside it.
//!
//! The browser gives a lock back when its tab dies; a lease runs out. Neither is needed for correctness, which
//! compare-and-set guards: they make the second of two tabs fail early, with the right reason.

use super::js;
use super::options::LONGEST_TIMEOUT_MS;
use super::pump::Driver;
use super::storage::PROPAGATION_MS;
use super::table::Table;
use crate::core::{Event, LockName, LockOutcome, Ticket};
use js_sys::{Array, Function, Object, Promise, Set};
use std::cell::{Cell, RefCell};
use std::rc::Rc;
use wasm_bindgen::prelude::Closure;
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::spawn_local;
use web_sys::Storage;

/// How long a browser may take to say whether a lock is free.
const ANSWER_MS: f64 = 2_000.0;
/// How much longer than the call that holds it a lease runs.
const LEASE_MARGIN_MS: f64 = 15_000.0;
/// Longer than any lease runs.
const LONGEST_LEASE_MS: f64 = LONGEST_TIMEOUT_MS + LEASE_MARGIN_MS;

/// How long a process may hold a file's lock for a write, which is done in one go.
const BRIEF_MS: f64 = 5_000.0;
thread_local! {
    /// The functions that give back what this instance of the module holds. Whoever loaded it calls them when it must
    /// not be used any more, and can't give anything back itself.
    static GIVE_BACK: RefCell<Option<Set>> = const { RefCell::new(None) };
}

/// Says where to put the functions that give back what this instance holds.
pub(crate) fn end_with(give_back: Set) {
    GIVE_BACK.with(|slot| *slot.borrow_mut() = Some(give_back));
}

/// A promise for the browser: a lock is held as long as it is pending. And the function that gives the lock back.
///
/// Not a race with a promise of the instance's end: that one would remember every lock there ever was.
pub(super) fn holding() -> (Promise, Function) {
    let (held, give_back) = js::deferred();
    give_back_at_end(&give_back);
    (held, give_back)
}

/// Has `give_back` called when this instance of the module ends, unless that was let go before.
pub(super) fn give_back_at_end(give_back: &Function) {
    GIVE_BACK.with(|slot| slot.borrow().as_ref().map(|set| set.add(give_back)));
}

/// Gives a lock back, or whatever else that function gives back.
pub(super) fn let_go(give_back: &Function) {
    GIVE_BACK.with(|slot| slot.borrow().as_ref().map(|set| set.delete(give_back)));
    let _ = give_back.call0(&JsValue::UNDEFINED);
}

/// The locks that this tab holds.
#[derive(Default)]
pub(super) struct Locks {
    held: Table<LockName, Held>,
    /// What settles when the browser has taken back a lock that was given back, which takes it a moment.
    leaving: Table<LockName, JsValue>,
    tickets: Table<Ticket, LockName>,
    owner: Cell<f64>,
    /// Whether the page has gone, or sleeps.
    away: Cell<bool>,
    /// Ends the waiting for a lock.
    waiting: RefCell<JsValue>,
}

enum Held {
    Web(WebLock),
    Lease(Storage),
    /// Nobody shares this device's storage, or the page is on its way out.
    Alone,
}

/// A Web Lock.
struct WebLock {
    /// Calling it gives the lock back.
    release: Function,
    /// Settles when the browser has it.
    left: JsValue,
}

impl Locks {
    pub(super) fn take(&self, driver: &'static Driver, ticket: Ticket, name: LockName) {
        spawn_local(async move {
            let outcome = match driver.locks.acquire(driver, name).await {
                Ok(held) => {
                    driver.locks.held.insert(name, held);
                    driver.locks.tickets.insert(ticket, name);
                    LockOutcome::Acquired
                }
                Err(outcome) => outcome,
            };
            driver.dispatch(Event::Locked(ticket, outcome));
            if name == LockName::Refresh && outcome == LockOutcome::Busy {
                tell_when_free(driver, name).await;
            }
        });
    }

    async fn acquire(&self, driver: &'static Driver, name: LockName) -> Result<Held, LockOutcome> {
        if self.away.get() && name == LockName::Upload {
            // What would be read for it could not be read to the end, and keep the other tabs from reading.
            return Err(LockOutcome::Busy);
        }
        let lease_ms = driver.options.creation_timeout() + LEASE_MARGIN_MS;
        if let Some(file) = driver.storage.file() {
            return lock_file(&file, name, lease_ms);
        }
        if self.away.get() || !driver.storage.is_shared() {
            return Ok(Held::Alone);
        }
        if let Some(locks) = web_locks() {
            // Else what this tab itself has just given back could look like another tab's.
            for name in [name, LockName::Reset] {
                if let Some(left) = self.leaving.with(&name, JsValue::clone) {
                    let _ = js::within(&left, ANSWER_MS, false).await;
                }
            }
            // Asked first and awaited last: the browser takes no longer for both than for one.
            let asked = if name == LockName::Creation { js::ask(&locks, "query", &[]) } else { None };
            let granted = request(&locks, name.as_str(), ("ifAvailable", true.into()), ANSWER_MS).await;
            if is_held(asked, LockName::Reset).await {
                if let Granted::Yes(lock) = granted {
                    self.give_back(name, lock);
                }
                return Err(LockOutcome::Resetting);
            }
            match granted {
                Granted::Yes(lock) => return Ok(Held::Web(lock)),
                Granted::No => return Err(LockOutcome::Busy),
                // On a busy machine. These locks only save requests, and a lease beside the others' locks would not.
                Granted::Late if !matches!(name, LockName::Creation | LockName::Reset) => {
                    return Err(LockOutcome::Busy);
                }
                Granted::Late | Granted::Unavailable => {}
            }
        }
        let Some(storage) = driver.storage.local() else { return Ok(Held::Alone) };
        if name == LockName::Creation && lease(&storage, LockName::Reset).is_some() {
            return Err(LockOutcome::Resetting);
        }
        if lease(&storage, name).is_some_and(|owner| owner != self.owner()) {
            return Err(LockOutcome::Busy);
        }
        let until = js_sys::Date::now() + lease_ms;
        let text = Array::of2(&self.owner().into(), &until.into()).join(" ");
        // A storage that refuses to write excludes nobody, as without a lease.
        let _ = storage.set_item(name.as_str(), &String::from(text));
        // Tabs that ask in the same instant don't see each other's lease yet. The last to write has it.
        js::sleep(PROPAGATION_MS).await;
        match lease(&storage, name) {
            Some(owner) if owner != self.owner() => Err(LockOutcome::Busy),
            _ => Ok(Held::Lease(storage)),
        }
    }

    pub(super) fn release(&self, name: LockName) {
        let held = self.held.remove(&name);
        for ticket in self.tickets.keys_where(|other| *other == name) {
            self.tickets.remove(&ticket);
        }
        match held {
            Some(Held::Web(lock)) => self.give_back(name, lock),
            Some(Held::Lease(storage)) if lease(&storage, name) == Some(self.owner()) => {
                let _ = storage.remove_item(name.as_str());
            }
            _ => {}
        }
    }

    fn give_back(&self, name: LockName, lock: WebLock) {
        let_go(&lock.release);
        self.leaving.insert(name, lock.left);
    }

    pub(super) fn release_ticket(&self, ticket: Ticket) {
        if let Some(name) = self.tickets.remove(&ticket) {
            self.release(name);
        }
    }

    /// Holds the lock under which the tabs compare and set, until the guard is dropped. `None`: there is no such lock
    /// here.
    pub(super) async fn hold_briefly(&self, name: &str, patience_ms: f64) -> Option<Guard> {
        let locks = web_locks().filter(|_| !self.away.get())?;
        let controller = js::construct("AbortController", &[]);
        let option = ("signal", js::get(&controller, "signal"));
        *self.waiting.borrow_mut() = controller;
        let mut granted = request(&locks, name, option, patience_ms).await;
        if !matches!(granted, Granted::Yes(_)) {
            self.stop_waiting();
            if !self.away.get() {
                // Whoever has it sleeps: some browsers stop a page without telling it.
                granted = request(&locks, name, ("steal", true.into()), ANSWER_MS).await;
            }
        }
        match granted {
            Granted::Yes(lock) => Some(Guard(lock.release)),
            _ => None,
        }
    }

    fn stop_waiting(&self) {
        let _ = js::invoke(&self.waiting.take(), "abort", &[]);
    }

    /// The page goes away, or to sleep: nobody shall wait for what it holds, nor for what it would get meanwhile.
    pub(super) fn leave(&self) {
        self.away.set(true);
        self.stop_waiting();
        for name in self.held.keys_where(|_| true) {
            self.release(name);
        }
    }

    /// The page is back.
    pub(super) fn come_back(&self) {
        self.away.set(false);
    }

    /// Tells this tab's leases from the others'. Not a secret, so it need not be hard to guess.
    fn owner(&self) -> f64 {
        if self.owner.get() == 0.0 {
            self.owner.set(js_sys::Math::random());
        }
        self.owner.get()
    }
}

/// The owner of a lease that has not run out.
fn lease(storage: &Storage, name: LockName) -> Option<f64> {
    let text = storage.get_item(name.as_str()).ok()??;
    let (owner, until) = text.split_once(' ')?;
    let (owner, until) = (js_sys::parse_float(owner), js_sys::parse_float(until));
    // A lease that runs too far ahead was written under another clock.
    let left = until - js_sys::Date::now();
    (0.0..=LONGEST_LEASE_MS).contains(&left).then_some(owner)
}

/// Gives the lock back when dropped.
pub(super) struct Guard(Function);

impl Guard {
    /// Gives the lock back now.
    pub(super) fn release(&self) {
        let_go(&self.0);
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        self.release();
    }
}

/// Takes a lock among the processes that share a file, if it is free.
fn lock_file(file: &JsValue, name: LockName, ms: f64) -> Result<Held, LockOutcome> {
    if name == LockName::Creation && is_locked(file, LockName::Reset) {
        return Err(LockOutcome::Resetting);
    }
    let taken = js::invoke(file, "lock", &[&name.as_str().into(), &ms.into()]).and_then(Result::ok);
    match taken.unwrap_or_default() {
        taken if taken.is_null() => Err(LockOutcome::Busy),
        taken => Ok(match taken.dyn_into::<Function>() {
            Ok(release) => {
                give_back_at_end(&release);
                Held::Web(WebLock { release, left: JsValue::UNDEFINED })
            }
            Err(_) => Held::Alone,
        }),
    }
}

fn is_locked(file: &JsValue, name: LockName) -> bool {
    let answer = js::invoke(file, "isLocked", &[&name.as_str().into()]);
    answer.is_some_and(|answer| answer.is_ok_and(|locked| locked == true))
}

/// No process tells the others what it has done, so a waiting process looks when the lock is free.
async fn tell_when_free(driver: &'static Driver, name: LockName) {
    let Some(file) = driver.storage.file() else { return };
    let free = js::ask(&file, "whenFree", &[&name.as_str().into(), &ANSWER_MS.into()]);
    let _ = js::resolved(&free.unwrap_or_default()).await;
    driver.dispatch(Event::RecordChanged);
}

/// Waits for a lock that other processes hold for a moment only. `None`: there is no such lock here.
pub(super) async fn hold_file(file: &JsValue, name: &str, patience_ms: f64) -> Option<Guard> {
    let held = js::ask(file, "hold", &[&name.into(), &BRIEF_MS.into(), &patience_ms.into()])?;
    let release = js::resolved(&held).await.ok()?.dyn_into().ok()?;
    give_back_at_end(&release);
    Some(Guard(release))
}

/// The browser's Web Locks, where it has them.
pub(super) fn web_locks() -> Option<JsValue> {
    let locks = js::global_at(&["navigator", "locks"]);
    js::method(&locks, "request").is_some().then_some(locks)
}

/// Whether any tab holds `name`, by the answer to a query.
async fn is_held(asked: Option<JsValue>, name: LockName) -> bool {
    let Some(asked) = asked else { return false };
    let Some(Ok(answer)) = js::within(&asked, ANSWER_MS, false).await else { return false };
    let Some(held) = js::array(&js::get(&answer, "held")) else { return false };
    held.iter().any(|lock| js::get(&lock, "name").as_string().as_deref() == Some(name.as_str()))
}

enum Granted {
    Yes(WebLock),
    No,
    /// The browser did not say in time.
    Late,
    /// There are no locks here.
    Unavailable,
}

async fn request(locks: &JsValue, name: &str, option: (&str, JsValue), patience_ms: f64) -> Granted {
    let (answered, answer) = js::deferred();
    let given_up = Rc::new(Cell::new(false));
    let too_late = Rc::clone(&given_up);
    // Not `once_into_js`: that is freed by its call, and a lock that never comes makes none.
    let on_lock = Closure::<dyn Fn(JsValue) -> JsValue>::new(move |lock: JsValue| -> JsValue {
        if lock.is_null() || too_late.get() {
            let _ = answer.call1(&JsValue::UNDEFINED, &JsValue::NULL);
            return JsValue::UNDEFINED;
        }
        let (held, release) = holding();
        let _ = answer.call1(&JsValue::UNDEFINED, &release);
        held.into()
    });
    let options: Object = js::object(&[option]);
    let on_lock = on_lock.into_js_value();
    let Some(Ok(requested)) = js::invoke(locks, "request", &[&name.into(), &options, &on_lock]) else {
        return Granted::Unavailable;
    };
    // The request itself settles first only where it fails: an opaque origin has no locks.
    let first = Promise::race(&Array::of2(&answered, &Promise::resolve(&requested)));
    match js::within(&first, patience_ms, false).await {
        Some(Ok(release)) => match release.dyn_into() {
            Ok(release) => Granted::Yes(WebLock { release, left: requested }),
            Err(_) => Granted::No,
        },
        Some(Err(_)) => Granted::Unavailable,
        None => {
            given_up.set(true);
            Granted::Late
        }
    }
}
