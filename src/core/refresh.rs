//! `requestUserAccessToken`, and the refresh behind it: single flight in a tab, one tab at a time where the tabs can
//! agree, and right even where they can't, since the platform answers a repeated refresh again.

use super::change::{Change, Observation, Refusal};
use super::commits::Owner;
use super::creation::{TIMED_OUT, unreachable};
use super::effect::{Body, Effect, LockName, Method, Output, Request, Timer, UserAccessToken};
use super::error::{Code, Reason, SdkError};
use super::event::{CallId, LockOutcome, Reply, Response, Ticket, TransportError};
use super::machine::Core;
use super::meaning::{Meaning, told};
use super::record::{User, UserState};
use super::retry::Tries;
use sentiance_protocol::{ErrorCode, RefreshRequest};

/// For how long a tab waits for another one's refresh, at first.
const ELSEWHERE_MS: f64 = 2_000.0;
/// The same as a part of the call's deadline: a tab waits for at most five and a half of these, which leaves time for a refresh.
const ELSEWHERE_PART: f64 = 2.0 / 15.0;
/// How long the lock is kept after a refresh: a tab that got it before it sees the new session would refresh again.
const SEEN_MS: f64 = 1_000.0;
/// How many calls may share one refresh.
const MAX_WAITERS: usize = 1_000;

/// A refresh under way.
#[derive(Debug)]
pub(super) struct Refresh {
    number: u32,
    waiters: Vec<Waiter>,
    install_id: String,
    /// The generation of the session that is being exchanged.
    generation: u32,
    stage: Stage,
    /// How often it has waited for another tab.
    waited: u32,
    holds: Option<LockName>,
    tries: Tries,
    /// What the last try met.
    failure: Option<String>,
}

/// Who waits for a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Waiter {
    /// A call of `requestUserAccessToken`.
    Call(CallId),
    /// A linking.
    Link,
    /// An upload.
    Upload,
    /// Nobody: whether the session lives is the question.
    Check,
}

#[derive(Debug, PartialEq)]
enum Stage {
    Locking(Ticket),
    /// Another tab is at it.
    Elsewhere,
    Beginning,
    Sending(Ticket),
    Retrying,
    Finishing,
    /// The platform says that this session was exchanged already: another tab may know the new one.
    Spent,
    /// The stored record is read once more, before this tab goes ahead.
    Rereading(Ticket),
    /// The same, before the session is given up.
    LastLook(Ticket),
}

impl Core {
    pub(super) fn request_token(&mut self, call: CallId) {
        let outcome = match &self.record.user {
            None => Err(no_user()),
            Some(user) if user.state != UserState::Active => {
                let error = disabled(user.state);
                // It may have been enabled since.
                self.check_if_due();
                Err(error)
            }
            Some(user) if user.is_token_fresh(self.now) => Ok(Output::Token(token_of(user))),
            Some(_) => return self.join_refresh(Waiter::Call(call)),
        };
        self.settle(call, outcome);
    }

    /// Tells `waiter` when there is a token that will last for a request.
    pub(super) fn with_token(&mut self, waiter: Waiter) {
        match &self.record.user {
            Some(user) if user.is_token_fresh(self.now) => self.tell(waiter, Ok(Output::Nothing)),
            Some(_) => self.join_refresh(waiter),
            None => self.tell(waiter, Err(no_user())),
        }
    }

    /// The platform refused a token of that generation: tells `waiter` when there is another one.
    pub(super) fn renew_token(&mut self, generation: u32, waiter: Waiter) {
        match &self.record.user {
            Some(user) if user.token.generation == generation => self.join_refresh(waiter),
            // Another tab was faster.
            _ => self.with_token(waiter),
        }
    }

    /// The platform does not know an access token of that generation. A refresh tells whether it knows the session.
    pub(super) fn doubt_session(&mut self, install_id: &str, generation: u32) {
        let is_current = self
            .active_user()
            .is_some_and(|user| user.install_id == install_id && user.token.generation == generation);
        if is_current && self.refresh.is_none() {
            self.join_refresh(Waiter::Check);
        }
    }

    fn tell(&mut self, waiter: Waiter, outcome: Result<Output, SdkError>) {
        match waiter {
            Waiter::Call(call) => self.settle(call, outcome),
            Waiter::Link => self.link_authorized(outcome.map(drop)),
            Waiter::Upload => self.upload_authorized(outcome.map(drop)),
            Waiter::Check => {}
        }
    }

