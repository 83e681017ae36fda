//! The kinds of storage, behind one `get`, `set` and `remove`.

use crate::driver::table::Table;
use crate::driver::thrown::{self, Place};
use crate::driver::{js, page};
use gloo_storage::Storage as _;
use wasm_bindgen::JsValue;
use wasm_bindgen::prelude::wasm_bindgen;

#[wasm_bindgen(module = "/src/driver/storage/file.js")]
extern "C" {
    #[wasm_bindgen(js_name = openFile)]
    fn open_file(path: &str) -> JsValue;
}

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
pub(crate) enum Store {
    Local(web_sys::Storage),
    Memory(Table<String, String>),
    /// What `file.js` makes of a path.
    File(JsValue),
    Adapter {
        target: JsValue,
        methods: Methods,
    },
}

/// What is done with a key.
#[derive(Clone, Copy)]
enum Operation<'a> {
    Get,
    Set(&'a str),
    Remove,
}

/// What an adapter calls the three operations.
#[derive(Clone, Copy)]
pub(crate) struct Methods {
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

impl Choice {
    /// What a message calls it.
    pub(crate) fn name(&self) -> String {
        match self {
            Choice::Default => "the default storage".to_owned(),
            Choice::Memory => "\"memory\"".to_owned(),
            Choice::File(path) => ["the file ", path].concat(),
            Choice::Adapter(_) => "an object of the app".to_owned(),
        }
    }
}

impl Methods {
    fn of(target: &JsValue) -> Option<Methods> {
        let has = |name| js::method(target, name).is_some();
        KNOWN_METHODS.into_iter().find(|methods| has(methods.get) && has(methods.set) && has(methods.remove))
    }

    fn invoke(self, target: &JsValue, operation: Operation<'_>, key: &str) -> Result<JsValue, JsValue> {
        let key = key.into();
        let started = match operation {
            Operation::Get => js::invoke(target, self.get, &[&key]),
            Operation::Set(text) => js::invoke(target, self.set, &[&key, &text.into()]),
            Operation::Remove => js::invoke(target, self.remove, &[&key]),
        };
        started.unwrap_or(Ok(JsValue::UNDEFINED))
    }
}

impl Store {
    pub(crate) fn memory() -> Store {
        Store::Memory(Table::default())
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
                let file = open_file(path);
                if file.is_object() {
                    return Ok(Store::File(file));
                }
                Err("a file needs Node 20.16 or newer; pass another storage".to_owned())
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

    /// The file, which other processes may use.
    pub(super) fn file(&self) -> Option<&JsValue> {
        match self {
            Store::File(file) => Some(file),
            _ => None,
        }
    }

    pub(crate) async fn get(&self, key: &str) -> Result<Option<String>, String> {
        let value = self.perform(Operation::Get, key).await?;
        if value.is_null() || value.is_undefined() {
            return Ok(None);
        }
        value
            .as_string()
            .map(Some)
            .ok_or_else(|| "the storage returned something that is no string".to_owned())
    }

    /// What is under `key` now: a string, `null`, or a promise. Nothing, where no other code can change it, or it can't be
    /// read.
    pub(super) fn peek(&self, key: &str) -> Option<JsValue> {
        if matches!(self, Store::Memory(_)) {
            return None;
        }
        let value = self.start(Operation::Get, key).ok()?;
        // Its rejection is told by the read that follows.
        let _ = js::invoke(&value, "catch", &[&js::global_at(&["Boolean"])]);
        Some(if value.is_undefined() { JsValue::NULL } else { value })
    }

    pub(crate) async fn set(&self, key: &str, text: &str) -> Result<(), String> {
        self.perform(Operation::Set(text), key).await?;
        // A storage may take everything and keep nothing: an app's own, or a browser's that somebody has replaced.
        if self.get(key).await?.as_deref() != Some(text) {
            return Err("the storage did not keep what it took".to_owned());
        }
        Ok(())
    }

    pub(crate) async fn remove(&self, key: &str) -> Result<(), String> {
        self.perform(Operation::Remove, key).await.map(drop)
    }

    /// Only an adapter may answer later; and then not too late.
    async fn perform(&self, operation: Operation<'_>, key: &str) -> Result<JsValue, String> {
        let outcome = match self.start(operation, key) {
            Ok(returned) if returned.is_object() => {
                let settled = js::within(&returned, DEADLINE_MS, false).await;
                settled.ok_or_else(|| "the storage did not answer in time".to_owned())?
            }
            other => other,
        };
        match outcome {
            Ok(value) => {
                thrown::forget(Place::Storage);
                Ok(value)
            }
            Err(why) => Err(thrown::note(Place::Storage, &why)),
        }
    }

    fn start(&self, operation: Operation<'_>, key: &str) -> Result<JsValue, JsValue> {
        match self {
            Store::Local(storage) => KNOWN_METHODS[0].invoke(storage, operation, key),
            Store::Memory(entries) => {
                let key = key.to_owned();
                match operation {
                    Operation::Get => return Ok(entries.with(&key, String::clone).into()),
                    Operation::Set(text) => drop(entries.insert(key, text.to_owned())),
                    Operation::Remove => drop(entries.remove(&key)),
                }
                Ok(JsValue::UNDEFINED)
            }
            // Synchronous, like `localStorage`: the record is small and changes seldom.
            Store::File(file) => KNOWN_METHODS[0].invoke(file, operation, key),
            Store::Adapter { target, methods } => methods.invoke(target, operation, key),
        }
    }
}

/// The page's `localStorage`, if it can be read. A full one can: its user must be found.
fn open_local() -> Result<Store, String> {
    // Reading the property throws where cookies are denied, and gloo takes for granted that it does not.
    if !js::global_at(&["localStorage"]).is_object() {
        return Err("this page may not use localStorage".to_owned());
    }
    if web_sys::window().is_none() {
        // A test's imitation of a page, which gloo does not take for one.
        return Ok(Store::Adapter { target: js::global_at(&["localStorage"]), methods: KNOWN_METHODS[0] });
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
