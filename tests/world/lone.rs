//! One device, alone with its storage, before a platform that does as it likes. Time is virtual. For `tests/retries.rs`
//! and `tests/refusals.rs`.

use crate::identity::identity;
use crate::split_mix::SplitMix64;
use sentiance_core::core::{
    Batch, Body, Call, CallId, CommitOutcome, Core, CreateUserOptions, Document, Edit, Effect, Entropy,
    Event, Extent, Input, LoadOutcome, LockOutcome, Metadata, Output, QueueState, Record, Reply, Request,
    Response, Role, SdkError, Settings, SideStore, Ticket, Timeouts, Timer, TransportError, Usage, Warning,
};
use sentiance_protocol::{
    ConfigResponse, CreateUserResponse, DeviceClass, EpochMs, ErrorBody, ErrorCode, InstallState,
    LinkResponse, RefreshResponse, SdkConfiguration, Secret, TokenGrant, key_hash,
};
use std::collections::{BTreeSet, VecDeque};

pub(crate) const TOKEN_LIFE_MS: f64 = 3_600_000.0;

pub(crate) type Answer = Result<Response, TransportError>;

/// A device, and all that it asked for that has not happened yet.
pub(crate) struct Device {
    pub(crate) core: Core,
    pub(crate) stored: Option<Box<Record>>,
    pub(crate) metadata: Metadata,
    usage: Usage,
    /// What is queued to be uploaded.
    pub(crate) queue: Vec<(f64, String)>,
    /// What the platform has been sent of it, and has not refused.
    pub(crate) arrived: Vec<String>,
    /// The keys of metadata that the platform has.
    pub(crate) keys: BTreeSet<String>,
    /// What the app's logger was told.
    pub(crate) warnings: Vec<Warning>,
    pub(crate) timers: Vec<(Timer, f64)>,
    pub(crate) requests: VecDeque<(Ticket, Request)>,
    pub(crate) settled: Option<Result<Output, SdkError>>,
    calls: u32,
    /// The real time, and how far the device's clock is off.
    pub(crate) now: f64,
    pub(crate) clock_error: f64,
    random: SplitMix64,
    /// The newest session that the platform has issued.
    generation: u32,
    pub(crate) linked: bool,
    /// The metadata keys of the user that a creation restores.
    pub(crate) known_keys: Option<Vec<String>>,
    /// What another process has stored by the time that this one waits for it.
    pub(crate) stored_later: Option<Box<Record>>,
    last_key: f64,
}

/// What an app calls that sends.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Action {
    Create,
    Refresh,
    Link,
    Submit,
}

pub(crate) const ACTIONS: [Action; 4] = [Action::Create, Action::Refresh, Action::Link, Action::Submit];

impl Action {
    pub(crate) fn path(self) -> &'static str {
        match self {
            Action::Create => "/sdk/v1/users",
            Action::Refresh => "/sdk/v1/token",
            Action::Link => "/sdk/v1/link",
            Action::Submit => "/sdk/v1/detections",
        }
    }

    pub(crate) fn call(self) -> Call {
        match self {
            Action::Create => {
                let auth_code = Some(Secret::new("code"));
                let options = CreateUserOptions { auth_code, ..CreateUserOptions::default() };
                Call::CreateUser(Box::new(options), Box::new(identity(DeviceClass::Desktop)))
            }
            Action::Refresh => Call::RequestUserAccessToken,
            Action::Link => Call::LinkUserWithAuthCode(Secret::new("code")),
            Action::Submit => Call::SubmitDetections,
        }
    }

    pub(crate) fn deadline_ms(self) -> f64 {
        let timeouts = Timeouts::default();
        if matches!(self, Action::Refresh) { timeouts.token } else { timeouts.creation }
    }
}

/// What happened during a call.
#[derive(Default)]
pub(crate) struct Course {
    /// When it was sent, each time.
    pub(crate) sent: Vec<f64>,
    pub(crate) took_ms: f64,
}

impl Device {
    /// A device that is ready for `action`.
    pub(crate) fn ready_for(action: Action, seed: u64) -> Device {
        let mut device = Device::new(seed);
        device.linked = !matches!(action, Action::Link);
        if !matches!(action, Action::Create) {
            device.perform(Action::Create, |_, _| None);
            assert!(device.settled.take().unwrap().is_ok());
        }
        if matches!(action, Action::Refresh) {
            device.now += TOKEN_LIFE_MS;
        }
        if matches!(action, Action::Submit) {
            device.enqueue(&["position"]);
        }
        device
    }

