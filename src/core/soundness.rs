//! What a stored record must hold to be trusted. Code that can write to the storage must not choose where a token goes,
//! what stands in a header, or how long a timer runs.

use super::platform_url::PlatformUrl;
use super::record::{Record, User};
use sentiance_protocol::EpochMs;

/// The longest id and the longest token that any record holds; see the test of the largest record.
const LONGEST_TOKEN: usize = 512;
/// The last millisecond that a JavaScript date can hold: https://tc39.es/ecma262/#sec-time-values-and-time-range
const LAST_MS: f64 = 8.64e15;

impl Record {
    /// Whether every field can be used as it is. A record that is not sound is as good as unreadable.
    pub fn is_sound(&self) -> bool {
        let pending = self.pending.as_ref();
        let trip = self.trip.as_ref();
        self.user.as_ref().is_none_or(User::is_sound)
            && pending.is_none_or(|pending| {
                is_token(&pending.install_id) && is_token(&pending.key) && is_token(&pending.code_fingerprint)
            })
            && trip.is_none_or(|trip| {
                is_token(&trip.id)
                    && is_time(trip.started_at)
                    && trip.transport_mode.is_none_or(|mode| mode <= 11)
            })
            && self.detections.as_ref().and_then(|detections| detections.expires_at).is_none_or(is_time)
    }
}

impl User {
    fn is_sound(&self) -> bool {
        let tokens =
            [&self.id, &self.install_id, self.token.access_token.expose(), self.token.refresh_token.expose()];
        PlatformUrl::parse(&self.platform_url).is_ok()
            && tokens.into_iter().chain(self.refresh_key.as_deref()).all(is_token)
            && [self.token.expires_at, self.issued_at, EpochMs(self.clock_offset)].into_iter().all(is_time)
            && [self.state_at, self.pause_until].into_iter().flatten().all(is_time)
    }
}

/// Visible ASCII, so that no header can be split by it: https://fetch.spec.whatwg.org/#header-value
fn is_token(text: &str) -> bool {
    (1..=LONGEST_TOKEN).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic())
}

/// Not infinite, as `1e999` in JSON is.
fn is_time(time: EpochMs) -> bool {
    time.0.abs() <= LAST_MS
}
