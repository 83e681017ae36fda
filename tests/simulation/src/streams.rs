//! The platform's events: what the tabs follow, and what comes through it.
//!
//! The router holds the answer to such a request open for as long as it likes, which a simulated connection can't. So the
//! platform is asked what each word would say, which is what `GET /sdk/v1/config` says at that moment, and the
//! connection, with all that can happen to it, is here.

use crate::{
    broken::Broken,
    step::At,
    tally::{Fault, Outcome},
    wire,
    world::World,
};
use sentiance_core::core::{Body, Event, Reply, Request, Response, Ticket, TransportError, UserState};

/// A stream that a tab has open.
pub(crate) struct Stream {
    pub(crate) ticket: Ticket,
    request: Request,
    /// What came through it last.
    told: Option<UserState>,
}

/// The request that asks once what a stream would say.
pub(crate) fn as_check(request: &Request) -> Request {
    match request.body {
        Body::Events => Request { path: "/sdk/v1/config", body: Body::Config, ..request.clone() },
        _ => request.clone(),
    }
}

impl World<'_> {
    /// The platform's first word arrives: the stream is open.
    pub(crate) fn open_stream(&mut self, at: At, ticket: Ticket, request: Request, word: Reply) {
        self.tally.outcome(Outcome::StreamOpened);
        let told = state_of(&word);
        self.devices[at.device].tabs[at.tab].streams.push(Stream { ticket, request, told });
        self.feed(at, Event::Streamed(ticket, Box::new(word)));
    }

    /// Whether the platform has something to say that a tab has not heard.
    pub(crate) fn has_news(&self, at: At) -> bool {
        let stream = self.devices[at.device].tabs[at.tab].streams.first();
        self.is_up && stream.is_some_and(|stream| self.truth_of(stream) != stream.told)
    }

    fn truth_of(&self, stream: &Stream) -> Option<UserState> {
        let token = stream.request.bearer.as_ref()?;
        self.oracle.truth(&self.oracle.install_of(token)?)
    }

    /// What is new arrives at a tab's stream.
    pub(crate) fn push(&mut self, at: At) {
        if !self.has_news(at) {
            return;
        }
        let tab = &mut self.devices[at.device].tabs[at.tab];
        let mut stream = tab.streams.remove(0);
        let check = as_check(&stream.request);
        let answer = self.ask(wire::to_http(&check));
        let Some(response) = wire::read(&check.body, &answer) else { return };
        self.judge(&check, &response);
        if self.broken == Some(Broken::DeafToState) {
            stream.told = self.truth_of(&stream);
            return self.devices[at.device].tabs[at.tab].streams.push(stream);
        }
        self.note_words(at.device, &check, &response);
        self.tally.outcome(Outcome::Pushed);
        let ticket = stream.ticket;
        let is_last = !matches!(response.reply, Reply::Config(_));
        if !is_last {
            stream.told = state_of(&response.reply);
            self.devices[at.device].tabs[at.tab].streams.push(stream);
        }
        self.feed(at, Event::Streamed(ticket, Box::new(response.reply)));
        if is_last {
            let end = Response { status: 200, reply: Reply::Empty, retry_after_ms: None, bytes: 0.0 };
            self.feed(at, Event::Responded(ticket, Ok(Box::new(end))));
        }
    }

    /// A tab's stream breaks.
    pub(crate) fn cut(&mut self, at: At) {
        let streams = &mut self.devices[at.device].tabs[at.tab].streams;
        if !streams.is_empty() {
            self.tally.fault(Fault::StreamCut);
            let stream = streams.remove(0);
            self.feed(at, Event::Responded(stream.ticket, Err(TransportError::Unreachable)));
        }
    }
}

fn state_of(word: &Reply) -> Option<UserState> {
    match word {
        Reply::Config(config) => Some(UserState::from(config.install_state)),
        _ => None,
    }
}
