//! The endpoints for servers, whose shape is public and fixed.

use crate::Secret;
use serde::{Deserialize, Serialize};

/// Body of `POST /users/auth-code`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AuthCodeRequest {
    /// The app's own id of its user: 1 to 256 characters.
    pub external_id: String,
}

/// Reply of `POST /users/auth-code`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct AuthCodeResponse {
    /// 128 lower-case hex digits, good once, for ten minutes.
    pub authentication_code: Secret,
    /// ISO 8601, UTC, with milliseconds.
    pub expires_at: String,
}

/// Reply of `GET /v2/users/me` and `GET /v2/users/:user_id`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Profile {
    /// `sdk`: a user of an app, not of a dashboard.
    #[serde(rename = "type")]
    pub kind: String,
    /// The Sentiance user id: 24 lower-case hex digits.
    pub id: String,
    /// Whether the user may log in to a dashboard: never.
    pub can_login: bool,
    /// ISO 8601, UTC, with milliseconds.
    pub created_at: String,
    /// The application that the user belongs to.
    pub application_id: String,
    /// The app's own id of the user; for API keys only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub external_id: Option<String>,
    /// How the user's SDK is set up.
    pub sdk: ProfileSdk,
}

/// The SDK's part of a [`Profile`].
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ProfileSdk {
    /// `sdk`.
    #[serde(rename = "type")]
    pub kind: String,
    /// The variant that the user runs; `null` is the application's default.
    pub flavor: Option<String>,
    /// `enable_sdk`, or `disable_sdk` for a disabled user.
    pub killswitch_action: String,
    /// Whether the SDK logs more than usual.
    pub debug_logging: bool,
}
