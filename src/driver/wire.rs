//! JSON: through the engine's own parser and writer, so that the module holds neither.

use super::js;
use js_sys::JSON;
use sentiance_protocol::{Message, Source};
use serde::Serialize;
use wasm_bindgen::JsValue;

/// An object that the engine parsed.
pub(super) struct Parsed(JsValue);

impl Source for Parsed {
    fn has(&self, key: &str) -> bool {
        let value = js::get(&self.0, key);
        !value.is_null() && !value.is_undefined()
    }

    fn text(&self, key: &str) -> Option<String> {
        js::get(&self.0, key).as_string()
    }

    fn number(&self, key: &str) -> Option<f64> {
        js::get(&self.0, key).as_f64()
    }

    fn flag(&self, key: &str) -> Option<bool> {
        js::get(&self.0, key).as_bool()
    }

    fn object(&self, key: &str) -> Option<Self> {
        Some(js::get(&self.0, key)).filter(JsValue::is_object).map(Parsed)
    }
}

/// Parses a text that should be a JSON object.
pub(super) fn parse(text: &str) -> Option<Parsed> {
    JSON::parse(text).ok().filter(JsValue::is_object).map(Parsed)
}

/// Reads a message from a text.
pub(super) fn read<T: Message>(text: &str) -> Option<T> {
    T::read(&parse(text)?)
}

/// Writes a message as a text.
pub(super) fn write<T: Serialize + ?Sized>(value: &T) -> Option<String> {
    JSON::stringify(&to_object(value)).ok()?.as_string()
}

/// A message as a plain object.
pub(super) fn to_object<T: Serialize + ?Sized>(value: &T) -> JsValue {
    value.serialize(&serde_wasm_bindgen::Serializer::json_compatible()).unwrap_or(JsValue::UNDEFINED)
}
