//! What the runtime tells of the device and the page: permissions, sensors, connection, room.

/// What the runtime tells of the device and the page. What it does not tell has the value that keeps the SDK going.
#[derive(Clone, Debug, PartialEq)]
pub struct Surroundings {
    /// Whether there is a geolocation service that this page may ask at all.
    pub has_geolocation: bool,
    /// Whether positions may be read without asking the person. The SDK itself never asks.
    pub may_locate: bool,
    /// Whether motion may be read.
    pub may_sense_motion: bool,
    /// Whether an accelerometer has delivered.
    pub has_accelerometer: bool,
    /// Whether a gyroscope has delivered.
    pub has_gyroscope: bool,
    /// Whether the device has a connection.
    pub is_online: bool,
    /// Whether that connection is known to be a mobile network.
    pub is_mobile_network: bool,
    /// How much more the browser lets this origin store, in bytes.
    pub free_bytes: Option<f64>,
}

impl Surroundings {
    /// A runtime that tells nothing: Node, or React Native without a browser's services.
    pub const NOTHING: Surroundings = Surroundings {
        has_geolocation: false,
        may_locate: false,
        may_sense_motion: false,
        has_accelerometer: false,
        has_gyroscope: false,
        is_online: true,
        is_mobile_network: false,
        free_bytes: None,
    };
}
