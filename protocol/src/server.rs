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
