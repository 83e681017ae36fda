//! The app's linkers: functions that have the app's backend link an install, and tell whether that worked.

use super::js;
use super::pump::{Driver, driver};
use super::table::Table;
use super::thrown::{self, Place};
use crate::core::{Call, CallId, Event, LinkerKind, SdkError, Ticket};
use js_sys::{Function, Promise};
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::spawn_local;

/// The key of the brand on `NO_OP_LINKER`, which every copy of the package shares.
const NO_OP: &str = "@sentiance-react-native/core/no-op-linker";

/// The linkers of the calls that are not settled.
#[derive(Default)]
pub(super) struct Linkers(Table<CallId, Function>);

/// `linkUser(linker)`.
pub(crate) fn link_user(linker: JsValue) -> Promise {
    let driver = driver();
    let (id, promise) = driver.calls.open(None);
    let call = if linker.is_function() {
        driver.linkers.keep(id, linker);
        Call::LinkUser
    } else {
        Call::Refuse(SdkError::invalid(
            "linkUser needs a function; for an authentication code there is linkUserWithAuthCode.",
        ))
    };
    driver.make(id, call);
    promise
}

/// What the app passed to `createUser` as `linker`.
pub(super) fn kind_of(linker: &JsValue) -> LinkerKind {
    if linker.is_falsy() {
        LinkerKind::None
    } else if linker.is_function() {
        LinkerKind::Function
    } else if js_sys::Reflect::has(linker, &js_sys::Symbol::for_(NO_OP)).unwrap_or(false) {
        LinkerKind::NoOp
    } else {
        LinkerKind::Invalid
    }
}

impl Linkers {
    /// Keeps the linker of a call until the call is settled, and no longer.
    pub(super) fn keep(&self, call: CallId, linker: JsValue) {
        self.0.insert(call, linker.unchecked_into());
    }

    pub(super) fn forget(&self, call: CallId) {
        self.0.remove(&call);
    }

    /// Calls the linker of a call, once.
    pub(super) fn ask(&self, driver: &'static Driver, ticket: Ticket, call: CallId, install_id: &str) {
        let Some(linker) = self.0.remove(&call) else { return };
        let install_id = JsValue::from(install_id);
        spawn_local(async move {
            let outcome = match js::call(&linker, &JsValue::UNDEFINED, &[&install_id]) {
                Ok(returned) => js::resolved(&returned).await,
                thrown => thrown,
            };
            let answer = match outcome {
                Ok(value) if value == true => Ok(()),
                Ok(value) if value == false => Err("The linker returned false.".to_owned()),
                Ok(value) => {
                    let kind = value.js_typeof().as_string().unwrap_or_default();
                    let text =
                        ["A linker must return true or false, or a promise of it, not ", &kind].concat();
                    let _ = js::invoke(
                        &driver.options.logger(),
                        "error",
                        &[&["Sentiance: ", &text].concat().into()],
                    );
                    Err(text)
                }
                Err(thrown) => Err(["The linker threw: ", &thrown::note(Place::Linker, &thrown)].concat()),
            };
            driver.dispatch(Event::LinkerAnswered(ticket, answer));
        });
    }
}
