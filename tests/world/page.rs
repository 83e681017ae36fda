//! What a page finds around it, and what it says of itself. For `tests/interleavings` and for `tests/simulation`.

use sentiance_core::core::{Identity, Surroundings};
use sentiance_protocol::{AppInfo, DeviceClass, DeviceClassSource, DeviceInfo, SdkInfo};

/// A page on a phone that may do everything.
pub(crate) const ALL_ALLOWED: Surroundings = Surroundings {
    has_geolocation: true,
    may_locate: true,
    may_sense_motion: true,
    has_accelerometer: true,
    has_gyroscope: true,
    is_online: true,
    is_mobile_network: false,
    free_bytes: None,
};

/// What the SDK says of itself and of such a device.
pub(crate) fn identity(class: DeviceClass) -> Identity {
    Identity {
        app: AppInfo { name: None, version: None, origin: None },
        device: DeviceInfo {
            class,
            class_source: DeviceClassSource::Runtime,
            os: None,
            os_version: None,
            model: None,
            language: None,
            time_zone: None,
        },
        sdk: SdkInfo { version: "0".to_owned(), runtime: "test".to_owned() },
    }
}
