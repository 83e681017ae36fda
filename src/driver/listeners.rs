//! The app's listeners: each on a microtask of its own, never awaited, isolated from the others.

use super::calls::Finish;
use super::js;
use super::output::{activity_to_js, status_to_js};
use super::pump::{Driver, driver};
use crate::core::{Call, Event, SdkStatus, Topic, UserActivity, Warning};
use js_sys::{Array, Function, Promise, Reflect};
use std::cell::{Cell, RefCell};
use wasm_bindgen::prelude::Closure;
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::spawn_local;

/// The attached listeners.
#[derive(Default)]
pub(super) struct Listeners {
    attached: RefCell<Vec<Listener>>,
    last: Cell<u32>,
}

#[derive(Clone)]
struct Listener {
    /// Names it.
    number: u32,
    topic: Topic,
    function: Function,
}

/// `addSdkStatusUpdateListener(listener)` and its siblings.
pub(crate) fn add_listener(topic: Topic, listener: JsValue) -> Promise {
    let driver = driver();
    let is_function = listener.is_function();
    let finish: Finish = Box::new(move |driver, output| {
        let listener = driver.attach(topic, listener.unchecked_into());
        let number = listener.number;
        if topic == Topic::Activity {
            // This one begins with what is known already.
            driver.deliver(listener, Array::of1(&output.into_js()));
        }
        let remove = Closure::<dyn Fn()>::new(move || driver.detach(number));
        // Lives as long as the subscription: JavaScript's garbage collector frees it, where it can.
        js::object(&[("remove", remove.into_js_value())]).into()
    });
    let (id, promise) = driver.calls.open(Some(finish));
    driver.make(id, Call::AddListener { topic, is_function });
    promise
}

impl Driver {
    fn attach(&'static self, topic: Topic, function: Function) -> Listener {
        let number = self.listeners.last.get().wrapping_add(1);
        self.listeners.last.set(number);
        let listener = Listener { number, topic, function };
        self.listeners.attached.borrow_mut().push(listener.clone());
        self.dispatch(Event::Listening(topic, true));
        listener
    }

    fn detach(&'static self, number: u32) {
        let mut attached = self.listeners.attached.borrow_mut();
        let Some(at) = attached.iter().position(|listener| listener.number == number) else { return };
        let topic = attached.remove(at).topic;
        let was_last = attached.iter().all(|listener| listener.topic != topic);
        drop(attached);
        if was_last {
            self.dispatch(Event::Listening(topic, false));
        }
    }

    pub(super) fn emit_status(&'static self, status: &SdkStatus) {
        self.emit(Topic::Status, &|| Array::of1(&status_to_js(status)));
    }

    pub(super) fn emit_activity(&'static self, activity: &UserActivity) {
        self.emit(Topic::Activity, &|| Array::of1(&activity_to_js(activity)));
    }

    /// Its listeners get no arguments.
    pub(super) fn emit_trip_timeout(&'static self) {
        self.emit(Topic::TripTimeout, &Array::new);
    }

    /// Calls the listeners of `topic`, each with arguments of its own.
    fn emit(&'static self, topic: Topic, arguments: &dyn Fn() -> Array) {
        let attached = self.listeners.attached.borrow().clone();
        for listener in attached {
            if listener.topic == topic {
                self.deliver(listener, arguments());
            }
        }
    }

    fn deliver(&'static self, listener: Listener, arguments: Array) {
        spawn_local(async move {
            // It may have been removed by a listener before it.
            if !self.listeners.attached.borrow().iter().any(|other| other.number == listener.number) {
                return;
            }
            let outcome = match Reflect::apply(&listener.function, &JsValue::UNDEFINED, &arguments) {
                Ok(returned) if returned.is_object() => js::resolved(&returned).await,
                other => other,
            };
            if let Err(thrown) = outcome {
                self.warn(&Warning {
                    code: "LISTENER_FAILED",
                    message: ["A listener threw: ", &js::describe(&thrown)].concat(),
                });
            }
        });
    }
}
