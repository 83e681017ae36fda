//! Linking this install to one of the app's own users: by the app's backend (a linker asks it to), or by an
//! authentication code. For a user that is there, and as the last step of a creation with a linker.

use super::change::{Change, Refusal};
use super::commits::Owner;
use super::creation::{Refused, TIMED_OUT, refusal_of, unreachable};
use super::effect::{Body, Effect, Method, Output, Request, Timer, UserInfo};
use super::error::{Code, Reason, SdkError};
use super::event::{CallId, Reply, Response, Ticket, TransportError};
use super::machine::Core;
use super::meaning::Meaning;
use super::record::{User, UserState};
use super::refresh::Waiter;
use super::retry::Tries;
use sentiance_protocol::{ErrorCode, LinkRequest, Secret};

/// A linking under way.
#[derive(Debug)]
pub(super) struct Link {
    call: CallId,
    code: Code,
    /// The user that a creation has received and not stored yet; else it is the record's.
    created: Option<Box<User>>,
    /// The authentication code, where there is no linker.
    authentication_code: Option<Secret>,
    install_id: String,
    stage: Stage,
    tries: Tries,
    /// What the last try met.
    failure: Option<(Reason, String)>,
    /// The generation of the token that was sent, of which a newer one was asked for once at most.
    generation: u32,
    renewed: bool,
}

#[derive(Debug, PartialEq)]
enum Stage {
    Asking(Ticket),
    Token,
    Sending(Ticket),
    Retrying,
    Finishing,
}

impl Core {
    /// `linkUser`, or with a code `linkUserWithAuthCode`.
    pub(super) fn start_link(&mut self, call: CallId, authentication_code: Option<Secret>) {
        let code = match authentication_code {
            Some(_) => Code::UserLinkAuthCode,
            None => Code::UserLink,
        };
        let refused = match &self.record.user {
            None => Some(SdkError::no_user(code)),
            Some(user) if user.state != UserState::Active => Some(SdkError::disabled(code, user.state)),
            Some(user) if user.linked => {
                Some(SdkError::new(code, Reason::UserAlreadyLinked, "The user is linked already."))
            }
            Some(_) if self.link.is_some() => {
                Some(SdkError::passing(code, Reason::UnexpectedError, "Another linking is in progress."))
            }
            Some(_) => None,
        };
        if let Some(error) = refused {
            return self.settle(call, Err(error));
        }
        let Some(user) = &self.record.user else { return };
        let install_id = user.install_id.clone();
        self.emit(Effect::StartTimer(Timer::LinkDeadline, self.settings.timeouts.creation));
        self.begin_link(call, code, None, authentication_code, install_id);
    }

    /// The last step of a creation with a linker. The creation's deadline is this one's, too.
    pub(super) fn link_created(&mut self, call: CallId, user: Box<User>) {
        let install_id = user.install_id.clone();
        self.begin_link(call, Code::CreateUser, Some(user), None, install_id);
    }

    fn begin_link(
        &mut self,
        call: CallId,
        code: Code,
        created: Option<Box<User>>,
        authentication_code: Option<Secret>,
        install_id: String,
    ) {
        let ticket = self.ticket();
        let by_code = authentication_code.is_some();
        if !by_code {
            self.emit(Effect::AskLinker { ticket, call, install_id: install_id.clone() });
        }
        self.link = Some(Link {
            call,
            code,
            created,
            authentication_code,
            install_id,
            stage: Stage::Asking(ticket),
            tries: Tries::default(),
            failure: None,
            generation: 0,
            renewed: false,
        });
        if by_code {
            self.authorize_link();
        }
    }

    pub(super) fn on_linker_answer(&mut self, ticket: Ticket, outcome: Result<(), String>) {
        if !self.link.as_ref().is_some_and(|link| link.stage == Stage::Asking(ticket)) {
            return;
        }
        match outcome {
            Ok(()) => self.authorize_link(),
            Err(why) => self.fail_link(Reason::AppSideLinkingFailed, why, false),
        }
    }

    fn authorize_link(&mut self) {
        let Some(link) = &mut self.link else { return };
        link.stage = Stage::Token;
        match link.created {
            Some(_) => self.send_link(),
            None => self.with_token(Waiter::Link),
        }
    }

    /// There is a fresh token, or there can't be one.
    pub(super) fn link_authorized(&mut self, outcome: Result<(), SdkError>) {
        if !self.link.as_ref().is_some_and(|link| link.stage == Stage::Token) {
            return;
        }
        match outcome {
            Ok(()) => self.send_link(),
            Err(error) => self.fail_link(error.reason, error.details, error.retryable),
        }
    }

    pub(super) fn send_link(&mut self) {
        let Some(link) = &self.link else { return };
        let user = link.created.as_deref().or(self.record.user.as_ref());
        let Some(user) = user.filter(|user| user.install_id == link.install_id) else {
            return self.fail_link(Reason::NoUser, "The user is gone.".to_owned(), false);
        };
        let (path, body) = match &link.authentication_code {
            Some(code) => ("/sdk/v1/link", Body::Link(LinkRequest { authentication_code: code.clone() })),
            None => ("/sdk/v1/link/confirm", Body::ConfirmLink),
        };
        let request = Request::of_user(user, Method::Post, path, body, self.settings.timeouts.request);
        let generation = user.token.generation;
        let ticket = self.ticket();
        if let Some(link) = &mut self.link {
            link.generation = generation;
            link.stage = Stage::Sending(ticket);
        }
        self.emit(Effect::Send(ticket, Box::new(request)));
    }

