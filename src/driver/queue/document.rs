//! The queue as a JSON document in the storage of the record: a list in the order of the keys, bounded tightly, since
//! every change writes the whole of it.

use super::entry::Entry;
use crate::driver::js;
use crate::driver::storage::Store;
use js_sys::{Array, JSON};
use std::rc::Rc;
use wasm_bindgen::{JsCast, JsValue};

/// The key of the document in the storage.
const KEY: &str = "sentiance.core.queue";
/// How many bytes of detections it may hold.
pub(super) const LIMIT_BYTES: f64 = 256.0 * 1024.0;

/// The document, read and not written back yet.
pub(super) struct Document {
    store: Rc<Store>,
    items: Array,
}

impl Document {
    pub(super) async fn open(store: Rc<Store>) -> Result<Document, String> {
        let text = store.get(KEY).await?;
        // One that can't be read has nothing in it that could be sent.
        let items = text.and_then(|text| JSON::parse(&text).ok()?.dyn_into().ok());
        Ok(Document { store, items: items.unwrap_or_default() })
    }

    pub(super) async fn remove(store: &Store) -> Result<(), String> {
        store.remove(KEY).await
    }

    pub(super) fn get(&self, key: f64) -> JsValue {
        self.items.iter().find(|item| key_of(item) == key).unwrap_or_default()
    }

    pub(super) fn all_after(&self, key: f64) -> Vec<Entry> {
        self.items.iter().filter(|item| key_of(item) > key).map(Entry).collect()
    }

    pub(super) fn put(&self, value: &JsValue) {
        match self.position(key_of(value)) {
            Some(at) => self.items.set(at, value.clone()),
            None => drop(self.items.push(value)),
        }
    }

    pub(super) fn delete(&self, key: f64) {
        if let Some(at) = self.position(key) {
            self.items.splice(at, 1, &JsValue::UNDEFINED);
        }
    }

    pub(super) async fn write(&self) -> Result<(), String> {
        let text = JSON::stringify(&self.items).ok().and_then(|text| text.as_string());
        self.store.set(KEY, &text.unwrap_or_default()).await
    }

    fn position(&self, key: f64) -> Option<u32> {
        self.items.iter().position(|item| key_of(&item) == key).map(|at| at as u32)
    }
}

fn key_of(item: &JsValue) -> f64 {
    js::get(item, "key").as_f64().unwrap_or(f64::NAN)
}
