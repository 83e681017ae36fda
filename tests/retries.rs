//! How often, and when, the core sends again, and what it makes of clocks: one device, alone with its storage, before a
//! platform that does as it likes. Time is virtual.

#![expect(clippy::unwrap_used, reason = "in a test, a panic is the report")]

#[path = "world/identity.rs"]
mod identity;
#[path = "world/split_mix.rs"]
mod split_mix;

use identity::identity;
use proptest::prelude::*;
use sentiance_core::core::{
    Batch, Body, Call, CallId, CommitOutcome, Core, CreateUserOptions, Document, Edit, Effect, Entropy,
    Event, Input, LoadOutcome, LockOutcome, Metadata, Output, QueueState, Reason, Record, Reply, Request,
    Response, SdkError, Settings, Timeouts, Timer, TransportError, Usage,
};
use sentiance_protocol::{
    CreateUserResponse, DeviceClass, EpochMs, ErrorBody, ErrorCode, InstallState, RefreshResponse,
    SdkConfiguration, Secret, TokenGrant,
};
use split_mix::SplitMix64;
use std::collections::VecDeque;

const TOKEN_LIFE_MS: f64 = 3_600_000.0;
/// How often one call sends at most.
const MAX_TRIES: usize = 4;
/// The longest wait before each further try, if nobody asks for more.
const CEILINGS_MS: [f64; MAX_TRIES - 1] = [1_000.0, 2_000.0, 4_000.0];
/// The longest pause that anybody can ask for.
const LONGEST_PAUSE_MS: f64 = 300_000.0;

type Answer = Result<Response, TransportError>;

/// A device, and all that it asked for that has not happened yet.
struct Device {
    core: Core,
    stored: Option<Box<Record>>,
    metadata: Metadata,
    usage: Usage,
    /// Whether something is queued that is to be uploaded.
    is_queued: bool,
    timers: Vec<(Timer, f64)>,
    requests: VecDeque<(sentiance_core::core::Ticket, Request)>,
    settled: Option<Result<Output, SdkError>>,
    calls: u32,
    /// The real time, and how far the device's clock is off.
    now: f64,
    clock_error: f64,
    random: SplitMix64,
    /// The newest session that the platform has issued.
    generation: u32,
    linked: bool,
}

/// What an app calls that sends.
#[derive(Clone, Copy, Debug)]
enum Action {
    Create,
    Refresh,
    Link,
    Submit,
}

const ACTIONS: [Action; 4] = [Action::Create, Action::Refresh, Action::Link, Action::Submit];

impl Action {
    fn path(self) -> &'static str {
        match self {
            Action::Create => "/sdk/v1/users",
            Action::Refresh => "/sdk/v1/token",
            Action::Link => "/sdk/v1/link",
            Action::Submit => "/sdk/v1/detections",
        }
    }

    fn call(self) -> Call {
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

    fn deadline_ms(self) -> f64 {
        let timeouts = Timeouts::default();
        if matches!(self, Action::Refresh) { timeouts.token } else { timeouts.creation }
    }
}

/// What happened during a call.
#[derive(Default)]
struct Course {
    /// When it was sent, each time.
    sent: Vec<f64>,
    took_ms: f64,
}

impl Device {
    /// A device that is ready for `action`.
    fn ready_for(action: Action, seed: u64) -> Device {
        let mut device = Device::new(seed);
        device.linked = !matches!(action, Action::Link);
        if !matches!(action, Action::Create) {
            device.perform(Action::Create, |_, _| None);
            assert!(device.settled.take().unwrap().is_ok());
        }
        if matches!(action, Action::Refresh) {
            device.now += TOKEN_LIFE_MS;
        }
        device.is_queued = matches!(action, Action::Submit);
        device
    }

    fn new(seed: u64) -> Device {
        let ambient_platform_url = Some("https://platform.example.com".to_owned());
        Device {
            core: Core::new(Settings { ambient_platform_url, timeouts: Timeouts::default() }),
            stored: None,
            metadata: Metadata::default(),
            usage: Usage::default(),
            is_queued: false,
            timers: Vec::new(),
            requests: VecDeque::new(),
            settled: None,
            calls: 0,
            now: 1_800_000_000_000.0,
            clock_error: 0.0,
            random: SplitMix64(seed),
            generation: 0,
            linked: true,
        }
    }

