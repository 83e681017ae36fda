//! The kinds of storage, behind one `get`, `set` and `remove`.

use crate::driver::{js, page};
use gloo_storage::Storage as _;
use std::cell::RefCell;
use std::collections::HashMap;
use wasm_bindgen::JsValue;

/// How long one operation may take before it counts as failed.
const DEADLINE_MS: f64 = 3_000.0;

/// Which storage the app chose.
#[derive(Clone, Default, PartialEq)]
pub(crate) enum Choice {
    /// `localStorage` in a page, memory elsewhere.
    #[default]
    Default,
    /// `"memory"`.
    Memory,
    /// `{file}`, in Node.
    File(String),
    /// An object with `getItem`, `setItem` and `removeItem`, or what MMKV and SecureStore call them.
    Adapter(JsValue),
}

/// An opened storage.
pub(super) enum Store {
    Local(web_sys::Storage),
    Memory(RefCell<HashMap<String, String>>),
    File { fs: JsValue, path: String },
    Adapter { target: JsValue, methods: Methods },
}

/// What an adapter calls the three operations.
#[derive(Clone, Copy)]
pub(super) struct Methods {
    get: &'static str,
    set: &'static str,
    remove: &'static str,
}

/// AsyncStorage and `localStorage`; Expo's SecureStore; MMKV, whose `delete` became `remove`.
const KNOWN_METHODS: [Methods; 4] = [
    Methods { get: "getItem", set: "setItem", remove: "removeItem" },
    Methods { get: "getItemAsync", set: "setItemAsync", remove: "deleteItemAsync" },
    Methods { get: "getString", set: "set", remove: "delete" },
    Methods { get: "getString", set: "set", remove: "remove" },
];

impl Choice {
    /// Reads the option `storage`. Fails with a sentence that says what would fit.
    pub(crate) fn parse(value: &JsValue) -> Result<Choice, &'static str> {
        if value.as_string().as_deref() == Some("memory") {
            return Ok(Choice::Memory);
        }
        if let Some(path) = js::text(&js::get(value, "file")) {
            return Ok(Choice::File(path));
        }
        match Methods::of(value) {
            Some(_) => Ok(Choice::Adapter(value.clone())),
            None => Err(
                "storage must be \"memory\", {file: path}, or an object with getItem, setItem and removeItem.",
            ),
        }
    }
}

impl Methods {
    fn of(target: &JsValue) -> Option<Methods> {
        let has = |name| js::method(target, name).is_some();
        KNOWN_METHODS.into_iter().find(|methods| has(methods.get) && has(methods.set) && has(methods.remove))
    }
}

impl Store {
    pub(super) fn memory() -> Store {
        Store::Memory(RefCell::default())
    }

    pub(super) fn open(choice: &Choice) -> Result<Store, String> {
        match choice {
            Choice::Default if page::is_page() => open_local(),
            Choice::Default if is_node() => Ok(Store::memory()),
            Choice::Default => {
                Err("this runtime has no localStorage; pass a storage to initialize({storage})".into())
            }
            Choice::Memory => Ok(Store::memory()),
            Choice::File(path) => {
                let fs = js::invoke(&js::global_at(&["process"]), "getBuiltinModule", &[&"node:fs".into()]);
                match fs.and_then(Result::ok).map(|fs| js::get(&fs, "promises")) {
                    Some(fs) if fs.is_object() => Ok(Store::File { fs, path: path.clone() }),
                    _ => Err("a file needs Node 20.16 or newer; pass another storage".to_owned()),
                }
            }
            Choice::Adapter(target) => match Methods::of(target) {
                Some(methods) => Ok(Store::Adapter { target: target.clone(), methods }),
                None => Err("the storage lost its methods".to_owned()),
            },
        }
    }

    /// Whether other tabs may use the same.
    pub(super) fn is_shared(&self) -> bool {
        page::is_page() && matches!(self, Store::Local(_) | Store::Adapter { .. })
    }

    pub(super) fn local(&self) -> Option<web_sys::Storage> {
        match self {
            Store::Local(storage) => Some(storage.clone()),
            _ => None,
        }
    }

