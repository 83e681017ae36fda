//! The status listeners: each on a microtask of its own, never awaited, isolated from the others.

use super::calls::Finish;
use super::js;
use super::output::status_to_js;
use super::pump::{Driver, driver};
use crate::core::{Call, Event, SdkStatus, Topic, Warning};
use js_sys::{Function, Promise};
use std::cell::{Cell, RefCell};
use std::rc::Rc;
use wasm_bindgen::prelude::Closure;
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::spawn_local;

/// The attached listeners, by number.
#[derive(Default)]
pub(super) struct Listeners {
    attached: RefCell<Vec<(u32, Function)>>,
    last: Cell<u32>,
}

/// `addSdkStatusUpdateListener(listener)`.
pub(crate) fn add_status_listener(listener: JsValue) -> Promise {
    let driver = driver();
    let is_function = listener.is_function();
    let finish: Finish = Box::new(move |driver| driver.attach(listener.unchecked_into()));
    let (id, promise) = driver.calls.open(Some(finish));
    driver.dispatch(Event::Call(id, Call::AddSdkStatusUpdateListener { is_function }));
    promise
}

impl Driver {
    /// Attaches a listener, and returns its subscription.
    fn attach(self: &Rc<Self>, listener: Function) -> JsValue {
        let number = self.listeners.last.get().wrapping_add(1);
        self.listeners.last.set(number);
        self.listeners.attached.borrow_mut().push((number, listener));
        self.dispatch(Event::Listening(Topic::Status, true));
        let driver = Rc::clone(self);
        let remove = Closure::<dyn Fn()>::new(move || driver.detach(number));
        // Lives as long as the subscription: JavaScript's garbage collector frees it, where it can.
        js::object(&[("remove", remove.into_js_value())]).into()
    }

    fn detach(self: &Rc<Self>, number: u32) {
        let mut attached = self.listeners.attached.borrow_mut();
        let before = attached.len();
        attached.retain(|(other, _)| *other != number);
        let removed_last = attached.is_empty() && before > 0;
        drop(attached);
        if removed_last {
            self.dispatch(Event::Listening(Topic::Status, false));
        }
    }

    pub(super) fn emit_status(self: &Rc<Self>, status: &SdkStatus) {
        let attached = self.listeners.attached.borrow().clone();
        for (number, listener) in attached {
            let status = status_to_js(status);
            let driver = Rc::clone(self);
            spawn_local(async move {
                // It may have been removed by a listener before it.
                if !driver.listeners.attached.borrow().iter().any(|(other, _)| *other == number) {
                    return;
                }
                let outcome = match listener.call1(&JsValue::UNDEFINED, &status) {
                    Ok(returned) if returned.is_object() => js::resolved(&returned).await,
                    other => other,
                };
                if let Err(thrown) = outcome {
                    driver.warn(&Warning {
                        code: "LISTENER_FAILED",
                        message: ["A status listener threw: ", &js::describe(&thrown)].concat(),
                    });
                }
            });
        }
    }
}
