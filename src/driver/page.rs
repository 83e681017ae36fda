//! The page (or process) around the SDK: what it says, and when it comes and goes.

use super::js;
use super::pump::Driver;
use crate::core::Event;
use wasm_bindgen::JsValue;
use wasm_bindgen::prelude::{Closure, wasm_bindgen};

#[wasm_bindgen(module = "/src/driver/page.js")]
extern "C" {
    #[wasm_bindgen(js_name = ambientPlatformUrl)]
    fn ambient_platform_url_js() -> JsValue;
    #[wasm_bindgen(js_name = listen)]
    fn listen_js(target: &JsValue, event: &str, callback: &JsValue);
}

/// The platform that the page or process names, for an app that must stay unchanged. An empty text where what names it
/// can't be trusted.
pub(super) fn ambient_platform_url() -> Option<String> {
    ambient_platform_url_js().as_string()
}

/// Whether there is a geolocation service that this page may ask.
pub(super) fn has_geolocation() -> bool {
    js::global_at(&["navigator", "geolocation"]).is_object() && js::global_at(&["isSecureContext"]) != false
}

/// Whether this is a page of a browser.
pub(super) fn is_page() -> bool {
    js::global_at(&["window"]).is_object() && js::global_at(&["document"]).is_object()
}

/// Whether this is a process of Node, or of what imitates it, though a page may be imitated in it. Electron's pages are
/// pages: they have `process` besides.
pub(super) fn is_node() -> bool {
    let version = |of| js::global_text(&["process", "versions", of]);
    version("node").is_some() && version("electron").is_none()
}

/// Watches for the page's coming and going, and for the other tabs. Once, at the first use of the storage.
pub(super) fn watch(driver: &'static Driver) {
    if !is_page() || !driver.tabs.open(driver) {
        return;
    }
    listen(&["document"], "visibilitychange", move |_| {
        driver.dispatch(Event::Visible(is_visible()));
    });
    listen(&["window"], "online", move |_| driver.dispatch(Event::Resumed));
    listen(&["window"], "pageshow", move |event| {
        // Only where the page comes back from the cache: its timers slept, and messages passed it by.
        if js::get(&event, "persisted") == true {
            driver.locks.come_back();
            driver.tabs.reopen(driver);
            driver.dispatch(Event::Resumed);
        }
    });
    listen(&["document"], "resume", move |_| {
        driver.locks.come_back();
        driver.dispatch(Event::Resumed);
    });
    // A page that holds locks while it sleeps would block the other tabs, or be thrown out of the cache for them.
    let leave = move || {
        driver.dispatch(Event::Suspended);
        driver.locks.leave();
        driver.storage.stop_lingering();
    };
    listen(&["document"], "freeze", move |_| leave());
    listen(&["window"], "pagehide", move |_| {
        leave();
        driver.tabs.close();
    });
    driver.dispatch(Event::Visible(is_visible()));
}

fn is_visible() -> bool {
    // An element can be named like this, but is no text: then the page counts as visible.
    js::global_text(&["document", "visibilityState"]).is_none_or(|state| state != "hidden")
}

/// Listens for as long as the page lives.
pub(super) fn listen(target: &[&str], event: &str, callback: impl Fn(JsValue) + 'static) {
    let callback = Closure::<dyn Fn(JsValue)>::new(callback).into_js_value();
    listen_js(&js::global_at(target), event, &callback);
}
