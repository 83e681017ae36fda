//! Feeds the core one event after the other, and hands out its effects.

use super::calls::Calls;
use super::entropy::EntropyPool;
use super::http::Requests;
use super::identity;
use super::js;
use super::leading::Leading;
use super::linking::Linkers;
use super::listeners::Listeners;
use super::locks::Locks;
use super::options::Options;
use super::page;
use super::queue::{DetectionQueue, Job};
use super::sensors::Sensors;
use super::storage::Storage;
use super::table::{Queue, Table};
use super::tabs::Tabs;
use super::timers::Timers;
use crate::core::{Call, CallId, Core, Effect, Event, Input, Settings, SideStore, Ticket, Timeouts, Warning};
use js_sys::Promise;
use sentiance_protocol::EpochMs;
use std::cell::{Cell, RefCell};
use wasm_bindgen_futures::spawn_local;

/// How long the first load waits for the surroundings.
const LOOK_AROUND_MS: f64 = 300.0;

/// The SDK of this page or process: the core and all that performs its effects.
///
/// No borrow is held while JavaScript runs, so the app may call any function from anywhere.
pub(super) struct Driver {
    core: RefCell<Core>,
    inbox: Queue<Event>,
    pumping: Cell<bool>,
    entropy: EntropyPool,
    warned: Table<&'static str, ()>,
    pub(super) calls: Calls,
    pub(super) options: Options,
    pub(super) linkers: Linkers,
    pub(super) listeners: Listeners,
    pub(super) storage: Storage,
    pub(super) requests: Requests,
    pub(super) timers: Timers,
    pub(super) locks: Locks,
    pub(super) tabs: Tabs,
    pub(super) leading: Leading,
    pub(super) sensors: Sensors,
    pub(super) queue: DetectionQueue,
}

thread_local! {
    static DRIVER: Cell<Option<&'static Driver>> = const { Cell::new(None) };
}

/// The driver, started at the first call: importing the package does nothing. It lives as long as the module, so
/// whatever waits for something holds a plain reference to it.
pub(super) fn driver() -> &'static Driver {
    DRIVER.with(|slot| {
        let known = slot.get().unwrap_or_else(|| Box::leak(Box::new(Driver::new())));
        slot.set(Some(known));
        known
    })
}

/// Makes a call of the API.
pub(crate) fn call(call: Call) -> Promise {
    let driver = driver();
    let (id, promise) = driver.calls.open(None);
    driver.make(id, call);
    promise
}

impl Driver {
    fn new() -> Self {
        let settings =
            Settings { ambient_platform_url: page::ambient_platform_url(), timeouts: Timeouts::default() };
        Driver {
            core: RefCell::new(Core::new(settings)),
            inbox: Queue::default(),
            pumping: Cell::new(false),
            entropy: EntropyPool::default(),
            warned: Table::default(),
            calls: Calls::default(),
            options: Options::default(),
            linkers: Linkers::default(),
            listeners: Listeners::default(),
            storage: Storage::default(),
            requests: Requests::default(),
            timers: Timers::default(),
            locks: Locks::default(),
            tabs: Tabs::default(),
            leading: Leading::default(),
            sensors: Sensors::default(),
            queue: DetectionQueue::default(),
        }
    }

    /// Makes a call. Something else than this SDK may have changed the stored record: then the call waits until that was
    /// read.
    pub(super) fn make(&'static self, id: CallId, call: Call) {
        if self.storage.may_differ() {
            self.dispatch(Event::Look);
        }
        self.dispatch(Event::Call(id, call));
    }

    /// Gives the core an event. Events that come up meanwhile wait for their turn.
    pub(super) fn dispatch(&'static self, event: Event) {
        self.inbox.push(event);
        if self.pumping.replace(true) {
            return;
        }
        while let Some(event) = self.inbox.pop() {
            let input = Input { now: EpochMs(js_sys::Date::now()), entropy: self.entropy.draw(), event };
            let effects = self.core.borrow_mut().handle(input);
            for effect in effects {
                self.perform(effect);
            }
        }
        self.pumping.set(false);
    }

    fn perform(&'static self, effect: Effect) {
        match effect {
            Effect::ApplyOptions(call) => self.apply_options(call),
            Effect::WithdrawOptions(call) => self.withdraw_options(call),
            Effect::Load(ticket) => self.load(ticket),
            Effect::Commit { ticket, expected, record } => {
                self.storage.commit(self, ticket, expected, *record);
            }
            Effect::Remove { ticket, expected, tombstone } => {
                self.storage.remove(self, ticket, expected, *tombstone);
            }
            Effect::Edit(ticket, edit) => self.storage.edit(self, ticket, edit),
            Effect::AskLinker { ticket, call, install_id } => {
                self.linkers.ask(self, ticket, call, &install_id);
            }
            Effect::Announce => self.tabs.announce(),
            Effect::Lock(ticket, name) => self.locks.take(self, ticket, name),
            Effect::Unlock(name) => self.locks.release(name),
            Effect::UnlockTicket(ticket) => self.locks.release_ticket(ticket),
            Effect::Send(ticket, request) => self.requests.send(self, ticket, request),
            Effect::Abort(ticket) => self.requests.abort(ticket),
            Effect::StartTimer(timer, ms) => self.timers.start(self, timer, ms),
            Effect::StopTimer(timer) => self.timers.stop(timer),
            Effect::Settle(call, outcome) => self.settle(call, outcome),
            Effect::EmitStatus(status) => self.emit_status(&status),
            Effect::EmitActivity(activity) => self.emit_activity(&activity),
            Effect::EmitTripTimeout => self.emit_trip_timeout(),
            Effect::LookAround => self.look_around(),
            Effect::ObserveApp(on) => self.observe_app(on),
            Effect::Sense(on) => self.sense(on),
            Effect::Lead(role, on) => self.lead(role, on),
            Effect::Enqueue(ticket, addition) => self.queue.push(self, Job::Add(ticket, addition)),
            Effect::TakeBatch { ticket, claim, max_bytes, max_entries } => {
                self.queue.push(self, Job::Take { ticket, claim, max_bytes, max_entries });
            }
            Effect::DropBatch(ticket, keys) => self.queue.push(self, Job::Drop(ticket, keys)),
            Effect::Clear { ticket, store: SideStore::Queue, claim, all } => {
                self.queue.push(self, Job::Clear { ticket, claim, all });
            }
            Effect::Clear { ticket, store: SideStore::Documents, claim, all } => {
                self.storage.clear_documents(self, ticket, claim, all);
            }
            Effect::Warn(warning) => self.warn(&warning),
        }
    }

    /// The first load waits a moment for the surroundings, so that the first status is right.
    fn load(&'static self, ticket: Ticket) {
        let Some(seen) = self.watch_surroundings() else {
            return self.storage.load(self, ticket);
        };
        // After the above: a connection that comes back is known before what it makes possible is tried.
        page::watch(self);
        spawn_local(async move {
            let _ = js::within(&seen, LOOK_AROUND_MS, true).await;
            self.storage.load(self, ticket);
        });
    }

    /// Tells the app's logger, else the console; each kind of warning once.
    pub(super) fn warn(&self, warning: &Warning) {
        if self.warned.insert(warning.code, ()).is_none() {
            let text = ["Sentiance: ", warning.code, ": ", &warning.message].concat();
            let _ = js::invoke(&self.options.logger(), "warn", &[&text.into()]);
        }
    }

    /// What the SDK says of app, device and itself, read anew each time: the app may have changed it.
    pub(super) fn identity(&self) -> crate::core::Identity {
        identity::read(&self.options.device_info())
    }
}
