//! `SdkStatus`: what the SDK can do now, and what keeps it from doing more.

use super::record::{Record, UserState};
use super::settings::Settings;

/// The value of one field of a status.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StatusValue {
    /// A boolean.
    Flag(bool),
    /// One of a fixed set of names.
    Text(&'static str),
}

/// A boolean field.
type Flag = bool;
/// A field with one of a fixed set of names.
type Text = &'static str;

/// Defines the status: each field once, with the name that JavaScript sees.
macro_rules! status {
    ($( $(#[doc = $doc:literal])+ pub $field:ident: $kind:ident = $name:literal, )+) => {
        /// The status.
        #[derive(Clone, Debug, PartialEq)]
        pub struct SdkStatus { $( $(#[doc = $doc])+ pub $field: $kind, )+ }

        impl SdkStatus {
            /// The fields, with the names that JavaScript sees.
            pub fn fields(&self) -> impl Iterator<Item = (&'static str, StatusValue)> {
                [$( ($name, StatusValue::$kind(self.$field)) ),+].into_iter()
            }
        }
    };
}

status! {
    /// `NOT_STARTED`: detections are off.
    pub start_status: Text = "startStatus",
    /// `DISABLED`: detections are off.
    pub detection_status: Text = "detectionStatus",
    /// Whether all preconditions of detection hold.
    pub can_detect: Flag = "canDetect",
    /// Whether the platform lets this install act: false where another device took over, or the user was disabled
    /// or deleted.
    pub is_remote_enabled: Flag = "isRemoteEnabled",
    /// Whether there is an accelerometer that delivers.
    pub is_accel_present: Flag = "isAccelPresent",
    /// Whether there is a gyroscope that delivers.
    pub is_gyro_present: Flag = "isGyroPresent",
    /// Whether the runtime has a geolocation service.
    pub is_gps_present: Flag = "isGpsPresent",
    /// `OK`, `WARNING` or `EXCEEDED`.
    pub wifi_quota_status: Text = "wifiQuotaStatus",
    /// `OK`, `WARNING` or `EXCEEDED`.
    pub mobile_quota_status: Text = "mobileQuotaStatus",
    /// `OK`, `WARNING` or `EXCEEDED`.
    pub disk_quota_status: Text = "diskQuotaStatus",
    /// `ALWAYS`, `ONLY_WHILE_IN_USE` or `NEVER`.
    pub location_permission: Text = "locationPermission",
    /// Whether there is a user on this device.
    pub user_exists: Flag = "userExists",
    /// The web does not tell.
    pub is_battery_saving_enabled: Flag = "isBatterySavingEnabled",
    /// Whether motion may be read.
    pub is_activity_recognition_perm_granted: Flag = "isActivityRecognitionPermGranted",
    /// Whether positions may be read.
    pub is_precise_location_authorization_granted: Flag = "isPreciseLocationAuthorizationGranted",
    /// Whether positions arrive.
    pub is_location_available: Flag = "isLocationAvailable",
    /// `RESTRICTED`: a page does not run in the background.
    pub background_refresh_status: Text = "backgroundRefreshStatus",
    /// The web has no geofences.
    pub can_monitor_geofences: Flag = "canMonitorGeofences",
}

impl SdkStatus {
    /// The status of a device with `record`: no permission is granted, and detections are off.
    pub(crate) fn of(record: &Record, settings: &Settings) -> SdkStatus {
        SdkStatus {
            start_status: "NOT_STARTED",
            detection_status: "DISABLED",
            can_detect: false,
            is_remote_enabled: record.user.as_ref().is_none_or(|user| user.state == UserState::Active),
            is_accel_present: false,
            is_gyro_present: false,
            is_gps_present: settings.has_geolocation,
            wifi_quota_status: "OK",
            mobile_quota_status: "OK",
            disk_quota_status: "OK",
            location_permission: "NEVER",
            user_exists: record.user.is_some(),
            is_battery_saving_enabled: false,
            is_activity_recognition_perm_granted: false,
            is_precise_location_authorization_granted: false,
            is_location_available: false,
            background_refresh_status: "RESTRICTED",
            can_monitor_geofences: false,
        }
    }
}
