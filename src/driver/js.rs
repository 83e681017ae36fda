//! Small helpers for a world in which anything may be missing: a browser, Node, a worker, or Hermes.

pub(super) use super::thrown::describe;
use js_sys::{Array, Function, Object, Promise, Reflect};
use wasm_bindgen::prelude::wasm_bindgen;
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;

#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(thread_local_v2, js_name = globalThis)]
    static GLOBAL_THIS: JsValue;
}

/// The global object. Not `js_sys::global()`, which prefers `self` and `window`: in Node these may be another realm's, such
/// as jsdom's, where there is no `fetch`.
pub(super) fn global() -> JsValue {
    GLOBAL_THIS.with(JsValue::clone)
}

/// `target[key]`; `undefined` where there is none, or reading it throws (some browsers' storage does).
pub(super) fn get(target: &JsValue, key: &str) -> JsValue {
    read(target, key).unwrap_or(JsValue::UNDEFINED)
}

/// `target[key]`; `undefined` where there is none. Fails with what a getter throws.
pub(super) fn read(target: &JsValue, key: &str) -> Result<JsValue, JsValue> {
    // It would throw, and an exception takes longer than all else here.
    if !target.is_object() && !target.is_function() {
        return Ok(JsValue::UNDEFINED);
    }
    Reflect::get(target, &key.into())
}

/// What kind of value this is, as `Object.prototype.toString` says it: `[object Map]`, or `[object Object]` for a plain
/// object and an instance of a class. Also right for a value of another realm, where `instanceof` is not.
pub(super) fn kind(value: &JsValue) -> String {
    let tell = method(&global_at(&["Object", "prototype"]), "toString");
    // A proxy that is revoked tells nothing.
    let told = tell.and_then(|tell| Reflect::apply(&tell, value, &Array::new()).ok());
    told.and_then(|told| text(&told)).unwrap_or_default()
}

/// Whether values can stand under names of its own in this value: so in plain objects, in instances of classes and in
/// modules, and not in a `Map`, a `Headers`, an array or a function.
pub(super) fn is_record(value: &JsValue) -> bool {
    matches!(kind(value).as_str(), "[object Object]" | "[object Module]") && value.is_object()
}

/// Fails with a sentence that says what came in place of an object with options.
pub(super) fn expect_record(what: &str, value: &JsValue) -> Result<(), String> {
    if is_record(value) {
        Ok(())
    } else {
        Err([what, " must be an object, not ", &kind(value), "."].concat())
    }
}

/// `object[key]`, if it says something. Fails with a sentence that names the key where a getter throws: an option that
/// cannot be read must not be passed over.
pub(super) fn option(object: &JsValue, key: &str) -> Result<Option<JsValue>, String> {
    match read(object, key) {
        Ok(value) => Ok(Some(value).filter(|value| !value.is_undefined())),
        Err(_) => Err(["The getter of ", key, " threw."].concat()),
    }
}

/// A copy of an array, also of another realm; `None` for what is no array, or cannot be read.
pub(super) fn array(value: &JsValue) -> Option<Array> {
    let class = global_at(&["Array"]);
    let is_array = invoke(&class, "isArray", &[value])?.ok()?;
    let copy = if is_array == true { invoke(&class, "from", &[value])?.ok()? } else { return None };
    Some(copy.unchecked_into())
}

/// `target[key](...args)`, whose promise is looked at later: until then the browser shall not call its rejection one that
/// nobody handles.
pub(super) fn ask(target: &JsValue, key: &str, args: &[&JsValue]) -> Option<JsValue> {
    let asked = invoke(target, key, args)?.ok()?;
    // Any function handles it.
    let _ = invoke(&asked, "catch", &[&global_at(&["Boolean"])]);
    Some(asked)
}

/// What stands at the end of `path`, from the global object.
pub(super) fn global_at(path: &[&str]) -> JsValue {
    path.iter().fold(global(), |target, key| get(&target, key))
}

/// `target[key]`, if it is a function.
pub(super) fn method(target: &JsValue, key: &str) -> Option<Function> {
    get(target, key).dyn_into().ok()
}

/// `target[key](...args)`, if there is such a function.
pub(super) fn invoke(target: &JsValue, key: &str, args: &[&JsValue]) -> Option<Result<JsValue, JsValue>> {
    method(target, key).map(|function| call(&function, target, args))
}