    pub(crate) fn new(seed: u64) -> Device {
        let ambient_platform_url = Some("https://platform.example.com".to_owned());
        Device {
            core: Core::new(Settings { ambient_platform_url, timeouts: Timeouts::default() }),
            stored: None,
            metadata: Metadata::default(),
            usage: Usage::default(),
            queue: Vec::new(),
            arrived: Vec::new(),
            keys: BTreeSet::new(),
            warnings: Vec::new(),
            timers: Vec::new(),
            requests: VecDeque::new(),
            settled: None,
            calls: 0,
            now: 1_800_000_000_000.0,
            clock_error: 0.0,
            random: SplitMix64(seed),
            generation: 0,
            linked: true,
            known_keys: None,
            stored_later: None,
            last_key: 0.0,
        }
    }

    /// Puts entries into the queue, as they will be sent.
    pub(crate) fn enqueue(&mut self, entries: &[&str]) {
        for entry in entries {
            self.last_key += 1.0;
            self.queue.push((self.last_key, (*entry).to_owned()));
        }
    }

    /// Calls what the action is, and lives on until the call is settled. `answer` says what comes to the n-th request
    /// of the call: `None` is the platform's own answer.
    pub(crate) fn perform(
        &mut self,
        action: Action,
        answer: impl Fn(usize, &Request) -> Option<Answer>,
    ) -> Course {
        let began = self.now;
        let mut sent = Vec::new();
        self.run(action.call(), |now, request| {
            if request.path != action.path() {
                return None;
            }
            sent.push(now);
            answer(sent.len() - 1, request)
        });
        Course { sent, took_ms: self.now - began }
    }

    /// Makes a call, and lives on until it is settled. `answer` says what comes to a request at that time: `None` is the
    /// platform's own answer.
    pub(crate) fn run(&mut self, call: Call, mut answer: impl FnMut(f64, &Request) -> Option<Answer>) {
        self.calls += 1;
        self.settled = None;
        self.feed(Event::Call(CallId(self.calls), call));
        while self.settled.is_none() {
            if !self.answer_next(&mut answer) {
                self.fire_next_timer();
            }
        }
    }

    /// Answers all requests that are under way, and those that follow from that.
    pub(crate) fn answer_all(&mut self, mut answer: impl FnMut(f64, &Request) -> Option<Answer>) {
        while self.answer_next(&mut answer) {}
    }

    fn answer_next(&mut self, answer: &mut impl FnMut(f64, &Request) -> Option<Answer>) -> bool {
        let Some((ticket, request)) = self.requests.pop_front() else { return false };
        let said = answer(self.now, &request).unwrap_or_else(|| Ok(self.platform(&request)));
        self.feed(Event::Responded(ticket, said.map(Box::new)));
        true
    }

    /// Has the tab follow the platform's events.
    pub(crate) fn follow(&mut self) {
        self.feed(Event::Leading(Role::Following, Extent::Always));
    }

    /// Lets time pass until the next timer runs out.
    pub(crate) fn fire_next_timer(&mut self) {
        let next = (0..self.timers.len()).min_by(|a, b| self.timers[*a].1.total_cmp(&self.timers[*b].1));
        let (timer, at) = self.timers.remove(next.unwrap());
        self.now = self.now.max(at);
        if timer == Timer::RefreshElsewhere {
            self.stored = self.stored_later.take().or(self.stored.take());
        }
        self.feed(Event::TimerFired(timer));
    }

    fn platform(&mut self, request: &Request) -> Response {
        let now = EpochMs(self.now);
        let reply = match &request.body {
            Body::CreateUser(_) => {
                self.generation += 1;
                Reply::User(Box::new(CreateUserResponse {
                    user_id: "0".repeat(24),
                    linked: self.linked,
                    install_state: InstallState::Active,
                    token: self.token(),
                    config: SdkConfiguration::default(),
                    server_time: now,
                    metadata_keys: self
                        .known_keys
                        .as_ref()
                        .map(|keys| keys.iter().map(|key| format!("{:08x}", key_hash(key))).collect()),
                }))
            }
            Body::Refresh(_) => {
                self.generation += 1;
                Reply::Token(RefreshResponse { token: self.token(), server_time: now })
            }
            Body::Metadata(body) => {
                for entry in &body.entries {
                    match entry.value {
                        Some(_) => self.keys.insert(entry.key.clone()),
                        None => self.keys.remove(&entry.key),
                    };
                }
                Reply::Empty
            }
            Body::Detections(body) => {
                self.arrived.extend(body.split_terminator('\n').map(str::to_owned));
                Reply::Empty
            }
            Body::Config => Reply::Config(ConfigResponse {
                install_state: InstallState::Active,
                config: SdkConfiguration::default(),
                server_time: now,
            }),
            Body::Link(_) => Reply::Linked(LinkResponse {
                user_id: "0".repeat(24),
                linked: true,
                install_state: InstallState::Active,
                metadata_keys: None,
            }),
            _ => Reply::Empty,
        };
        Response { status: 200, reply, retry_after_ms: None, bytes: 0.0 }
    }