    pub(super) async fn get(&self, key: &str) -> Result<Option<String>, String> {
        let value = match self {
            Store::Local(storage) => return storage.get_item(key).map_err(|thrown| js::describe(&thrown)),
            Store::Memory(entries) => return Ok(entries.borrow().get(key).cloned()),
            Store::File { fs, path } => {
                let read = js::invoke(fs, "readFile", &[&file_of(path, key).into(), &"utf8".into()]);
                match finish(read).await {
                    Err(Failure::Thrown(thrown)) if is_missing(&thrown) => return Ok(None),
                    other => other.map_err(Failure::describe)?,
                }
            }
            Store::Adapter { target, methods } => {
                finish(js::invoke(target, methods.get, &[&key.into()])).await.map_err(Failure::describe)?
            }
        };
        if value.is_null() || value.is_undefined() {
            return Ok(None);
        }
        value.as_string().map(Some).ok_or_else(|| "the storage returned something that is no text".to_owned())
    }

    pub(super) async fn set(&self, key: &str, text: &str) -> Result<(), String> {
        let outcome = match self {
            Store::Local(storage) => {
                return storage.set_item(key, text).map_err(|thrown| js::describe(&thrown));
            }
            Store::Memory(entries) => {
                entries.borrow_mut().insert(key.to_owned(), text.to_owned());
                return Ok(());
            }
            Store::File { fs, path } => {
                // Written beside it and renamed, so that a crash leaves the old text or the new one.
                let (file, fresh) = (file_of(path, key), file_of(path, key) + ".new");
                let options = js::object(&[("mode", 0o600.into()), ("flush", true.into())]);
                let written = js::invoke(fs, "writeFile", &[&fresh.as_str().into(), &text.into(), &options]);
                finish(written).await.map_err(Failure::describe)?;
                finish(js::invoke(fs, "rename", &[&fresh.into(), &file.into()])).await
            }
            Store::Adapter { target, methods } => {
                finish(js::invoke(target, methods.set, &[&key.into(), &text.into()])).await
            }
        };
        outcome.map(drop).map_err(Failure::describe)
    }

    pub(super) async fn remove(&self, key: &str) -> Result<(), String> {
        let outcome = match self {
            Store::Local(storage) => return storage.remove_item(key).map_err(|thrown| js::describe(&thrown)),
            Store::Memory(entries) => {
                entries.borrow_mut().remove(key);
                return Ok(());
            }
            Store::File { fs, path } => {
                match finish(js::invoke(fs, "unlink", &[&file_of(path, key).into()])).await {
                    Err(Failure::Thrown(thrown)) if is_missing(&thrown) => return Ok(()),
                    other => other,
                }
            }
            Store::Adapter { target, methods } => {
                finish(js::invoke(target, methods.remove, &[&key.into()])).await
            }
        };
        outcome.map(drop).map_err(Failure::describe)
    }
}

/// The page's `localStorage`, if it can be read. A full one can: its user must be found.
fn open_local() -> Result<Store, String> {
    // Reading the property throws where cookies are denied, and gloo takes for granted that it does not.
    if !js::global_at(&["localStorage"]).is_object() {
        return Err("this page may not use localStorage".to_owned());
    }
    let storage = gloo_storage::LocalStorage::raw();
    match storage.get_item(super::RECORD_KEY) {
        Ok(_) => Ok(Store::Local(storage)),
        Err(thrown) => Err(js::describe(&thrown)),
    }
}

fn is_node() -> bool {
    js::global_text(&["process", "versions", "node"]).is_some()
}

/// The record has the path that the app chose; anything else stands beside it.
fn file_of(path: &str, key: &str) -> String {
    match key.strip_prefix(super::RECORD_KEY) {
        Some(suffix) => [path, suffix].concat(),
        None => [path, ".", key].concat(),
    }
}

fn is_missing(thrown: &JsValue) -> bool {
    js::text(&js::get(thrown, "code")).as_deref() == Some("ENOENT")
}

enum Failure {
    Thrown(JsValue),
    TimedOut,
}

impl Failure {
    fn describe(self) -> String {
        match self {
            Failure::Thrown(thrown) => js::describe(&thrown),
            Failure::TimedOut => "the storage did not answer in time".to_owned(),
        }
    }
}

/// Waits for what a method returned, synchronous or not.
async fn finish(started: Option<Result<JsValue, JsValue>>) -> Result<JsValue, Failure> {
    let returned = started.unwrap_or(Ok(JsValue::UNDEFINED)).map_err(Failure::Thrown)?;
    if !returned.is_object() {
        return Ok(returned);
    }
    js::within(&returned, DEADLINE_MS).await.ok_or(Failure::TimedOut)?.map_err(Failure::Thrown)
}