    pub(super) fn on_link_response(
        &mut self,
        ticket: Ticket,
        response: &Result<Box<Response>, TransportError>,
    ) {
        if !self.link.as_ref().is_some_and(|link| link.stage == Stage::Sending(ticket)) {
            return;
        }
        if response.as_ref().is_ok_and(|response| self.judge_link(response)) {
            return;
        }
        let Some(link) = &mut self.link else { return };
        let user = link.created.as_deref().or(self.record.user.as_ref());
        let address = user.map_or("", |user| user.platform_url.as_str());
        let (reason, details, pause) = match response {
            Ok(response) => {
                if let Reply::Linked(answer) = &response.reply {
                    link.stage = Stage::Finishing;
                    let (call, install_id) = (link.call, link.install_id.clone());
                    if let Some(user) = link.created.take() {
                        self.link = None;
                        return self.creation_linked(user, answer);
                    }
                    let change = Change::Link { install_id, answer: answer.clone() };
                    return self.commit(change, Owner::Link(call));
                }
                let reason = if response.is(const { ErrorCode::UserAlreadyLinked.signature() }) {
                    Some(Reason::UserAlreadyLinked)
                } else if matches!(response.meaning(), Meaning::Session(_)) {
                    Some(Reason::UserDisabledRemotely)
                } else {
                    None
                };
                let has_newer = link.renewed && response.meaning() == Meaning::NewToken;
                match refusal_of(response, address) {
                    // The platform has just issued that token.
                    Refused::ForGood(details) if has_newer => (Reason::ServerError, details, None),
                    Refused::ForGood(details) => {
                        self.fail_link(reason.unwrap_or(Reason::ServerError), details, false);
                        // Where it is disabled, the check tells why.
                        return self.check_if_due();
                    }
                    Refused::ForNow(reason, details) => (reason, details, response.pause()),
                }
            }
            Err(TransportError::TimedOut) => (Reason::NetworkError, TIMED_OUT.to_owned(), None),
            Err(_) => (Reason::NetworkError, unreachable(address), None),
        };
        let fraction = self.jitter();
        let deadline = self.settings.timeouts.creation;
        let Some(link) = &mut self.link else { return };
        match link.tries.delay(fraction, pause).filter(|delay| *delay < deadline) {
            Some(delay) => {
                link.stage = Stage::Retrying;
                link.failure = Some((reason, details));
                self.emit(Effect::StartTimer(Timer::LinkRetry, delay));
            }
            None => self.fail_link(reason, details, true),
        }
    }

    /// What the response says of the session. True where the linking goes on with a newer token, which a user that is not
    /// in the record yet can't get.
    fn judge_link(&mut self, response: &Response) -> bool {
        let Some(link) = self.link.as_mut().filter(|link| link.created.is_none()) else { return false };
        let generation = link.generation;
        match response.meaning() {
            Meaning::NewToken if !link.renewed => {
                (link.renewed, link.stage) = (true, Stage::Token);
                self.renew_token(generation, Waiter::Link);
                true
            }
            Meaning::Session(state) => {
                let install_id = link.install_id.clone();
                self.observe_refusal(&install_id, state, Some(generation));
                false
            }
            _ => false,
        }
    }

    /// The record says that the user is linked, or could not be made to.
    pub(super) fn link_changed(&mut self, call: CallId, result: Result<(), Refusal>) {
        if self.link.as_ref().is_none_or(|link| link.call != call) {
            return;
        }
        match (result, &self.record.user) {
            (Ok(()), Some(user)) => {
                let info = UserInfo::of(user, self.now);
                self.end_link(Ok(Output::User(info)));
            }
            _ => self.fail_link(Reason::NoUser, "The user was removed meanwhile.".to_owned(), false),
        }
    }

    /// The deadline of the call that links has passed.
    pub(super) fn link_timed_out(&mut self) {
        let Some(link) = &self.link else { return };
        if matches!(link.stage, Stage::Asking(_)) {
            let details = "The linker did not return in time.".to_owned();
            self.fail_link(Reason::AppSideLinkingFailed, details, false);
        } else {
            let failure = self.link.as_mut().and_then(|link| link.failure.take());
            let (reason, details) = failure.unwrap_or_else(|| (Reason::NetworkError, TIMED_OUT.to_owned()));
            self.fail_link(reason, details, true);
        }
    }

    /// The user that is being linked is gone, or its creation has ended. Nothing is settled.
    pub(super) fn drop_link(&mut self) -> Option<Link> {
        let link = self.link.take()?;
        match link.stage {
            Stage::Sending(ticket) => self.emit(Effect::Abort(ticket)),
            Stage::Retrying => self.emit(Effect::StopTimer(Timer::LinkRetry)),
            _ => {}
        }
        Some(link)
    }

    /// The user is gone from this device.
    pub(super) fn cancel_link(&mut self) {
        if self.link.as_ref().is_some_and(|link| link.created.is_none()) {
            self.fail_link(Reason::NoUser, "The user was removed meanwhile.".to_owned(), false);
        }
    }

    fn fail_link(&mut self, reason: Reason, details: String, retryable: bool) {
        let Some(link) = &self.link else { return };
        let error = SdkError { code: link.code, reason, details, retryable };
        match link.created {
            Some(_) => self.fail_creation(error),
            None => self.end_link(Err(error)),
        }
    }

    fn end_link(&mut self, outcome: Result<Output, SdkError>) {
        self.emit(Effect::StopTimer(Timer::LinkDeadline));
        if let Some(link) = self.drop_link() {
            self.settle(link.call, outcome);
        }
    }
}
