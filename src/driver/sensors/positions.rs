//! `watchPosition`, while the core asks for it.

use crate::core::{Event, PositionFailure};
use crate::driver::js;
use crate::driver::pump::Driver;
use js_sys::Date;
use sentiance_protocol::{EpochMs, Position};
use std::cell::RefCell;
use std::ops::RangeInclusive;
use std::rc::Rc;
use wasm_bindgen::JsValue;
use wasm_bindgen::prelude::Closure;

/// How long a device may take to find out where it is.
const TIMEOUT_MS: f64 = 30_000.0;
/// How far a fix may lie in the past; whatever says more has another clock.
const OLDEST_MS: f64 = 3_600_000.0;

/// The watch of the device's position.
#[derive(Default)]
pub(super) struct Positions {
    /// The browser's number of the watch, while there is one.
    watch: RefCell<Option<JsValue>>,
}

impl Positions {
    /// Starts watching, or stops.
    pub(super) fn watch(&self, driver: &Rc<Driver>, on: bool) {
        let service = js::global_at(&["navigator", "geolocation"]);
        let running = self.watch.take();
        if !on {
            if let Some(watch) = running {
                let _ = js::invoke(&service, "clearWatch", &[&watch]);
            }
            return;
        }
        let watch = running.or_else(|| {
            let (on_fix, on_failure) = (Rc::clone(driver), Rc::clone(driver));
            let fix = Closure::<dyn Fn(JsValue)>::new(move |fix: JsValue| {
                if let Some((position, time)) = read_fix(&fix) {
                    on_fix.dispatch(Event::Located(position, time));
                }
            });
            let failure = Closure::<dyn Fn(JsValue)>::new(move |error: JsValue| {
                on_failure.dispatch(Event::Unlocated(read_failure(&error)));
            });
            let options = js::object(&[
                ("enableHighAccuracy", true.into()),
                ("timeout", TIMEOUT_MS.into()),
                ("maximumAge", 0.into()),
            ]);
            let (fix, failure) = (fix.into_js_value(), failure.into_js_value());
            js::invoke(&service, "watchPosition", &[&fix, &failure, &options])?.ok()
        });
        *self.watch.borrow_mut() = watch;
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

fn read_failure(error: &JsValue) -> PositionFailure {
    let code = js::get(error, "code");
    if code == 1 {
        PositionFailure::Denied
    } else if code == 3 {
        PositionFailure::TimedOut
    } else {
        PositionFailure::Unavailable
    }
}
