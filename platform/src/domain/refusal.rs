//! Why a use case was refused.

use super::Quota;
use crate::{
    model::{Scope, SessionRefusal, TripOverLimit},
    store::StoreError,
};
use std::time::Duration;

/// Why a use case was refused. Nothing that it wrote stays.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// The database did not answer.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Unknown, expired, used or foreign: which, is nobody's business.
    #[error("the authentication code is not valid")]
    CodeInvalid,
    /// The install belongs to another user.
    #[error("the install id belongs to another user")]
    InstallConflict,
    /// The application's id or secret is wrong: which, is nobody's business.
    #[error("the application's id or secret is wrong")]
    ApplicationCredentialsInvalid,
    /// The application does not list the page's origin.
    #[error("the application does not list this origin")]
    OriginNotAllowed,
    /// Nobody knows this token, or it was revoked.
    #[error("the token is not known")]
    TokenInvalid,
    /// The access token is too old.
    #[error("the token has expired")]
    TokenExpired,
    /// The session is over for good.
    #[error("the session is over")]
    SessionEnded,
    /// The refresh token was exchanged before.
    #[error("the refresh token was already exchanged")]
    RefreshTokenUsed,
    /// The user is disabled, or another install is active.
    #[error("the user is disabled, or another device is its active one")]
    UserDisabled,
    /// The user was deleted.
    #[error("the user was deleted")]
    UserDeleted,
    /// The application has no such user.
    #[error("the application has no such user")]
    UserNotFound,
    /// There is no such install.
    #[error("there is no such install")]
    InstallNotFound,
    /// The install belongs to another application.
    #[error("the install belongs to another application")]
    InstallForeign,
    /// The install's user was deleted, or the install was reset.
    #[error("the install's user was deleted, or the install was reset")]
    InstallDeleted,
    /// The install's user is disabled.
    #[error("the install's user is disabled")]
    InstallDisabled,
    /// The install is linked already, and no longer the active one.
    #[error("the install is linked, but another device is the user's active one")]
    InstallDeactivated,
    /// The install is linked to another external id.
    #[error("the install is linked to another external id")]
    InstallLinkedToOther,
    /// The external id is another user's.
    #[error("the external id is another user's")]
    PersonKnown,
    /// The application does not allow linking by installs.
    #[error("linking by installs is switched off for this application")]
    LinkingSwitchedOff,
    /// The app's server has not linked the user.
    #[error("the user is not linked")]
    UserNotLinked,
    /// The user is linked to another external id.
    #[error("the user is linked already")]
    UserAlreadyLinked,
    /// The metadata would be over its limits.
    #[error("the metadata would be over its limits")]
    MetadataLimit,
    /// The trip would be too large.
    #[error("the trip would be larger than 64 KiB")]
    TripTooLarge,
    /// So much is stored already that nothing more is taken in for that long.
    #[error("the quota of stored bytes is used up")]
    QuotaExceeded(Quota, Duration),
    /// There is no such application.
    #[error("there is no such application")]
    ApplicationNotFound,
    /// There is no such API key.
    #[error("there is no such API key")]
    ApiKeyUnknown,
    /// The API key was revoked.
    #[error("the API key was revoked")]
    ApiKeyRevoked,
    /// The API key has expired.
    #[error("the API key has expired")]
    ApiKeyExpired,
    /// The API key lacks this scope.
    #[error("the API key lacks the scope {0}")]
    ScopeMissing(Scope),
    /// A user called about another one.
    #[error("a user may call about itself only")]
    NotOwnUser,
}

impl From<SessionRefusal> for Refusal {
    fn from(refusal: SessionRefusal) -> Self {
        match refusal {
            SessionRefusal::Invalid => Refusal::TokenInvalid,
            SessionRefusal::Ended => Refusal::SessionEnded,
            SessionRefusal::Disabled => Refusal::UserDisabled,
            SessionRefusal::Expired => Refusal::TokenExpired,
        }
    }
}

impl From<TripOverLimit> for Refusal {
    fn from(limit: TripOverLimit) -> Self {
        match limit {
            TripOverLimit::Metadata => Refusal::MetadataLimit,
            TripOverLimit::Bytes => Refusal::TripTooLarge,
        }
    }
}
