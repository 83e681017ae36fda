//! What the platform refuses for good of an upload. One entry can spoil a whole request, so the request is halved until
//! that entry stands alone: it alone is dropped, which `submitDetections` tells.

use super::effect::{Body, Effect, Output, Warning};
use super::error::{Code, Reason, SdkError};
use super::machine::Core;
use super::meaning::told;
use super::upload::Stage;
use sentiance_protocol::{ErrorBody, MetadataRequest};

/// How many refusals one upload takes. What is left then is sent by the next one, after a pause.
const MAX_REFUSALS: u32 = 256;
/// A request that holds nothing, so that only its sender can be refused.
const NO_DETECTIONS: &str = r#"{"detections":[]}"#;

/// What was refused for good and dropped.
#[derive(Debug)]
pub(super) struct Refused {
    count: u32,
    /// Why the last of it was.
    why: String,
}

impl Core {
    /// The platform refuses for good what was sent: for what it holds, or whatever it holds.
    pub(super) fn upload_refused(&mut self, body: &ErrorBody, is_content: bool) {
        let Some(upload) = &mut self.uploads.under_way else { return };
        upload.refusals += 1;
        let entries = upload.stage.entries();
        let why = told(body);
        if entries == 0 || upload.refusals > MAX_REFUSALS {
            if entries == 0 {
                self.emit(Effect::Warn(Warning::upload_blocked(&body.error_code)));
            }
            let details = [&why, ". What is queued is kept, and sent later."].concat();
            self.fail_upload(Reason::ServerError, details);
        } else if !is_content && !upload.is_sender_accepted {
            self.send_nothing();
        } else if entries > 1 {
            self.send_fewer();
        } else {
            self.note_refused(1, why, &body.error_code);
            self.settle_sent(false);
        }
    }

    /// Half as many entries at a time.
    pub(super) fn send_fewer(&mut self) {
        if let Some(upload) = &mut self.uploads.under_way {
            upload.most = upload.stage.entries() / 2;
        }
        self.continue_upload();
    }

    /// Tells a refusal of the sender from one of what was sent: nothing may be dropped for the first.
    fn send_nothing(&mut self) {
        let ticket = self.ticket();
        let is_metadata = self
            .uploads
            .under_way
            .as_ref()
            .is_some_and(|upload| matches!(upload.stage, Stage::Metadata { .. }));
        if is_metadata {
            let body = Body::Metadata(MetadataRequest { revision: 0, entries: Vec::new() });
            let stage = Stage::Metadata { ticket, revision: 0, keys: Vec::new(), is_all: false };
            self.send_upload(body, ticket, stage);
        } else {
            let body = Body::Detections(NO_DETECTIONS.to_owned());
            self.send_upload(body, ticket, Stage::Sending(ticket, Vec::new()));
        }
    }

    /// The queue dropped entries that no request can hold.
    pub(super) fn note_oversized(&mut self, count: f64) {
        if count > 0.0 {
            let why = "An entry is larger than a request may be";
            self.note_refused(count as u32, why.to_owned(), why);
        }
    }

    fn note_refused(&mut self, more: u32, why: String, warning: &str) {
        let before = self.uploads.refused.as_ref().map_or(0, |refused| refused.count);
        self.uploads.refused = Some(Refused { count: before.saturating_add(more), why });
        self.emit(Effect::Warn(Warning::upload_refused(warning)));
    }

    /// All that was queued is gone from this device: sent, or refused for good.
    pub(super) fn tell_submitters(&mut self) {
        if !self.is_submitting() {
            return;
        }
        let outcome = match self.uploads.refused.take() {
            None => Ok(Output::Done),
            Some(Refused { count, why }) => {
                let mut details = why + ". Entries that were dropped for this: ";
                push_digits(&mut details, count);
                details.push_str(". The rest was sent.");
                Err(SdkError::new(Code::SubmitDetections, Reason::ServerError, details))
            }
        };
        self.settle_submitters(outcome);
    }
}

/// Appends a number in decimal digits. `to_string` would bring more code along.
fn push_digits(text: &mut String, number: u32) {
    if number > 9 {
        push_digits(text, number / 10);
    }
    text.push(char::from(b'0' + (number % 10) as u8));
}
