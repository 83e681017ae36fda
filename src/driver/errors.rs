//! Errors as JavaScript sees them: real `Error` objects with a brand, so that no caller needs `instanceof`.

use super::js;
use crate::core::{Code, SdkError};
use js_sys::{Error, Symbol};
use wasm_bindgen::JsValue;

/// The key of the brand. Its value is the name of the class that the facade gives the error.
const BRAND: &str = "@sentiance-react-native/core/error";

/// `error` as JavaScript sees it.
pub(super) fn to_js(error: &SdkError) -> Error {
    let class = match error.code {
        Code::Initialization => "SdkInitializationError",
        _ => "SentianceError",
    };
    let made = Error::new(&error.message());
    let target = made.as_ref();
    // The name stands on the prototype, too, which a page may have frozen.
    js::define(target, "name", class);
    js::define(target, Symbol::for_(BRAND), class);
    js::set(target, "code", error.code.as_str());
    js::set(target, "reason", error.reason.as_str());
    js::set(target, "details", error.details.as_str());
    js::set(target, "retryable", error.retryable);
    made
}

/// Gives `error` the cause, hidden as that of a built-in error, so that a list of the properties does not show it.
pub(super) fn with_cause(error: Error, cause: JsValue) -> Error {
    if !cause.is_undefined() {
        js::define(error.as_ref(), "cause", cause);
    }
    error
}
