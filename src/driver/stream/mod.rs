//! The platform's events: an answer without an end, read word by word as they come. How they are read is in
//! `stream.js`.

use super::http::read_word;
use super::pump::Driver;
use crate::core::{Event, Ticket};
use js_sys::Promise;
use wasm_bindgen::JsValue;
use wasm_bindgen::prelude::{Closure, wasm_bindgen};

/// How long a stream may be silent: the platform says something every 15 seconds.
const SILENCE_MS: f64 = 45_000.0;

#[wasm_bindgen(module = "/src/driver/stream/stream.js")]
extern "C" {
    // Not `-> bool`: what needs no conversion would be imported past the glue.
    #[wasm_bindgen(js_name = canStream)]
    pub(super) fn can_stream() -> JsValue;
    #[wasm_bindgen(js_name = readWords)]
    fn read_words(response: &JsValue, on_word: &JsValue, first_ms: f64, silence_ms: f64) -> Promise;
    #[wasm_bindgen(js_name = letGoOfStreams)]
    pub(super) fn let_go_of_streams() -> JsValue;
}

/// Gives the core each word of a stream, for as long as it is held.
pub(super) fn on_word(driver: &'static Driver, ticket: Ticket) -> Closure<dyn Fn(JsValue)> {
    Closure::new(move |text: JsValue| {
        if let Some(word) = text.as_string().as_deref().and_then(read_word) {
            driver.dispatch(Event::Streamed(ticket, Box::new(word)));
        }
    })
}

/// Reads the body of `response` to its end. The first word must come within `patience_ms`. A promise of the number of
/// bytes: less than 0 where the stream was silent for too long, `null` where it is none.
pub(super) fn read(response: &JsValue, on_word: &Closure<dyn Fn(JsValue)>, patience_ms: f64) -> JsValue {
    read_words(response, on_word.as_ref(), patience_ms, SILENCE_MS).into()
}