/// `function.call(this, ...args)`, also of a function that has no `call` of its own.
pub(super) fn call(function: &Function, this: &JsValue, args: &[&JsValue]) -> Result<JsValue, JsValue> {
    Reflect::apply(function, this, &args.iter().copied().collect())
}

/// `new globalThis[name](...args)`, if there is such a class; else `undefined`.
pub(super) fn construct(name: &str, args: &[&JsValue]) -> JsValue {
    let Ok(class) = global_at(&[name]).dyn_into::<Function>() else { return JsValue::UNDEFINED };
    let list: Array = args.iter().copied().collect();
    Reflect::construct(&class, &list).unwrap_or(JsValue::UNDEFINED)
}

/// A text that is not empty.
pub(super) fn text(value: &JsValue) -> Option<String> {
    value.as_string().filter(|text| !text.is_empty())
}

/// The text at the end of `path`, from the global object.
pub(super) fn global_text(path: &[&str]) -> Option<String> {
    text(&global_at(path))
}

/// What JavaScript's `String(value)` makes of a value.
pub(super) fn stringified(value: &JsValue) -> Option<String> {
    invoke(&global(), "String", &[value])?.ok()?.as_string()
}

/// Sets `target[key]`. Fails silently on a frozen object, of which the SDK makes none, and where a frozen prototype has
/// that key: see [`define`].
pub(super) fn set(target: &Object, key: &str, value: impl Into<JsValue>) {
    let _ = Reflect::set(target, &key.into(), &value.into());
}

/// Defines `target[key]`, hidden like a built-in property, and also where a frozen prototype has that key: assignment
/// would throw there (<https://tc39.es/ecma262/#sec-ordinarysetwithowndescriptor>).
pub(super) fn define(target: &Object, key: impl Into<JsValue>, value: impl Into<JsValue>) {
    let yes = JsValue::TRUE;
    let how = object(&[("value", value.into()), ("configurable", yes.clone()), ("writable", yes)]);
    let _ = Reflect::define_property(target, &key.into(), &how);
}

/// An object with these properties.
pub(super) fn object(properties: &[(&str, JsValue)]) -> Object {
    let object = Object::new();
    for (key, value) in properties {
        set(&object, key, value);
    }
    object
}

/// Waits for `value`, which may or may not be a promise.
pub(super) async fn resolved(value: &JsValue) -> Result<JsValue, JsValue> {
    JsFuture::from(promise_of(value)).await
}

/// A promise of the SDK's own that settles as `value` does. `Promise.resolve` would hand out the app's promise as it is,
/// with a `then` or a `constructor` that may throw.
fn promise_of(value: &JsValue) -> Promise {
    let (promise, resolve) = deferred();
    let _ = resolve.call1(&JsValue::UNDEFINED, value);
    promise
}

/// A promise, and the function that resolves it.
pub(super) fn deferred() -> (Promise, Function) {
    // Not `Function::default()`: it compiles an empty script, which a page's security policy may forbid.
    let mut resolver = JsValue::UNDEFINED.unchecked_into::<Function>();
    let promise = Promise::new(&mut |resolve, _| resolver = resolve);
    (promise, resolver)
}

/// A promise that resolves with `value` after `ms` milliseconds, and the timer's handle.
fn sleeping(ms: f64, value: &JsValue) -> (Promise, JsValue) {
    let (promise, resolve) = deferred();
    let started = invoke(&global(), "setTimeout", &[&resolve, &ms.into(), value]);
    (promise, started.and_then(Result::ok).unwrap_or_default())
}

/// Waits for `value` for at most `ms` milliseconds. `None` means that time ran out. Waiting `quietly` is no reason to
/// keep a Node process alive.
pub(super) async fn within(value: &JsValue, ms: f64, quietly: bool) -> Option<Result<JsValue, JsValue>> {
    // A fresh object, so that nothing that the app returns can be mistaken for it.
    let late: JsValue = Object::new().into();
    let (sleep, timer) = sleeping(ms, &late);
    if quietly {
        let _ = invoke(&timer, "unref", &[]);
    }
    let race = Promise::race(&Array::of2(&promise_of(value), &sleep));
    let outcome = JsFuture::from(race).await;
    let _ = invoke(&global(), "clearTimeout", &[&timer]);
    if outcome.as_ref().is_ok_and(|winner| *winner == late) { None } else { Some(outcome) }
}

/// Waits.
pub(super) async fn sleep(ms: f64) {
    let _ = JsFuture::from(sleeping(ms, &JsValue::UNDEFINED).0).await;
}
