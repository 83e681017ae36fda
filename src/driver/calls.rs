//! The promises of the API, from the call until it is settled; and the fence: a panic rejects all that are in flight.

use super::errors;
use super::js;
use super::pump::Driver;
use super::table::Table;
use crate::core::{CallId, Code, Output, Reason, SdkError};
use js_sys::{Function, Promise};
use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Once;
use wasm_bindgen::JsValue;

/// What turns an output into what this call resolves with, where that is not the output's usual form.
pub(super) type Finish = Box<dyn FnOnce(&Rc<Driver>) -> JsValue>;

struct InFlight {
    resolve: Function,
    reject: Function,
    finish: Option<Finish>,
}

thread_local! {
    // Outside the driver, where the panic hook reaches them.
    static IN_FLIGHT: Table<CallId, InFlight> = const { Table::new() };
    static ON_FATAL: RefCell<Option<Function>> = const { RefCell::new(None) };
    static BROKEN: Cell<bool> = const { Cell::new(false) };
}

/// Numbers the calls.
#[derive(Default)]
pub(super) struct Calls {
    last: Cell<u32>,
}

impl Calls {
    /// Opens a call: its promise stays pending until it is settled, or the SDK breaks.
    pub(super) fn open(&self, finish: Option<Finish>) -> (CallId, Promise) {
        install_hook();
        let id = CallId(self.last.get().wrapping_add(1));
        self.last.set(id.0);
        let mut finish = finish;
        let promise = Promise::new(&mut |resolve, reject| {
            let call = InFlight { resolve, reject, finish: finish.take() };
            if is_broken() {
                reject_broken(&call);
            } else {
                IN_FLIGHT.with(|calls| calls.insert(id, call));
            }
        });
        (id, promise)
    }
}

impl Driver {
    pub(super) fn settle(self: &Rc<Self>, id: CallId, outcome: Result<Output, SdkError>) {
        self.options.forget(id);
        let Some(call) = IN_FLIGHT.with(|calls| calls.remove(&id)) else { return };
        let _ = match outcome {
            Ok(output) => {
                let value = match call.finish {
                    Some(finish) => finish(self),
                    None => output.into_js(),
                };
                call.resolve.call1(&JsValue::UNDEFINED, &value)
            }
            Err(error) => call.reject.call1(&JsValue::UNDEFINED, &errors::to_js(&error)),
        };
    }
}

/// The version of the SDK.
pub(crate) fn version() -> Promise {
    Promise::resolve(&JsValue::from(env!("CARGO_PKG_VERSION")))
}

/// Says whom to tell when the SDK breaks.
pub(crate) fn on_fatal(callback: Function) {
    install_hook();
    ON_FATAL.with(|slot| *slot.borrow_mut() = Some(callback));
}

/// Whether a panic left this instance in an unknown state. It does nothing any more.
pub(super) fn is_broken() -> bool {
    BROKEN.get()
}

fn install_hook() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        std::panic::set_hook(Box::new(|info| {
            if BROKEN.replace(true) {
                return;
            }
            let payload = info.payload();
            let text = payload.downcast_ref::<&str>().copied();
            let text = text.or_else(|| payload.downcast_ref::<String>().map(String::as_str));
            let message = ["The SDK's code panicked: ", text.unwrap_or("no message"), "."].concat();
            for (_, call) in IN_FLIGHT.with(Table::drain) {
                reject_broken(&call);
            }
            let callback = ON_FATAL.with(|slot| slot.try_borrow().ok().and_then(|slot| slot.clone()));
            if let Some(callback) = callback {
                let _ = callback.call1(&JsValue::UNDEFINED, &message.into());
            }
        }));
    });
}

fn reject_broken(call: &InFlight) {
    let details = "The SDK failed and starts again with the next call, from what is stored.";
    let error = errors::to_js(&SdkError::passing(Code::Unexpected, Reason::UnexpectedError, details));
    js::set(error.as_ref(), "name", "SentianceError");
    let _ = call.reject.call1(&JsValue::UNDEFINED, &error);
}
