//! What is queued is sent: metadata, then detections batch by batch. Sending twice is harmless, since the platform knows
//! what it has by the ids; so what is sent is removed only after the platform said that it has it.

use super::effect::{Body, Effect, LockName, Method, Request, Timer, Warning};
use super::error::{Code, Reason, SdkError};
use super::event::{LockOutcome, Reply, Response, Ticket, TransportError};
use super::machine::Core;
use super::meaning::Meaning;
use super::metadata::MetadataEdit;
use super::preferences::DataType;
use super::queue::Batch;
use super::record::UserState;
use super::refresh::Waiter;
use super::retry::Tries;
use super::upload_schedule::SOON_MS;
use sentiance_protocol::MetadataRequest;

/// The longest body: under the platform's limit, and under what browsers let a page send at its end.
const MAX_BATCH_BYTES: usize = 60 * 1024;
/// After the first upload that failed as a whole, the next follows in this time; then in twice that, and so on.
const FIRST_PAUSE_MS: f64 = 15_000.0;
const LONGEST_BACKOFF_MS: f64 = 15.0 * 60_000.0;
/// How often one upload sends metadata: as often as the app can change it meanwhile, within reason.
const MAX_METADATA_REQUESTS: u32 = 8;

/// An upload under way.
#[derive(Debug)]
pub(super) struct Upload {
    pub(super) stage: Stage,
    tries: Tries,
    holds_lock: bool,
    /// Whether a fresh token was asked for. Once is enough: where there is none, the old one may do.
    authorized: bool,
    /// Whether the platform refused the token, and it was refreshed.
    refreshed: bool,
    /// The generation of the token that was sent last.
    generation: u32,
    /// How often metadata was sent, which should be once, and a few times more for each refusal.
    metadata_requests: u32,
    /// How many entries the next request may have: halved by every refusal of several, doubled by every success.
    pub(super) most: usize,
    /// How many it may have at most, since something on the way takes no more.
    ceiling: usize,
    /// How often the platform refused something for good.
    pub(super) refusals: u32,
    /// Whether the platform takes a request of this sender that holds nothing.
    pub(super) is_sender_accepted: bool,
}

#[derive(Debug, PartialEq)]
pub(super) enum Stage {
    Locking(Ticket),
    /// The metadata is read or marked as sent, or what was sent is dropped.
    AtStorage(Ticket),
    Token,
    /// Metadata of that revision: these keys are on their way, which are all that there are, or not.
    Metadata {
        ticket: Ticket,
        revision: u32,
        keys: Vec<String>,
        is_all: bool,
    },
    Taking(Ticket),
    Sending(Ticket, Vec<f64>),
    Retrying,
}

impl Stage {
    /// How many entries are on their way.
    pub(super) fn entries(&self) -> usize {
        match self {
            Stage::Metadata { keys, .. } => keys.len(),
            Stage::Sending(_, keys) => keys.len(),
            _ => 0,
        }
    }

    /// The request that is under way.
    fn sent(&self) -> Option<Ticket> {
        match self {
            Stage::Metadata { ticket, .. } | Stage::Sending(ticket, _) => Some(*ticket),
            _ => None,
        }
    }
}

impl Upload {
    /// One that begins when the ticket's lock is there.
    pub(super) fn waiting_for_lock(ticket: Ticket) -> Upload {
        Upload {
            stage: Stage::Locking(ticket),
            tries: Tries::default(),
            holds_lock: false,
            authorized: false,
            refreshed: false,
            generation: 0,
            metadata_requests: 0,
            most: usize::MAX,
            ceiling: usize::MAX,
            refusals: 0,
            is_sender_accepted: false,
        }
    }
}

