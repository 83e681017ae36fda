//! Audit events: what happened to users, installs, keys and applications, and who did it.

use super::{AppId, InstallId, KeyId, UserId};
use crate::clock::Timestamp;
use std::{net::IpAddr, str::FromStr};

macro_rules! audit_kinds {
    ($( $(#[doc = $doc:literal])+ $variant:ident = $name:literal, )+) => {
        /// What happened. There is none for what happens all the time (a refresh) and none for what anybody can cause
        /// without end (a wrong code): those are for the log and its metrics.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum AuditKind { $( $(#[doc = $doc])+ $variant, )+ }

        impl AuditKind {
            /// The name as it is stored and shown.
            pub const fn as_str(self) -> &'static str {
                match self { $( AuditKind::$variant => $name, )+ }
            }
        }

        impl FromStr for AuditKind {
            type Err = UnknownAuditKind;

            fn from_str(name: &str) -> Result<Self, UnknownAuditKind> {
                match name { $( $name => Ok(AuditKind::$variant), )+ _ => Err(UnknownAuditKind) }
            }
        }
    };
}

/// No kind of event has this name.
#[derive(Debug, thiserror::Error)]
#[error("there is no kind of audit event of that name")]
pub struct UnknownAuditKind;

audit_kinds! {
    /// A user was created.
    UserCreated = "user_created",
    /// A user came to an install again, by another code.
    UserRestored = "user_restored",
    /// A user got an external id, or an install came to the user of one.
    UserLinked = "user_linked",
    /// A user was disabled.
    UserDisabled = "user_disabled",
    /// A user was enabled again.
    UserEnabled = "user_enabled",
    /// A user was deleted.
    UserDeleted = "user_deleted",
    /// Another install of the user became the active one.
    InstallDeactivated = "install_deactivated",
    /// The SDK said goodbye.
    SessionReset = "session_reset",
    /// Nobody used a session for so long that it ended.
    SessionExpired = "session_expired",
    /// A refresh token older than the parent came back: somebody holds a copy, and the session was ended.
    RefreshTokenReused = "refresh_token_reused",
    /// A used authentication code was shown by somebody else than the install that used it.
    AuthenticationCodeReused = "authentication_code_reused",
    /// An API key was made.
    ApiKeyCreated = "api_key_created",
    /// An API key was revoked.
    ApiKeyRevoked = "api_key_revoked",
    /// An API key that exists was sent by a browser: it is in a page, where everybody can read it.
    ApiKeyExposed = "api_key_exposed",
    /// An application was made.
    ApplicationCreated = "application_created",
    /// An application got another secret.
    ApplicationSecretChanged = "application_secret_changed",
    /// An application's detections are kept for another time.
    ApplicationRetentionChanged = "application_retention_changed",
}

/// Who did it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Actor {
    /// An SDK on a device.
    Install(InstallId),
    /// A server of the application.
    ApiKey(KeyId),
    /// A person at the platform's command line.
    Operator,
    /// The platform by itself, when a time had come.
    Platform,
    /// Somebody who showed a secret and is not known to be its owner.
    Unknown,
}

impl Actor {
    /// Its kind, as it is stored and shown; and which one it is, of those that have an id.
    pub fn parts(&self) -> (&'static str, Option<&str>) {
        match self {
            Actor::Install(install) => ("install", Some(install.as_str())),
            Actor::ApiKey(key) => ("api_key", Some(key.as_str())),
            Actor::Operator => ("operator", None),
            Actor::Platform => ("platform", None),
            Actor::Unknown => ("unknown", None),
        }
    }
}

/// Which request caused something, as far as the edge of the platform knows.
#[derive(Clone, Debug, Default)]
pub struct Trace {
    /// The client's address.
    pub address: Option<IpAddr>,
    /// The `ref` of the request.
    pub request: Option<String>,
}

/// Something that whoever answers for security wants to find later. Names nobody but by random ids.
#[derive(Clone, Debug)]
pub struct AuditEvent {
    /// The application.
    pub app_id: AppId,
    /// What happened.
    pub kind: AuditKind,
    /// To which user, if to one.
    pub user_id: Option<UserId>,
    /// To which install, if to one.
    pub install_id: Option<InstallId>,
    /// To which API key, if to one.
    pub key_id: Option<KeyId>,
    /// Who did it.
    pub actor: Actor,
    /// In which request.
    pub trace: Trace,
    /// When.
    pub occurred_at: Timestamp,
}

impl AuditEvent {
    /// An event of an application that concerns nobody yet.
    pub fn of(app_id: &AppId, kind: AuditKind, actor: Actor, trace: &Trace, occurred_at: Timestamp) -> Self {
        let (app_id, trace) = (app_id.clone(), trace.clone());
        AuditEvent { app_id, kind, user_id: None, install_id: None, key_id: None, actor, trace, occurred_at }
    }
}

/// Whom a committed event may concern. What became of them is for the database to tell.
#[derive(Clone, Debug)]
pub struct Change {
    /// The application.
    pub app_id: AppId,
    /// The user.
    pub user_id: Option<UserId>,
    /// The install.
    pub install_id: Option<InstallId>,
}
