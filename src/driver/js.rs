//! Small helpers for a world in which anything may be missing: a browser, Node, a worker, or Hermes.

pub(super) use super::thrown::describe;
use js_sys::{Array, Function, Object, Promise, Reflect};
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;

/// The global object.
pub(super) fn global() -> JsValue {
    js_sys::global().into()
}

/// `target[key]`; `undefined` where there is none, or reading it throws (some browsers' storage does).
pub(super) fn get(target: &JsValue, key: &str) -> JsValue {
    // It would throw, and an exception takes longer than all else here.
    if !target.is_object() && !target.is_function() {
        return JsValue::UNDEFINED;
    }
    Reflect::get(target, &key.into()).unwrap_or(JsValue::UNDEFINED)
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
    let list: Array = args.iter().copied().collect();
    method(target, key).map(|function| function.apply(target, &list))
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

/// Sets `target[key]`. Fails silently on a frozen object, of which the SDK makes none.
pub(super) fn set(target: &Object, key: &str, value: impl Into<JsValue>) {
    let _ = Reflect::set(target, &key.into(), &value.into());
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
    JsFuture::from(Promise::resolve(value)).await
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
    let mut handle = JsValue::UNDEFINED;
    let promise = Promise::new(&mut |resolve, _| {
        let started = invoke(&global(), "setTimeout", &[&resolve, &ms.into(), value]);
        handle = started.and_then(Result::ok).unwrap_or(JsValue::UNDEFINED);
    });
    (promise, handle)
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
    let race = Promise::race(&Array::of2(&Promise::resolve(value), &sleep));
    let outcome = JsFuture::from(race).await;
    let _ = invoke(&global(), "clearTimeout", &[&timer]);
    if outcome.as_ref().is_ok_and(|winner| *winner == late) { None } else { Some(outcome) }
}

/// Waits.
pub(super) async fn sleep(ms: f64) {
    let _ = JsFuture::from(sleeping(ms, &JsValue::UNDEFINED).0).await;
}
