//! What the app's and the runtime's own code threw last: the cause of the error that the core makes of it. The core knows
//! no JavaScript values, so `thrown.js` remembers one for each place, until the same place succeeds.

use crate::core::{Reason, SdkError};
use wasm_bindgen::JsValue;
use wasm_bindgen::prelude::wasm_bindgen;

#[wasm_bindgen(module = "/src/driver/thrown.js")]
extern "C" {
    #[wasm_bindgen(js_name = describe)]
    fn describe_js(thrown: &JsValue) -> JsValue;
    #[wasm_bindgen(js_name = note)]
    fn note_js(place: &str, thrown: &JsValue) -> JsValue;
    #[wasm_bindgen(js_name = forget)]
    fn forget_js(place: &str);
    #[wasm_bindgen(js_name = causeOf)]
    fn cause_of(place: &str, details: &str) -> JsValue;
}

/// Where it was thrown.
#[derive(Clone, Copy)]
pub(super) enum Place {
    /// By `fetch`, or by what it resolved with.
    Fetch,
    /// By the storage.
    Storage,
    /// By the app's linker.
    Linker,
}

impl Place {
    fn name(self) -> &'static str {
        match self {
            Place::Fetch => "fetch",
            Place::Storage => "storage",
            Place::Linker => "linker",
        }
    }
}

/// Remembers what was thrown, and returns what it says.
pub(super) fn note(place: Place, thrown: &JsValue) -> String {
    note_js(place.name(), thrown).as_string().unwrap_or_default()
}

/// That place has succeeded.
pub(super) fn forget(place: Place) {
    forget_js(place.name());
}

/// What led to `error`; `undefined` where nothing was thrown.
pub(super) fn cause(error: &SdkError) -> JsValue {
    let place = match error.reason {
        Reason::NetworkError => Place::Fetch,
        Reason::AppSideLinkingFailed => Place::Linker,
        _ => Place::Storage,
    };
    cause_of(place.name(), &error.details)
}

/// What a thrown value says, for a developer, without any secret.
pub(super) fn describe(thrown: &JsValue) -> String {
    describe_js(thrown).as_string().unwrap_or_default()
}
