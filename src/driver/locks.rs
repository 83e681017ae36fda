//! What only one tab does at a time: Web Locks, or a lease in `localStorage` where a browser has none.
//!
//! The browser gives a lock back when its tab dies; a lease runs out. Neither is needed for correctness, which
//! compare-and-set guards: they make the second of two tabs fail early, with the right reason.

use super::js;
use super::options::LONGEST_TIMEOUT_MS;
use super::pump::Driver;
use super::table::Table;
use crate::core::{Event, LockName, LockOutcome, Ticket};
use js_sys::{Array, Function, Object, Promise};
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

thread_local! {
    /// Resolves when this instance of the module must not be used any more.
    static ENDED: RefCell<Option<Promise>> = const { RefCell::new(None) };
}

/// Says when this instance of the module ends: its locks end with it, since it can't give them back itself.
pub(crate) fn end_with(ended: Promise) {
    ENDED.with(|slot| *slot.borrow_mut() = Some(ended));
}

/// Resolves with `held`, or when this instance of the module ends.
pub(super) fn until_ended(held: Promise) -> Promise {
    match ENDED.with(|slot| slot.borrow().clone()) {
        Some(ended) => Promise::race(&Array::of2(&held, &ended)),
        None => held,
    }
}

/// The locks that this tab holds.
#[derive(Default)]
pub(super) struct Locks {
    held: Table<LockName, Held>,
    tickets: Table<Ticket, LockName>,
    owner: Cell<f64>,
}

enum Held {
    /// Calling it gives the Web Lock back.
    Web(Function),
    Lease(Storage),
    /// Nobody shares this device's storage.
    Alone,
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
        });
    }

    async fn acquire(&self, driver: &'static Driver, name: LockName) -> Result<Held, LockOutcome> {
        if !driver.storage.is_shared() {
            return Ok(Held::Alone);
        }
        if let Some(locks) = web_locks() {
            // Asked first and awaited last: the browser takes no longer for both than for one.
            let asked = if name == LockName::Creation { js::invoke(&locks, "query", &[]) } else { None };
            let granted = request(&locks, name.as_str(), true, ANSWER_MS).await;
            if is_held(asked, LockName::Reset).await {
                if let Granted::Yes(release) = granted {
                    let _ = release.call0(&JsValue::UNDEFINED);
                }
                return Err(LockOutcome::Resetting);
            }
            match granted {
                Granted::Yes(release) => return Ok(Held::Web(release)),
                Granted::No => return Err(LockOutcome::Busy),
                Granted::Unavailable => {}
            }
        }
        let Some(storage) = driver.storage.local() else { return Ok(Held::Alone) };
        if name == LockName::Creation && lease(&storage, LockName::Reset).is_some() {
            return Err(LockOutcome::Resetting);
        }
        if lease(&storage, name).is_some_and(|owner| owner != self.owner()) {
            return Err(LockOutcome::Busy);
        }
        let until = js_sys::Date::now() + driver.options.creation_timeout() + LEASE_MARGIN_MS;
        let text = Array::of2(&self.owner().into(), &until.into()).join(" ");
        // A storage that refuses to write excludes nobody, as without a lease.
        let _ = storage.set_item(name.as_str(), &String::from(text));
        Ok(Held::Lease(storage))
    }

    pub(super) fn release(&self, name: LockName) {
        let held = self.held.remove(&name);
        for ticket in self.tickets.keys_where(|other| *other == name) {
            self.tickets.remove(&ticket);
        }
        match held {
            Some(Held::Web(release)) => {
                let _ = release.call0(&JsValue::UNDEFINED);
            }
            Some(Held::Lease(storage)) if lease(&storage, name) == Some(self.owner()) => {
                let _ = storage.remove_item(name.as_str());
            }
            _ => {}
        }
    }

    pub(super) fn release_ticket(&self, ticket: Ticket) {
        if let Some(name) = self.tickets.remove(&ticket) {
            self.release(name);
        }
    }

    /// The page goes away: whoever comes next shall not wait for its leases to run out.
    pub(super) fn release_leases(&self) {
        for name in self.held.keys_where(|held| matches!(held, Held::Lease(_))) {
            self.release(name);
        }
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

/// Holds the lock under which the tabs compare and set, until the guard is dropped. `None`: there is no such lock
/// here, or it did not come in time.
pub(super) async fn hold_briefly(name: &str, patience_ms: f64) -> Option<Guard> {
    match request(&web_locks()?, name, false, patience_ms).await {
        Granted::Yes(release) => Some(Guard(release)),
        Granted::No | Granted::Unavailable => None,
    }
}

/// Gives the lock back when dropped.
pub(super) struct Guard(Function);

impl Drop for Guard {
    fn drop(&mut self) {
        let _ = self.0.call0(&JsValue::UNDEFINED);
    }
}

/// The browser's Web Locks, where it has them.
pub(super) fn web_locks() -> Option<JsValue> {
    let locks = js::global_at(&["navigator", "locks"]);
    js::method(&locks, "request").is_some().then_some(locks)
}

/// Whether any tab holds `name`, by the answer to a query.
async fn is_held(asked: Option<Result<JsValue, JsValue>>, name: LockName) -> bool {
    let Some(Ok(asked)) = asked else { return false };
    let Some(Ok(answer)) = js::within(&asked, ANSWER_MS, false).await else { return false };
    let Ok(held) = js::get(&answer, "held").dyn_into::<Array>() else { return false };
    held.iter().any(|lock| js::get(&lock, "name").as_string().as_deref() == Some(name.as_str()))
}

enum Granted {
    Yes(Function),
    No,
    Unavailable,
}

async fn request(locks: &JsValue, name: &str, if_available: bool, patience_ms: f64) -> Granted {
    let (answered, answer) = js::deferred();
    let given_up = Rc::new(Cell::new(false));
    let too_late = Rc::clone(&given_up);
    let on_lock = Closure::once_into_js(move |lock: JsValue| -> JsValue {
        if lock.is_null() || too_late.get() {
            let _ = answer.call1(&JsValue::UNDEFINED, &JsValue::NULL);
            return JsValue::UNDEFINED;
        }
        // The lock is held for as long as this promise is pending.
        let (held, release) = js::deferred();
        let _ = answer.call1(&JsValue::UNDEFINED, &release);
        until_ended(held).into()
    });
    let options: Object = js::object(&[("ifAvailable", if_available.into())]);
    let Some(Ok(requested)) = js::invoke(locks, "request", &[&name.into(), &options, &on_lock]) else {
        return Granted::Unavailable;
    };
    // The request itself settles first only where it fails: an opaque origin has no locks.
    let first = Promise::race(&Array::of2(&answered, &Promise::resolve(&requested)));
    match js::within(&first, patience_ms, false).await {
        Some(Ok(release)) => release.dyn_into().map_or(Granted::No, Granted::Yes),
        Some(Err(_)) => Granted::Unavailable,
        None => {
            given_up.set(true);
            Granted::Unavailable
        }
    }
}
