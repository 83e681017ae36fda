//! What a page finds around it. For `tests/interleavings` and for `tests/simulation`.

use sentiance_core::core::{LocationAccess, Surroundings};

/// A page on a phone that may do everything.
pub(crate) const ALL_ALLOWED: Surroundings = Surroundings {
    has_geolocation: true,
    location: LocationAccess::Granted,
    may_sense_motion: true,
    has_accelerometer: true,
    has_gyroscope: true,
    is_online: true,
    is_mobile_network: false,
    free_bytes: None,
};
