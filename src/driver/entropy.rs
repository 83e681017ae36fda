//! Randomness for the core: every event comes with some, and few need it. So one question to the runtime, which takes
//! longer than the rest of a call, is enough for many events.

use super::js;
use crate::core::Entropy;
use js_sys::Uint8Array;
use std::cell::RefCell;
use wasm_bindgen::JsValue;

/// The bytes of one event.
const DRAW_BYTES: usize = 40;
/// How many events one question is for.
const DRAWS: usize = 16;

/// Random bytes that were not handed out yet.
#[derive(Default)]
pub(super) struct EntropyPool {
    bytes: RefCell<Vec<u8>>,
}

impl EntropyPool {
    /// Bytes that nobody else gets. `None` where the runtime has no randomness.
    pub(super) fn draw(&self) -> Option<Entropy> {
        if self.bytes.borrow().is_empty() {
            let fresh = ask()?;
            *self.bytes.borrow_mut() = fresh;
        }
        let mut bytes = self.bytes.borrow_mut();
        let rest = bytes.len().checked_sub(DRAW_BYTES)?;
        let drawn = bytes.split_off(rest);
        Some(Entropy(drawn.try_into().ok()?))
    }
}

fn ask() -> Option<Vec<u8>> {
    let array = Uint8Array::new_with_length((DRAWS * DRAW_BYTES) as u32);
    let filled: &JsValue = array.as_ref();
    js::invoke(&js::global_at(&["crypto"]), "getRandomValues", &[filled])?.ok()?;
    Some(array.to_vec())
}
