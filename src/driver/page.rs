//! The page (or process) around the SDK: what it says, and when it comes and goes.

use super::js;
use super::pump::Driver;
use crate::core::Event;
use wasm_bindgen::JsValue;
use wasm_bindgen::prelude::Closure;

/// The platform that the page or process names, for an app that must stay unchanged.
pub(super) fn ambient_platform_url() -> Option<String> {
    let meta = js::invoke(
        &js::global_at(&["document"]),
        "querySelector",
        &[&"meta[name=\"sentiance-platform-url\"]".into()],
    );
    let content = meta.and_then(Result::ok).and_then(|meta| js::text(&js::get(&meta, "content")));
    content.or_else(|| js::global_text(&["SENTIANCE_PLATFORM_URL"]))
}

/// Whether there is a geolocation service that this page may ask.
pub(super) fn has_geolocation() -> bool {
    js::global_at(&["navigator", "geolocation"]).is_object() && js::global_at(&["isSecureContext"]) != false
}

/// Whether this is a page of a browser.
pub(super) fn is_page() -> bool {
    js::global_at(&["window"]).is_object() && js::global_at(&["document"]).is_object()
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
    js::global_text(&["document", "visibilityState"]).is_none_or(|state| state != "hidden")
}

/// Listens for as long as the page lives.
pub(super) fn listen(target: &[&str], event: &str, callback: impl Fn(JsValue) + 'static) {
    let callback = Closure::<dyn Fn(JsValue)>::new(callback).into_js_value();
    let _ = js::invoke(&js::global_at(target), "addEventListener", &[&event.into(), &callback]);
}