    fn token(&self) -> TokenGrant {
        TokenGrant {
            access_token: Secret::new(self.generation.to_string()),
            refresh_token: Secret::new("refresh"),
            expires_at: EpochMs(self.now + TOKEN_LIFE_MS),
            generation: self.generation,
        }
    }

    pub(crate) fn feed(&mut self, event: Event) {
        let mut events = VecDeque::from([event]);
        while let Some(event) = events.pop_front() {
            let input = Input {
                now: EpochMs(self.now + self.clock_error),
                entropy: Some(Entropy(self.random())),
                event,
            };
            for effect in self.core.handle(input) {
                events.extend(self.do_effect(effect));
            }
        }
    }

    /// Does what the core wants. What can be done at once is, and its event returned.
    fn do_effect(&mut self, effect: Effect) -> Option<Event> {
        match effect {
            Effect::Load(ticket) => {
                return Some(Event::Loaded(ticket, LoadOutcome::Found(self.stored.clone())));
            }
            Effect::Commit { ticket, record, .. } | Effect::Remove { ticket, tombstone: record, .. } => {
                self.stored = Some(record);
                return Some(Event::Committed(ticket, CommitOutcome::Written));
            }
            Effect::Lock(ticket, _) => return Some(Event::Locked(ticket, LockOutcome::Acquired)),
            Effect::Edit(ticket, edit) => {
                let document = match &edit {
                    Edit::Metadata(editor, edit) => match self.metadata.apply(editor, edit) {
                        Ok(_) => Document::Metadata(self.metadata.clone()),
                        Err(why) => return Some(Event::Edited(ticket, Err(why))),
                    },
                    Edit::Usage(edit) => {
                        self.usage.apply(edit);
                        Document::Usage(self.usage.clone())
                    }
                };
                return Some(Event::Edited(ticket, Ok(document)));
            }
            Effect::TakeBatch { ticket, max_entries, .. } => {
                let taken = &self.queue[..self.queue.len().min(max_entries)];
                let keys = taken.iter().map(|(key, _)| *key).collect();
                let body = taken.iter().map(|(_, entry)| format!("{entry}\n")).collect();
                return Some(Event::Batch(ticket, Ok(Batch { keys, body, ..Batch::default() })));
            }
            Effect::DropBatch(ticket, keys) => {
                self.queue.retain(|(key, _)| !keys.contains(key));
                return Some(Event::Queued(ticket, Ok(QueueState::default())));
            }
            Effect::Clear { ticket, store, .. } => {
                if store == SideStore::Documents {
                    self.metadata = Metadata::default();
                }
                return Some(Event::Cleared(ticket, Ok(())));
            }
            Effect::Warn(warning) => self.warnings.push(warning),
            Effect::Send(ticket, request) => self.requests.push_back((ticket, *request)),
            Effect::Abort(ticket) => self.requests.retain(|(other, _)| *other != ticket),
            Effect::StartTimer(timer, ms) => {
                assert!(ms >= 0.0 && ms.is_finite(), "{timer:?} in {ms} ms");
                self.timers.retain(|(other, _)| *other != timer);
                self.timers.push((timer, self.now + ms));
            }
            Effect::StopTimer(timer) => self.timers.retain(|(other, _)| *other != timer),
            Effect::Settle(_, outcome) => self.settled = Some(outcome),
            _ => {}
        }
        None
    }

    /// Bytes of this device's own, in every step others.
    fn random(&mut self) -> [u8; 40] {
        std::array::from_fn(|_| self.random.next() as u8)
    }
}

pub(crate) fn error(code: ErrorCode, retry_after_ms: Option<f64>) -> Answer {
    let body =
        ErrorBody { message: String::new(), error_code: code.as_str().to_owned(), reference: String::new() };
    Ok(Response { status: code.status(), reply: Reply::Error(body), retry_after_ms, bytes: 0.0 })
}

/// What stands in the way answers with a page of its own.
pub(crate) fn page(retry_after_ms: Option<f64>) -> Answer {
    Ok(Response { status: 503, reply: Reply::Unreadable, retry_after_ms, bytes: 0.0 })
}
