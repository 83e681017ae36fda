//! Twenty tabs of one device whose token has expired, in virtual time: how many refreshes the platform sees, however late
//! a tab sees what another has stored, and whatever becomes of the tab that refreshes.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "in a test, a panic is the report")]

#[path = "world/identity.rs"]
mod identity;
#[path = "world/split_mix.rs"]
mod split_mix;

use identity::identity;
use sentiance_core::core::{
    Body, Call, CallId, CommitOutcome, Core, CreateUserOptions, Document, Edit, Effect, Entropy, Event,
    Input, LoadOutcome, LockName, LockOutcome, Metadata, Output, QueueState, Record, Reply, Request,
    Response, SdkError, Settings, Stamp, Ticket, Timeouts, Timer, Usage,
};
use sentiance_protocol::{
    ConfigResponse, CreateUserResponse, DeviceClass, EpochMs, ErrorBody, ErrorCode, InstallState,
    RefreshResponse, SdkConfiguration, Secret, TokenGrant,
};
use split_mix::SplitMix64;
use std::collections::HashMap;

const TABS: usize = 20;
const TOKEN_LIFE_MS: f64 = 3_600_000.0;
const NOW: f64 = 1_800_000_000_000.0;

/// What happens to a device.
#[derive(Clone, Copy, Debug)]
struct Circumstances {
    /// How long the platform takes to answer.
    answer_ms: f64,
    /// How much later the last of the tabs sees what another has stored.
    lag_ms: f64,
    /// Whether the first tab that refreshes dies before it is answered, and whether the browser gives its lock back.
    first: First,
    /// The deadline of the call.
    deadline_ms: f64,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum First {
    Lives,
    Dies,
    SleepsWithItsLock,
}

/// Something that will happen.
enum Next {
    Event(usize, Event),
    Timer(usize, Timer, u32),
}

struct Device {
    now: f64,
    cores: Vec<Core>,
    /// What was stored when, and by which tab.
    history: Vec<(f64, usize, Box<Record>)>,
    circumstances: Circumstances,
    next: Vec<(f64, u64, Next)>,
    order: u64,
    timers: HashMap<(usize, Timer), u32>,
    locks: HashMap<LockName, usize>,
    asleep: Option<usize>,
    /// The session that the platform has issued last, and the key that bought it.
    generation: u32,
    keys: Vec<String>,
    refreshes: usize,
    settled: HashMap<usize, Result<Output, SdkError>>,
    settled_at: f64,
    random: SplitMix64,
}

impl Device {
    /// A device with a user whose token has expired, and all tabs of which know that.
    fn new(circumstances: Circumstances) -> Device {
        let settings = Settings {
            ambient_platform_url: Some("https://platform.example.com".to_owned()),
            timeouts: Timeouts { token: circumstances.deadline_ms, ..Timeouts::default() },
        };
        let mut device = Device {
            now: NOW,
            cores: (0..TABS).map(|_| Core::new(settings.clone())).collect(),
            history: Vec::new(),
            circumstances: Circumstances { lag_ms: 0.0, first: First::Lives, ..circumstances },
            next: Vec::new(),
            order: 0,
            timers: HashMap::new(),
            locks: HashMap::new(),
            asleep: None,
            generation: 0,
            keys: Vec::new(),
            refreshes: 0,
            settled: HashMap::new(),
            settled_at: 0.0,
            random: SplitMix64(7),
        };
        let options =
            CreateUserOptions { auth_code: Some(Secret::new("code")), ..CreateUserOptions::default() };
        let identity = Box::new(identity(DeviceClass::Desktop));
        device.feed(0, Event::Call(CallId(1), Call::CreateUser(Box::new(options), identity)));
        device.live_for(60_000.0);
        for tab in 1..TABS {
            device.feed(tab, Event::Call(CallId(1), Call::EnsureInitialized));
        }
        device.live_for(TOKEN_LIFE_MS);
        device.settled.clear();
        device.circumstances = circumstances;
        device
    }

