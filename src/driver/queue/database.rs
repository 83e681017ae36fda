//! The queue in IndexedDB: one object store, whose transactions exclude each other across tabs.

use super::entry::Entry;
use crate::driver::js;
use js_sys::{Array, Date, Function, Promise};
use std::cell::RefCell;
use wasm_bindgen::prelude::Closure;
use wasm_bindgen::{JsCast, JsValue};

/// The name of the database.
const NAME: &str = "sentiance.core";
/// The object store of entries and totals.
const STORE: &str = "detections";
/// How many entries are read at once.
const CHUNK: u32 = 64;
/// What is said of a browser that does not answer.
const LATE: &str = "the database did not answer in time";

/// How sure a transaction shall be when it is done.
#[derive(Clone, Copy)]
pub(super) enum Durability {
    /// Handed to the system: a crash of the browser can't take it back.
    Relaxed,
    /// On the disk.
    Strict,
}

/// The database, opened when it is needed.
#[derive(Default)]
pub(super) struct Database {
    connection: RefCell<JsValue>,
}

/// An open transaction.
pub(super) struct Access {
    transaction: JsValue,
    store: JsValue,
    ended: Promise,
    /// When it must be done.
    until: f64,
}

impl Database {
    pub(super) async fn begin(&self, durability: Durability, until: f64) -> Result<Access, String> {
        let connection = self.connection.borrow().clone();
        if connection.is_object()
            && let Ok(access) = Access::start(&connection, durability, until)
        {
            return Ok(access);
        }
        // Not opened yet, or closed meanwhile: for another tab, or by the browser.
        let connection = open(until).await?;
        *self.connection.borrow_mut() = connection.clone();
        Access::start(&connection, durability, until)
    }

    /// Deletes the whole database.
    pub(super) async fn delete(&self, until: f64) -> Result<(), String> {
        let connection = self.connection.take();
        let _ = js::invoke(&connection, "close", &[]);
        let request = call(&js::global_at(&["indexedDB"]), "deleteDatabase", &[&NAME.into()])?;
        done(&request, until).await.map(drop)
    }
}

/// Opens the database. It closes itself where another tab wants to delete or to upgrade it.
async fn open(until: f64) -> Result<JsValue, String> {
    let request = call(&js::global_at(&["indexedDB"]), "open", &[&NAME.into(), &1.into()])?;
    let opening = request.clone();
    let create = Closure::once_into_js(move || {
        let options = js::object(&[("keyPath", "key".into())]);
        let _ = js::invoke(&js::get(&opening, "result"), "createObjectStore", &[&STORE.into(), &options]);
    });
    js::set(request.unchecked_ref(), "onupgradeneeded", create);
    let opened = done(&request, until).await;
    let connection = match &opened {
        Ok(connection) => connection.clone(),
        Err(_) => {
            // It may still come, and nobody would close it.
            let too_late = request.clone();
            let close = Closure::once_into_js(move || {
                let _ = js::invoke(&js::get(&too_late, "result"), "close", &[]);
            });
            js::set(request.unchecked_ref(), "onsuccess", close);
            return opened;
        }
    };
    let closing = connection.clone();
    let close = Closure::<dyn Fn()>::new(move || {
        let _ = js::invoke(&closing, "close", &[]);
    });
    js::set(connection.unchecked_ref(), "onversionchange", close.into_js_value());
    opened
}

impl Access {
    fn start(connection: &JsValue, durability: Durability, until: f64) -> Result<Access, String> {
        let durability = match durability {
            Durability::Relaxed => "relaxed",
            Durability::Strict => "strict",
        };
        let options = js::object(&[("durability", durability.into())]);
        let transaction = call(connection, "transaction", &[&STORE.into(), &"readwrite".into(), &options])?;
        let ended = settled(&transaction, "oncomplete", "onabort");
        let store = call(&transaction, "objectStore", &[&STORE.into()])?;
        Ok(Access { transaction, store, ended, until })
    }

    pub(super) async fn get(&self, key: f64) -> Result<JsValue, String> {
        done(&call(&self.store, "get", &[&key.into()])?, self.until).await
    }

    pub(super) async fn some_after(&self, key: f64) -> Result<Vec<Entry>, String> {
        let range = call(&js::global_at(&["IDBKeyRange"]), "lowerBound", &[&key.into(), &true.into()])?;
        let request = call(&self.store, "getAll", &[&range, &CHUNK.into()])?;
        let entries = done(&request, self.until).await?;
        Ok(entries.dyn_into::<Array>().unwrap_or_default().iter().map(Entry).collect())
    }

    pub(super) fn put(&self, value: &JsValue) -> Result<(), String> {
        call(&self.store, "put", &[value]).map(drop)
    }

    pub(super) fn delete(&self, key: f64) -> Result<(), String> {
        call(&self.store, "delete", &[&key.into()]).map(drop)
    }

    pub(super) async fn finish(self, keep: bool) -> Result<(), String> {
        if !keep {
            // Fails where it has ended by itself.
            let _ = js::invoke(&self.transaction, "abort", &[]);
        }
        match js::within(&self.ended, self.until - Date::now(), false).await {
            _ if !keep => Ok(()),
            Some(Ok(_)) => Ok(()),
            Some(Err(_)) => Err(js::describe(&js::get(&self.transaction, "error"))),
            None => Err(LATE.to_owned()),
        }
    }
}

/// Waits for a request's result.
async fn done(request: &JsValue, until: f64) -> Result<JsValue, String> {
    let settled = settled(request, "onsuccess", "onerror");
    match js::within(&settled, until - Date::now(), false).await {
        Some(Ok(_)) => Ok(js::get(request, "result")),
        Some(Err(_)) => Err(js::describe(&js::get(request, "error"))),
        None => Err(LATE.to_owned()),
    }
}

/// A promise that settles with the first of two events.
fn settled(target: &JsValue, good: &str, bad: &str) -> Promise {
    Promise::new(&mut |resolve: Function, reject: Function| {
        js::set(target.unchecked_ref(), good, resolve);
        js::set(target.unchecked_ref(), bad, reject);
    })
}

fn call(target: &JsValue, method: &str, args: &[&JsValue]) -> Result<JsValue, String> {
    match js::invoke(target, method, args) {
        Some(outcome) => outcome.map_err(|thrown| js::describe(&thrown)),
        None => Err("this browser has no IndexedDB".to_owned()),
    }
}