    /// Calls what the action is, and lives on until the call is settled. `answer` says what comes to the n-th request
    /// of the call: `None` is the platform's own answer.
    fn perform(&mut self, action: Action, answer: impl Fn(usize, &Request) -> Option<Answer>) -> Course {
        let began = self.now;
        let mut course = Course::default();
        self.calls += 1;
        self.settled = None;
        self.feed(Event::Call(CallId(self.calls), action.call()));
        while self.settled.is_none() {
            if let Some((ticket, request)) = self.requests.pop_front() {
                let said = if request.path == action.path() {
                    course.sent.push(self.now);
                    answer(course.sent.len() - 1, &request)
                } else {
                    None
                };
                let said = said.unwrap_or_else(|| Ok(self.platform(&request)));
                self.feed(Event::Responded(ticket, said.map(Box::new)));
            } else {
                self.fire_next_timer();
            }
        }
        course.took_ms = self.now - began;
        course
    }

    /// Lets time pass until the next timer runs out.
    fn fire_next_timer(&mut self) {
        let next = (0..self.timers.len()).min_by(|a, b| self.timers[*a].1.total_cmp(&self.timers[*b].1));
        let (timer, at) = self.timers.remove(next.unwrap());
        self.now = self.now.max(at);
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
                }))
            }
            Body::Refresh(_) => {
                self.generation += 1;
                Reply::Token(RefreshResponse { token: self.token(), server_time: now })
            }
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

    fn feed(&mut self, event: Event) {
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
                    Edit::Metadata(editor, edit) => {
                        self.metadata.apply(editor, edit).unwrap();
                        Document::Metadata(self.metadata.clone())
                    }
                    Edit::Usage(edit) => {
                        self.usage.apply(edit);
                        Document::Usage(self.usage.clone())
                    }
                };
                return Some(Event::Edited(ticket, Ok(document)));
            }
            Effect::TakeBatch { ticket, .. } => {
                let keys = if self.is_queued { vec![1.0] } else { Vec::new() };
                return Some(Event::Batch(ticket, Ok(Batch { keys, ..Batch::default() })));
            }
            Effect::DropBatch(ticket, _) => {
                self.is_queued = false;
                return Some(Event::Queued(ticket, Ok(QueueState::default())));
            }
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

fn error(code: ErrorCode, retry_after_ms: Option<f64>) -> Answer {
    let body =
        ErrorBody { message: String::new(), error_code: code.as_str().to_owned(), reference: String::new() };
    Ok(Response { status: code.status(), reply: Reply::Error(body), retry_after_ms, bytes: 0.0 })
}

/// What stands in the way answers with a page of its own.
fn page(retry_after_ms: Option<f64>) -> Answer {
    Ok(Response { status: 503, reply: Reply::Unreadable, retry_after_ms, bytes: 0.0 })
}

fn asked_for(answer: &Answer) -> f64 {
    let asked = answer.as_ref().ok().and_then(|response| response.retry_after_ms);
    asked.filter(|ms| !ms.is_nan()).map_or(0.0, |ms| ms.clamp(0.0, LONGEST_PAUSE_MS))
}