impl Core {
    pub(super) fn on_upload_lock(&mut self, ticket: Ticket, outcome: LockOutcome) -> bool {
        let Some(upload) =
            self.uploads.under_way.as_mut().filter(|upload| upload.stage == Stage::Locking(ticket))
        else {
            return false;
        };
        upload.holds_lock = outcome == LockOutcome::Acquired;
        if outcome == LockOutcome::Acquired || self.is_submitting() {
            // What this tab knows of the metadata may be older than what another has set, or a reset removed.
            let ticket = self.edit_metadata(MetadataEdit::Read, None);
            self.set_stage(Stage::AtStorage(ticket));
        } else {
            // Another tab sends what is there now; whatever it leaves is sent later.
            self.leave_upload();
            self.arm_upload(self.upload_interval());
        }
        true
    }

    /// There is a fresh token, or there can't be one.
    pub(super) fn upload_authorized(&mut self, outcome: Result<(), SdkError>) {
        if !self.uploads.under_way.as_ref().is_some_and(|upload| upload.stage == Stage::Token) {
            return;
        }
        match outcome {
            Ok(()) => self.continue_upload(),
            Err(error) => self.fail_upload(error.reason, error.details),
        }
    }

    /// Whether the token will do for a request; else a fresh one is asked for, and this goes on later.
    fn is_authorized(&mut self) -> bool {
        let fresh = self.active_user().is_some_and(|user| user.is_token_fresh(self.now));
        let Some(upload) = &mut self.uploads.under_way else { return false };
        if fresh || upload.authorized {
            return true;
        }
        upload.authorized = true;
        upload.stage = Stage::Token;
        self.join_refresh(Waiter::Upload);
        false
    }

    /// Takes the next thing that is to be sent.
    pub(super) fn continue_upload(&mut self) {
        let preferences = self.record.preferences();
        if self.active_user().is_none() {
            let details = "The user can't act any more.".to_owned();
            return self.fail_upload(Reason::UserDisabledRemotely, details);
        }
        let most = self.uploads.under_way.as_ref().map_or(0, |upload| upload.most);
        let news = self.documents.metadata.news(most).filter(|_| preferences.data_types != 0);
        if let Some(request) = news {
            if self.is_authorized() {
                self.send_metadata(request);
            }
            return;
        }
        if !preferences.may_send(DataType::GeneralDetections) {
            return self.end_upload();
        }
        let ticket = self.ticket();
        self.set_stage(Stage::Taking(ticket));
        self.emit(Effect::TakeBatch {
            ticket,
            claim: self.claim(),
            max_bytes: MAX_BATCH_BYTES,
            max_entries: most,
        });
    }

    fn send_metadata(&mut self, request: MetadataRequest) {
        let Some(upload) = &mut self.uploads.under_way else { return };
        upload.metadata_requests += 1;
        if upload.metadata_requests > MAX_METADATA_REQUESTS * (1 + upload.refusals) {
            let details = "What was sent can't be marked as sent.".to_owned();
            return self.fail_upload(Reason::UnexpectedError, details);
        }
        let keys: Vec<_> = request.entries.iter().map(|entry| entry.key.clone()).collect();
        let (revision, is_all) = (request.revision, self.documents.metadata.is_all(keys.len()));
        let ticket = self.ticket();
        self.send_upload(Body::Metadata(request), ticket, Stage::Metadata { ticket, revision, keys, is_all });
    }

    /// Sends metadata or detections in the name of the user.
    pub(super) fn send_upload(&mut self, body: Body, ticket: Ticket, stage: Stage) {
        let Some(user) = self.active_user() else { return self.continue_upload() };
        let (method, path) = match body {
            Body::Metadata(_) => (Method::Patch, "/sdk/v1/metadata"),
            _ => (Method::Post, "/sdk/v1/detections"),
        };
        let generation = user.token.generation;
        let mut request = Request::of_user(user, method, path, body, self.settings.timeouts.request);
        // A page that was left may end at any moment. A browser lets such a request have 64 KiB, which metadata can exceed.
        request.keepalive = !self.is_visible() && method == Method::Post;
        if let Some(upload) = &mut self.uploads.under_way {
            upload.generation = generation;
        }
        self.set_stage(stage);
        self.emit(Effect::Send(ticket, Box::new(request)));
    }

    pub(super) fn set_stage(&mut self, stage: Stage) {
        if let Some(upload) = &mut self.uploads.under_way {
            upload.stage = stage;
        }
    }

