//! What the platform says of this install, asked in the background: at start, when the page comes back, and at
//! intervals where its events can't be followed. Nothing waits for the answer.

use super::change::{Change, Observation};
use super::commits::Owner;
use super::effect::{Body, Effect, Method, Request, Timer};
use super::event::{Reply, Response, Ticket, TransportError};
use super::machine::Core;
use super::meaning::Meaning;
use super::record::{User, UserState};
use sentiance_protocol::EpochMs;

/// The shortest interval between two checks that the page's coming and going causes.
const MIN_INTERVAL_MS: f64 = 10_000.0;

/// What is known of the last check.
#[derive(Debug)]
pub(super) struct Check {
    sent: Option<Sent>,
    last_at: Option<EpochMs>,
    polling: bool,
    listening: bool,
    visible: bool,
}

#[derive(Debug)]
struct Sent {
    ticket: Ticket,
    install_id: String,
    generation: u32,
}

impl Default for Check {
    fn default() -> Self {
        Check { sent: None, last_at: None, polling: false, listening: false, visible: true }
    }
}

impl Core {
    /// The user, if there is anything new that could be said of it.
    pub(super) fn user_to_ask_for(&self) -> Option<&User> {
        self.record.user.as_ref().filter(|user| !user.state.is_final())
    }

    /// Asks the platform, if there is a user about whom it could say anything new.
    pub(super) fn start_check(&mut self) {
        let Some(user) = self.user_to_ask_for() else { return };
        if self.check.sent.is_some() {
            return;
        }
        let timeout_ms = self.settings.timeouts.request;
        let request = Request::of_user(user, Method::Get, "/sdk/v1/config", Body::Config, timeout_ms);
        let (install_id, generation) = (user.install_id.clone(), user.token.generation);
        let ticket = self.ticket();
        self.check.sent = Some(Sent { ticket, install_id, generation });
        self.check.last_at = Some(self.now);
        self.emit(Effect::Send(ticket, Box::new(request)));
    }

    pub(super) fn cancel_check(&mut self) {
        if let Some(sent) = self.check.sent.take() {
            self.emit(Effect::Abort(sent.ticket));
        }
    }

    pub(super) fn on_check_response(
        &mut self,
        ticket: Ticket,
        response: &Result<Box<Response>, TransportError>,
    ) {
        let Some(sent) = self.check.sent.take_if(|sent| sent.ticket == ticket) else { return };
        let Ok(response) = response else { return };
        if let Reply::Config(config) = &response.reply {
            let seen = Observation::of(config);
            // The whole of it each time, never 304: it also tells the platform's time, and this device's clock may have
            // been set since.
            let clock_offset = Some(config.server_time.since(self.now));
            self.observe(&sent.install_id, Observation { clock_offset, ..seen });
        } else {
            self.judge(&sent.install_id, sent.generation, response);
        }
    }

    /// A session was refused an answer about itself. An error that says nothing of it is passed over: it will be asked for
    /// again.
    pub(super) fn judge(&mut self, install_id: &str, generation: u32, response: &Response) {
        match response.meaning() {
            Meaning::Session(state) => self.observe_refusal(install_id, state, Some(generation)),
            Meaning::NewToken => self.doubt_session(install_id, generation),
            _ => {}
        }
    }

    /// Takes over what the platform says of an install.
    pub(super) fn observe(&mut self, install_id: &str, seen: Observation) {
        let install_id = install_id.to_owned();
        self.commit(Change::Observe { install_id, seen }, Owner::Nobody);
    }

    /// The same of a refusal, which is about the session of that generation, or whichever there is.
    pub(super) fn observe_refusal(&mut self, install_id: &str, state: UserState, generation: Option<u32>) {
        self.observe(install_id, Observation { state: Some(state), generation, ..Observation::default() });
    }

    pub(super) fn set_listening(&mut self, listening: bool) {
        self.check.listening = listening;
    }

    /// Whether someone listens to the status.
    pub(super) fn is_listening(&self) -> bool {
        self.check.listening
    }

    pub(super) fn set_visible(&mut self, visible: bool) {
        self.check.visible = visible;
        if visible {
            self.resume();
        } else {
            self.upload_now();
        }
    }

    /// Whether the page can be seen, or is none.
    pub(super) fn is_visible(&self) -> bool {
        self.check.visible
    }

    /// Timers may have slept and messages may have been missed: looks at everything again.
    pub(super) fn resume(&mut self) {
        self.wake();
        if !self.is_ready() {
            // The first load is yet to come, and will look at everything.
            return;
        }
        self.reload_record();
        self.check_if_due();
        self.read_documents();
        self.judge_trip();
        self.upload_now();
        self.emit(Effect::LookAround);
    }

    /// Asks the platform, unless it was asked a moment ago.
    pub(super) fn check_if_due(&mut self) {
        let recent =
            self.check.last_at.is_some_and(|last| (0.0..MIN_INTERVAL_MS).contains(&self.now.since(last)));
        if !recent {
            self.start_check();
            self.hasten_following();
        }
    }

    /// Starts or stops the interval, so that it fits the state. To be called after every event.
    ///
    /// The tab that follows for all asks where it hears nothing. A tab in which someone waits for news asks, too: the
    /// one that follows may be stopped without knowing it.
    pub(super) fn arm_poll(&mut self) {
        let interval =
            self.user_to_ask_for().map(|user| f64::from(user.config.status_poll_seconds.max(1)) * 1_000.0);
        let is_watched = self.check.listening && self.check.visible;
        match interval.filter(|_| is_watched || (self.is_following() && !self.hears_events())) {
            Some(interval) if !self.check.polling => {
                self.check.polling = true;
                self.emit(Effect::StartTimer(Timer::Poll, interval));
            }
            None if self.check.polling => {
                self.check.polling = false;
                self.emit(Effect::StopTimer(Timer::Poll));
            }
            _ => {}
        }
    }

    pub(super) fn poll(&mut self) {
        self.check.polling = false;
        self.emit(Effect::LookAround);
        if !self.hears_events() {
            self.start_check();
        }
    }
}
