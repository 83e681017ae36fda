//! The items that the queue keeps, in whatever place: entries, and before them their totals.

use crate::core::QueueState;
use crate::driver::js;
use js_sys::Array;
use wasm_bindgen::JsValue;

/// The key of the totals, before that of any entry.
const TOTALS_KEY: f64 = 0.0;

/// A detection that waits.
pub(super) struct Entry {
    /// Names it, and grows from entry to entry.
    pub(super) key: f64,
    /// The install that recorded it.
    pub(super) owner: String,
    /// Whether it may be dropped for want of room: a position or a motion, never a trip.
    pub(super) is_detail: bool,
    /// As it will be sent.
    pub(super) text: String,
}

/// How much there is.
#[derive(Default)]
pub(super) struct Totals {
    pub(super) state: QueueState,
    /// The key of the newest entry that there ever was.
    pub(super) last: f64,
}

impl Entry {
    pub(super) fn to_js(&self) -> JsValue {
        js::object(&[
            ("key", self.key.into()),
            ("owner", self.owner.as_str().into()),
            ("detail", self.is_detail.into()),
            ("text", self.text.as_str().into()),
        ])
        .into()
    }
}

impl Totals {
    pub(super) fn to_js(&self) -> JsValue {
        js::object(&[
            ("key", TOTALS_KEY.into()),
            ("count", self.state.count.into()),
            ("bytes", self.state.bytes.into()),
            ("dropped", self.state.dropped.into()),
            ("last", self.last.into()),
        ])
        .into()
    }
}

/// Reads items, which stand in the order of their keys or behind the totals.
pub(super) fn read(items: &Array) -> (Totals, Vec<Entry>) {
    let mut totals = Totals::default();
    let mut entries = Vec::new();
    for item in items.iter() {
        let number = |name| js::get(&item, name).as_f64().unwrap_or(0.0);
        let text = |name| js::get(&item, name).as_string().unwrap_or_default();
        let key = key_of(&item);
        if key == TOTALS_KEY {
            let state =
                QueueState { count: number("count"), bytes: number("bytes"), dropped: number("dropped") };
            totals = Totals { state, last: number("last") };
        } else {
            let is_detail = js::get(&item, "detail") == true;
            entries.push(Entry { key, owner: text("owner"), is_detail, text: text("text") });
        }
    }
    (totals, entries)
}

/// What names an item.
pub(super) fn key_of(item: &JsValue) -> f64 {
    js::get(item, "key").as_f64().unwrap_or(f64::NAN)
}