    /// Waits for the refresh that is under way, or begins one.
    pub(super) fn join_refresh(&mut self, waiter: Waiter) {
        if let Some(refresh) = &mut self.refresh {
            if refresh.waiters.len() < MAX_WAITERS {
                refresh.waiters.push(waiter);
            } else {
                let error = SdkError::passing(
                    Code::GetToken,
                    Reason::UnexpectedError,
                    "Too many calls wait already.",
                );
                self.tell(waiter, Err(error));
            }
            return;
        }
        let Some(user) = &self.record.user else { return };
        let (install_id, generation) = (user.install_id.clone(), user.token.generation);
        let ticket = self.ticket();
        self.refresh = Some(Refresh {
            number: ticket.0,
            waiters: vec![waiter],
            install_id,
            generation,
            stage: Stage::Locking(ticket),
            waited: 0,
            holds: self.refresh_lock.take(),
            tries: Tries::default(),
            failure: None,
        });
        self.emit(Effect::StartTimer(Timer::RefreshDeadline, self.settings.timeouts.token));
        if self.refresh.as_ref().is_some_and(|refresh| refresh.holds.is_some()) {
            self.emit(Effect::StopTimer(Timer::RefreshSeen));
            return self.begin_refresh();
        }
        self.emit(Effect::Lock(ticket, LockName::Refresh));
    }

    /// Gives the lock of the last refresh back.
    pub(super) fn release_refresh_lock(&mut self) {
        if let Some(lock) = self.refresh_lock.take() {
            self.emit(Effect::Unlock(lock));
        }
    }

    pub(super) fn on_refresh_lock(&mut self, ticket: Ticket, outcome: LockOutcome) -> bool {
        let Some(refresh) = self.refresh.as_mut().filter(|refresh| refresh.stage == Stage::Locking(ticket))
        else {
            return false;
        };
        if outcome == LockOutcome::Acquired {
            refresh.holds = Some(lock_after(refresh.waited));
            self.begin_refresh();
            return true;
        }
        refresh.stage = Stage::Elsewhere;
        refresh.waited += 1;
        // Those that wait come back one by one.
        let times = match refresh.waited {
            1 => 1.0,
            2 => 0.5 + self.jitter(),
            _ => 1.5 * (1.0 + self.jitter()),
        };
        self.wait_for_others(times);
        true
    }

    /// Waits for what other tabs store, so many times as long as at first.
    fn wait_for_others(&mut self, times: f64) {
        let unit = ELSEWHERE_MS.min(self.settings.timeouts.token * ELSEWHERE_PART);
        self.emit(Effect::StartTimer(Timer::RefreshElsewhere, unit * times));
        // Their word may have come before this tab asked.
        self.reload_record();
        self.refresh_sees_record();
    }

    fn begin_refresh(&mut self) {
        if self.has_newer_session() && !self.is_session_stale() {
            // Another tab did it, while this one waited for its turn.
            return self.end_refresh_with_record();
        }
        let Some(entropy) = &self.entropy else {
            let details = "This runtime has no crypto.getRandomValues.";
            return self.fail_refresh(SdkError::new(Code::GetToken, Reason::UnexpectedError, details));
        };
        let key = entropy.idempotency_key();
        let Some(user) = &self.record.user else { return self.fail_refresh(no_user()) };
        if user.must_pause(self.now) {
            return self.give_up_refresh("The platform asked for a pause.");
        }
        let generation = user.token.generation;
        let Some(refresh) = &mut self.refresh else { return };
        refresh.stage = Stage::Beginning;
        refresh.generation = generation;
        let (install_id, owner) = (refresh.install_id.clone(), Owner::Refresh(refresh.number));
        self.commit(Change::BeginRefresh { install_id, generation, key }, owner);
    }

    /// The record changed as the refresh asked, or could not.
    pub(super) fn refresh_changed(&mut self, number: u32, result: Result<(), Refusal>) {
        let Some(refresh) = self.refresh.as_ref().filter(|refresh| refresh.number == number) else { return };
        match (&refresh.stage, result) {
            (Stage::Beginning, Ok(())) => self.send_refresh(),
            // Another tab has a newer session, or the user is gone: either is the answer. But a newer session that
            // has grown old meanwhile is not; the deadline bounds how often that happens.
            (Stage::Beginning, Err(_)) if self.is_session_stale() => self.begin_refresh(),
            (Stage::Beginning, Err(_)) | (Stage::Finishing, _) => self.end_refresh_with_record(),
            _ => {}
        }
    }

    fn is_session_stale(&self) -> bool {
        let installed = self.refresh.as_ref().map(|refresh| &refresh.install_id);
        self.record.user.as_ref().is_some_and(|user| {
            Some(&user.install_id) == installed
                && user.state == UserState::Active
                && !user.is_token_fresh(self.now)
        })
    }

