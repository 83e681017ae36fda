//! What the app chose: which data may be sent, and over which networks. A reset returns it to the defaults.

use sentiance_protocol::message;

message! {
    /// What the app chose.
    pub struct Preferences {
        /// A sum of [`DataType`]s.
        pub data_types: u32,
        /// Whether mobile networks may be used.
        pub mobile_data: bool,
        /// Whether data may be collected while the app is in use, without detections.
        pub app_session: bool,
    }
}

/// What the SDK may send, as one bit each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DataType {
    /// What the SDK says of itself and of the device.
    SdkInfo = 1,
    /// What a crash was like. The web detects none.
    VehicleCrashInfo = 2,
    /// Positions, motion, trips.
    GeneralDetections = 4,
    /// Everything.
    All = 8,
}

impl DataType {
    /// Each, with the name that JavaScript sees.
    pub const NAMES: [(&'static str, DataType); 4] = [
        ("ALL", DataType::All),
        ("SDK_INFO", DataType::SdkInfo),
        ("VEHICLE_CRASH_INFO", DataType::VehicleCrashInfo),
        ("GENERAL_DETECTIONS", DataType::GeneralDetections),
    ];
}

/// One choice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Preference {
    /// A sum of [`DataType`]s.
    DataTypes(u32),
    /// Whether mobile networks may be used.
    MobileData(bool),
    /// Whether data may be collected while the app is in use.
    AppSession(bool),
}

impl Default for Preferences {
    fn default() -> Self {
        Preferences { data_types: DataType::All as u32, mobile_data: true, app_session: false }
    }
}

impl Preferences {
    /// Takes over a choice.
    pub(crate) fn set(&mut self, preference: Preference) {
        match preference {
            Preference::DataTypes(types) => self.data_types = types,
            Preference::MobileData(allowed) => self.mobile_data = allowed,
            Preference::AppSession(enabled) => self.app_session = enabled,
        }
    }

    /// Whether data of that type may be sent.
    pub(crate) fn may_send(&self, data_type: DataType) -> bool {
        self.data_types & (data_type as u32 | DataType::All as u32) != 0
    }
}