    pub(super) fn on_batch(&mut self, ticket: Ticket, outcome: Result<Batch, String>) {
        if !self.uploads.under_way.as_ref().is_some_and(|upload| upload.stage == Stage::Taking(ticket)) {
            return;
        }
        let batch = match outcome {
            Ok(batch) => batch,
            Err(why) => {
                self.emit(Effect::Warn(Warning::queue_failed(&why)));
                return self.fail_upload(Reason::UnexpectedError, why);
            }
        };
        // Another tab may have made room, or what kept the queue from taking something in has passed.
        self.queue = batch.state;
        self.queue_refused = false;
        self.note_oversized(batch.oversized);
        if batch.keys.is_empty() {
            return self.end_upload();
        }
        if self.is_authorized() {
            let ticket = self.ticket();
            self.send_upload(Body::Detections(batch.body), ticket, Stage::Sending(ticket, batch.keys));
        }
    }

    pub(super) fn on_upload_response(
        &mut self,
        ticket: Ticket,
        response: &Result<Box<Response>, TransportError>,
    ) {
        let Some(upload) =
            self.uploads.under_way.as_mut().filter(|upload| upload.stage.sent() == Some(ticket))
        else {
            return;
        };
        let Ok(response) = response else {
            return self.retry_upload(None, "The platform could not be reached.");
        };
        if let (Reply::Metadata(known), Stage::Metadata { revision, .. }) = (&response.reply, &upload.stage)
            && known.revision > *revision
        {
            let ticket = self.edit_metadata(MetadataEdit::Recount(known.revision), None);
            return self.set_stage(Stage::AtStorage(ticket));
        }
        if matches!(response.reply, Reply::Empty | Reply::Metadata(_)) {
            return self.upload_accepted();
        }
        let Reply::Error(body) = &response.reply else {
            // What stands before the platform may take less at a time than the platform does.
            if response.status == 413 && upload.stage.entries() > 1 {
                upload.refusals += 1;
                upload.ceiling = upload.stage.entries() / 2;
                return self.send_fewer();
            }
            return self.retry_upload(response.pause(), "What answered is not the platform.");
        };
        match response.meaning() {
            Meaning::Session(state) => self.upload_stopped(state),
            Meaning::NewToken if !upload.refreshed => {
                upload.refreshed = true;
                upload.stage = Stage::Token;
                let generation = upload.generation;
                self.renew_token(generation, Waiter::Upload);
            }
            Meaning::Retry | Meaning::NewToken => {
                // The platform's own word outlasts this upload; a proxy's does not.
                self.uploads.pause_until = response.pause().map(|ms| self.now.plus(ms));
                self.retry_upload(response.pause(), "The platform could not answer.");
            }
            Meaning::Content => self.upload_refused(body, true),
            Meaning::Sender => self.upload_refused(body, false),
        }
    }

    /// The platform has what was sent.
    fn upload_accepted(&mut self) {
        let Some(upload) = &mut self.uploads.under_way else { return };
        upload.tries = Tries::default();
        if upload.stage.entries() == 0 {
            upload.is_sender_accepted = true;
            return self.continue_upload();
        }
        upload.most = upload.most.saturating_mul(2).min(upload.ceiling);
        self.settle_sent(true);
    }

    /// The platform has what was sent, or will never take it: it need not be sent again.
    pub(super) fn settle_sent(&mut self, accepted: bool) {
        let ticket = self.ticket();
        let Some(upload) = &mut self.uploads.under_way else { return };
        match std::mem::replace(&mut upload.stage, Stage::AtStorage(ticket)) {
            Stage::Sending(_, keys) => self.emit(Effect::DropBatch(ticket, keys)),
            Stage::Metadata { revision, keys, is_all, .. } => {
                let ticket = self.edit_metadata(
                    match accepted && is_all {
                        true => MetadataEdit::Acknowledge(revision),
                        false => MetadataEdit::Settle { revision, keys, accepted },
                    },
                    None,
                );
                self.set_stage(Stage::AtStorage(ticket));
            }
            _ => {}
        }
    }

