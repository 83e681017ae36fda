//! What becomes of requests and answers on their way.

use crate::{
    broken::Broken,
    invariant::Invariant,
    network::{Arrival, Flight, Return},
    server::Answer,
    step::At,
    streams::as_check,
    tally::{Fault, Outcome},
    wire,
    world::World,
};
use axum::http;
use sentiance_core::core::{Body, Event, Reply, Request, Response, TransportError, UserState};
use sentiance_protocol::{DeviceClass, ErrorCode};

impl World<'_> {
    /// Whether somebody waits for what is on its way.
    pub(crate) fn is_awaited(&self, flight: &Flight) -> bool {
        let device = &self.devices[flight.device];
        device.births[flight.tab] == flight.birth
            && flight.ticket.is_some_and(|ticket| {
                device.tabs[flight.tab].requests.iter().any(|(other, _)| *other == ticket)
            })
    }

    pub(crate) fn nth(&self, which: usize, answered: bool) -> Option<usize> {
        let mut found: Vec<usize> = (0..self.flights.len()).collect();
        found.retain(|at| self.flights[*at].answer.is_some() == answered);
        (!found.is_empty()).then(|| found[which % found.len()])
    }

    /// A request meets its fate.
    pub(crate) fn arrive(&mut self, which: usize, arrival: Arrival) {
        let Some(at) = self.nth(which, false) else { return };
        if !self.is_up {
            self.tally.fault(Fault::Refused);
            return self.give_up(at, TransportError::Unreachable);
        }
        match arrival {
            Arrival::Lost => {
                self.tally.fault(Fault::LostRequest);
                return self.give_up(at, TransportError::Unreachable);
            }
            Arrival::ActsTwice => {
                self.tally.fault(Fault::Duplicated);
                self.flights.push(Flight { ticket: None, ..self.flights[at].clone() });
            }
            Arrival::Acts => {}
            Arrival::TooMany => self.tally.fault(Fault::TooMany),
            Arrival::TooManyWithPause => self.tally.fault(Fault::TooManyWithPause),
            Arrival::Failure => self.tally.fault(Fault::Failure),
            Arrival::Overload => self.tally.fault(Fault::Overload),
            Arrival::PageInsteadOf200 => self.tally.fault(Fault::PageInsteadOf200),
            Arrival::PageInsteadOf503 => self.tally.fault(Fault::PageInsteadOf503),
        }
        let answer = match arrival.answer() {
            Some(answer) => answer,
            None => self.act(at),
        };
        self.flights[at].answer = Some(answer);
    }

    /// The platform acts on a request.
    pub(crate) fn act(&mut self, at: usize) -> Answer {
        let flight = &self.flights[at];
        let mut request = as_check(&flight.request);
        if self.broken == Some(Broken::TabletInDisguise)
            && let Body::CreateUser(body) = &mut request.body
            && body.device.class == DeviceClass::Tablet
        {
            body.device.class = DeviceClass::Desktop;
        }
        let name = self.devices[flight.device].name.clone();
        let answer = self.ask(wire::to_http(&request));
        let request = as_check(&self.flights[at].request);
        self.trace.say(|| {
            let body = String::from_utf8_lossy(&answer.body);
            let code = body.split_once("\"errorCode\":\"").and_then(|(_, rest)| rest.split('"').next());
            format!("{name}: {} is answered {} {}", request.path, answer.status, code.unwrap_or_default())
        });
        match wire::read(&request.body, &answer) {
            Some(response) => self.judge(&request, &response),
            None => self.violated(Invariant::NothingElse, "the page may not read the platform's answer"),
        }
        self.recorded.see(&request, &answer, &mut self.tally);
        answer
    }

    /// Sends a request to the platform, whoever it is from.
    pub(crate) fn ask(&mut self, request: http::Request<axum::body::Body>) -> Answer {
        self.tally.requests += 1;
        let answer = self.server.answer(request);
        self.trace.add(u64::from(answer.status));
        self.trace.add_bytes(&answer.body);
        answer
    }

    /// An answer meets its fate.
    pub(crate) fn return_answer(&mut self, which: usize, how: Return) {
        let Some(at) = self.nth(which, true) else { return };
        match how {
            Return::Lost => {
                self.tally.fault(Fault::LostAnswer);
                return self.give_up(at, TransportError::Unreachable);
            }
            Return::Half => {
                self.tally.fault(Fault::HalfAnswer);
                if let Some(answer) = &mut self.flights[at].answer {
                    let half = answer.body.len() / 2;
                    answer.body.truncate(half);
                }
            }
            Return::Arrives => {}
        }
        let flight = self.flights.remove(at);
        let overtaken =
            self.flights.iter().any(|other| other.sent_at < flight.sent_at && other.answer.is_some());
        if overtaken {
            self.tally.fault(Fault::Reordered);
        }
        if !self.is_awaited(&flight) {
            return;
        }
        let (Some(answer), Some(ticket)) = (&flight.answer, flight.ticket) else { return };
        let mut response = wire::read(&as_check(&flight.request).body, answer);
        if self.broken == Some(Broken::BelievesAnyPage)
            && let Some(response) = &mut response
            && matches!(response.reply, Reply::Unreadable)
            && response.status == 503
        {
            let code = ErrorCode::SessionEnded;
            let body = sentiance_protocol::ErrorBody {
                message: String::new(),
                error_code: code.as_str().to_owned(),
                reference: String::new(),
            };
            (response.status, response.reply) = (code.status(), Reply::Error(body));
        } else if self.broken == Some(Broken::DeafToState)
            && let Some(response) = &mut response
            && matches!(flight.request.body, Body::Config | Body::Events)
        {
            response.reply = Reply::Unreadable;
        } else if let Some(response) = &response {
            self.note_words(flight.device, &flight.request, response);
        }
        let at = At { device: flight.device, tab: flight.tab };
        self.devices[at.device].tabs[at.tab].requests.retain(|(other, _)| *other != ticket);
        match response {
            Some(Response { reply: word @ Reply::Config(_), .. })
                if matches!(flight.request.body, Body::Events) =>
            {
                self.open_stream(at, ticket, flight.request, word);
            }
            response => {
                let outcome = response.map(Box::new).ok_or(TransportError::Unreachable);
                self.feed(at, Event::Responded(ticket, outcome));
            }
        }
    }

    /// The install that sends a request.
    pub(crate) fn install_of(&self, request: &Request) -> Option<String> {
        match &request.body {
            Body::CreateUser(body) => Some(body.install_id.clone()),
            Body::Refresh(body) => self.oracle.install_of(&body.refresh_token),
            _ => request.bearer.as_ref().and_then(|bearer| self.oracle.install_of(bearer)),
        }
    }

    /// The platform has said something of an install to a device.
    pub(crate) fn note_words(&mut self, device: usize, request: &Request, response: &Response) {
        let install_id = self.install_of(request);
        let is_refresh = matches!(request.body, Body::Refresh(_));
        let says = |code: ErrorCode| match &response.reply {
            Reply::Error(body) => body.error_code == code.as_str() && response.status == code.status(),
            _ => false,
        };
        let state = match &response.reply {
            Reply::User(user) => Some(UserState::from(user.install_state)),
            Reply::Config(config) => Some(UserState::from(config.install_state)),
            Reply::Linked(linked) => Some(UserState::from(linked.install_state)),
            _ if says(ErrorCode::UserDisabledRemotely) => Some(UserState::Refused),
            _ if says(ErrorCode::UserDeleted) => Some(UserState::Deleted),
            _ if says(ErrorCode::SessionEnded) => Some(UserState::SessionEnded),
            _ if says(ErrorCode::TokenInvalid) && is_refresh => Some(UserState::Unknown),
            _ if says(ErrorCode::RefreshTokenUsed) && is_refresh => Some(UserState::Spent),
            _ => None,
        };
        let (Some(install_id), Some(state)) = (install_id, state) else { return };
        match state {
            UserState::Active | UserState::Unknown | UserState::Spent => {}
            UserState::Refused => self.tally.outcome(Outcome::ToldRefused),
            UserState::Inactive => self.tally.outcome(Outcome::ToldInactive),
            UserState::Disabled => self.tally.outcome(Outcome::ToldDisabled),
            UserState::Deleted => self.tally.outcome(Outcome::ToldDeleted),
            UserState::SessionEnded => self.tally.outcome(Outcome::ToldEnded),
        }
        self.devices[device].words.insert((install_id, state.as_str()));
    }

    /// Nothing comes of a request any more.
    pub(crate) fn give_up(&mut self, at: usize, error: TransportError) {
        // A request that timed out may arrive still.
        let is_late = error == TransportError::TimedOut && self.flights[at].answer.is_none();
        let flight = if is_late { self.flights[at].clone() } else { self.flights.remove(at) };
        if !self.is_awaited(&flight) {
            return;
        }
        let Some(ticket) = flight.ticket else { return };
        let at = At { device: flight.device, tab: flight.tab };
        self.devices[at.device].tabs[at.tab].requests.retain(|(other, _)| *other != ticket);
        self.feed(at, Event::Responded(ticket, Err(error)));
    }
}
