//! When what is queued is sent, and who waits for it. How it is sent is in `upload`.

use super::creation::TIMED_OUT;
use super::effect::{Effect, LockName, Output, Timer, Warning};
use super::error::{Code, Reason, SdkError};
use super::event::{CallId, Quota, Ticket};
use super::machine::Core;
use super::queue::{QueueFailure, QueueOutcome, Waiting};
use super::record::UserState;
use super::retry::LONGEST_PAUSE_MS;
use super::upload::{Stage, Upload};
use super::upload_refusal::Refused;
use sentiance_protocol::{EpochMs, UPLOAD_INTERVAL_SECONDS};

/// So many entries are worth a request at once.
const ENOUGH_ENTRIES: f64 = 200.0;
/// How long metadata, and a trip's beginning or end, wait for others of their kind, in milliseconds.
pub(super) const SOON_MS: f64 = 1_000.0;
/// How many calls of `submitDetections` may wait for one upload.
const MAX_SUBMITTERS: usize = 1_000;

/// What is known of uploads.
#[derive(Debug, Default)]
pub(super) struct Uploads {
    pub(super) under_way: Option<Upload>,
    /// Whether there is more to be sent than the one under way may know of.
    pub(super) more: bool,
    /// The timer that starts the next one.
    armed: Option<Timer>,
    /// Until when, by this device's clock, the platform wants none (`Retry-After`).
    pub(super) pause_until: Option<EpochMs>,
    /// How many have failed in a row.
    pub(super) failures: u32,
    /// What the last try of the upload under way met.
    pub(super) failure: Option<String>,
    /// The calls of `submitDetections` that wait.
    submitters: Vec<CallId>,
    /// What was refused for good and dropped, until a call of `submitDetections` is told.
    pub(super) refused: Option<Refused>,
}

impl Core {
    pub(super) fn submit_detections(&mut self, call: CallId) {
        let code = Code::SubmitDetections;
        let refused = match &self.record.user {
            None => Some(SdkError::no_user(code)),
            Some(user) if user.state != UserState::Active => Some(SdkError::disabled(code, user.state)),
            Some(_) if self.is_network_forbidden() => Some(SdkError::passing(
                code,
                Reason::NetworkError,
                "The app does not allow mobile networks, and there is no other.",
            )),
            Some(_) if self.upload_pause() > 0.0 => Some(SdkError::passing(
                code,
                Reason::NetworkError,
                "The platform asked for a pause; what is queued is sent later.",
            )),
            Some(_) if self.uploads.submitters.len() >= MAX_SUBMITTERS => {
                Some(SdkError::passing(code, Reason::UnexpectedError, super::calls::TOO_MANY_CALLS))
            }
            Some(_) => None,
        };
        if let Some(error) = refused {
            return self.settle(call, Err(error));
        }
        self.uploads.submitters.push(call);
        // One that is under way may have passed over what is there now.
        self.uploads.more = true;
        if self.uploads.submitters.len() == 1 {
            self.emit(Effect::StartTimer(Timer::SubmitDeadline, self.settings.timeouts.creation));
        }
        self.start_upload();
    }

    /// Sends what is queued, unless that is under way already.
    pub(super) fn start_upload(&mut self) {
        if self.uploads.under_way.is_some() || !self.may_upload() {
            return;
        }
        self.disarm_upload();
        self.uploads.more = false;
        let ticket = self.ticket();
        self.uploads.under_way = Some(Upload::waiting_for_lock(ticket));
        self.emit(Effect::Lock(ticket, LockName::Upload));
        // No call may have looked for long whether the user is still there. A page on its way out leaves that to the next.
        if self.is_visible() {
            self.reload_record();
        }
    }

    /// For how long the platform wants no upload. A clock that was set back ends the pause rather than stretching it.
    pub(super) fn upload_pause(&self) -> f64 {
        let left = self.uploads.pause_until.map_or(0.0, |until| until.since(self.now));
        if (0.0..=LONGEST_PAUSE_MS).contains(&left) { left } else { 0.0 }
    }

    pub(super) fn is_submitting(&self) -> bool {
        !self.uploads.submitters.is_empty()
    }

    /// Whether the app does not allow the network that there is.
    fn is_network_forbidden(&self) -> bool {
        self.surroundings.is_mobile_network && !self.record.preferences().mobile_data
    }

