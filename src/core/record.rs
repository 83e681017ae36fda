//! What is stored on the device: one JSON record under one key, so that a crash leaves the old state or the new one.

use super::preferences::Preferences;
use super::retry::LONGEST_PAUSE_MS;
use sentiance_protocol::{EpochMs, InstallState, SdkConfiguration, TokenGrant, message, text_enum};

/// How long an answer may be on its way.
const LONGEST_DETOUR_MS: f64 = 60_000.0;

/// The schema that this version writes, and the only one it reads.
pub const RECORD_VERSION: u32 = 1;

message! {
    /// All that must be consistent. Under 2 KB, so that it fits every secure store of React Native.
    pub struct Record {
        /// [`RECORD_VERSION`].
        pub version: u32,
        /// Counts the changes. It goes on counting after a reset, which is why a reset leaves a record without a user.
        pub epoch: u32,
        /// The user, if there is one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub user: Option<User>,
        /// A creation that was sent and whose answer is not known yet.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub pending: Option<Pending>,
        /// Whether the app wants detections.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub detections: Option<Detections>,
        /// The trip that the app started and has not stopped.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub trip: Option<OngoingTrip>,
        /// What the app chose, where it is not the default.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub preferences: Option<Preferences>,
    }
}

message! {
    /// The app wants detections.
    pub struct Detections {
        /// Until then, by this device's clock; without it, until the app wants them no more.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub expires_at: Option<EpochMs>,
    }
}

message! {
    /// A trip that the app started.
    pub struct OngoingTrip {
        /// 32 hex digits.
        pub id: String,
        /// When it started, by this device's clock.
        pub started_at: EpochMs,
        /// The app's hint: 1 to 11.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub transport_mode: Option<u32>,
        /// How many entries of metadata it has got; one that was overwritten counts again.
        pub metadata_entries: u32,
    }
}

message! {
    /// The user of this device.
    pub struct User {
        /// The Sentiance user id.
        pub id: String,
        /// Whether it is linked to an external id.
        pub linked: bool,
        /// This install's id.
        pub install_id: String,
        /// The platform that created it, kept for as long as the user.
        pub platform_url: String,
        /// What the platform last said of it.
        pub state: UserState,
        /// When it said so, by its clock: what it said before and arrives later is no news.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub state_at: Option<EpochMs>,
        /// The newest session that is known.
        pub token: TokenGrant,
        /// When that session was issued, by the platform's clock.
        pub issued_at: EpochMs,
        /// The idempotency key of a refresh that was sent and whose answer is not known yet.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub refresh_key: Option<String>,
        /// Until when, by its clock, the platform wants no refresh (`Retry-After`).
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub pause_until: Option<EpochMs>,
        /// The platform's clock minus this device's, in milliseconds.
        pub clock_offset: f64,
        /// How the SDK shall behave.
        pub config: SdkConfiguration,
    }
}

message! {
    /// A creation under way.
    pub struct Pending {
        /// The install id that was sent.
        pub install_id: String,
        /// The idempotency key that was sent.
        pub key: String,
        /// Tells whether another try is for the same code, without keeping the code.
        pub code_fingerprint: String,
    }
}

text_enum! {
    /// Why the user can or can't act. Only the platform's own word changes it, and nothing but a reset removes the user.
    pub enum UserState {
        /// It can.
        Active = "active",
        /// Another device is the user's active one.
        Inactive = "inactive",
        /// The platform refused to let it act. It is disabled, or inactive: a refusal does not tell which.
        Refused = "refused",
        /// The user was disabled on the platform.
        Disabled = "disabled",
        /// The user was deleted on the platform.
        Deleted = "deleted",
        /// The platform ended this install's session for good.
        SessionEnded = "session_ended",
        /// The platform does not know this install's session: it has lost its data, or got an older backup. Where the data
        /// comes back, so does the user.
        Unknown = "unknown",
        /// The refresh token was exchanged, and this device does not have what it bought. Only a newer session ends that.
        Spent = "spent",
    }
}

impl From<InstallState> for UserState {
    fn from(state: InstallState) -> Self {
        match state {
            InstallState::Active => UserState::Active,
            InstallState::Inactive => UserState::Inactive,
            InstallState::Disabled => UserState::Disabled,
        }
    }
}

impl UserState {
    /// Whether no later word of the platform can change it.
    pub fn is_final(self) -> bool {
        matches!(self, UserState::Deleted | UserState::SessionEnded)
    }
}

/// What a compare-and-set compares: the epoch, and the install, since the epoch starts again where the browser
/// evicted the storage.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stamp {
    epoch: u32,
    install_id: Option<String>,
}

impl Record {
    /// The record of a device that has none.
    pub fn empty() -> Self {
        Record {
            version: RECORD_VERSION,
            epoch: 0,
            user: None,
            pending: None,
            detections: None,
            trip: None,
            preferences: None,
        }
    }

    /// What is left of it after a reset: the next epoch, and nobody.
    pub fn tombstone(&self) -> Self {
        Record { epoch: self.epoch.wrapping_add(1), ..Record::empty() }
    }

