//! What device and browser allow and tell. The SDK never asks the person for a permission: the app does.
//!
//! | file | job |
//! |---|---|
//! | `surroundings` | permissions, sensors, connection, room: what is there, and when it changes |
//! | `app_fixes` | whether the app itself gets positions, where nothing else tells that it may |
//! | `positions` | `watchPosition` |
//! | `motion` | `devicemotion` |

mod app_fixes;
mod motion;
mod positions;
mod surroundings;

use super::pump::Driver;
use app_fixes::AppFixes;
use motion::MotionSensors;
use positions::Positions;
use surroundings::Known;

/// The sensors, and what is known of them.
#[derive(Default)]
pub(super) struct Sensors {
    known: Known,
    app_fixes: AppFixes,
    positions: Positions,
    motion: MotionSensors,
}

impl Driver {
    /// Records positions and motion, or no more.
    pub(super) fn sense(&'static self, on: bool) {
        self.watch_position(on);
        self.sense_motion(on);
    }
}
