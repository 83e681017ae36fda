//! What the SDK uploads: metadata, and detections.

#[cfg(doc)]
use crate::DETECTIONS_BODY_LIMIT_BYTES;
use crate::{EpochMs, message, text_enum};

message! {
    /// A text under a name.
    pub struct MetadataEntry {
        /// The name: up to 500 characters.
        pub key: String,
        /// The text: up to 500 characters; none removes the entry.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub value: Option<String>,
    }
}

/// Tells one key of metadata from another in 32 bits: FNV-1a of its UTF-8. A response can name 50 keys so, where the keys
/// themselves could be 75 KB; that two of 50 are taken for one (1 in 3 million) costs a request that is refused.
pub fn key_hash(key: &str) -> u32 {
    key.bytes().fold(0x811c_9dc5, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193))
}

message! {
    /// Body of `PATCH /sdk/v1/metadata`: entries of the user's metadata that this install set or removed.
    pub struct MetadataRequest {
        /// Counts this install's changes. What a later revision has written is not touched by an earlier one, so that
        /// requests may be repeated and overtake each other.
        pub revision: u32,
        /// The entries.
        pub entries: Vec<MetadataEntry>,
    }
}

message! {
    /// Response to `PATCH /sdk/v1/metadata`.
    pub struct MetadataResponse {
        /// The newest revision that the platform has of this install. Where it is later than what was sent, the device
        /// has lost its count, and what it sent may have had no effect: it goes on counting above it, and sends again.
        pub revision: u32,
    }
}

message! {
    /// Body of `POST /sdk/v1/detections`: at most [`DETECTIONS_BODY_LIMIT_BYTES`].
    pub struct DetectionsRequest {
        /// What was recorded. A detection that is known already (by its id) is passed over.
        pub detections: Vec<Detection>,
    }
}

message! {
    /// Reply of `POST /sdk/v1/detections`.
    pub struct DetectionsResponse {
        /// How many told anything new.
        pub accepted: u32,
        /// How many were known already.
        pub known: u32,
    }
}

message! {
    /// Something that was recorded on the device: exactly one of `position`, `motion` and `trip` is there.
    pub struct Detection {
        /// Made by the SDK: 32 lower-case hex digits.
        pub id: String,
        /// When, by the platform's clock as far as the device knows it.
        pub time: EpochMs,
        /// A place.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub position: Option<Position>,
        /// A summary of the device's motion.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub motion: Option<Motion>,
        /// A trip that the app started; sent when it starts, when it gets metadata and when it ends, each time under
        /// the same id, and put together by the platform.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub trip: Option<Trip>,
    }
}

text_enum! {
    /// What kind of detection it is.
    pub enum DetectionType {
        /// A place.
        Position = "position",
        /// A summary of the device's motion.
        Motion = "motion",
        /// A trip that the app started.
        Trip = "trip",
    }
}

message! {
    /// A place.
    pub struct Position {
        /// Degrees, from -90 to 90.
        pub latitude: f64,
        /// Degrees, from -180 to 180.
        pub longitude: f64,
        /// Meters.
        pub accuracy: f64,
        /// Meters above the ellipsoid.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub altitude: Option<f64>,
        /// Meters per second.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub speed: Option<f64>,
        /// Degrees, clockwise from north.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub heading: Option<f64>,
    }
}

message! {
    /// What the motion sensors told over a while.
    pub struct Motion {
        /// How long that was, in milliseconds.
        pub duration_ms: u32,
        /// How many readings there were.
        pub samples: u32,
        /// The mean of the acceleration with gravity, in meters per square second.
        pub acceleration_mean: f64,
        /// Its maximum.
        pub acceleration_max: f64,
        /// The mean of the rotation rate, in degrees per second, where there is a gyroscope.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub rotation_mean: Option<f64>,
    }
}

message! {
    /// A trip that the app started.
    pub struct Trip {
        /// When it started.
        pub started_at: EpochMs,
        /// When it ended, if it has.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub ended_at: Option<EpochMs>,
        /// Whether it ended since the app did not stop it in time.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub timed_out: Option<bool>,
        /// The app's hint: a number of the original's `TransportMode`, 1 to 11.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub transport_mode: Option<u32>,
        /// What the app said of it.
        pub metadata: Vec<MetadataEntry>,
    }
}
