//! What the runtime tells of the device and the page: permissions, sensors, connection, room.

/// Whether positions may be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LocationAccess {
    /// The runtime does not tell: it has no Permissions API, or one that fails.
    Unknown,
    /// The runtime says that the person would be asked. Safari says so in each page that has not asked yet, also where
    /// the person would not be.
    Prompt,
    /// The person has allowed it, the app has got a position, or the app says that it may.
    Granted,
    /// The person has refused it, or the system has.
    Denied,
}

/// What the runtime tells of the device and the page. What it does not tell has the value that keeps the SDK going.
#[derive(Clone, Debug, PartialEq)]
pub struct Surroundings {
    /// Whether there is a geolocation service that this page may ask at all.
    pub has_geolocation: bool,
    /// Whether positions may be read. The SDK itself never asks: only [`LocationAccess::Granted`] lets it.
    pub location: LocationAccess,
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
    /// Whether positions can be had without asking the person.
    pub(super) fn may_locate(&self) -> bool {
        self.has_geolocation && self.location == LocationAccess::Granted
    }

    /// Whether positions are out of reach, as far as is known: asking the person would not help.
    pub(super) fn may_never_locate(&self) -> bool {
        !self.has_geolocation || self.location == LocationAccess::Denied
    }

    /// A runtime that tells nothing: Node, or React Native without a browser's services.
    pub const NOTHING: Surroundings = Surroundings {
        has_geolocation: false,
        location: LocationAccess::Unknown,
        may_sense_motion: false,
        has_accelerometer: false,
        has_gyroscope: false,
        is_online: true,
        is_mobile_network: false,
        free_bytes: None,
    };
}