    /// All tabs ask for a token, one a moment after the other; returns how many refreshes the platform saw until each has
    /// what it asked for.
    fn refresh_in_all_tabs(&mut self) -> usize {
        let began = self.now;
        for tab in 0..TABS {
            let at = self.now + 5.0 * tab as f64;
            self.at(at, Next::Event(tab, Event::Call(CallId(2), Call::RequestUserAccessToken)));
        }
        self.live_for(60_000.0);
        for tab in (0..TABS).filter(|tab| Some(*tab) != self.asleep) {
            let outcome = self.settled.get(&tab).expect("each call is settled");
            assert!(matches!(outcome, Ok(Output::Token(_))), "tab {tab}: {outcome:?}");
        }
        assert!(self.settled_at - began <= self.circumstances.deadline_ms, "in time");
        self.refreshes
    }

    fn at(&mut self, time: f64, next: Next) {
        self.order += 1;
        self.next.push((time, self.order, next));
    }

    fn live_for(&mut self, ms: f64) {
        let end = self.now + ms;
        while let Some(first) = (0..self.next.len())
            .min_by(|a, b| {
                let (a, b) = (&self.next[*a], &self.next[*b]);
                a.0.total_cmp(&b.0).then(a.1.cmp(&b.1))
            })
            .filter(|first| self.next[*first].0 <= end)
        {
            let (time, _, next) = self.next.swap_remove(first);
            self.now = self.now.max(time);
            match next {
                Next::Event(tab, event) => self.feed(tab, event),
                Next::Timer(tab, timer, started) => {
                    if self.timers.get(&(tab, timer)) == Some(&started) {
                        self.feed(tab, Event::TimerFired(timer));
                    }
                }
            }
        }
        self.now = end;
    }

    fn feed(&mut self, tab: usize, event: Event) {
        if self.asleep == Some(tab) {
            return;
        }
        let entropy = Some(Entropy(std::array::from_fn(|_| self.random.next() as u8)));
        let input = Input { now: EpochMs(self.now), entropy, event };
        for effect in self.cores[tab].handle(input) {
            self.perform(tab, effect);
        }
    }

    /// How much later a tab sees what another has stored, and hears of it.
    fn lag_of(&self, tab: usize) -> f64 {
        self.circumstances.lag_ms * tab as f64 / (TABS - 1) as f64
    }

    /// What a tab sees in the storage: its own writes at once, those of the others late.
    fn view(&self, tab: usize) -> Option<Box<Record>> {
        let seen = self.now - self.lag_of(tab);
        let is_seen = |(at, by, _): &&(f64, usize, Box<Record>)| *by == tab || *at <= seen;
        self.history.iter().rfind(is_seen).map(|(.., record)| record.clone())
    }

    fn perform(&mut self, tab: usize, effect: Effect) {
        let soon = self.now + 1.0;
        match effect {
            Effect::Load(ticket) => {
                let loaded = LoadOutcome::Found(self.view(tab));
                self.at(soon, Next::Event(tab, Event::Loaded(ticket, loaded)));
            }
            Effect::Commit { ticket, expected, record } => {
                let outcome = if Stamp::of(self.view(tab).as_deref()) == expected {
                    self.history.push((self.now, tab, record));
                    CommitOutcome::Written
                } else {
                    CommitOutcome::Conflict(self.view(tab))
                };
                self.at(soon, Next::Event(tab, Event::Committed(ticket, outcome)));
            }
            Effect::Lock(ticket, name) => {
                let is_its = *self.locks.entry(name).or_insert(tab) == tab;
                let outcome = if is_its { LockOutcome::Acquired } else { LockOutcome::Busy };
                self.at(soon, Next::Event(tab, Event::Locked(ticket, outcome)));
            }
            Effect::Unlock(name) => drop(self.locks.remove(&name)),
            Effect::UnlockTicket(_) => panic!("no call gives up"),
            Effect::Send(ticket, request) => self.send(tab, ticket, &request),
            Effect::StartTimer(timer, ms) => {
                self.order += 1;
                let started = self.order as u32;
                self.timers.insert((tab, timer), started);
                self.at(self.now + ms, Next::Timer(tab, timer, started));
            }
            Effect::StopTimer(timer) => drop(self.timers.remove(&(tab, timer))),
            Effect::Settle(_, outcome) => {
                self.settled.insert(tab, outcome);
                self.settled_at = self.now;
            }
            Effect::Edit(ticket, edit) => {
                let document = match edit {
                    Edit::Metadata(..) => Document::Metadata(Metadata::default()),
                    Edit::Usage(_) => Document::Usage(Usage::default()),
                };
                self.at(soon, Next::Event(tab, Event::Edited(ticket, Ok(document))));
            }
            Effect::TakeBatch { ticket, .. } => {
                self.at(soon, Next::Event(tab, Event::Batch(ticket, Ok(Default::default()))));
            }
            Effect::DropBatch(ticket, _) => {
                let dropped = Ok(QueueState::default());
                self.at(soon, Next::Event(tab, Event::Queued(ticket, dropped)));
            }
            Effect::Announce => {
                for other in (0..TABS).filter(|other| *other != tab) {
                    self.at(soon + self.lag_of(other), Next::Event(other, Event::RecordChanged));
                }
            }
            _ => {}
        }
    }

