//! JSON: through the engine's own parser and writer, so that the module holds neither.

use super::js;
use js_sys::{Array, JSON, Object};
use sentiance_protocol::{Message, Sink, Source};
use std::cell::Cell;
use wasm_bindgen::{JsCast, JsValue};

thread_local! {
    /// Whether a field of the message that is being read was missing or wrong.
    static FAILED: Cell<bool> = const { Cell::new(false) };
}

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

    fn list(&self, key: &str) -> Option<Vec<Self>> {
        let items = js::get(&self.0, key).dyn_into::<Array>().ok()?;
        items.iter().map(|item| item.is_object().then_some(Parsed(item))).collect()
    }

    fn empty(&self) -> Self {
        Parsed(JsValue::UNDEFINED)
    }

    fn fail(&self) {
        FAILED.set(true);
    }

    fn take_failed(&self) -> bool {
        FAILED.take()
    }
}

/// An object that is being put together.
struct Building(Object);

impl Sink for Building {
    fn put_text(&mut self, key: &str, value: &str) {
        js::set(&self.0, key, value);
    }

    fn put_number(&mut self, key: &str, value: f64) {
        js::set(&self.0, key, value);
    }

    fn put_flag(&mut self, key: &str, value: bool) {
        js::set(&self.0, key, value);
    }

    fn put_object(&mut self, key: &str, fill: impl FnOnce(&mut Self)) {
        let mut object = Building(Object::new());
        fill(&mut object);
        js::set(&self.0, key, object.0);
    }

    fn put_list(&mut self, key: &str, length: usize, mut fill: impl FnMut(usize, &mut Self)) {
        let list = Array::new();
        for at in 0..length {
            let mut object = Building(Object::new());
            fill(at, &mut object);
            list.push(&object.0);
        }
        js::set(&self.0, key, list);
    }
}

/// Parses a text that should be a JSON object.
pub(super) fn parse(text: &str) -> Option<Parsed> {
    JSON::parse(text).ok().filter(JsValue::is_object).map(Parsed)
}

/// Writes a message as a text.
pub(super) fn write<T: Message>(message: &T) -> Option<String> {
    let mut object = Building(Object::new());
    message.write(&mut object);
    JSON::stringify(&object.0).ok()?.as_string()
}
