//! The queue in IndexedDB: one object store, whose transactions exclude each other across tabs.

use super::plan::Plan;
use crate::driver::js;
use js_sys::{Array, Date, Function, Promise};
use std::cell::RefCell;
use wasm_bindgen::prelude::Closure;
use wasm_bindgen::{JsCast, JsValue};

/// The name of the database.
const NAME: &str = "sentiance.core";
/// The object store of entries and totals.
const STORE: &str = "detections";

/// The database, opened when it is needed.
#[derive(Default)]
pub(super) struct Database {
    connection: RefCell<JsValue>,
}

/// An open transaction. It ends by itself where nothing more is asked of it.
pub(super) struct Transaction {
    transaction: JsValue,
    store: JsValue,
    /// When it must be done.
    until: f64,
}

impl Database {
    /// Begins a transaction. What it changes is on the disk when it is done, if it shall be `strict`; else a crash of
    /// the whole system may take it back.
    pub(super) async fn begin(&self, strict: bool, until: f64) -> Result<Transaction, String> {
        let known = self.connection.borrow().clone();
        let begun = Transaction::begin(&known, strict, until);
        if begun.is_ok() {
            return begun;
        }
        // Not opened yet, or closed meanwhile: for another tab, or by the browser.
        let request = call(&js::global_at(&["indexedDB"]), "open", &[&NAME.into(), &1.into()])?;
        let opening = request.clone();
        let create = Closure::once_into_js(move || {
            let options = js::object(&[("keyPath", "key".into())]);
            let _ = js::invoke(&js::get(&opening, "result"), "createObjectStore", &[&STORE.into(), &options]);
        });
        js::set(request.unchecked_ref(), "onupgradeneeded", create);
        settle(&request, "onsuccess", "onerror", until).await?;
        let connection = js::get(&request, "result");
        let closing = connection.clone();
        let close = Closure::once_into_js(move || {
            let _ = js::invoke(&closing, "close", &[]);
        });
        js::set(connection.unchecked_ref(), "onversionchange", close);
        *self.connection.borrow_mut() = connection.clone();
        Transaction::begin(&connection, strict, until)
    }

    /// Deletes the whole database. The other tabs close it when they are told.
    pub(super) async fn delete(&self, until: f64) -> Result<(), String> {
        let _ = js::invoke(&self.connection.take(), "close", &[]);
        let request = call(&js::global_at(&["indexedDB"]), "deleteDatabase", &[&NAME.into()])?;
        settle(&request, "onsuccess", "onerror", until).await
    }
}

impl Transaction {
    fn begin(connection: &JsValue, strict: bool, until: f64) -> Result<Transaction, String> {
        let durability = if strict { "strict" } else { "relaxed" };
        let options = js::object(&[("durability", durability.into())]);
        let transaction = call(connection, "transaction", &[&STORE.into(), &"readwrite".into(), &options])?;
        let store = call(&transaction, "objectStore", &[&STORE.into()])?;
        Ok(Transaction { transaction, store, until })
    }

    /// The totals, if there are any, and the oldest entries: so many items in all.
    pub(super) async fn read(&self, count: u32) -> Result<Array, String> {
        let request = call(&self.store, "getAll", &[&JsValue::UNDEFINED, &count.into()])?;
        settle(&request, "onsuccess", "onerror", self.until).await?;
        Ok(js::get(&request, "result").unchecked_into())
    }

    /// Does what is planned, and waits until it is done.
    pub(super) async fn write(&self, plan: &Plan) -> Result<(), String> {
        for key in &plan.removed {
            call(&self.store, "delete", &[&(*key).into()])?;
        }
        for item in plan.items() {
            call(&self.store, "put", &[&item])?;
        }
        let written = settle(&self.transaction, "oncomplete", "onabort", self.until).await;
        if written.is_err() {
            // What took too long shall not happen any more.
            let _ = js::invoke(&self.transaction, "abort", &[]);
        }
        written
    }
}

/// Waits for one of two events of a request or a transaction.
async fn settle(target: &JsValue, good: &str, bad: &str, until: f64) -> Result<(), String> {
    let settled = Promise::new(&mut |resolve: Function, reject: Function| {
        js::set(target.unchecked_ref(), good, resolve);
        js::set(target.unchecked_ref(), bad, reject);
    });
    match js::within(&settled, until - Date::now(), false).await {
        Some(Ok(_)) => Ok(()),
        Some(Err(_)) => Err(js::describe(&js::get(target, "error"))),
        None => Err("the database did not answer in time".to_owned()),
    }
}

fn call(target: &JsValue, method: &str, args: &[&JsValue]) -> Result<JsValue, String> {
    match js::invoke(target, method, args) {
        Some(outcome) => outcome.map_err(|thrown| js::describe(&thrown)),
        None => Err("this browser has no IndexedDB".to_owned()),
    }
}
