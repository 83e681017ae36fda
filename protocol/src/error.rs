//! The platform's error answers.

use crate::{Field, Message, Sink, Source};
use serde::{Deserialize, Serialize};

/// The body of every error answer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ErrorBody {
    /// A sentence for a developer. Holds no secret and no personal data.
    pub message: String,
    /// One of [`ErrorCode`]'s names; a string, since a newer platform may know more of them.
    #[serde(rename = "errorCode")]
    pub error_code: String,
    /// Identifies this answer in the platform's log.
    #[serde(rename = "ref")]
    pub reference: String,
}

impl Message for ErrorBody {
    fn write<S: Sink>(&self, sink: &mut S) {
        sink.put_text("message", &self.message);
        sink.put_text("errorCode", &self.error_code);
        sink.put_text("ref", &self.reference);
    }

    fn read_fields<S: Source>(source: &S) -> Self {
        ErrorBody {
            message: Field::read_field(source, "message"),
            error_code: Field::read_field(source, "errorCode"),
            reference: Field::read_field(source, "ref"),
        }
    }
}

macro_rules! error_codes {
    ($( $(#[doc = $doc:literal])+ $variant:ident = ($status:literal, $name:literal), )+) => {
        /// Every `errorCode` that the platform answers with, and its HTTP status.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum ErrorCode { $( $(#[doc = $doc])+ $variant, )+ }

        impl ErrorCode {
            /// All codes, in the order of their definition.
            pub const ALL: &'static [ErrorCode] = &[$(ErrorCode::$variant),+];

            /// The name on the wire.
            pub const fn as_str(self) -> &'static str {
                match self { $(ErrorCode::$variant => $name),+ }
            }

            /// The HTTP status that goes with it.
            pub const fn status(self) -> u16 {
                match self { $(ErrorCode::$variant => $status),+ }
            }

            /// Name and status: what an answer must hold to be this error.
            pub const fn signature(self) -> (&'static str, u16) {
                (self.as_str(), self.status())
            }

            /// What it means, for the documentation.
            pub const fn meaning(self) -> &'static str {
                match self { $(ErrorCode::$variant => concat!($($doc),+)),+ }
            }
        }
    };
}

