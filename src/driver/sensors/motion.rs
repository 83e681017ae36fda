//! `devicemotion`: once to learn which sensors there are, and while the core asks for it.

use crate::core::{Event, MotionWindow};
use crate::driver::js;
use crate::driver::pump::Driver;
use js_sys::{Date, Function};
use sentiance_protocol::EpochMs;
use std::cell::{Cell, RefCell};
use wasm_bindgen::prelude::Closure;
use wasm_bindgen::{JsCast, JsValue};

/// The motion sensors.
#[derive(Default)]
pub(super) struct MotionSensors {
    sensing: Cell<bool>,
    window: RefCell<MotionWindow>,
    /// Made once: a browser attaches the same function once, however often it is told to.
    listener: RefCell<Option<Function>>,
}

impl Driver {
    /// Listens until the first event has told which sensors there are. Where the person has to allow it first, none
    /// comes before that.
    pub(super) fn probe_motion(&'static self) {
        self.listen_to_motion("addEventListener");
    }

    /// Sums up motion, or no more.
    pub(super) fn sense_motion(&'static self, on: bool) {
        if self.sensors.motion.sensing.replace(on) == on {
            return;
        }
        // What was sensed before a pause is not of one piece with what comes after it.
        self.sensors.motion.window.take();
        if on {
            self.listen_to_motion("addEventListener");
        }
    }

    fn listen_to_motion(&'static self, method: &str) {
        if !js::global_at(&["DeviceMotionEvent"]).is_function() {
            return;
        }
        let known = self.sensors.motion.listener.borrow().clone();
        let listener = known.unwrap_or_else(|| {
            let made = Closure::<dyn Fn(JsValue)>::new(move |event| self.on_motion(&event));
            let made: Function = made.into_js_value().unchecked_into();
            *self.sensors.motion.listener.borrow_mut() = Some(made.clone());
            made
        });
        let _ = js::invoke(&js::global_at(&["window"]), method, &[&"devicemotion".into(), &listener]);
    }

    fn on_motion(&'static self, event: &JsValue) {
        let acceleration = length(&js::get(event, "accelerationIncludingGravity"), ["x", "y", "z"]);
        let rotation = length(&js::get(event, "rotationRate"), ["alpha", "beta", "gamma"]);
        self.note_motion(acceleration.is_some(), rotation.is_some());
        if !self.sensors.motion.sensing.get() {
            return self.listen_to_motion("removeEventListener");
        }
        let Some(acceleration) = acceleration else { return };
        let now = EpochMs(Date::now());
        let summary = self.sensors.motion.window.borrow_mut().add(now, acceleration, rotation);
        if let Some(motion) = summary {
            self.dispatch(Event::Moved(motion));
        }
    }
}

/// The length of a vector. `None` where there is no sensor: its components are `null`.
fn length(vector: &JsValue, components: [&str; 3]) -> Option<f64> {
    let mut square = 0.0;
    for component in components {
        let value = js::get(vector, component).as_f64()?;
        square += value * value;
    }
    Some(square.sqrt()).filter(|length| length.is_finite())
}
