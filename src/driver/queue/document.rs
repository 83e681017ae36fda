//! The queue as a JSON document in the storage of the record: a list of items, bounded tightly, since every change
//! writes the whole of it.

use super::entry::key_of;
use super::plan::Plan;
use crate::driver::storage::Store;
use js_sys::{Array, JSON};
use std::rc::Rc;
use wasm_bindgen::JsCast;

/// The key of the document in the storage.
const KEY: &str = "sentiance.core.queue";
/// How many bytes of detections it may hold.
pub(super) const LIMIT_BYTES: f64 = 256.0 * 1024.0;

/// The document, as it was read.
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

    /// Removes it from the storage.
    pub(super) async fn remove(store: &Store) -> Result<(), String> {
        store.remove(KEY).await
    }

    /// The totals, if there are any, and all entries.
    pub(super) fn items(&self) -> Array {
        self.items.clone()
    }

    /// Does what is planned.
    pub(super) async fn write(&self, plan: &Plan) -> Result<(), String> {
        let changed: Array = plan.items().into_iter().collect();
        let replaced =
            |key: f64| plan.removed.contains(&key) || changed.iter().any(|item| key_of(&item) == key);
        let kept: Array = self.items.iter().filter(|item| !replaced(key_of(item))).collect();
        let text = JSON::stringify(&kept.concat(&changed)).ok().and_then(|text| text.as_string());
        self.store.set(KEY, &text.unwrap_or_default()).await
    }
}