error_codes! {
    /// The body is not JSON, lacks a field, has a field of the wrong type, or has one that is not known.
    MalformedRequest = (400, "MALFORMED_REQUEST"),
    /// The external id is empty or longer than 256 characters.
    InvalidExternalId = (400, "INVALID_EXTERNAL_ID"),
    /// The authentication code is unknown, expired, used, or of another application; the answer does not say which.
    AuthenticationCodeInvalid = (400, "AUTHENTICATION_CODE_INVALID"),
    /// No API key or token was sent, or not as `Authorization: Bearer`.
    CredentialsMissing = (401, "CREDENTIALS_MISSING"),
    /// The API key is not well formed.
    ApiKeyMalformed = (401, "API_KEY_MALFORMED"),
    /// The API key is not known.
    ApiKeyUnknown = (401, "API_KEY_UNKNOWN"),
    /// The API key was revoked.
    ApiKeyRevoked = (401, "API_KEY_REVOKED"),
    /// The API key has expired.
    ApiKeyExpired = (401, "API_KEY_EXPIRED"),
    /// The token is not known.
    TokenInvalid = (401, "TOKEN_INVALID"),
    /// The token has expired: refresh it.
    TokenExpired = (401, "TOKEN_EXPIRED"),
    /// The session is over for good: it was reset, nobody used it for too long, or an old refresh token came back, which
    /// looks like theft.
    SessionEnded = (401, "SESSION_ENDED"),
    /// The application's id or secret is wrong; the answer does not say which.
    ApplicationCredentialsInvalid = (401, "APPLICATION_CREDENTIALS_INVALID"),
    /// The API key lacks the scope that this call needs.
    InsufficientScope = (403, "INSUFFICIENT_SCOPE"),
    /// A user's token was sent where only an API key is accepted.
    UserTokenNotAccepted = (403, "USER_TOKEN_NOT_ACCEPTED"),
    /// An API key was sent where only a user's token is accepted.
    ApiKeyNotAccepted = (403, "API_KEY_NOT_ACCEPTED"),
    /// The token belongs to another user.
    AccessDenied = (403, "ACCESS_DENIED"),
    /// The call came from a browser, but this endpoint is for servers.
    BrowserNotAllowed = (403, "BROWSER_NOT_ALLOWED"),
    /// The page's origin is not on the application's list.
    OriginNotAllowed = (403, "ORIGIN_NOT_ALLOWED"),
    /// The user is disabled, or another device is its active one.
    UserDisabledRemotely = (403, "USER_DISABLED_REMOTELY"),
    /// The install belongs to another application than the API key.
    InstallDoesNotBelongToApp = (403, "INSTALL_DOES_NOT_BELONG_TO_APP"),
    /// The install's user is disabled.
    InstallDisabled = (403, "INSTALL_DISABLED"),
    /// The install's user was deleted, or the install was reset.
    InstallDeleted = (403, "INSTALL_DELETED"),
    /// The install is linked to that external id already, but another device is the user's active one.
    InstallDeactivated = (403, "INSTALL_DEACTIVATED"),
    /// The install's user is in use, and the external id is another user's: reset the SDK and create a linked user.
    CannotLinkExistingPerson = (403, "CANNOT_LINK_EXISTING_PERSON_TO_OTHER_PERSON"),
    /// The install is linked to another external id.
    InstallLinkedToOtherUser = (403, "INSTALL_LINKED_TO_OTHER_USER"),
    /// The external id has two or more active installs. Never sent: a restored user has one.
    MultipleInstallsActive = (403, "MULTIPLE_INSTALLS_ACTIVE"),
    /// Linking by installs is switched off for this application.
    UserLinkingNotConfigured = (403, "USERLINKING_NOT_CONFIGURED"),
    /// There is no such install.
    InstallNotFound = (404, "INSTALL_NOT_FOUND"),
    /// There is no such endpoint.
    NotFound = (404, "NOT_FOUND"),
    /// There is no such user in this application.
    UserNotFound = (404, "USER_NOT_FOUND"),
    /// The endpoint does not have this method.
    MethodNotAllowed = (405, "METHOD_NOT_ALLOWED"),
    /// The request did not arrive, or was not done, in time.
    RequestTimeout = (408, "REQUEST_TIMEOUT"),
    /// The app's backend has not linked the install.
    UserNotLinked = (409, "USER_NOT_LINKED"),
    /// The user is linked already.
    UserAlreadyLinked = (409, "USER_ALREADY_LINKED"),
    /// The metadata would have more than 50 entries, or has a key or value of more than 500 characters.
    MetadataLimitExceeded = (409, "METADATA_LIMIT_EXCEEDED"),
    /// The trip would be larger than 64 KiB, with what is stored of it already.
    TripTooLarge = (409, "TRIP_TOO_LARGE"),
    /// The install id belongs to another user.
    InstallConflict = (409, "INSTALL_CONFLICT"),
    /// The refresh token was already exchanged, and what it bought was used or the idempotency key differs.
    RefreshTokenUsed = (409, "REFRESH_TOKEN_USED"),
    /// The user was deleted, and with it this install.
    UserDeleted = (410, "USER_DELETED"),
    /// The body is larger than this endpoint takes: 16 KiB, for uploads more.
    PayloadTooLarge = (413, "PAYLOAD_TOO_LARGE"),
    /// The content type is not `application/json` in UTF-8, or the body is encoded.
    UnsupportedMediaType = (415, "UNSUPPORTED_MEDIA_TYPE"),
    /// Too many requests: wait as long as `Retry-After` says.
    TooManyRequests = (429, "TOO_MANY_REQUESTS"),
    /// So much is stored for this user or application already that nothing more is taken in for now: wait as long as
    /// `Retry-After` says.
    QuotaExceeded = (429, "QUOTA_EXCEEDED"),
    /// The platform failed; `ref` finds the cause in its log.
    InternalError = (500, "INTERNAL_ERROR"),
    /// The platform is overloaded or shutting down: wait as long as `Retry-After` says.
    Unavailable = (503, "UNAVAILABLE"),
    /// The platform's disk is full, nearly full or fails: nothing was stored. Wait as long as `Retry-After` says.
    DatabaseUnavailable = (503, "DATABASE_UNAVAILABLE"),
}

#[cfg(test)]
mod tests {
    use super::ErrorCode;
    use std::collections::HashSet;

    #[test]
    fn every_code_has_its_own_name_and_the_status_of_an_error() {
        let names: HashSet<_> = ErrorCode::ALL.iter().map(|code| code.as_str()).collect();
        assert_eq!(names.len(), ErrorCode::ALL.len());
        for code in ErrorCode::ALL {
            assert!((400..600).contains(&code.status()));
        }
    }
}
