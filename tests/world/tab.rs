//! One tab: the real core, and what it has asked for that has not happened yet. For `tests/interleavings` and for
//! `tests/simulation`.

use crate::split_mix::SplitMix64;
use crate::streams::Stream;
use sentiance_core::core::{
    Addition, Call, CallId, Claim, Core, Edit, Effect, Entropy, Event, Input, LockName, Output, Record,
    Request, Role, SdkError, SdkStatus, Settings, SideStore, Stamp, Ticket, Timeouts, Timer, UserActivity,
};
use sentiance_protocol::EpochMs;
use std::collections::{BTreeMap, HashMap};

/// The timers that run while nothing is under way.
pub(crate) const MAY_RUN: [Timer; 6] = [
    Timer::Poll,
    Timer::Follow,
    Timer::DetectionsExpiry,
    Timer::TripTimeout,
    Timer::Upload,
    Timer::UploadRetry,
];

/// Something that the tab's storage shall do, in this order.
pub(crate) enum Job {
    Load(Ticket),
    Commit(Ticket, Stamp, Box<Record>),
    Remove(Ticket, Stamp, Box<Record>),
}

/// Something that shall be done beside the record: with the documents, with the queue, with the surroundings. In this
/// order, too, which says nothing of the order among the jobs.
pub(crate) enum Chore {
    Edit(Ticket, Edit),
    Add(Ticket, Box<Addition>),
    Take { ticket: Ticket, claim: Claim, max_bytes: usize, max_entries: usize },
    Drop(Ticket, Vec<f64>),
    Clear { ticket: Ticket, store: SideStore, claim: Claim, all: bool },
    LookAround,
}

/// The app's linker was called for an install.
pub(crate) struct Linking {
    pub(crate) ticket: Ticket,
    pub(crate) install_id: String,
}

