//! The endpoints for servers, whose shape is public and fixed.

use crate::{DetectionType, Motion, Position, Secret};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

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

/// Body of `POST /v2/users/:install_id/link`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LinkInstallRequest {
    /// The app's own id of its user: 1 to 256 characters.
    pub external_id: String,
}

/// Reply of `POST /v2/users/:install_id/link`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct LinkInstallResponse {
    /// The Sentiance user id; another one than before where a known user was restored.
    pub id: String,
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
    /// What the app attached to its user.
    pub metadata: BTreeMap<String, String>,
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

/// Reply of `GET /v2/users/:user_id/detections`: a page of them, in the order of their times.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct DetectionPage {
    /// The page.
    pub detections: Vec<DetectionRecord>,
    /// Gets the next page; `null` after the last one.
    pub next_cursor: Option<String>,
}

/// Something that a user's device recorded: exactly one of `position`, `motion` and `trip` is there, as `type` says.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct DetectionRecord {
    /// 32 lower-case hex digits.
    pub id: String,
    /// Which of the three.
    #[serde(rename = "type")]
    pub kind: DetectionType,
    /// ISO 8601, UTC, with milliseconds.
    pub time: String,
    /// The install that recorded it.
    pub install_id: String,
    /// A place.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub position: Option<Position>,
    /// A summary of the device's motion.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub motion: Option<Motion>,
    /// A trip that the app started.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trip: Option<TripRecord>,
}

/// Reply of `GET /v2/users/:user_id/trips`: a page of them, in the order of their starts.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct TripPage {
    /// The page.
    pub trips: Vec<UserTrip>,
    /// Gets the next page; `null` after the last one.
    pub next_cursor: Option<String>,
}

/// A trip, and who recorded it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct UserTrip {
    /// 32 lower-case hex digits; the same as among the detections.
    pub id: String,
    /// The install that recorded it.
    pub install_id: String,
    /// The trip.
    #[serde(flatten)]
    pub trip: TripRecord,
}

/// A trip that the app started.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct TripRecord {
    /// ISO 8601, UTC, with milliseconds.
    pub started_at: String,
    /// ISO 8601, UTC, with milliseconds; without it the trip goes on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<String>,
    /// Whether it ended since the app did not stop it in time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timed_out: Option<bool>,
    /// The app's hint: a number of the original's `TransportMode`, 1 to 11.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub transport_mode: Option<u32>,
    /// What the app said of it.
    pub metadata: BTreeMap<String, String>,
}