    /// The document of metadata is known, or known anew.
    pub(super) fn metadata_changed(&mut self, ticket: Ticket) {
        if self.upload_awaits(ticket) {
            return self.continue_upload();
        }
        if self.documents.metadata.news(1).is_some() {
            self.arm_upload(SOON_MS);
        }
    }

    pub(super) fn upload_awaits(&self, ticket: Ticket) -> bool {
        self.uploads.under_way.as_ref().is_some_and(|upload| upload.stage == Stage::AtStorage(ticket))
    }

    /// What is to be sent can't be read, or what the platform has can't be marked so, or removed: sending it at once
    /// again, and again, would help nobody.
    pub(super) fn upload_storage_failed(&mut self, ticket: Ticket, why: &str) {
        if self.upload_awaits(ticket) {
            self.fail_upload(Reason::UnexpectedError, why.to_owned());
        }
    }

    fn retry_upload(&mut self, pause: Option<f64>, details: &str) {
        let fraction = self.jitter();
        let Some(upload) = &mut self.uploads.under_way else { return };
        match upload.tries.delay(fraction, pause).filter(|delay| *delay < FIRST_PAUSE_MS) {
            Some(delay) => {
                upload.stage = Stage::Retrying;
                self.uploads.failure = Some(details.to_owned());
                self.emit(Effect::StartTimer(Timer::UploadRetry, delay));
            }
            None => self.fail_upload(Reason::NetworkError, details.to_owned()),
        }
    }

    /// The platform does not let this install act.
    fn upload_stopped(&mut self, state: UserState) {
        if let Some(user) = &self.record.user {
            let (install_id, generation) = (user.install_id.clone(), user.token.generation);
            self.observe_refusal(&install_id, state, Some(generation));
        }
        let error = SdkError::disabled(Code::SubmitDetections, state);
        self.fail_upload(error.reason, error.details);
        // The refusal does not tell why; the check does.
        self.start_check();
    }

    /// Gives up for now. The next upload starts after a pause.
    pub(super) fn fail_upload(&mut self, reason: Reason, details: String) {
        self.leave_upload();
        let passing = reason != Reason::UserDisabledRemotely && reason != Reason::NoUser;
        if passing {
            let pause = FIRST_PAUSE_MS * f64::from(1u32 << self.uploads.failures.min(6));
            self.uploads.failures += 1;
            self.arm_upload(pause.min(LONGEST_BACKOFF_MS) * (1.0 + self.jitter()) + self.upload_pause());
        }
        // What the platform refuses today it will refuse tomorrow, unless somebody changes it.
        let retryable = passing && reason != Reason::ServerError;
        let error = SdkError { code: Code::SubmitDetections, reason, details, retryable };
        self.settle_submitters(Err(error));
    }

    fn end_upload(&mut self) {
        self.leave_upload();
        self.uploads.failures = 0;
        if self.uploads.more {
            self.upload_what_is_left();
            if self.is_submitting() {
                self.start_upload();
            }
            if self.uploads.under_way.is_some() {
                return;
            }
        }
        self.tell_submitters();
    }

    fn leave_upload(&mut self) {
        let Some(upload) = self.uploads.under_way.take() else { return };
        self.uploads.failure = None;
        match upload.stage {
            Stage::Metadata { ticket, .. } | Stage::Sending(ticket, _) => {
                self.emit(Effect::Abort(ticket));
            }
            Stage::Retrying => self.emit(Effect::StopTimer(Timer::UploadRetry)),
            _ => {}
        }
        if upload.holds_lock {
            self.emit(Effect::Unlock(LockName::Upload));
        }
        self.write_usage();
    }

    /// The user is gone from this device, and with it all that was recorded.
    pub(super) fn cancel_upload(&mut self) {
        self.leave_upload();
        self.disarm_upload();
        self.uploads.failures = 0;
        self.uploads.pause_until = None;
        self.uploads.refused = None;
        self.settle_submitters(Err(SdkError::no_user(Code::SubmitDetections)));
    }
}
