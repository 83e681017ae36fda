//! `UserActivity`: what the user is doing, as far as a page can tell.

use sentiance_protocol::{EpochMs, Position};

/// How slow is stationary, in meters per second.
const STANDSTILL: f64 = 0.5;
/// How far from where it began the device may be and still count as stationary, in meters; further where a position is
/// less accurate than that.
const RADIUS: f64 = 30.0;
/// How long the device must have been there, in milliseconds.
const SETTLED_MS: f64 = 60_000.0;
/// One degree of latitude, in meters.
const DEGREE: f64 = 111_320.0;

/// What the user is doing.
#[derive(Clone, Debug, PartialEq)]
pub enum UserActivity {
    /// On a trip that the app started.
    Trip,
    /// At one place, with the last position there.
    Stationary(Fix),
    /// Nothing is known.
    Unknown,
}

/// A position and its time.
#[derive(Clone, Debug, PartialEq)]
pub struct Fix {
    /// Where.
    pub position: Position,
    /// When, by this device's clock.
    pub time: EpochMs,
}

/// Tells from positions whether the device stays where it is.
#[derive(Debug, Default)]
pub(super) struct Stillness {
    began: Option<Fix>,
    last: Option<Fix>,
}

impl Stillness {
    /// Takes in a position.
    pub(super) fn add(&mut self, fix: Fix) {
        let moving = fix.position.speed.is_some_and(|speed| speed > STANDSTILL);
        let still_there = self.began.as_ref().is_some_and(|began| {
            let radius = RADIUS.max(fix.position.accuracy).max(began.position.accuracy);
            !moving && fix.time.since(began.time) >= 0.0 && distance(&began.position, &fix.position) <= radius
        });
        if !still_there {
            self.began = Some(fix.clone());
        }
        self.last = Some(fix);
    }

    /// Forgets everything: positions do not arrive any more.
    pub(super) fn clear(&mut self) {
        *self = Stillness::default();
    }

    /// Where the device stays, if it does.
    pub(super) fn place(&self) -> Option<&Fix> {
        let (began, last) = (self.began.as_ref()?, self.last.as_ref()?);
        (last.time.since(began.time) >= SETTLED_MS).then_some(began)
    }
}

/// How far apart two places are, in meters: on a plane, which over a few hundred meters is the same.
fn distance(a: &Position, b: &Position) -> f64 {
    // The cosine's first terms, since the whole function would be more code than all of this.
    let latitude = a.latitude.to_radians();
    let square = latitude * latitude;
    let shrink = 1.0 - square / 2.0 + square * square / 24.0 - square * square * square / 720.0;
    let (north, east) = (b.latitude - a.latitude, (b.longitude - a.longitude) * shrink);
    (north * north + east * east).sqrt() * DEGREE
}

#[cfg(test)]
mod tests {
    use super::{Fix, Stillness};
    use sentiance_protocol::{EpochMs, Position};

    fn fix(seconds: f64, latitude: f64, speed: Option<f64>) -> Fix {
        let position =
            Position { latitude, longitude: 4.0, accuracy: 10.0, altitude: None, speed, heading: None };
        Fix { position, time: EpochMs(seconds * 1_000.0) }
    }

    #[test]
    fn a_device_that_stays_for_a_minute_is_stationary_until_it_leaves() {
        let mut stillness = Stillness::default();
        stillness.add(fix(0.0, 51.0, Some(0.0)));
        assert_eq!(stillness.place(), None);
        stillness.add(fix(61.0, 51.000_1, None));
        assert_eq!(stillness.place(), Some(&fix(0.0, 51.0, Some(0.0))));
        stillness.add(fix(70.0, 51.001, None));
        assert_eq!(stillness.place(), None);
    }

    #[test]
    fn a_device_that_reports_speed_is_not_stationary() {
        let mut stillness = Stillness::default();
        for second in 0..100 {
            stillness.add(fix(f64::from(second), 51.0, Some(3.0)));
        }
        assert_eq!(stillness.place(), None);
    }
}