    fn send(&mut self, tab: usize, ticket: Ticket, request: &Request) {
        if let Body::Refresh(_) = request.body {
            self.refreshes += 1;
            if self.refreshes == 1 && self.circumstances.first != First::Lives {
                self.asleep = Some(tab);
                if self.circumstances.first == First::Dies {
                    self.locks.retain(|_, holder| *holder != tab);
                }
                return;
            }
        }
        let (status, reply) = self.answer(&request.body);
        let response = Box::new(Response { status, reply, retry_after_ms: None, bytes: 0.0 });
        let at = self.now + self.circumstances.answer_ms;
        self.at(at, Next::Event(tab, Event::Responded(ticket, Ok(response))));
    }

    fn answer(&mut self, body: &Body) -> (u16, Reply) {
        let server_time = EpochMs(self.now);
        match body {
            Body::CreateUser(_) => {
                self.generation = 1;
                let user = CreateUserResponse {
                    user_id: "0".repeat(24),
                    linked: true,
                    install_state: InstallState::Active,
                    token: self.token(),
                    config: SdkConfiguration::default(),
                    server_time,
                    metadata_keys: None,
                };
                (201, Reply::User(Box::new(user)))
            }
            Body::Refresh(body) => {
                let parent: u32 = body.refresh_token.expose().parse().unwrap();
                let is_repeated = self.keys.last() == Some(&body.idempotency_key);
                if parent != 1 || !(self.generation == 1 || is_repeated) {
                    let code = ErrorCode::RefreshTokenUsed;
                    let (message, reference) = (String::new(), String::new());
                    let error_code = code.as_str().to_owned();
                    return (code.status(), Reply::Error(ErrorBody { message, error_code, reference }));
                }
                self.keys.push(body.idempotency_key.clone());
                self.generation += 1;
                (200, Reply::Token(RefreshResponse { token: self.token(), server_time }))
            }
            Body::Config => {
                let (install_state, config) = (InstallState::Active, SdkConfiguration::default());
                (200, Reply::Config(ConfigResponse { install_state, config, server_time }))
            }
            _ => (200, Reply::Empty),
        }
    }

    fn token(&self) -> TokenGrant {
        TokenGrant {
            access_token: Secret::new(self.generation.to_string()),
            refresh_token: Secret::new(self.generation.to_string()),
            expires_at: EpochMs(self.now + TOKEN_LIFE_MS),
            generation: self.generation,
        }
    }
}

#[test]
fn twenty_tabs_refresh_twice_at_most_however_late_they_see_it() {
    for first in [First::Lives, First::Dies, First::SleepsWithItsLock] {
        for deadline_ms in [15_000.0, 8_000.0] {
            for (answer_ms, lag_ms) in
                [(50.0, 0.0), (50.0, 500.0), (50.0, 1_000.0), (1_500.0, 300.0), (3_000.0, 0.0)]
            {
                // With the deadline all is faster, or slower.
                let (answer_ms, lag_ms) =
                    (answer_ms * deadline_ms / 15_000.0, lag_ms * deadline_ms / 15_000.0);
                let circumstances = Circumstances { answer_ms, lag_ms, first, deadline_ms };
                let refreshes = Device::new(circumstances).refresh_in_all_tabs();
                assert!(refreshes <= 2, "{circumstances:?}: {refreshes} refreshes");
                if matches!(first, First::Lives) && lag_ms == 0.0 && answer_ms < 2_000.0 {
                    assert_eq!(refreshes, 1, "{circumstances:?}");
                }
            }
        }
    }
}