/// Any answer after which trying again makes sense.
fn passing() -> impl Strategy<Value = Answer> {
    let seconds = prop_oneof![
        4 => Just(None),
        3 => (0.0..4_000.0).prop_map(Some),
        1 => (0.0..1e6).prop_map(Some),
        1 => prop::sample::select(vec![f64::NAN, f64::INFINITY, f64::NEG_INFINITY, -1.0, 1e300]).prop_map(Some),
    ];
    seconds.prop_flat_map(|wish| {
        prop_oneof![
            Just(Err(TransportError::Unreachable)),
            Just(Err(TransportError::TimedOut)),
            Just(page(wish)),
            Just(error(ErrorCode::TooManyRequests, wish)),
            Just(error(ErrorCode::Unavailable, wish)),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_call_sends_four_times_at_most_never_earlier_than_it_may_and_ends_by_its_deadline(
        action in prop::sample::select(ACTIONS.to_vec()),
        answers in prop::array::uniform4(passing()),
        seed in any::<u64>(),
    ) {
        let mut device = Device::ready_for(action, seed);
        let course = device.perform(action, |at, _| Some(answers[at].clone()));
        prop_assert!(course.sent.len() <= MAX_TRIES);
        prop_assert!(course.took_ms <= action.deadline_ms(), "{} ms", course.took_ms);
        for (at, times) in course.sent.windows(2).enumerate() {
            let (wait, asked) = (times[1] - times[0], asked_for(&answers[at]));
            prop_assert!(wait >= asked, "{wait} ms of {asked}");
            prop_assert!(wait <= asked + CEILINGS_MS[at], "{wait} ms of {asked}");
        }
        let outcome = device.settled.take().unwrap();
        prop_assert!(outcome.is_err_and(|error| error.retryable && error.reason != Reason::UnexpectedError));
    }

    #[test]
    fn twenty_token_reads_cost_one_refresh_for_each_step_of_the_clock_at_most(
        first_years in -10.0..10.0_f64,
        steps in prop::collection::btree_map(0..20_usize, -10.0..10.0_f64, 0..4),
        hours in 0.0..2.0_f64,
        seed in any::<u64>(),
    ) {
        const YEAR_MS: f64 = 365.25 * 24.0 * 3_600_000.0;
        let mut device = Device::new(seed);
        device.clock_error = first_years * YEAR_MS;
        device.perform(Action::Create, |_, _| None);
        // So much for the tokens that expire in truth.
        let mut due = 0;
        let mut expires_at = device.now + TOKEN_LIFE_MS;
        let mut refreshes = 0;
        for read in 0..20 {
            if let Some(years) = steps.get(&read) {
                device.clock_error = years * YEAR_MS;
            }
            device.now += hours * 3_600_000.0 / 20.0;
            let sent = device.perform(Action::Refresh, |_, _| None).sent.len();
            prop_assert!(matches!(device.settled.take(), Some(Ok(Output::Token(_)))));
            refreshes += sent;
            if sent > 0 {
                // The margin before its end is a minute.
                due += usize::from(device.now >= expires_at - 60_000.0);
                expires_at = device.now + TOKEN_LIFE_MS;
            }
            let is_dead = device.now > expires_at;
            prop_assert!(!is_dead, "a dead token was handed out");
        }
        prop_assert!(refreshes <= due + steps.len(), "{refreshes} refreshes, {due} were due");
    }
}

/// Of many devices that fail in the same instant, no two groups come back together: each wait is spread evenly from
/// nothing to its ceiling, after the pause that was asked for.
#[test]
fn the_waits_of_many_devices_spread_over_the_whole_interval() {
    const DEVICES: u64 = 2_000;
    const BUCKETS: usize = 20;
    for action in ACTIONS {
        for asked in [None, Some(1_500.0)] {
            let mut histograms = [[0_usize; BUCKETS]; MAX_TRIES - 1];
            for seed in 0..DEVICES {
                let mut device = Device::ready_for(action, seed);
                let course = device.perform(action, |_, _| Some(error(ErrorCode::TooManyRequests, asked)));
                assert_eq!(course.sent.len(), MAX_TRIES);
                for (at, times) in course.sent.windows(2).enumerate() {
                    let part = (times[1] - times[0] - asked.unwrap_or(0.0)) / CEILINGS_MS[at];
                    histograms[at][((part * BUCKETS as f64) as usize).min(BUCKETS - 1)] += 1;
                }
            }
            // A hundred each, if it were perfectly even; sixty off would be six standard deviations.
            for count in histograms.into_iter().flatten() {
                assert!((40..=160).contains(&count), "{action:?} after {asked:?}: {histograms:?}");
            }
        }
    }
}

/// A pause that the platform asked for is kept after the call that heard of it, within reason; a proxy's is not.
#[test]
fn the_platforms_pause_outlasts_the_call_for_five_minutes_at_most_and_a_proxys_does_not() {
    let platform = |ms| error(ErrorCode::TooManyRequests, Some(ms));
    for (answer, pause_ms) in
        [(platform(60_000.0), 60_000.0), (platform(1e12), LONGEST_PAUSE_MS), (page(Some(60_000.0)), 0.0)]
    {
        for action in [Action::Refresh, Action::Submit] {
            let mut device = Device::ready_for(action, 1);
            assert_eq!(device.perform(action, |_, _| Some(answer.clone())).sent.len(), 1);
            if pause_ms > 0.0 {
                device.now += pause_ms - 1_000.0;
                assert_eq!(device.perform(action, |_, _| None).sent.len(), 0, "{action:?}");
                device.now += 2_000.0;
            }
            assert_eq!(device.perform(action, |_, _| None).sent.len(), 1, "{action:?}");
            assert!(device.settled.take().unwrap().is_ok(), "{action:?}");
        }
    }
}