    fn may_upload(&self) -> bool {
        let quota = if self.surroundings.is_mobile_network { Quota::Mobile } else { Quota::WiFi };
        self.active_user().is_some()
            && !self.is_network_forbidden()
            && (self.is_submitting() || self.quota_status(quota) != "EXCEEDED")
    }

    /// The queue took something in, or let it go.
    pub(super) fn on_queued(&mut self, ticket: Ticket, outcome: QueueOutcome) {
        let waiter = self.end_addition(ticket);
        let dropping = self.upload_awaits(ticket);
        let failure = match outcome {
            Ok(state) => {
                self.queue = state;
                self.queue_refused = false;
                if dropping {
                    return self.continue_upload();
                }
                None
            }
            Err(QueueFailure { is_full, why }) => {
                self.queue_refused = is_full && waiter.is_some();
                self.emit(Effect::Warn(Warning::queue_failed(&why)));
                if dropping {
                    return self.upload_storage_failed(ticket, &why);
                }
                Some(why)
            }
        };
        let Some(waiter) = waiter else { return };
        if let Some(waiting) = waiter {
            self.settle(waiting.call, waiting.outcome(failure.as_deref()));
        }
        if self.queue.count >= ENOUGH_ENTRIES && self.uploads.failures == 0 {
            self.start_upload();
        } else {
            self.arm_upload(if waiter.is_some() { SOON_MS } else { self.upload_interval() });
        }
    }

    /// Whether that was an addition, and who waits for it.
    pub(super) fn end_addition(&mut self, ticket: Ticket) -> Option<Option<Waiting>> {
        let at = self.additions.iter().position(|(other, _)| *other == ticket)?;
        Some(self.additions.swap_remove(at).1)
    }

    pub(super) fn upload_interval(&self) -> f64 {
        let configured = self.record.user.as_ref().and_then(|user| user.config.upload_interval_seconds);
        f64::from(configured.unwrap_or(UPLOAD_INTERVAL_SECONDS)) * 1_000.0
    }

    /// Starts an upload in a while, or once the one under way has ended, unless another will be sooner.
    pub(super) fn arm_upload(&mut self, ms: f64) {
        if self.uploads.under_way.is_some() {
            self.uploads.more = true;
            return;
        }
        let ms = ms.max(self.upload_pause());
        let timer = if ms <= SOON_MS { Timer::Upload } else { Timer::UploadRetry };
        let sooner = self.uploads.armed.is_none_or(|armed| armed != timer && timer == Timer::Upload);
        if !sooner || self.active_user().is_none() {
            return;
        }
        self.disarm_upload();
        self.uploads.armed = Some(timer);
        self.emit(Effect::StartTimer(timer, ms));
    }

    pub(super) fn disarm_upload(&mut self) {
        if let Some(timer) = self.uploads.armed.take() {
            self.emit(Effect::StopTimer(timer));
        }
    }

    pub(super) fn upload_timer_fired(&mut self) {
        match self.uploads.under_way.as_ref().map(|upload| &upload.stage) {
            Some(Stage::Retrying) => self.continue_upload(),
            Some(_) => {}
            None => {
                self.uploads.armed = None;
                self.start_upload();
            }
        }
    }

    pub(super) fn settle_submitters(&mut self, outcome: Result<Output, SdkError>) {
        let submitters = std::mem::take(&mut self.uploads.submitters);
        if !submitters.is_empty() {
            self.emit(Effect::StopTimer(Timer::SubmitDeadline));
        }
        for call in submitters {
            self.settle(call, outcome.clone());
        }
    }

    /// Whoever submits has waited long enough; the upload itself goes on.
    pub(super) fn submit_timed_out(&mut self) {
        let met = self.uploads.failure.as_deref().unwrap_or(TIMED_OUT);
        let details = [met, " What is queued is sent later."].concat();
        self.settle_submitters(Err(SdkError::passing(Code::SubmitDetections, Reason::NetworkError, details)));
    }

    /// The connection may be back, or the page is being left: sends what waits, without waiting longer.
    pub(super) fn upload_now(&mut self) {
        if self.uploads.armed.is_some() && self.surroundings.is_online && self.upload_pause() == 0.0 {
            self.start_upload();
        }
    }

    /// There is a queue from an earlier page, perhaps: looks into it.
    pub(super) fn upload_what_is_left(&mut self) {
        self.arm_upload(2.0 * SOON_MS);
    }
}