pub(crate) struct Tab {
    pub(crate) core: Core,
    pub(crate) jobs: Vec<Job>,
    pub(crate) chores: Vec<Chore>,
    /// The linkers that have not returned.
    pub(crate) linkings: Vec<Linking>,
    /// The roles that it wants.
    pub(crate) wishes: Vec<Role>,
    /// The platform's events, as far as it follows them.
    pub(crate) streams: Vec<Stream>,
    /// Whether it reads the sensors.
    pub(crate) senses: bool,
    /// Whether the app's own calls for a position are observed.
    pub(crate) observes: bool,
    pub(crate) requests: Vec<(Ticket, Request)>,
    pub(crate) lock_requests: Vec<(Ticket, LockName)>,
    /// The timers that run, and when they run out: by the real time, since no clock that is set moves them.
    pub(crate) timers: Vec<(Timer, f64)>,
    /// The calls that the app waits for: which, and since when by the real time.
    pub(crate) pending: BTreeMap<CallId, (&'static str, f64)>,
    /// What the tab says beyond its own state: to be taken by the device.
    pub(crate) said: Vec<Said>,
    /// What the listeners were told last.
    status: Option<SdkStatus>,
    activity: UserActivity,
    /// How often they were told that a trip timed out.
    pub(crate) trip_timeouts: usize,
    /// This tab's clock minus the real one, in milliseconds.
    pub(crate) clock_error: f64,
    granted: HashMap<Ticket, LockName>,
    last_call: u32,
    random: SplitMix64,
}

/// What concerns the device.
pub(crate) enum Said {
    Settled(&'static str, Result<Output, SdkError>),
    Announced,
    /// The status listeners.
    Told,
    Unlocked(LockName),
    /// The warning's code.
    Warned(&'static str),
    /// It gives up a role.
    GaveUp(Role),
}

impl Tab {
    pub(crate) fn new(clock_error: f64, seed: u64) -> Self {
        let settings = Settings {
            ambient_platform_url: Some("https://platform.example.com".to_owned()),
            timeouts: Timeouts::default(),
        };
        Tab {
            core: Core::new(settings),
            jobs: Vec::new(),
            chores: Vec::new(),
            linkings: Vec::new(),
            wishes: Vec::new(),
            streams: Vec::new(),
            senses: false,
            observes: false,
            requests: Vec::new(),
            lock_requests: Vec::new(),
            timers: Vec::new(),
            pending: BTreeMap::new(),
            said: Vec::new(),
            status: None,
            activity: UserActivity::Unknown,
            trip_timeouts: 0,
            clock_error,
            granted: HashMap::new(),
            last_call: 0,
            random: SplitMix64(seed),
        }
    }

    pub(crate) fn call(&mut self, now: f64, name: &'static str, call: Call) {
        self.last_call += 1;
        let id = CallId(self.last_call);
        self.pending.insert(id, (name, now));
        self.feed(now, Event::Call(id, call));
    }

    /// Whether a reset is under way, be it that only its write is, since the call has been given up.
    pub(crate) fn is_resetting(&self) -> bool {
        let removes = |job: &Job| match job {
            Job::Load(_) => false,
            Job::Commit(_, _, record) | Job::Remove(_, _, record) => {
                record.user.is_none() && record.pending.is_none()
            }
        };
        self.pending.values().any(|(name, _)| *name == "reset") || self.jobs.iter().any(removes)
    }

    pub(crate) fn grant(&mut self, ticket: Ticket, name: LockName) {
        self.granted.insert(ticket, name);
    }

    /// The timer that runs out first.
    pub(crate) fn next_timer(&self) -> Option<(Timer, f64)> {
        self.timers.iter().copied().min_by(|a, b| a.1.total_cmp(&b.1))
    }

    pub(crate) fn local(&self, now: f64) -> f64 {
        now + self.clock_error
    }

    /// Gives the core an event at the real time `now`, and keeps what it asks for.
    pub(crate) fn feed(&mut self, now: f64, event: Event) {
        // Different in every step and every tab, and the same in every run.
        let mut bytes = [0; 40];
        for word in bytes.chunks_mut(8) {
            word.copy_from_slice(&self.random.next().to_be_bytes());
        }
        let input = Input { now: EpochMs(self.local(now)), entropy: Some(Entropy(bytes)), event };
        for effect in self.core.handle(input) {
            self.keep(now, effect);
        }
    }

    fn keep(&mut self, now: f64, effect: Effect) {
        match effect {
            Effect::Load(ticket) => self.jobs.push(Job::Load(ticket)),
            Effect::Commit { ticket, expected, record } => {
                self.jobs.push(Job::Commit(ticket, expected, record))
            }
            Effect::Remove { ticket, expected, tombstone } => {
                self.jobs.push(Job::Remove(ticket, expected, tombstone));
            }
            Effect::Lock(ticket, name) => self.lock_requests.push((ticket, name)),
            Effect::Unlock(name) => self.said.push(Said::Unlocked(name)),
            Effect::UnlockTicket(ticket) => {
                let name = self.granted.remove(&ticket).expect("only a granted ticket is given back");
                self.said.push(Said::Unlocked(name));
            }
            Effect::Send(ticket, request) => self.requests.push((ticket, *request)),
            Effect::Abort(ticket) => {
                self.requests.retain(|(other, _)| *other != ticket);
                self.streams.retain(|stream| stream.ticket != ticket);
            }
            Effect::StartTimer(timer, ms) => {
                self.timers.retain(|(other, _)| *other != timer);
                self.timers.push((timer, now + ms));
            }
            Effect::StopTimer(timer) => self.timers.retain(|(other, _)| *other != timer),
            Effect::Settle(call, outcome) => {
                let (name, _) = self.pending.remove(&call).expect("a call is settled once");
                self.said.push(Said::Settled(name, outcome));
            }
            Effect::Announce => self.said.push(Said::Announced),
            Effect::Warn(warning) => self.said.push(Said::Warned(warning.code)),
            Effect::AskLinker { ticket, call, install_id } => {
                assert!(self.pending.contains_key(&call), "a linker is called for a call that is settled");
                self.linkings.push(Linking { ticket, install_id });
            }
            Effect::Lead(role, true) => self.wishes.push(role),
            Effect::Lead(role, false) => {
                self.wishes.retain(|other| *other != role);
                self.said.push(Said::GaveUp(role));
            }
            Effect::ObserveApp(on) => {
                assert_ne!(self.observes, on, "the app is observed already, or was not");
                self.observes = on;
            }
            Effect::Sense(on) => {
                assert!(!(on && self.observes), "the SDK's own watch would be taken for the app's");
                self.senses = on;
            }
            Effect::EmitStatus(status) => {
                let before = self.status.replace(*status);
                assert_ne!(before, self.status, "the listeners are told of no change");
                self.said.push(Said::Told);
            }
            Effect::EmitActivity(activity) => {
                assert_ne!(activity, self.activity, "the listeners are told of no change");
                self.activity = activity;
            }
            Effect::EmitTripTimeout => self.trip_timeouts += 1,
            Effect::ApplyOptions(_) | Effect::WithdrawOptions(_) => {}
            Effect::Edit(ticket, edit) => self.chores.push(Chore::Edit(ticket, edit)),
            Effect::Enqueue(ticket, addition) => self.chores.push(Chore::Add(ticket, addition)),
            Effect::TakeBatch { ticket, claim, max_bytes, max_entries } => {
                self.chores.push(Chore::Take { ticket, claim, max_bytes, max_entries });
            }
            Effect::DropBatch(ticket, keys) => self.chores.push(Chore::Drop(ticket, keys)),
            Effect::Clear { ticket, store, claim, all } => {
                self.chores.push(Chore::Clear { ticket, store, claim, all });
            }
            Effect::LookAround => self.chores.push(Chore::LookAround),
        }
    }
}
