//! The other tabs: they tell each other that the record changed, never what it holds.

use super::js;
use super::page;
use super::pump::Driver;
use super::storage::RECORD_KEY;
use crate::core::Event;
use std::cell::{Cell, RefCell};
use wasm_bindgen::prelude::Closure;
use wasm_bindgen::{JsCast, JsValue};

/// The name of the channel.
const CHANNEL: &str = "sentiance.core";

/// The connection to the other tabs.
#[derive(Default)]
pub(super) struct Tabs {
    opened: Cell<bool>,
    channel: RefCell<JsValue>,
}

impl Tabs {
    /// Connects. `false` means that this was done before.
    pub(super) fn open(&self, driver: &'static Driver) -> bool {
        if self.opened.replace(true) {
            return false;
        }
        self.reopen(driver);
        // Where there is no channel, the browser itself tells of changes to `localStorage`.
        page::listen(&["window"], "storage", move |event| {
            let key = js::get(&event, "key");
            // `null` means that everything was cleared.
            if key.is_null() || key.as_string().as_deref() == Some(RECORD_KEY) {
                driver.dispatch(Event::RecordChanged);
            }
        });
        true
    }

    /// Opens the channel, which a page that sleeps in the browser's cache must not hold.
    pub(super) fn reopen(&self, driver: &'static Driver) {
        if self.channel.borrow().is_object() {
            return;
        }
        let channel = js::construct("BroadcastChannel", &[&CHANNEL.into()]);
        if !channel.is_object() {
            return;
        }
        let on_message = Closure::<dyn Fn()>::new(move || driver.dispatch(Event::RecordChanged));
        js::set(channel.unchecked_ref(), "onmessage", on_message.into_js_value());
        // Node's, where it imitates a page: to hear of other tabs is no reason to keep the process alive.
        let _ = js::invoke(&channel, "unref", &[]);
        *self.channel.borrow_mut() = channel;
    }

    pub(super) fn close(&self) {
        let channel = self.channel.replace(JsValue::UNDEFINED);
        let _ = js::invoke(&channel, "close", &[]);
    }

    pub(super) fn announce(&self) {
        let _ = js::invoke(&self.channel.borrow(), "postMessage", &[&"changed".into()]);
    }
}
