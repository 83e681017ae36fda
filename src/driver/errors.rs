//! Errors as JavaScript sees them: real `Error` objects with a brand, so that nobody needs `instanceof`.

use super::js;
use crate::core::{Code, SdkError};
use js_sys::{Error, Reflect, Symbol};
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
    made.set_name(class);
    let target = made.as_ref();
    js::set(target, "code", error.code.as_str());
    js::set(target, "reason", error.reason.as_str());
    js::set(target, "details", error.details.as_str());
    js::set(target, "retryable", error.retryable);
    let brand: JsValue = Symbol::for_(BRAND).into();
    let _ = Reflect::set(target, &brand, &class.into());
    made
}

/// Gives `error` the cause, hidden as that of a built-in error, so that a list of the properties does not show it.
pub(super) fn with_cause(error: Error, cause: JsValue) -> Error {
    if !cause.is_undefined() {
        let hidden = [("value", cause), ("configurable", true.into()), ("writable", true.into())];
        let _ = Reflect::define_property(error.as_ref(), &"cause".into(), &js::object(&hidden));
    }
    error
}
