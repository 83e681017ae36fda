//! One entry of the queue: a detection, ready to be sent, and what must be known of it without reading it.

use crate::driver::{js, wire};
use sentiance_protocol::Detection;
use wasm_bindgen::JsValue;

/// An entry, as it is kept.
pub(super) struct Entry(pub(super) JsValue);

/// A detection that is not in the queue yet.
pub(super) struct Draft {
    /// As it will be sent.
    pub(super) text: String,
    /// Whether it may be dropped for want of room: a position or a motion, never a trip.
    pub(super) is_detail: bool,
}

impl Draft {
    /// Encodes a detection.
    pub(super) fn of(detection: &Detection) -> Option<Draft> {
        Some(Draft { text: wire::write(detection)?, is_detail: detection.trip.is_none() })
    }

    /// The length of the text in UTF-8, in which it will be sent.
    pub(super) fn bytes(&self) -> f64 {
        self.text.len() as f64
    }

    /// Makes it an entry.
    pub(super) fn into_entry(self, key: f64, owner: &str) -> Entry {
        let bytes = self.bytes();
        let object = js::object(&[
            ("key", key.into()),
            ("owner", owner.into()),
            ("bytes", bytes.into()),
            ("detail", self.is_detail.into()),
            ("text", self.text.into()),
        ]);
        Entry(object.into())
    }
}

impl Entry {
    /// Names it, and grows from entry to entry.
    pub(super) fn key(&self) -> f64 {
        js::get(&self.0, "key").as_f64().unwrap_or(0.0)
    }

    /// Whether this install recorded it.
    pub(super) fn is_of(&self, install_id: &str) -> bool {
        js::get(&self.0, "owner") == install_id
    }

    pub(super) fn bytes(&self) -> f64 {
        js::get(&self.0, "bytes").as_f64().unwrap_or(0.0)
    }

    /// Whether it may be dropped for want of room.
    pub(super) fn is_detail(&self) -> bool {
        js::get(&self.0, "detail") == true
    }

    pub(super) fn text(&self) -> String {
        js::get(&self.0, "text").as_string().unwrap_or_default()
    }
}
