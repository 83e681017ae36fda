//! Whether the app itself gets positions, while the core asks for that. How it is seen is in `app_fixes.js`.

use crate::driver::pump::Driver;
use crate::driver::{js, locks};
use js_sys::Function;
use std::cell::RefCell;
use wasm_bindgen::JsValue;
use wasm_bindgen::prelude::{Closure, wasm_bindgen};

#[wasm_bindgen(module = "/src/driver/sensors/app_fixes.js")]
extern "C" {
    #[wasm_bindgen(js_name = observeFixes)]
    fn observe_fixes(service: &JsValue, on_fix: &JsValue) -> Function;
}

/// What ends the observation, while there is one.
#[derive(Default)]
pub(super) struct AppFixes(RefCell<Option<Function>>);

impl Driver {
    /// Observes the app's own calls for a position from now on, or no more.
    pub(in crate::driver) fn observe_app(&'static self, on: bool) {
        if let Some(end) = self.sensors.app_fixes.0.take() {
            locks::let_go(&end);
        }
        if on {
            let on_fix = Closure::<dyn Fn()>::new(move || self.note_access(Some(true)));
            let end = observe_fixes(&js::global_at(&["navigator", "geolocation"]), &on_fix.into_js_value());
            locks::give_back_at_end(&end);
            *self.sensors.app_fixes.0.borrow_mut() = Some(end);
        }
    }
}
