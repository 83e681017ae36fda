//! What the fuzz targets share: a parsed JSON text as the SDK sees it, a device that runs the SDK's real state machine,
//! and a platform that answers requests written as text.

pub mod device;
pub mod json;
pub mod platform;