    pub(super) fn send_refresh(&mut self) {
        let Some(refresh) = &self.refresh else { return };
        let current = self.record.user.as_ref().filter(|user| {
            user.install_id == refresh.install_id && user.token.generation == refresh.generation
        });
        let Some((user, key)) = current.and_then(|user| Some((user, user.refresh_key.clone()?))) else {
            return self.end_refresh_with_record();
        };
        let request = Request {
            method: Method::Post,
            platform_url: user.platform_url.clone(),
            path: "/sdk/v1/token",
            bearer: None,
            body: Body::Refresh(RefreshRequest {
                refresh_token: user.token.refresh_token.clone(),
                idempotency_key: key,
            }),
            timeout_ms: self.settings.timeouts.request,
            keepalive: false,
        };
        let ticket = self.ticket();
        if let Some(refresh) = &mut self.refresh {
            refresh.stage = Stage::Sending(ticket);
        }
        self.emit(Effect::Send(ticket, Box::new(request)));
    }

    pub(super) fn on_refresh_response(
        &mut self,
        ticket: Ticket,
        response: &Result<Box<Response>, TransportError>,
    ) {
        let Some(refresh) = self.refresh.as_mut().filter(|refresh| refresh.stage == Stage::Sending(ticket))
        else {
            return;
        };
        let response = match response {
            Ok(response) => response,
            Err(TransportError::TimedOut) => return self.retry_refresh(None, TIMED_OUT),
            Err(_) => {
                let address = self.record.user.as_ref().map_or("", |user| user.platform_url.as_str());
                let details = unreachable(address);
                return self.retry_refresh(None, &details);
            }
        };
        if let Reply::Token(answer) = &response.reply {
            refresh.stage = Stage::Finishing;
            let owner = Owner::Refresh(refresh.number);
            let change = Change::FinishRefresh {
                install_id: refresh.install_id.clone(),
                parent: refresh.generation,
                token: answer.token.clone(),
                issued_at: answer.server_time,
                clock_offset: answer.server_time.since(self.now),
            };
            self.emit(Effect::StopTimer(Timer::RefreshDeadline));
            return self.commit(change, owner);
        }
        let meaning = response.meaning();
        if let Meaning::Session(state) = meaning {
            return self.refresh_refused(state);
        }
        if response.is(const { ErrorCode::RefreshTokenUsed.signature() }) {
            refresh.stage = Stage::Spent;
            return self.wait_for_others(2.0);
        }
        // Only the platform's own errors say anything for good, or ask for a pause that outlasts this refresh: a
        // proxy's do not.
        let Reply::Error(body) = &response.reply else {
            return self.retry_refresh(response.pause(), "What answered is not the platform.");
        };
        match meaning {
            Meaning::NewToken => self.refresh_refused(UserState::Unknown),
            Meaning::Retry => {
                if let Some(ms) = response.pause() {
                    self.note_pause(ms);
                }
                self.retry_refresh(response.pause(), "The platform could not answer.");
            }
            _ => self.fail_refresh(SdkError::new(Code::GetToken, Reason::ServerError, told(body))),
        }
    }

    /// This install can't act, or its session is over.
    fn refresh_refused(&mut self, state: UserState) {
        let Some(refresh) = &self.refresh else { return };
        let (install_id, generation) = (refresh.install_id.clone(), refresh.generation);
        self.observe_refusal(&install_id, state, Some(generation));
        self.fail_refresh(disabled(state));
        if state != UserState::Unknown {
            // The refusal does not tell why; the check does.
            self.start_check();
        }
    }

    /// Has every tab leave the platform alone for so long, and whoever comes after a restart.
    fn note_pause(&mut self, ms: f64) {
        let Some(user) = &self.record.user else { return };
        let pause_until = Some(user.platform_time(self.now).plus(ms));
        let install_id = user.install_id.clone();
        self.observe(&install_id, Observation { pause_until, ..Observation::default() });
    }

    fn retry_refresh(&mut self, pause: Option<f64>, details: &str) {
        let fraction = self.jitter();
        let Some(refresh) = &mut self.refresh else { return };
        match refresh.tries.delay(fraction, pause) {
            Some(delay) if delay < self.settings.timeouts.token => {
                refresh.stage = Stage::Retrying;
                refresh.failure = Some(details.to_owned());
                self.emit(Effect::StartTimer(Timer::RefreshRetry, delay));
            }
            _ => self.give_up_refresh(details),
        }
    }

    pub(super) fn refresh_timed_out(&mut self) {
        let failure = self.refresh.as_mut().and_then(|refresh| refresh.failure.take());
        self.give_up_refresh(failure.as_deref().unwrap_or(TIMED_OUT));
    }

    /// No new token can be had now. The old one will do if it has not expired.
    fn give_up_refresh(&mut self, details: &str) {
        let outcome = self.without_refresh(details);
        self.end_refresh(outcome);
    }

