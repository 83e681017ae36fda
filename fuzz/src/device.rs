//! A device with one tab: the SDK's real state machine, a storage that works, and a network that gives one answer and
//! is gone. Its clock jumps to the next timer, so that every call comes to its end.

use crate::{identity::identity, json};
use sentiance_core::core::{
    Batch, Call, CallId, CommitOutcome, Core, CreateUserOptions, Document, Edit, Effect, Entropy, Event,
    Extent, Input, LoadOutcome, LockOutcome, Metadata, QueueState, Record, Reply, Request,
    Response, Role, Settings, Surroundings, Ticket, Timeouts, Timer, TransportError, Usage,
};
use sentiance_protocol::{DeviceClass, EpochMs, Message, Secret};
use std::collections::{HashSet, VecDeque};

/// More steps than any honest conversation takes.
const STEPS: usize = 2_000;
/// More time than any call takes.
const LONGEST_CALL_MS: f64 = 120_000.0;

/// The one answer of the network, as text.
pub struct Answer<'a> {
    pub status: u16,
    pub retry_after_ms: Option<f64>,
    pub body: &'a str,
}

/// What the storage holds at the start.
#[derive(Default)]
pub struct Stored {
    pub record: Option<Record>,
    pub metadata: Metadata,
    pub usage: Usage,
}

pub struct Device<'a> {
    core: Core,
    now: f64,
    stored: Stored,
    answer: Option<Answer<'a>>,
    events: VecDeque<Event>,
    timers: Vec<(Timer, f64)>,
    pending: HashSet<CallId>,
    calls: u32,
}

impl<'a> Device<'a> {
    pub fn new(stored: Stored, answer: Option<Answer<'a>>) -> Self {
        let settings = Settings {
            ambient_platform_url: Some("https://platform.example.com".to_owned()),
            timeouts: Timeouts::default(),
        };
        Device {
            core: Core::new(settings),
            now: 1_700_000_000_000.0,
            stored,
            answer,
            events: VecDeque::new(),
            timers: Vec::new(),
            pending: HashSet::new(),
            calls: 0,
        }
    }

    /// A call of the API, which must come to an end.
    pub fn call(&mut self, call: Call) {
        self.calls += 1;
        let id = CallId(self.calls);
        self.pending.insert(id);
        let deadline = self.now + LONGEST_CALL_MS;
        self.events.push_back(Event::Call(id, call));
        for _ in 0..STEPS {
            if let Some(event) = self.events.pop_front() {
                self.step(event);
            } else if self.pending.is_empty() {
                return;
            } else {
                self.let_time_pass();
                assert!(self.now <= deadline, "a call is pending past every deadline");
            }
        }
        panic!("a call does not come to its end");
    }

    /// `createUser(code)`, with nothing else said.
    pub fn create_user(&mut self) {
        let options = CreateUserOptions {
            auth_code: Some(Secret::new("c".repeat(128))),
            ..CreateUserOptions::default()
        };
        let identity = identity(DeviceClass::Phone);
        self.call(Call::CreateUser(Box::new(options), Box::new(identity)));
    }

    fn let_time_pass(&mut self) {
        let next = self.timers.iter().enumerate().min_by(|a, b| a.1.1.total_cmp(&b.1.1)).map(|(at, _)| at);
        let (timer, at) = self.timers.remove(next.expect("a call is pending, and no timer will end it"));
        self.now = self.now.max(at);
        self.events.push_back(Event::TimerFired(timer));
    }

    fn step(&mut self, event: Event) {
        let entropy = Some(Entropy([self.calls as u8; 40]));
        for effect in self.core.handle(Input { now: EpochMs(self.now), entropy, event }) {
            self.perform(effect);
        }
    }

    fn perform(&mut self, effect: Effect) {
        let event = match effect {
            Effect::Load(ticket) => {
                Event::Loaded(ticket, LoadOutcome::Found(self.stored.record.clone().map(Box::new)))
            }
            Effect::Commit { ticket, record, .. } => {
                // What is stored is what is read back.
                let written = json::write(&*record);
                let read = Record::read(&written).expect("the SDK can't read what it stores");
                assert_eq!(json::write(&read).0, written.0, "what is read is not what was stored");
                self.stored.record = Some(*record);
                Event::Committed(ticket, CommitOutcome::Written)
            }
            Effect::Remove { ticket, tombstone, .. } => {
                self.stored.record = Some(*tombstone);
                Event::Committed(ticket, CommitOutcome::Written)
            }
            Effect::Lock(ticket, _) => Event::Locked(ticket, LockOutcome::Acquired),
            Effect::Send(ticket, request) => Event::Responded(ticket, self.respond(&request)),
            Effect::StartTimer(timer, ms) => {
                assert!(!ms.is_nan(), "{timer:?} never runs out");
                self.timers.retain(|(other, _)| *other != timer);
                return self.timers.push((timer, self.now + ms.max(0.0)));
            }
            Effect::StopTimer(timer) => return self.timers.retain(|(other, _)| *other != timer),
            Effect::Settle(call, _) => {
                assert!(self.pending.remove(&call), "a call is settled once");
                return;
            }
            Effect::LookAround => Event::Surroundings(Box::new(Surroundings::NOTHING)),
            Effect::Enqueue(ticket, _) | Effect::DropBatch(ticket, _) => {
                Event::Queued(ticket, Ok(QueueState::default()))
            }
            Effect::TakeBatch { ticket, .. } => Event::Batch(ticket, Ok(Batch::default())),
            Effect::Edit(ticket, edit) => self.edit(ticket, edit),
            Effect::Clear { ticket, .. } => Event::Cleared(ticket, Ok(())),
            Effect::AskLinker { ticket, .. } => Event::LinkerAnswered(ticket, Ok(())),
            // Nothing is followed: the answer is for the call.
            Effect::Lead(Role::Recording, true) => Event::Leading(Role::Recording, Extent::Always),
            _ => return,
        };
        self.events.push_back(event);
    }

    fn edit(&mut self, ticket: Ticket, edit: Edit) -> Event {
        let outcome = match edit {
            Edit::Metadata(editor, edit) => self
                .stored
                .metadata
                .apply(&editor, &edit)
                .map(|_| Document::Metadata(self.stored.metadata.clone())),
            Edit::Usage(edit) => {
                self.stored.usage.apply(&edit);
                Ok(Document::Usage(self.stored.usage.clone()))
            }
        };
        Event::Edited(ticket, outcome)
    }

    fn respond(&mut self, request: &Request) -> Result<Box<Response>, TransportError> {
        let Answer { status, retry_after_ms, body } =
            self.answer.take().ok_or(TransportError::Unreachable)?;
        let reply = match json::parse(body) {
            Some(object) => Reply::read(&request.body, status, &object),
            None => Reply::Unreadable,
        };
        Ok(Box::new(Response { status, reply, retry_after_ms, bytes: body.len() as f64 }))
    }
}
