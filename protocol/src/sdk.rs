//! The SDK's own protocol, `/sdk/v1`.

#[cfg(doc)]
use crate::{
    DISK_QUOTA_BYTES, MOBILE_QUOTA_BYTES, TRIP_TIMEOUT_SECONDS, UPLOAD_INTERVAL_SECONDS, WIFI_QUOTA_BYTES,
    key_hash,
};
use crate::{EpochMs, Secret, message, text_enum};

message! {
    /// Body of `POST /sdk/v1/users`: exchanges an authentication code, or an application's credentials, for a user on
    /// this install. Exactly one of the two is there.
    pub struct CreateUserRequest {
        /// The code that the app's backend got for its user.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub authentication_code: Option<Secret>,
        /// The application's credentials: the user is not linked to one of the app's, or not yet.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub application: Option<ApplicationCredentials>,
        /// Made by the SDK: 32 lower-case hex digits, new after every reset.
        pub install_id: String,
        /// Made by the SDK and stored before sending: 32 lower-case hex digits. Sending the same code with the same key
        /// again is harmless while nothing that the first answer issued was used.
        pub idempotency_key: String,
        /// The embedding application.
        pub app: AppInfo,
        /// The device.
        pub device: DeviceInfo,
        /// The SDK itself.
        pub sdk: SdkInfo,
    }
}

message! {
    /// An application's own credentials. An app ships them to its users' devices, so they prove little: they create
    /// new users and do nothing else.
    pub struct ApplicationCredentials {
        /// The application's id.
        pub id: String,
        /// Its secret.
        pub secret: Secret,
        /// Whether the app's backend links the user before the SDK keeps it: then, and only then, it may be linked to
        /// an external id that is known, which restores that user.
        pub linking: bool,
    }
}

message! {
    /// The embedding application.
    pub struct AppInfo {
        /// Its name, where the app gave one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub name: Option<String>,
        /// Its version, where the app gave one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub version: Option<String>,
        /// The page's origin, in a browser.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub origin: Option<String>,
    }
}

text_enum! {
    /// What kind of device an install runs on. It decides one rule: a tablet does not displace an active phone.
    pub enum DeviceClass {
        /// A phone.
        Phone = "phone",
        /// A tablet.
        Tablet = "tablet",
        /// A desktop or laptop computer, a server, anything else.
        Desktop = "desktop",
    }
}

text_enum! {
    /// How the SDK found out the device's class.
    pub enum DeviceClassSource {
        /// The app said so, in `initialize({deviceInfo})`.
        Override = "override",
        /// User agent client hints (`navigator.userAgentData`).
        ClientHints = "client_hints",
        /// The user agent string and the screen.
        UserAgent = "user_agent",
        /// React Native's `Platform` constants.
        ReactNative = "react_native",
        /// Nothing told; the runtime's default.
        Runtime = "runtime",
    }
}

message! {
    /// The device, as far as its runtime tells.
    pub struct DeviceInfo {
        /// Phone, tablet or desktop.
        pub class: DeviceClass,
        /// How the class was determined.
        pub class_source: DeviceClassSource,
        /// The operating system: `android`, `ios`, `windows`, `macos`, `linux`, `chromeos` or another name.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub os: Option<String>,
        /// Its version, where known.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub os_version: Option<String>,
        /// The model, where known.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub model: Option<String>,
        /// A BCP 47 language tag.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub language: Option<String>,
        /// An IANA time zone.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub time_zone: Option<String>,
    }
}

message! {
    /// The SDK itself.
    pub struct SdkInfo {
        /// The package's version.
        pub version: String,
        /// Where it runs: `browser`, `node`, `react-native` or another name.
        pub runtime: String,
    }
}

