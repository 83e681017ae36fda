//! What the SDK says of app, device and itself. For every test that runs the core natively.

use sentiance_core::core::Identity;
use sentiance_protocol::{AppInfo, DeviceClass, DeviceClassSource, DeviceInfo, SdkInfo};

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
