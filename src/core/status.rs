//! `SdkStatus`: what the SDK can do now, and what keeps it from doing more.

use super::event::Quota;
use super::machine::Core;
use super::record::UserState;

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
    /// `NOT_STARTED`, `STARTED` or `EXPIRED`: the older form of the next.
    pub start_status: Text = "startStatus",
    /// `DISABLED`, `EXPIRED`, `ENABLED_BUT_BLOCKED` or `ENABLED_AND_DETECTING`.
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
    /// The most that the app can have: `ONLY_WHILE_IN_USE`, also where the person was not asked yet or the runtime does
    /// not tell, or `NEVER`, where the person has refused or there is no geolocation.
    pub location_permission: Text = "locationPermission",
    /// Whether there is a user on this device.
    pub user_exists: Flag = "userExists",
    /// The web does not tell.
    pub is_battery_saving_enabled: Flag = "isBatterySavingEnabled",
    /// Whether motion may be read.
    pub is_activity_recognition_perm_granted: Flag = "isActivityRecognitionPermGranted",
    /// Whether positions may be read, as far as is known: false as long as the app has to ask the person.
    pub is_precise_location_authorization_granted: Flag = "isPreciseLocationAuthorizationGranted",
    /// Whether positions arrive, as far as is known: a page that is hidden gets none.
    pub is_location_available: Flag = "isLocationAvailable",
    /// `RESTRICTED`: a page does not run in the background.
    pub background_refresh_status: Text = "backgroundRefreshStatus",
    /// The web has no geofences.
    pub can_monitor_geofences: Flag = "canMonitorGeofences",
}

impl Core {
    /// The status at this moment.
    pub(super) fn status(&self) -> SdkStatus {
        let can_detect = self.can_detect();
        let (start_status, detection_status) = match (&self.record.detections, self.wants_detections()) {
            (None, _) => ("NOT_STARTED", "DISABLED"),
            (Some(_), false) => ("EXPIRED", "EXPIRED"),
            (Some(_), true) if can_detect => ("STARTED", "ENABLED_AND_DETECTING"),
            (Some(_), true) => ("STARTED", "ENABLED_BUT_BLOCKED"),
        };
        let surroundings = &self.surroundings;
        SdkStatus {
            start_status,
            detection_status,
            can_detect,
            is_remote_enabled: self.record.user.as_ref().is_none_or(|user| user.state == UserState::Active),
            is_accel_present: surroundings.has_accelerometer,
            is_gyro_present: surroundings.has_gyroscope,
            is_gps_present: surroundings.has_geolocation,
            wifi_quota_status: self.quota_status(Quota::WiFi),
            mobile_quota_status: self.quota_status(Quota::Mobile),
            disk_quota_status: self.quota_status(Quota::Disk),
            location_permission: if surroundings.may_never_locate() { "NEVER" } else { "ONLY_WHILE_IN_USE" },
            user_exists: self.record.user.is_some(),
            is_battery_saving_enabled: false,
            is_activity_recognition_perm_granted: surroundings.may_sense_motion,
            is_precise_location_authorization_granted: surroundings.may_locate(),
            is_location_available: self.is_location_available(),
            background_refresh_status: "RESTRICTED",
            can_monitor_geofences: false,
        }
    }
}
