//! Which of several tabs records: the one that holds a Web Lock. A browser without these lets every tab record, which
//! costs room and is not wrong.

use crate::core::Event;
use crate::driver::pump::Driver;
use crate::driver::{js, locks, page};
use js_sys::Function;
use std::cell::{Cell, RefCell};
use std::rc::Rc;
use wasm_bindgen::JsValue;
use wasm_bindgen::prelude::Closure;
use wasm_bindgen_futures::spawn_local;

/// The name of the lock.
const LOCK: &str = "sentiance.core.recording";

/// The lock, or the wish for it.
#[derive(Default)]
pub(super) struct Recording {
    wish: RefCell<Option<Wish>>,
}

struct Wish {
    /// Whether it has not been given up.
    stands: Rc<Cell<bool>>,
    /// Calling it gives the lock back, also one that comes too late.
    release: Function,
    /// Ends the waiting.
    controller: JsValue,
}

impl Driver {
    /// Waits, however long, to be the one tab that records; or gives that up.
    pub(in crate::driver) fn lead(&'static self, on: bool) {
        let wish = self.sensors.recording.wish.take();
        if on {
            let wish = wish.unwrap_or_else(|| self.wish_to_lead());
            *self.sensors.recording.wish.borrow_mut() = Some(wish);
        } else if let Some(wish) = wish {
            wish.stands.set(false);
            locks::let_go(&wish.release);
            let _ = js::invoke(&wish.controller, "abort", &[]);
        }
    }

    fn wish_to_lead(&'static self) -> Wish {
        let (held, release) = locks::holding();
        let stands = Rc::new(Cell::new(true));
        let controller = js::construct("AbortController", &[]);

        let still = Rc::clone(&stands);
        let on_lock = Closure::once_into_js(move || -> JsValue {
            self.lead_if(&still);
            held.into()
        });
        let options = js::object(&[("signal", js::get(&controller, "signal"))]);
        let locks = locks::web_locks().filter(|_| page::is_page());
        let requested =
            locks.and_then(|locks| js::invoke(&locks, "request", &[&LOCK.into(), &options, &on_lock])?.ok());
        let still = Rc::clone(&stands);
        match requested {
            Some(requested) => spawn_local(async move {
                // Fails where it was given up, and where an opaque origin has no locks.
                if js::resolved(&requested).await.is_err() {
                    self.lead_if(&still);
                }
            }),
            None => self.lead_if(&stands),
        }
        Wish { stands, release, controller }
    }

    fn lead_if(&'static self, still: &Cell<bool>) {
        if still.get() {
            self.dispatch(Event::Leading);
        }
    }
}
