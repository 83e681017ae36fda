//! What the fuzz targets share: a parsed JSON text as the SDK sees it, a device that runs the SDK's real state machine,
//! and a platform that answers requests written as text.

pub mod device;
#[path = "../../tests/world/identity.rs"]
mod identity;
#[path = "../../tests/world/json.rs"]
pub mod json;
pub mod platform;
