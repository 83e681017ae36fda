//! Requests to the platform, through `fetch`. What is asked of it, and what it may do, is in `http.js`.

use super::js;
use super::locks;
use super::pump::Driver;
use super::stream;
use super::table::Table;
use super::thrown::{self, Place};
use super::wire;
use crate::core::{Body, Event, Method, Reply, Request, Response, Ticket, TransportError};
use js_sys::{Function, Promise};
use sentiance_protocol::Source;
use wasm_bindgen::JsValue;
use wasm_bindgen::prelude::wasm_bindgen;
use wasm_bindgen_futures::{JsFuture, spawn_local};

#[wasm_bindgen(module = "/src/driver/http.js")]
extern "C" {
    #[wasm_bindgen(js_name = exchange)]
    fn exchange_js(fetch: &Function, request: &JsValue, controller: &JsValue) -> Promise;
}

/// The requests under way, by ticket, each with its abort controller where the runtime has one.
#[derive(Default)]
pub(super) struct Requests {
    under_way: Table<Ticket, JsValue>,
}

impl Requests {
    pub(super) fn send(&self, driver: &'static Driver, ticket: Ticket, request: Box<Request>) {
        let controller = js::construct("AbortController", &[]);
        let is_stream = matches!(request.body, Body::Events);
        // Every other request ends by itself.
        let abort =
            js::method(&controller, "abort").filter(|_| is_stream).map(|abort| abort.bind0(&controller));
        if let Some(abort) = &abort {
            locks::give_back_at_end(abort);
        }
        self.under_way.insert(ticket, controller.clone());
        spawn_local(async move {
            let outcome = exchange(driver, ticket, &request, &controller).await;
            if let Some(abort) = &abort {
                // Whatever is left of it.
                locks::let_go(abort);
            }
            if driver.requests.under_way.remove(&ticket).is_some() {
                let outcome = outcome.map_err(|failure| match failure {
                    Failure::Known(error) => error,
                    Failure::Thrown(thrown) => {
                        // For the error that may come of it.
                        thrown::note(Place::Fetch, &thrown);
                        TransportError::Unreachable
                    }
                });
                driver.dispatch(Event::Responded(ticket, outcome.map(Box::new)));
            }
        });
    }

    pub(super) fn abort(&self, ticket: Ticket) {
        let controller = self.under_way.remove(&ticket);
        if let Some(controller) = controller {
            let _ = js::invoke(&controller, "abort", &[]);
        }
    }
}

/// Why no response came: what is known, or what was thrown.
enum Failure {
    Known(TransportError),
    Thrown(JsValue),
}

async fn exchange(
    driver: &'static Driver,
    ticket: Ticket,
    request: &Request,
    controller: &JsValue,
) -> Result<Response, Failure> {
    let is_stream = matches!(request.body, Body::Events);
    let fetch = driver.options.fetch().filter(|_| !is_stream || stream::can_stream().is_truthy());
    let fetch = fetch.ok_or(Failure::Known(TransportError::NoFetch))?;
    let body = write_body(&request.body);
    let described = describe(request, body.as_deref(), is_stream);
    let started = exchange_js(&fetch, &described, controller);
    let answer = JsFuture::from(started).await.map_err(Failure::Thrown)?;
    if answer.is_null() {
        return Err(Failure::Known(TransportError::TimedOut));
    }
    thrown::forget(Place::Fetch);

    let status = js::get(&answer, "status").as_f64().unwrap_or(0.0) as u16;
    let retry_after_ms = js::text(&js::get(&answer, "retryAfter")).and_then(|text| retry_after_ms(&text));
    let stream = js::get(&answer, "stream");
    if stream.is_object() {
        // Held until the last word has come.
        let on_word = stream::on_word(driver, ticket);
        let read = js::resolved(&stream::read(&stream, &on_word, request.timeout_ms)).await;
        let read = read.map_err(Failure::Thrown)?;
        let reply = if read.is_null() { Reply::Unreadable } else { Reply::Empty };
        let bytes = read.as_f64().unwrap_or(0.0);
        if bytes < 0.0 {
            return Err(Failure::Known(TransportError::TimedOut));
        }
        return Ok(Response { status, reply, retry_after_ms, bytes });
    }
    let bytes = js::get(&answer, "bytes").as_f64().unwrap_or(0.0);
    let bytes = bytes + body.map_or(0, |body| body.len()) as f64;
    let reply = read_reply(&request.body, status, js::get(&answer, "text").as_string().as_deref());
    Ok(Response { status, reply, retry_after_ms, bytes })
}

fn write_body(body: &Body) -> Option<String> {
    match body {
        Body::CreateUser(body) => wire::write(&**body),
        Body::Refresh(body) => wire::write(body),
        Body::Link(body) => wire::write(body),
        Body::Metadata(body) => wire::write(body),
        Body::Detections(text) => Some(text.clone()),
        Body::Goodbye | Body::ConfirmLink => Some("{}".to_owned()),
        Body::Config | Body::Events => None,
    }
}

/// The request, as `http.js` takes it.
fn describe(request: &Request, body: Option<&str>, is_stream: bool) -> JsValue {
    let method = match request.method {
        Method::Get => "GET",
        Method::Post => "POST",
        Method::Patch => "PATCH",
    };
    js::object(&[
        ("origin", request.platform_url.as_str().into()),
        ("path", request.path.into()),
        ("method", method.into()),
        ("bearer", request.bearer.as_ref().map(|bearer| bearer.expose()).into()),
        ("body", body.into()),
        ("keepalive", request.keepalive.into()),
        ("isStream", is_stream.into()),
        ("ms", request.timeout_ms.into()),
    ])
    .into()
}

/// A word of a stream: the answer to a check, or an error, which has no status here.
pub(super) fn read_word(text: &str) -> Option<Reply> {
    let object = wire::parse(text)?;
    let status = if object.has("errorCode") { 0 } else { 200 };
    Some(Reply::read(&Body::Events, status, &object))
}

fn read_reply(expected: &Body, status: u16, text: Option<&str>) -> Reply {
    text.and_then(wire::parse).map_or(Reply::Unreadable, |object| Reply::read(expected, status, &object))
}

/// `Retry-After`: seconds, or a date.
fn retry_after_ms(text: &str) -> Option<f64> {
    let seconds = js_sys::Number::from(JsValue::from(text)).value_of();
    let ms =
        if seconds.is_nan() { js_sys::Date::parse(text) - js_sys::Date::now() } else { seconds * 1_000.0 };
    ms.is_finite().then(|| ms.max(0.0))
}