message! {
    /// Reply of `POST /sdk/v1/users`: 201 where the user is new, 200 where it was restored.
    pub struct CreateUserResponse {
        /// The Sentiance user id: 24 lower-case hex digits.
        pub user_id: String,
        /// Whether the user is linked to an external id (always, for one created by an authentication code).
        pub linked: bool,
        /// Whether this install is the user's active one.
        pub install_state: InstallState,
        /// The session.
        pub token: TokenGrant,
        /// How the SDK shall behave.
        pub config: SdkConfiguration,
        /// The platform's clock.
        pub server_time: EpochMs,
        /// The keys of the metadata that a restored user has: the [`key_hash`] of each, in 8 hex digits, one behind the
        /// other. With them the device judges the limit of entries as the platform does.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub metadata_keys: Option<String>,
    }
}

message! {
    /// A pair of tokens.
    pub struct TokenGrant {
        /// Authorizes calls for this user.
        pub access_token: Secret,
        /// When the access token expires, by the platform's clock.
        pub expires_at: EpochMs,
        /// Buys the next pair, once.
        pub refresh_token: Secret,
        /// Counts the pairs of this install, from 1. Of two pairs the one with the higher number is valid.
        pub generation: u32,
    }
}

text_enum! {
    /// What the platform says of an install.
    pub enum InstallState {
        /// The user's active install.
        Active = "active",
        /// Another device is the user's active one.
        Inactive = "inactive",
        /// The user was disabled on the platform.
        Disabled = "disabled",
    }
}

message! {
    /// The SDK's configuration, decided by the platform.
    #[derive(Default)]
    pub struct SdkConfiguration {
        /// How often a visible page with a status listener asks for the install's state, in seconds.
        pub status_poll_seconds: u32,
        /// How long a trip lasts that the app does not stop, in seconds; without it, [`TRIP_TIMEOUT_SECONDS`].
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub trip_timeout_seconds: Option<u32>,
        /// How long detections wait for others to be sent with, in seconds; without it, [`UPLOAD_INTERVAL_SECONDS`].
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub upload_interval_seconds: Option<u32>,
        /// How much the SDK may store, in bytes; without it, [`DISK_QUOTA_BYTES`].
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub disk_quota_bytes: Option<u32>,
        /// How much it may transfer over Wi-Fi in 30 days, in bytes; without it, [`WIFI_QUOTA_BYTES`].
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub wifi_quota_bytes: Option<u32>,
        /// How much it may transfer over mobile networks in 30 days, in bytes; without it, [`MOBILE_QUOTA_BYTES`].
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub mobile_quota_bytes: Option<u32>,
    }
}

message! {
    /// Body of `POST /sdk/v1/token`.
    pub struct RefreshRequest {
        /// The refresh token of the newest pair that the SDK knows.
        pub refresh_token: Secret,
        /// Made by the SDK and stored before sending, as in [`CreateUserRequest`].
        pub idempotency_key: String,
    }
}

message! {
    /// Reply of `POST /sdk/v1/token`.
    pub struct RefreshResponse {
        /// The new pair.
        pub token: TokenGrant,
        /// The platform's clock.
        pub server_time: EpochMs,
    }
}

message! {
    /// Reply of `GET /sdk/v1/config`.
    pub struct ConfigResponse {
        /// What the platform says of this install.
        pub install_state: InstallState,
        /// How the SDK shall behave.
        pub config: SdkConfiguration,
        /// The platform's clock.
        pub server_time: EpochMs,
    }
}

message! {
    /// Body of `POST /sdk/v1/link`: links the unlinked user of the bearer to the code's external id, which must be new
    /// to the platform. Sending a code again that this install has linked with is harmless.
    pub struct LinkRequest {
        /// The code that the app's backend got for its user.
        pub authentication_code: Secret,
    }
}

message! {
    /// Reply of `POST /sdk/v1/link` and of `POST /sdk/v1/link/confirm`, whose body is `{}` and which asks whether the
    /// app's backend has linked the bearer's install. The tokens stay good.
    pub struct LinkResponse {
        /// The Sentiance user id; another one than before where a known user was restored.
        pub user_id: String,
        /// Always true.
        pub linked: bool,
        /// Whether this install is the user's active one.
        pub install_state: InstallState,
        /// The keys of the metadata that the user has, as in [`CreateUserResponse`].
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub metadata_keys: Option<String>,
    }
}