    fn without_refresh(&self, details: &str) -> Result<Output, SdkError> {
        match self.record.user.as_ref().filter(|user| !user.is_token_expired(self.now)) {
            Some(user) => Ok(Output::Token(token_of(user))),
            None => Err(SdkError::passing(Code::GetToken, Reason::NetworkError, details)),
        }
    }

    /// Another tab had its time. What it stored may not have been heard of here, so it is looked for.
    pub(super) fn refresh_waited(&mut self) {
        let ticket = self.ticket();
        let Some(refresh) = &mut self.refresh else { return };
        refresh.stage = match refresh.stage {
            Stage::Elsewhere => Stage::Rereading(ticket),
            Stage::Spent => Stage::LastLook(ticket),
            _ => return,
        };
        self.emit(Effect::Load(ticket));
    }

    /// Whether the refresh waits for that load.
    pub(super) fn refresh_reads(&self, ticket: Ticket) -> bool {
        self.refresh.as_ref().is_some_and(|refresh| {
            refresh.stage == Stage::Rereading(ticket) || refresh.stage == Stage::LastLook(ticket)
        })
    }

    /// The stored record was read, and holds no newer session, or the refresh would have ended. One tab after the other
    /// goes ahead: by the lock, if its holder is gone; by another, if it seems to sleep; in the end by none.
    pub(super) fn refresh_reread(&mut self, ticket: Ticket) {
        if !self.refresh_reads(ticket) {
            return;
        }
        let ticket = self.ticket();
        let Some(refresh) = &mut self.refresh else { return };
        if matches!(refresh.stage, Stage::LastLook(_)) {
            return self.refresh_refused(UserState::Spent);
        }
        if refresh.waited > 2 {
            return self.begin_refresh();
        }
        refresh.stage = Stage::Locking(ticket);
        let lock = lock_after(refresh.waited);
        self.emit(Effect::Lock(ticket, lock));
    }

    /// The record was replaced: perhaps it holds what this refresh wants.
    pub(super) fn refresh_sees_record(&mut self) {
        let waits = self.refresh.as_ref().is_some_and(|refresh| {
            matches!(
                refresh.stage,
                Stage::Elsewhere | Stage::Spent | Stage::Rereading(_) | Stage::LastLook(_)
            )
        });
        if waits && self.has_newer_session() {
            self.end_refresh_with_record();
        }
    }

    /// Whether the record has another session than the one to be exchanged, or none that could be.
    fn has_newer_session(&self) -> bool {
        let Some(refresh) = &self.refresh else { return false };
        self.record.user.as_ref().is_none_or(|user| {
            user.install_id != refresh.install_id
                || user.token.generation > refresh.generation
                || user.state != UserState::Active
        })
    }

    fn end_refresh_with_record(&mut self) {
        let outcome = match &self.record.user {
            None => Err(no_user()),
            Some(user) if user.state != UserState::Active => Err(disabled(user.state)),
            Some(user) => Ok(Output::Token(token_of(user))),
        };
        self.end_refresh(outcome);
    }

    /// The user is gone from this device.
    pub(super) fn cancel_refresh(&mut self) {
        self.fail_refresh(no_user());
    }

    fn fail_refresh(&mut self, error: SdkError) {
        self.end_refresh(Err(error));
    }

    fn end_refresh(&mut self, outcome: Result<Output, SdkError>) {
        let Some(refresh) = self.refresh.take() else { return };
        self.emit(Effect::StopTimer(Timer::RefreshDeadline));
        match refresh.stage {
            Stage::Sending(ticket) => self.emit(Effect::Abort(ticket)),
            Stage::Retrying => self.emit(Effect::StopTimer(Timer::RefreshRetry)),
            Stage::Elsewhere | Stage::Spent => self.emit(Effect::StopTimer(Timer::RefreshElsewhere)),
            _ => {}
        }
        self.refresh_lock = refresh.holds;
        if refresh.stage == Stage::Finishing && refresh.holds.is_some() {
            self.emit(Effect::StartTimer(Timer::RefreshSeen, SEEN_MS));
        } else {
            self.release_refresh_lock();
        }
        for waiter in refresh.waiters {
            self.tell(waiter, outcome.clone());
        }
    }
}

/// The lock by which a tab goes ahead that has waited so often.
fn lock_after(waited: u32) -> LockName {
    if waited < 2 { LockName::Refresh } else { LockName::LateRefresh }
}

fn token_of(user: &User) -> UserAccessToken {
    UserAccessToken { token: user.token.access_token.clone(), expiry: user.token.expires_at }
}

fn no_user() -> SdkError {
    SdkError::no_user(Code::GetToken)
}

fn disabled(state: UserState) -> SdkError {
    SdkError::disabled(Code::GetToken, state)
}
