//! JSON as the SDK reads and writes it: what the engine's own parser gives it, here by serde_json.

use sentiance_protocol::{Message, Sink, Source};
use serde_json::{Map, Value, json};
use std::cell::Cell;

thread_local! {
    static FAILED: Cell<bool> = const { Cell::new(false) };
}

/// A parsed object.
pub struct Parsed(pub Value);

/// What a text holds, if it is a JSON object or list, which is what the SDK takes for one.
pub fn parse(text: &str) -> Option<Parsed> {
    serde_json::from_str(text).ok().filter(|value: &Value| value.is_object() || value.is_array()).map(Parsed)
}

/// A message as an object.
pub fn write<T: Message>(message: &T) -> Parsed {
    let mut object = Building(Map::new());
    message.write(&mut object);
    Parsed(Value::Object(object.0))
}

impl Source for Parsed {
    fn has(&self, key: &str) -> bool {
        self.0.get(key).is_some_and(|value| !value.is_null())
    }

    fn text(&self, key: &str) -> Option<String> {
        self.0.get(key)?.as_str().map(str::to_owned)
    }

    fn number(&self, key: &str) -> Option<f64> {
        self.0.get(key)?.as_f64()
    }

    fn flag(&self, key: &str) -> Option<bool> {
        self.0.get(key)?.as_bool()
    }

    fn object(&self, key: &str) -> Option<Self> {
        self.0.get(key).filter(|value| value.is_object() || value.is_array()).cloned().map(Parsed)
    }

    fn list(&self, key: &str) -> Option<Vec<Self>> {
        let items = self.0.get(key)?.as_array()?;
        let is_object = |item: &Value| item.is_object() || item.is_array();
        items.iter().map(|item| is_object(item).then(|| Parsed(item.clone()))).collect()
    }

    fn empty(&self) -> Self {
        Parsed(Value::Null)
    }

    fn fail(&self) {
        FAILED.set(true);
    }

    fn take_failed(&self) -> bool {
        FAILED.take()
    }
}

struct Building(Map<String, Value>);

impl Sink for Building {
    fn put_text(&mut self, key: &str, value: &str) {
        self.0.insert(key.to_owned(), json!(value));
    }

    fn put_number(&mut self, key: &str, value: f64) {
        // As JavaScript writes it: a whole number without a point.
        let whole = value.fract() == 0.0 && value.abs() < 1e15;
        self.0.insert(key.to_owned(), if whole { json!(value as i64) } else { json!(value) });
    }

    fn put_flag(&mut self, key: &str, value: bool) {
        self.0.insert(key.to_owned(), json!(value));
    }

    fn put_object(&mut self, key: &str, fill: impl FnOnce(&mut Self)) {
        let mut object = Building(Map::new());
        fill(&mut object);
        self.0.insert(key.to_owned(), Value::Object(object.0));
    }

    fn put_list(&mut self, key: &str, length: usize, mut fill: impl FnMut(usize, &mut Self)) {
        let items = (0..length).map(|at| {
            let mut object = Building(Map::new());
            fill(at, &mut object);
            Value::Object(object.0)
        });
        self.0.insert(key.to_owned(), items.collect());
    }
}
