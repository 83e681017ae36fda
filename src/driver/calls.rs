//! The promises of the API, from the call until it is settled.

use super::errors;
use super::pump::Driver;
use super::table::Table;
use super::thrown;
use crate::core::{CallId, Output, Reason, SdkError, Warning};
use js_sys::{Function, Promise};
use std::cell::Cell;
use wasm_bindgen::JsValue;

/// What turns an output into what this call resolves with, where that is not the output's usual form.
pub(super) type Finish = Box<dyn FnOnce(&'static Driver, Output) -> JsValue>;

struct InFlight {
    resolve: Function,
    reject: Function,
    finish: Option<Finish>,
}

/// The calls in flight.
#[derive(Default)]
pub(super) struct Calls {
    in_flight: Table<CallId, InFlight>,
    last: Cell<u32>,
}

impl Calls {
    /// Opens a call: its promise stays pending until it is settled.
    pub(super) fn open(&self, finish: Option<Finish>) -> (CallId, Promise) {
        let id = CallId(self.last.get().wrapping_add(1));
        self.last.set(id.0);
        let mut finish = finish;
        let promise = Promise::new(&mut |resolve, reject| {
            self.in_flight.insert(id, InFlight { resolve, reject, finish: finish.take() });
        });
        (id, promise)
    }
}

impl Driver {
    pub(super) fn settle(&'static self, id: CallId, outcome: Result<Output, SdkError>) {
        self.options.forget(id);
        self.linkers.forget(id);
        let Some(call) = self.calls.in_flight.remove(&id) else { return };
        let _ = match outcome {
            Ok(output) => {
                let value = match call.finish {
                    Some(finish) => finish(self, output),
                    None => output.into_js(),
                };
                call.resolve.call1(&JsValue::UNDEFINED, &value)
            }
            Err(error) => {
                let cause = thrown::cause(&error);
                // Of a write that failed there is a warning already.
                if !cause.is_undefined() && error.reason != Reason::UnexpectedError {
                    self.warn(&Warning::call_failed(&thrown::describe(&cause)));
                }
                let error = errors::with_cause(errors::to_js(&error), cause);
                call.reject.call1(&JsValue::UNDEFINED, &error)
            }
        };
    }
}

/// The version of the SDK.
pub(crate) fn version() -> Promise {
    Promise::resolve(&JsValue::from(env!("CARGO_PKG_VERSION")))
}
