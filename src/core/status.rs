//! `SdkStatus`: what the SDK can do now, and what keeps it from doing more.

use super::record::{Record, UserState};
use super::settings::Settings;
use serde::Serialize;

/// The status, with the names that JavaScript sees.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SdkStatus {
    /// `NOT_STARTED`: detections are off.
    pub start_status: &'static str,
    /// `DISABLED`: detections are off.
    pub detection_status: &'static str,
    /// Whether all preconditions of detection hold.
    pub can_detect: bool,
    /// Whether the platform lets this install act: false where another device took over, or the user was disabled
    /// or deleted.
    pub is_remote_enabled: bool,
    /// Whether there is an accelerometer that delivers.
    pub is_accel_present: bool,
    /// Whether there is a gyroscope that delivers.
    pub is_gyro_present: bool,
    /// Whether the runtime has a geolocation service.
    pub is_gps_present: bool,
    /// `OK`, `WARNING` or `EXCEEDED`.
    pub wifi_quota_status: &'static str,
    /// `OK`, `WARNING` or `EXCEEDED`.
    pub mobile_quota_status: &'static str,
    /// `OK`, `WARNING` or `EXCEEDED`.
    pub disk_quota_status: &'static str,
    /// `ALWAYS`, `ONLY_WHILE_IN_USE` or `NEVER`.
    pub location_permission: &'static str,
    /// Whether there is a user on this device.
    pub user_exists: bool,
    /// The web does not tell.
    pub is_battery_saving_enabled: bool,
    /// Whether motion may be read.
    pub is_activity_recognition_perm_granted: bool,
    /// Whether positions may be read.
    pub is_precise_location_authorization_granted: bool,
    /// Whether positions arrive.
    pub is_location_available: bool,
    /// `RESTRICTED`: a page does not run in the background.
    pub background_refresh_status: &'static str,
    /// The web has no geofences.
    pub can_monitor_geofences: bool,
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
