//! Timers: one slot for each of the core's, with a closure that is made once.

use super::js;
use super::pump::Driver;
use super::table::Table;
use crate::core::{Event, Timer};
use wasm_bindgen::JsValue;
use wasm_bindgen::prelude::Closure;

/// The timers that were ever started.
#[derive(Default)]
pub(super) struct Timers {
    slots: Table<Timer, Slot>,
}

struct Slot {
    /// Kept, since a closure that is made for each start would leak with each stop.
    fire: Closure<dyn Fn()>,
    handle: JsValue,
}

impl Timers {
    pub(super) fn start(&self, driver: &'static Driver, timer: Timer, ms: f64) {
        self.stop(timer);
        let mut slot = self.slots.remove(&timer).unwrap_or_else(|| Slot {
            fire: Closure::new(move || driver.dispatch(Event::TimerFired(timer))),
            handle: JsValue::UNDEFINED,
        });
        // The largest delay that engines take; a longer one would fire at once.
        let ms = ms.clamp(0.0, 2_147_483_647.0);
        let started = js::invoke(&js::global(), "setTimeout", &[slot.fire.as_ref(), &ms.into()]);
        slot.handle = started.and_then(Result::ok).unwrap_or(JsValue::UNDEFINED);
        if !timer.matters() {
            // In Node, waiting for the next poll is no reason to keep a process alive.
            let _ = js::invoke(&slot.handle, "unref", &[]);
        }
        self.slots.insert(timer, slot);
    }

    pub(super) fn stop(&self, timer: Timer) {
        if let Some(handle) = self.slots.with(&timer, |slot| slot.handle.clone()) {
            let _ = js::invoke(&js::global(), "clearTimeout", &[&handle]);
        }
    }
}
