//! `reset`: the user is removed from the device. Locally always, remotely as far as the network lets it.

use super::change::Change;
use super::commits::Owner;
use super::effect::{Body, Effect, LockName, Method, Output, Request, Timer, Warning};
use super::error::{Code, Reason, SdkError};
use super::event::{CallId, CommitOutcome, LockOutcome, Ticket};
use super::machine::{Core, InitState};
use super::record::User;

/// How long the platform may take to hear the goodbye. Nobody waits for it.
const GOODBYE_TIMEOUT_MS: f64 = 5_000.0;

/// A reset under way.
#[derive(Debug)]
pub(super) struct Reset {
    call: CallId,
    stage: Stage,
}

#[derive(Debug, PartialEq)]
enum Stage {
    Locking(Ticket),
    Erasing,
    /// The user is gone, and what stands beside the record follows.
    Clearing,
}

impl Core {
    pub(super) fn start_reset(&mut self, call: CallId) {
        if self.reset.is_some() {
            return self.settle(call, Err(in_progress()));
        }
        let ticket = self.ticket();
        self.reset = Some(Reset { call, stage: Stage::Locking(ticket) });
        self.emit(Effect::StartTimer(Timer::ResetDeadline, self.settings.timeouts.reset));
        self.emit(Effect::Lock(ticket, LockName::Reset));
    }

    pub(super) fn on_reset_lock(&mut self, ticket: Ticket, outcome: LockOutcome) -> bool {
        let Some(reset) = self.reset.as_mut().filter(|reset| reset.stage == Stage::Locking(ticket)) else {
            return false;
        };
        if outcome != LockOutcome::Acquired {
            self.end_reset(Err(in_progress()));
            return true;
        }
        reset.stage = Stage::Erasing;
        let owner = Owner::Reset(reset.call);
        self.cancel_creation();
        self.commit(Change::Erase, owner);
        true
    }

    /// Whether the reset that asked for a change still waits for it.
    pub(super) fn is_resetting(&self, owner: Owner) -> bool {
        self.reset.as_ref().is_some_and(|reset| owner == Owner::Reset(reset.call))
    }

    /// The user is gone from the record: ends what it had under way, and empties the other stores. The reset waits for
    /// these; it may have been given up while its write was under way.
    pub(super) fn erased(&mut self, user: Option<User>) {
        self.is_newer = false;
        self.cancel_refresh();
        self.cancel_check();
        self.forget_recorded();
        self.clear_stores(true);
        if let Some(user) = user {
            self.say_goodbye(&user);
        }
    }

    /// The record could not be overwritten. Removing it frees space rather than taking it.
    pub(super) fn remove_record(&mut self) {
        let Some(call) = self.reset.as_ref().map(|reset| reset.call) else { return };
        let ticket = self.ticket();
        self.removal = Some((ticket, call));
        let (expected, tombstone) = (self.base.clone(), self.record.tombstone());
        self.emit(Effect::Remove { ticket, expected, tombstone: Box::new(tombstone) });
    }

    /// The reset of that call may have been given up meanwhile.
    pub(super) fn on_removed(&mut self, ticket: Ticket, outcome: &CommitOutcome) -> bool {
        let Some((_, call)) = self.removal.take_if(|(removal, _)| *removal == ticket) else { return false };
        match outcome {
            CommitOutcome::Written => {
                let user = self.record.user.take();
                self.record = self.record.tombstone();
                self.base = self.record.stamp();
                self.unsaved = false;
                self.emit(Effect::Announce);
                self.erased(user);
                self.reset_changed(call);
                self.on_record_changed();
            }
            CommitOutcome::Conflict(stored) => {
                self.unsaved = false;
                self.adopt(stored.clone());
                self.commit(Change::Erase, Owner::Reset(call));
            }
            CommitOutcome::Failed(why) if self.is_resetting(Owner::Reset(call)) => {
                let details = ["The stored user could not be removed, so it is still there: ", why].concat();
                self.end_reset(Err(SdkError::passing(Code::Reset, Reason::ExceptionOrError, details)));
            }
            CommitOutcome::Failed(_) => {}
        }
        true
    }

    /// The user is gone from this device.
    pub(super) fn reset_changed(&mut self, call: CallId) {
        if let Some(reset) = self.reset.as_mut().filter(|reset| reset.call == call) {
            reset.stage = Stage::Clearing;
        }
    }

    /// Nothing is being cleared any more.
    pub(super) fn reset_cleared(&mut self) {
        if self.has_erased() {
            self.end_reset(Ok(Output::Reset(InitState::Initialized)));
        }
    }

    fn has_erased(&self) -> bool {
        self.reset.as_ref().is_some_and(|reset| reset.stage == Stage::Clearing)
    }

    pub(super) fn reset_timed_out(&mut self) {
        if self.has_erased() {
            self.emit(Effect::Warn(Warning::not_cleared("the storage takes too long")));
            return self.reset_cleared();
        }
        let details = "The reset could not be finished in time; call it again.";
        self.end_reset(Err(SdkError::passing(Code::Reset, Reason::ExceptionOrError, details)));
    }

    /// Best effort, in the background: the platform learns that `user`'s install is gone.
    pub(super) fn say_goodbye(&mut self, user: &User) {
        let ticket = self.ticket();
        let (path, body) = ("/sdk/v1/reset", Body::Goodbye);
        let mut request = Request::of_user(user, Method::Post, path, body, GOODBYE_TIMEOUT_MS);
        request.keepalive = true;
        self.emit(Effect::Send(ticket, Box::new(request)));
    }

    fn end_reset(&mut self, outcome: Result<Output, SdkError>) {
        let Some(reset) = self.reset.take() else { return };
        self.emit(Effect::StopTimer(Timer::ResetDeadline));
        if !matches!(reset.stage, Stage::Locking(_)) {
            self.emit(Effect::Unlock(LockName::Reset));
        }
        self.settle(reset.call, outcome);
        self.leave_newer();
    }
}

fn in_progress() -> SdkError {
    SdkError::passing(Code::Reset, Reason::SdkResetInProgress, "Another reset is in progress.")
}
