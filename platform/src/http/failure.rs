//! Failures: what goes wrong, as handlers say it. `protection` turns each into the one shape of error answers.

use super::limits::{Policy, Standing};
use crate::{
    domain::{Quota, Refusal},
    store::StoreError,
};
use axum::{
    http::StatusCode,
    response::{IntoResponse, Response},
};
use sentiance_protocol::{ErrorBody, ErrorCode};
use std::{borrow::Cow, time::Duration};

/// A refused or failed request.
#[derive(Clone, Debug)]
pub(super) struct Failure {
    pub(super) code: ErrorCode,
    /// For the developer who called; holds no secret and no personal data.
    pub(super) message: Cow<'static, str>,
    /// For the log only.
    pub(super) cause: Option<String>,
    /// The limit that refused it.
    pub(super) limit: Option<Policy>,
    /// How long the caller shall wait, in seconds, where it is not what the code usually asks for.
    pub(super) retry_after: Option<u64>,
    /// What went wrong with the database, for the metrics.
    pub(super) store_error: Option<&'static str>,
}

impl Failure {
    /// A failure that explains itself.
    pub(super) fn new(code: ErrorCode) -> Self {
        Failure::saying(code, code.meaning().trim_start())
    }

    /// A failure with a more exact message.
    pub(super) fn saying(code: ErrorCode, message: impl Into<Cow<'static, str>>) -> Self {
        Failure {
            code,
            message: message.into(),
            cause: None,
            limit: None,
            retry_after: None,
            store_error: None,
        }
    }

    /// A refusal by a limit.
    pub(super) fn limited(policy: Policy, standing: Standing) -> Self {
        let refusal = Failure::saying(ErrorCode::TooManyRequests, policy.refusal());
        Failure { limit: Some(policy), retry_after: Some(standing.retry_after()), ..refusal }
    }

    /// A refusal because so much is stored already.
    fn over_quota(quota: Quota, pause: Duration) -> Self {
        let policy = match quota {
            Quota::User => Policy::UserBytes,
            Quota::UserAndDay => Policy::UserBytesOfDay,
            Quota::Application => Policy::ApplicationBytes,
        };
        let refusal = Failure::saying(ErrorCode::QuotaExceeded, policy.refusal());
        Failure { limit: Some(policy), retry_after: Some(pause.as_secs().max(1)), ..refusal }
    }

    /// The body of its answer.
    pub(super) fn to_body(&self, reference: String) -> ErrorBody {
        let (message, error_code) = (self.message.to_string(), self.code.as_str().to_owned());
        ErrorBody { message, error_code, reference }
    }

    /// The failure that stands for an answer which a library made.
    pub(super) fn of_status(status: StatusCode) -> Self {
        Failure::new(match status {
            StatusCode::NOT_FOUND => ErrorCode::NotFound,
            StatusCode::METHOD_NOT_ALLOWED => ErrorCode::MethodNotAllowed,
            StatusCode::REQUEST_TIMEOUT => ErrorCode::RequestTimeout,
            StatusCode::PAYLOAD_TOO_LARGE => ErrorCode::PayloadTooLarge,
            status if status.is_client_error() => ErrorCode::MalformedRequest,
            _ => ErrorCode::InternalError,
        })
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.code.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = status.into_response();
        response.extensions_mut().insert(self);
        response
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        let (code, kind) = match &error {
            StoreError::Unavailable => (ErrorCode::Unavailable, "unavailable"),
            StoreError::Crowded => (ErrorCode::Unavailable, "crowded"),
            StoreError::Disk(_) => (ErrorCode::DatabaseUnavailable, "disk"),
            StoreError::Unreachable(_) => (ErrorCode::DatabaseUnavailable, "unreachable"),
            StoreError::GivenUp => (ErrorCode::DatabaseUnavailable, "given_up"),
            StoreError::Moved => (ErrorCode::DatabaseUnavailable, "moved"),
            StoreError::Inconsistent { .. } => (ErrorCode::InternalError, "inconsistent"),
            StoreError::Panicked => (ErrorCode::InternalError, "panicked"),
            StoreError::Database(_) => (ErrorCode::InternalError, "database"),
            StoreError::Url(_) => (ErrorCode::InternalError, "url"),
            StoreError::Unusable(_) => (ErrorCode::InternalError, "unusable"),
        };
        Failure { cause: Some(error.to_string()), store_error: Some(kind), ..Failure::new(code) }
    }
}

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Self {
        Failure::new(match refusal {
            Refusal::Store(error) => return error.into(),
            Refusal::QuotaExceeded(quota, pause) => return Failure::over_quota(quota, pause),
            Refusal::TripTooLarge => ErrorCode::TripTooLarge,
            Refusal::ScopeMissing(scope) => {
                let message = format!("This call needs an API key with the scope {scope}.");
                return Failure::saying(ErrorCode::InsufficientScope, message);
            }
            Refusal::NotOwnUser => ErrorCode::AccessDenied,
            Refusal::CodeInvalid => ErrorCode::AuthenticationCodeInvalid,
            Refusal::ApplicationCredentialsInvalid => ErrorCode::ApplicationCredentialsInvalid,
            Refusal::InstallConflict => ErrorCode::InstallConflict,
            Refusal::OriginNotAllowed => ErrorCode::OriginNotAllowed,
            Refusal::TokenInvalid => ErrorCode::TokenInvalid,
            Refusal::TokenExpired => ErrorCode::TokenExpired,
            Refusal::SessionEnded => ErrorCode::SessionEnded,
            Refusal::RefreshTokenUsed => ErrorCode::RefreshTokenUsed,
            Refusal::UserDisabled => ErrorCode::UserDisabledRemotely,
            Refusal::UserDeleted => ErrorCode::UserDeleted,
            Refusal::UserNotFound => ErrorCode::UserNotFound,
            Refusal::InstallNotFound => ErrorCode::InstallNotFound,
            Refusal::InstallForeign => ErrorCode::InstallDoesNotBelongToApp,
            Refusal::InstallDeleted => ErrorCode::InstallDeleted,
            Refusal::InstallDisabled => ErrorCode::InstallDisabled,
            Refusal::InstallDeactivated => ErrorCode::InstallDeactivated,
            Refusal::InstallLinkedToOther => ErrorCode::InstallLinkedToOtherUser,
            Refusal::PersonKnown => ErrorCode::CannotLinkExistingPerson,
            Refusal::LinkingSwitchedOff => ErrorCode::UserLinkingNotConfigured,
            Refusal::UserNotLinked => ErrorCode::UserNotLinked,
            Refusal::UserAlreadyLinked => ErrorCode::UserAlreadyLinked,
            Refusal::MetadataLimit => ErrorCode::MetadataLimitExceeded,
            Refusal::ApplicationNotFound => ErrorCode::NotFound,
            Refusal::ApiKeyUnknown => ErrorCode::ApiKeyUnknown,
            Refusal::ApiKeyRevoked => ErrorCode::ApiKeyRevoked,
            Refusal::ApiKeyExpired => ErrorCode::ApiKeyExpired,
        })
    }
}