    /// What the app chose, or the defaults.
    pub(crate) fn preferences(&self) -> Preferences {
        self.preferences.clone().unwrap_or_default()
    }

    /// What identifies this state of the record.
    pub fn stamp(&self) -> Stamp {
        let user = self.user.as_ref().map(|user| &user.install_id);
        let pending = self.pending.as_ref().map(|pending| &pending.install_id);
        Stamp { epoch: self.epoch, install_id: user.or(pending).cloned() }
    }
}

impl Stamp {
    /// Whether the record was of that install.
    pub(crate) fn is_of(&self, install_id: Option<&String>) -> bool {
        self.install_id.as_ref() == install_id
    }

    /// Whether that record counts on from the one of this stamp.
    pub(crate) fn is_before(&self, record: &Record) -> bool {
        record.epoch > self.epoch
    }

    /// The stamp of a storage that holds `stored`.
    pub fn of(stored: Option<&Record>) -> Stamp {
        stored.map_or_else(|| Record::empty().stamp(), Record::stamp)
    }
}

impl User {
    /// What the platform's clock shows when this device's shows `now`.
    pub fn platform_time(&self, now: EpochMs) -> EpochMs {
        now.plus(self.clock_offset)
    }

    /// Whether what the platform said at that time of its clock was overtaken by what is known. Nothing is on its way
    /// for longer than a request may take: a clock that was set back makes nobody deaf.
    pub(crate) fn is_old_news(&self, said_at: EpochMs) -> bool {
        self.state_at.is_some_and(|known| {
            let age = known.since(said_at);
            age > 0.0 && age < LONGEST_DETOUR_MS
        })
    }

    /// Whether the access token has expired.
    pub fn is_token_expired(&self, now: EpochMs) -> bool {
        self.token.expires_at.since(self.platform_time(now)) <= 0.0
    }

    /// Whether the access token is good for another while: a tenth of its life, at most a minute.
    pub fn is_token_fresh(&self, now: EpochMs) -> bool {
        let life = self.token.expires_at.since(self.issued_at);
        let margin = (life / 10.0).clamp(0.0, 60_000.0);
        let left = self.token.expires_at.since(self.platform_time(now));
        // A clock by which it was not even issued yet was set back: nobody knows how old the token is.
        left > margin && left <= life + margin
    }

    /// Whether the platform asked for a pause that lasts still. A clock that was set back ends it rather than
    /// stretching it.
    pub(crate) fn must_pause(&self, now: EpochMs) -> bool {
        let left = self.pause_until.map_or(0.0, |until| until.since(self.platform_time(now)));
        left > 0.0 && left <= LONGEST_PAUSE_MS
    }
}

#[cfg(test)]
mod tests {
    use super::{Detections, OngoingTrip, Pending, RECORD_VERSION, Record, User, UserState};
    use crate::core::preferences::Preferences;
    use sentiance_protocol::{EpochMs, SdkConfiguration, Secret, TokenGrant};

    #[test]
    fn the_largest_record_fits_a_secure_store() {
        let record = Record {
            version: RECORD_VERSION,
            epoch: u32::MAX,
            user: Some(User {
                id: "f".repeat(24),
                linked: true,
                install_id: "f".repeat(32),
                platform_url: "https://".to_owned() + &"a".repeat(248),
                state: UserState::SessionEnded,
                state_at: Some(EpochMs(9_999_999_999_999.0)),
                token: TokenGrant {
                    access_token: Secret::new("t".repeat(128)),
                    refresh_token: Secret::new("t".repeat(128)),
                    expires_at: EpochMs(9_999_999_999_999.0),
                    generation: u32::MAX,
                },
                issued_at: EpochMs(9_999_999_999_999.0),
                refresh_key: Some("f".repeat(32)),
                pause_until: Some(EpochMs(9_999_999_999_999.0)),
                clock_offset: -9_999_999_999_999.0,
                config: SdkConfiguration {
                    status_poll_seconds: u32::MAX,
                    trip_timeout_seconds: Some(u32::MAX),
                    upload_interval_seconds: Some(u32::MAX),
                    disk_quota_bytes: Some(u32::MAX),
                    wifi_quota_bytes: Some(u32::MAX),
                    mobile_quota_bytes: Some(u32::MAX),
                },
            }),
            pending: Some(Pending {
                install_id: "f".repeat(32),
                key: "f".repeat(32),
                code_fingerprint: "f".repeat(16),
            }),
            detections: Some(Detections { expires_at: Some(EpochMs(9_999_999_999_999.0)) }),
            trip: Some(OngoingTrip {
                id: "f".repeat(32),
                started_at: EpochMs(9_999_999_999_999.0),
                transport_mode: Some(11),
                metadata_entries: 50,
            }),
            preferences: Some(Preferences { data_types: 7, mobile_data: false, app_session: true }),
        };
        assert!(serde_json::to_string(&record).unwrap().len() < 2048);
    }
}
