//! What an error response means for the request that it answers. The only place that names the platform's errors, but for
//! those that one endpoint alone sends; `tests/refusals.rs` holds every error of the platform against every endpoint.

use super::event::{Reply, Response};
use super::record::UserState;
use sentiance_protocol::{ErrorBody, ErrorCode};

/// What a response that is no success means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Meaning {
    /// The same request can succeed later: the platform can't answer now, or something else answered in its place.
    Retry,
    /// The access token has expired, or the platform does not know it: a refresh tells whether the session lives.
    NewToken,
    /// The platform does not let this session act.
    Session(UserState),
    /// The platform refuses what the request holds, for good.
    Content,
    /// The platform refuses the request, whatever it holds: by its sender, its address or its form. A deployment can cause
    /// this, and end it, so it says nothing of the session and nothing of what was recorded.
    Sender,
}

/// What an error of that name says of an install, if anything. It counts only with the status that goes with it, where
/// it came with one.
pub(super) fn verdict(error_code: &str, status: Option<u16>) -> Option<UserState> {
    const VERDICTS: [((&str, u16), UserState); 3] = [
        (ErrorCode::UserDisabledRemotely.signature(), UserState::Refused),
        (ErrorCode::UserDeleted.signature(), UserState::Deleted),
        (ErrorCode::SessionEnded.signature(), UserState::SessionEnded),
    ];
    let is_said = |((name, of), _): &&((&str, u16), UserState)| {
        *name == error_code && status.is_none_or(|status| status == *of)
    };
    VERDICTS.iter().find(is_said).map(|(_, state)| *state)
}

/// The platform's error, for a developer.
pub(super) fn told(body: &ErrorBody) -> String {
    [&body.error_code, ": ", &body.message, " (ref ", &body.reference, ")"].concat()
}

impl Response {
    /// What this error response means. A status alone never says anything of a session or of what was sent: anything on
    /// the way can answer 401 or 400.
    pub(super) fn meaning(&self) -> Meaning {
        let Reply::Error(body) = &self.reply else { return Meaning::Retry };
        if let Some(state) = verdict(&body.error_code, Some(self.status)) {
            return Meaning::Session(state);
        }
        if self.is(const { ErrorCode::TokenExpired.signature() })
            || self.is(const { ErrorCode::TokenInvalid.signature() })
        {
            return Meaning::NewToken;
        }
        match self.status {
            500.. => Meaning::Retry,
            408 | 429 => Meaning::Retry,
            // By the status, so that the errors of a newer platform are understood, too.
            400 | 409 | 413 | 422 => Meaning::Content,
            _ => Meaning::Sender,
        }
    }

    /// Whether this is the platform's error of that name, with the status that goes with it. To be called with a
    /// constant: the module then holds the few names that matter, and not the whole list.
    pub(super) fn is(&self, (name, status): (&str, u16)) -> bool {
        matches!(&self.reply, Reply::Error(body) if body.error_code == name) && self.status == status
    }
}
