//! Names, prefixes and bounds that both sides must agree on.

/// What every API key starts with. The SDK refuses such a value where an authentication code belongs: an API key
/// must never reach an app.
pub const API_KEY_PREFIX: &str = "stk_";
/// What every user access token starts with.
pub const ACCESS_TOKEN_PREFIX: &str = "sat_";
/// What every application secret starts with.
pub const APP_SECRET_PREFIX: &str = "sas_";
/// What every refresh token starts with.
pub const REFRESH_TOKEN_PREFIX: &str = "srt_";

/// How often a stream of `GET /sdk/v1/events` without news shows that it lives, in seconds.
pub const EVENTS_HEARTBEAT_SECONDS: u32 = 15;
/// How long such a stream may be silent before its reader takes it for dead, in seconds.
pub const EVENTS_SILENCE_SECONDS: u32 = 45;

/// How long an authentication code lives, in milliseconds: 10 minutes.
pub const AUTHENTICATION_CODE_LIFETIME_MS: u32 = 10 * 60 * 1000;
/// How many characters an authentication code has (lower-case hex digits).
pub const AUTHENTICATION_CODE_LENGTH: usize = 128;
/// The longest external id, in characters.
pub const EXTERNAL_ID_MAX_CHARS: usize = 256;
/// The largest request body that the platform reads, in bytes.
pub const BODY_LIMIT_BYTES: usize = 16 * 1024;
/// Install ids and idempotency keys are this many lower-case hex digits (128 random bits).
pub const CLIENT_ID_LENGTH: usize = 32;
/// The longest free text (a name, a version, a model) in app, device and SDK information, in characters.
/// The SDK cuts longer ones; the platform refuses them.
pub const INFO_TEXT_MAX_CHARS: usize = 128;

/// The largest body of `POST /sdk/v1/detections`, in bytes.
pub const DETECTIONS_BODY_LIMIT_BYTES: usize = 64 * 1024;
/// How many detections one request may hold: more than fit into the body that the SDK sends at most.
pub const DETECTIONS_MAX_PER_REQUEST: usize = 600;
/// How large a stored trip may be with all its metadata, in bytes of JSON.
pub const TRIP_MAX_BYTES: usize = 64 * 1024;
/// The largest body of `PATCH /sdk/v1/metadata`, in bytes: all entries, each character in its longest form.
pub const METADATA_BODY_LIMIT_BYTES: usize = 640 * 1024;
/// How many entries the metadata of a user, or of a trip, has at most.
pub const METADATA_MAX_ENTRIES: usize = 50;
/// The longest key and the longest value of metadata, in characters (UTF-16 code units, as JavaScript counts).
pub const METADATA_MAX_CHARS: usize = 500;

/// How long a trip lasts that the app does not stop, in seconds: 2 hours.
pub const TRIP_TIMEOUT_SECONDS: u32 = 2 * 60 * 60;
/// How long detections wait for others to be sent with, in seconds.
pub const UPLOAD_INTERVAL_SECONDS: u32 = 30;
/// How much the SDK may store, in bytes: 128 MB.
pub const DISK_QUOTA_BYTES: u32 = 128 * 1024 * 1024;
/// How much the SDK may transfer over Wi-Fi in 30 days, in bytes: 2048 MB.
pub const WIFI_QUOTA_BYTES: u32 = 2048 * 1024 * 1024;
/// How much the SDK may transfer over mobile networks in 30 days, in bytes: 250 MB.
pub const MOBILE_QUOTA_BYTES: u32 = 250 * 1024 * 1024;
