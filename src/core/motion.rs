//! The motion sensors' readings, summed up: sixty readings a second become one summary every ten.

use sentiance_protocol::{EpochMs, Motion};

/// How long one summary lasts, in milliseconds.
const WINDOW_MS: f64 = 10_000.0;

/// The readings since the last summary.
#[derive(Debug, Default)]
pub struct MotionWindow {
    started_at: Option<EpochMs>,
    samples: u32,
    acceleration_sum: f64,
    acceleration_max: f64,
    rotations: u32,
    rotation_sum: f64,
}

impl MotionWindow {
    /// Adds a reading: the acceleration with gravity in meters per square second, the rotation rate in degrees per
    /// second. Returns the summary of those before it, once they have lasted long enough.
    pub fn add(&mut self, now: EpochMs, acceleration: f64, rotation: Option<f64>) -> Option<Motion> {
        let started_at = *self.started_at.get_or_insert(now);
        let lasted = now.since(started_at);
        let done = !(0.0..WINDOW_MS).contains(&lasted) && self.samples > 0;
        let summary = done.then(|| {
            let before = std::mem::replace(self, MotionWindow { started_at: Some(now), ..Self::default() });
            before.summary(lasted)
        });
        self.samples += 1;
        self.acceleration_sum += acceleration;
        self.acceleration_max = self.acceleration_max.max(acceleration);
        if let Some(rotation) = rotation {
            self.rotations += 1;
            self.rotation_sum += rotation;
        }
        summary
    }

    fn summary(self, lasted: f64) -> Motion {
        Motion {
            // A clock that was set back says nothing of how long it was.
            duration_ms: lasted.clamp(0.0, 10.0 * WINDOW_MS) as u32,
            samples: self.samples,
            acceleration_mean: self.acceleration_sum / f64::from(self.samples),
            acceleration_max: self.acceleration_max,
            rotation_mean: (self.rotations > 0).then(|| self.rotation_sum / f64::from(self.rotations)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::MotionWindow;
    use sentiance_protocol::EpochMs;

    #[test]
    fn ten_seconds_of_readings_become_one_summary() {
        let mut window = MotionWindow::default();
        for second in 0..10 {
            assert_eq!(window.add(EpochMs(f64::from(second) * 1_000.0), 10.0, None), None);
        }
        let summary = window.add(EpochMs(10_000.0), 99.0, Some(5.0)).unwrap();
        assert_eq!((summary.samples, summary.duration_ms), (10, 10_000));
        assert_eq!((summary.acceleration_mean, summary.acceleration_max), (10.0, 10.0));
        assert_eq!(summary.rotation_mean, None);
        let next = window.add(EpochMs(20_000.0), 1.0, None).unwrap();
        assert_eq!((next.samples, next.acceleration_max, next.rotation_mean), (1, 99.0, Some(5.0)));
    }
}
