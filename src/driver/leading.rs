//! Which of several tabs has a role: the one that holds its Web Lock. A browser without these lets every tab have it,
//! which costs more and is not wrong.

use super::pump::Driver;
use super::{js, locks, page, stream};
use crate::core::{Event, Extent, Role};
use js_sys::Function;
use std::cell::{Cell, RefCell};
use std::rc::Rc;
use wasm_bindgen::JsValue;
use wasm_bindgen::prelude::Closure;
use wasm_bindgen_futures::spawn_local;

/// The locks, or the wishes for them.
#[derive(Default)]
pub(super) struct Leading {
    recording: RefCell<Option<Wish>>,
    following: RefCell<Option<Wish>>,
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
    /// Waits, however long, to be the one tab that has the role; or gives that up.
    pub(super) fn lead(&'static self, role: Role, on: bool) {
        let slot = match role {
            Role::Recording => &self.leading.recording,
            Role::Following => &self.leading.following,
        };
        let wish = slot.take();
        if on {
            let wish = wish.unwrap_or_else(|| self.wish_to_lead(role));
            *slot.borrow_mut() = Some(wish);
        } else if let Some(wish) = wish {
            wish.stands.set(false);
            locks::let_go(&wish.release);
            let _ = js::invoke(&wish.controller, "abort", &[]);
        }
    }

    fn wish_to_lead(&'static self, role: Role) -> Wish {
        let (held, release) = locks::holding();
        let stands = Rc::new(Cell::new(true));
        let controller = js::construct("AbortController", &[]);
        let lock = match role {
            Role::Recording => "sentiance.core.recording",
            Role::Following => "sentiance.core.following",
        };

        let still = Rc::clone(&stands);
        let locks = locks::web_locks().filter(|_| self.storage.is_shared());
        let requested = locks.and_then(|locks| {
            // Not `once_into_js`: that is freed by its call, and a wish that is given up has none.
            let on_lock = Closure::<dyn Fn() -> JsValue>::new(move || -> JsValue {
                self.lead_if(&still, role, self.extent(true));
                held.clone().into()
            });
            let options = js::object(&[("signal", js::get(&controller, "signal"))]);
            js::invoke(&locks, "request", &[&lock.into(), &options, &on_lock.into_js_value()])?.ok()
        });
        let still = Rc::clone(&stands);
        match requested {
            Some(requested) => spawn_local(async move {
                // Fails where it was given up, and where an opaque origin has no locks.
                if js::resolved(&requested).await.is_err() {
                    self.lead_if(&still, role, self.extent(false));
                }
            }),
            None => self.lead_if(&stands, role, self.extent(false)),
        }
        Wish { stands, release, controller }
    }

    /// When this tab may act: `alone` says that it has the lock.
    fn extent(&self, alone: bool) -> Extent {
        let in_page = page::is_page() && !page::is_node();
        if in_page && !alone {
            // A browser has few connections to a host: tabs that can't agree must not take them all.
            Extent::WhileVisible
        } else if in_page || (!self.options.has_own_fetch() && stream::let_go_of_streams().is_truthy()) {
            Extent::Always
        } else {
            Extent::WhileListening
        }
    }

    fn lead_if(&'static self, still: &Cell<bool>, role: Role, extent: Extent) {
        if still.get() {
            self.dispatch(Event::Leading(role, extent));
        }
    }
}
