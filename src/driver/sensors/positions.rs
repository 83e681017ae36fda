//! `watchPosition`, while the core asks for it.

use crate::core::Event;
use crate::driver::js;
use crate::driver::pump::Driver;
use js_sys::Date;
use sentiance_protocol::{EpochMs, Position};
use std::cell::{Cell, RefCell};
use std::ops::RangeInclusive;
use wasm_bindgen::JsValue;
use wasm_bindgen::prelude::Closure;
use wasm_bindgen_futures::spawn_local;

/// How long a device may take to find out where it is.
const TIMEOUT_MS: f64 = 30_000.0;
/// How far a fix may lie in the past; whatever says more has another clock.
const OLDEST_MS: f64 = 3_600_000.0;
/// How long no fix must come before a failure counts: Chromium reports one whenever it changes to another source, in the
/// very moment before the next fix.
const GRACE_MS: f64 = 2_000.0;

/// The watch of the device's position.
#[derive(Default)]
pub(super) struct Positions {
    /// The browser's number of the watch, while there is one.
    watch: RefCell<Option<JsValue>>,
    /// Whether a failure will count, unless a fix comes first.
    failing: Cell<bool>,
}

impl Driver {
    /// Starts watching, or stops.
    pub(super) fn watch_position(&'static self, on: bool) {
        let service = js::global_at(&["navigator", "geolocation"]);
        let running = self.sensors.positions.watch.take();
        let watch = match running {
            Some(watch) if !on => {
                self.sensors.positions.failing.set(false);
                let _ = js::invoke(&service, "clearWatch", &[&watch]);
                None
            }
            None if on => self.start_watch(&service),
            unchanged => unchanged,
        };
        *self.sensors.positions.watch.borrow_mut() = watch;
    }

    fn start_watch(&'static self, service: &JsValue) -> Option<JsValue> {
        let on_fix = Closure::<dyn Fn(JsValue)>::new(move |fix: JsValue| {
            if let Some((position, time)) = read_fix(&fix) {
                self.sensors.positions.failing.set(false);
                self.dispatch(Event::Located(position, time));
            }
        });
        let on_failure = Closure::<dyn Fn(JsValue)>::new(move |error: JsValue| self.fail_position(&error));
        let options = js::object(&[
            ("enableHighAccuracy", true.into()),
            ("timeout", TIMEOUT_MS.into()),
            ("maximumAge", 0.into()),
            // React Native's geolocation tells of no step under 100 m otherwise; browsers don't know it.
            // https://github.com/michalchudziak/react-native-geolocation#watchposition
            ("distanceFilter", 0.into()),
        ]);
        let (on_fix, on_failure) = (on_fix.into_js_value(), on_failure.into_js_value());
        js::invoke(service, "watchPosition", &[&on_fix, &on_failure, &options])?.ok()
    }

    fn fail_position(&'static self, error: &JsValue) {
        let code = js::get(error, "code");
        // A slow fix (3) is no failure: the watch goes on.
        if code == 1 {
            self.note_refusal();
        } else if code != 3 && !self.sensors.positions.failing.replace(true) {
            spawn_local(async move {
                js::sleep(GRACE_MS).await;
                if self.sensors.positions.failing.replace(false) {
                    self.dispatch(Event::Unlocated);
                }
            });
        }
    }
}

/// A fix as the browser tells it; `None` where that is no place on Earth.
fn read_fix(fix: &JsValue) -> Option<(Position, EpochMs)> {
    let coordinates = js::get(fix, "coords");
    // What is not a number at all is in no range.
    let read = |name, range: RangeInclusive<f64>| {
        js::get(&coordinates, name).as_f64().filter(|value| range.contains(value))
    };
    let position = Position {
        latitude: read("latitude", -90.0..=90.0)?,
        longitude: read("longitude", -180.0..=180.0)?,
        accuracy: read("accuracy", 0.0..=f64::MAX)?,
        altitude: read("altitude", f64::MIN..=f64::MAX),
        speed: read("speed", 0.0..=f64::MAX),
        heading: read("heading", 0.0..=360.0),
    };
    let now = Date::now();
    let time = js::get(fix, "timestamp").as_f64().filter(|time| (now - OLDEST_MS..=now).contains(time));
    Some((position, EpochMs(time.unwrap_or(now).floor())))
}
