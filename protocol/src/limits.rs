//! Names, prefixes and bounds that both sides must agree on.

/// What every API key starts with. The SDK refuses such a value where an authentication code belongs: an API key
/// must never reach an app.
pub const API_KEY_PREFIX: &str = "stk_";
/// What every user access token starts with.
pub const ACCESS_TOKEN_PREFIX: &str = "sat_";
/// What every refresh token starts with.
pub const REFRESH_TOKEN_PREFIX: &str = "srt_";

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
