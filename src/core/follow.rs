//! The platform's events, followed in one stream for all tabs: so a device learns at once what was decided elsewhere.
//!
//! A stream says nothing that a check would not: its words are judged in the same way, and that it ends means nothing
//! but that it has to be opened again. Where there can be none, the check is repeated at intervals instead.

use super::change::Observation;
use super::effect::{Body, Effect, Method, Request, Role, Timer};
use super::event::{Extent, Reply, Response, Ticket, TransportError};
use super::machine::Core;
use super::meaning::verdict;
use super::retry::LONGEST_PAUSE_MS;
use sentiance_protocol::EpochMs;

/// A stream that has lasted so long is no failure, however it ends.
const LIVED_MS: f64 = 10_000.0;
/// How long the pause after a stream that has lived is at most; each failure doubles that.
const FIRST_PAUSE_MS: f64 = 2_000.0;
/// The longest pause of its own accord, where streams are possible at all.
const LONGEST_BACKOFF_MS: f64 = 60_000.0;
/// So many times in a row a stream may be silent before something on the way must be holding it back.
const MAX_SILENT: u32 = 3;

/// What is known of the stream.
#[derive(Debug, Default)]
pub(super) struct Follow {
    /// Whether this tab asked to be the one that follows.
    asked: bool,
    /// Whether it is, and when it may.
    role: Option<Extent>,
    stream: Option<Stream>,
    /// What the next attempt waits for.
    pause: Option<Pause>,
    /// How many attempts in a row have failed.
    failures: u32,
    /// Whether the page sleeps.
    suspended: bool,
}

#[derive(Debug)]
struct Stream {
    ticket: Ticket,
    install_id: String,
    generation: u32,
    /// When the platform's first word came.
    began: Option<EpochMs>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Pause {
    /// The SDK's own caution, which gives way to a reason to try at once.
    Own,
    /// The platform's wish.
    Asked,
}

impl Core {
    /// This tab is the one that follows.
    pub(super) fn may_follow(&mut self, extent: Extent) {
        self.follow.role = Some(extent).filter(|_| self.follow.asked);
    }

    /// The page is put to sleep. Whatever it left open would keep the browser from keeping it.
    pub(super) fn suspend(&mut self) {
        self.follow.suspended = true;
    }

    /// The page is awake, and online as far as is known.
    pub(super) fn wake(&mut self) {
        self.follow.suspended = false;
    }

    /// There is a reason to believe that another attempt would succeed.
    pub(super) fn hasten_following(&mut self) {
        if self.follow.pause == Some(Pause::Own) {
            self.end_pause();
        }
    }

    pub(super) fn follow_timer_fired(&mut self) {
        self.follow.pause = None;
    }

    /// Whether this tab is the one that asks for all tabs, now.
    pub(super) fn is_following(&self) -> bool {
        match self.follow.role {
            Some(Extent::Always) => true,
            Some(Extent::WhileVisible) => self.is_visible(),
            Some(Extent::WhileListening) => self.is_listening(),
            None => false,
        }
    }

    /// Whether the platform tells this tab what is new.
    pub(super) fn hears_events(&self) -> bool {
        self.follow.stream.as_ref().is_some_and(|stream| stream.began.is_some())
    }

    /// Opens and closes the stream, so that it fits the state. To be called after every event.
    pub(super) fn arrange_following(&mut self) {
        let wanted = self.user_to_ask_for().is_some() && !self.follow.suspended;
        if wanted != self.follow.asked {
            self.follow.asked = wanted;
            if !wanted {
                self.follow.role = None;
                self.follow.failures = 0;
            }
            self.emit(Effect::Lead(Role::Following, wanted));
        }
        let user = self.user_to_ask_for().filter(|_| self.is_following());
        let may = user.is_some();
        let is_open = match (&self.follow.stream, user) {
            (Some(stream), Some(user)) => stream.install_id == user.install_id,
            _ => false,
        };
        if !is_open && let Some(stream) = self.follow.stream.take() {
            self.emit(Effect::Abort(stream.ticket));
        }
        if !may {
            self.end_pause();
        } else if !is_open && self.follow.pause.is_none() {
            self.open_stream();
        }
    }

    fn open_stream(&mut self) {
        let ticket = self.ticket();
        let Some(user) = self.user_to_ask_for() else { return };
        let timeout_ms = self.settings.timeouts.request;
        let request = Request::of_user(user, Method::Get, "/sdk/v1/events", Body::Events, timeout_ms);
        let (install_id, generation) = (user.install_id.clone(), user.token.generation);
        self.follow.stream = Some(Stream { ticket, install_id, generation, began: None });
        self.emit(Effect::Send(ticket, Box::new(request)));
    }

    fn end_pause(&mut self) {
        if self.follow.pause.take().is_some() {
            self.emit(Effect::StopTimer(Timer::Follow));
        }
    }

    /// The platform said something of this install.
    pub(super) fn on_streamed(&mut self, ticket: Ticket, reply: &Reply) {
        let now = self.now;
        let Some(stream) = self.follow.stream.as_mut().filter(|stream| stream.ticket == ticket) else {
            return;
        };
        let install_id = stream.install_id.clone();
        match reply {
            Reply::Config(config) => {
                stream.began.get_or_insert(now);
                // Nobody's clock is judged by it: it may have waited in a tab that slept.
                self.observe(&install_id, Observation::of(config));
            }
            Reply::Error(body) => {
                if let Some(state) = verdict(&body.error_code, None) {
                    // Not of one session: the platform judges an open stream by what holds now.
                    self.observe_refusal(&install_id, state, None);
                }
            }
            _ => {}
        }
    }

    /// The stream has ended, or could not be opened.
    pub(super) fn on_stream_ended(
        &mut self,
        ticket: Ticket,
        outcome: &Result<Box<Response>, TransportError>,
    ) {
        let Some(stream) = self.follow.stream.take_if(|stream| stream.ticket == ticket) else { return };
        let lived = stream.began.is_some_and(|began| self.now.since(began) >= LIVED_MS);
        self.follow.failures = if lived { 0 } else { self.follow.failures + 1 };
        let failures = self.follow.failures;

        let heard = stream.began.is_some();
        // An older platform answers 404; something on the way that knows no streams answers, or holds them back.
        let status = match outcome {
            Ok(response) => response.status,
            Err(TransportError::TimedOut) if failures < MAX_SILENT => 0,
            Err(TransportError::Unreachable) => 0,
            Err(_) => 404,
        };
        let is_possible = heard || !matches!(status, 200 | 404 | 405);
        let response = outcome.as_ref().ok();
        let asked = response.and_then(|response| response.pause());
        let own = if is_possible {
            let ceiling = FIRST_PAUSE_MS * f64::from(1u32 << failures.min(6));
            ceiling.min(LONGEST_BACKOFF_MS) * self.jitter()
        } else {
            LONGEST_PAUSE_MS * (1.0 + self.jitter())
        };
        self.follow.pause = Some(if asked.is_some() { Pause::Asked } else { Pause::Own });
        self.emit(Effect::StartTimer(Timer::Follow, own + asked.unwrap_or(0.0)));

        if let Some(response) = response {
            self.judge(&stream.install_id, stream.generation, response);
        }
    }
}
