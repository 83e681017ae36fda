//! What the driver tells the state machine once, before anything else.

use sentiance_protocol::{AppInfo, DeviceInfo, SdkInfo};

/// What the driver tells the state machine once, before anything else.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The platform for a user that is created without naming one, where the page or the process names one.
    pub ambient_platform_url: Option<String>,
    /// The deadlines.
    pub timeouts: Timeouts,
}

/// Deadlines, in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Timeouts {
    /// Until `createUser` is settled.
    pub creation: f64,
    /// Until `requestUserAccessToken` is settled.
    pub token: f64,
    /// Until `reset` is settled.
    pub reset: f64,
    /// Until one request is given up.
    pub request: f64,
}

impl Default for Timeouts {
    fn default() -> Self {
        Timeouts { creation: 30_000.0, token: 15_000.0, reset: 10_000.0, request: 10_000.0 }
    }
}

/// What the SDK sends along with a code: who asks.
#[derive(Clone, Debug)]
pub struct Identity {
    /// The embedding application.
    pub app: AppInfo,
    /// The device.
    pub device: DeviceInfo,
    /// The SDK itself.
    pub sdk: SdkInfo,
}
