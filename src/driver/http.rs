//! Requests to the platform, through `fetch`.

use super::js;
use super::locks;
use super::pump::Driver;
use super::stream;
use super::table::Table;
use super::wire;
use crate::core::{Body, Event, Method, Reply, Request, Response, Ticket, TransportError};
use js_sys::Object;
use sentiance_protocol::Source;
use wasm_bindgen::JsValue;
use wasm_bindgen_futures::spawn_local;

/// The longest answer that can be one of the platform's, in bytes.
const LONGEST_REPLY: usize = 64 * 1024;

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

async fn exchange(
    driver: &'static Driver,
    ticket: Ticket,
    request: &Request,
    controller: &JsValue,
) -> Result<Response, TransportError> {
    let is_stream = matches!(request.body, Body::Events);
    let Some(fetch) = driver.options.fetch().filter(|_| !is_stream || stream::can_stream().is_truthy())
    else {
        return Err(TransportError::NoFetch);
    };
    let started_at = js_sys::Date::now();
    let url = [&request.platform_url, request.path].concat();
    let body = write_body(&request.body);
    let started = fetch.call2(&JsValue::UNDEFINED, &url.into(), &init(request, body.as_deref(), controller));
    let pending = started.map_err(|_| TransportError::Unreachable)?;
    let response = before_deadline(&pending, request.timeout_ms, controller).await?;

    let status = js::get(&response, "status").as_f64().unwrap_or(0.0) as u16;
    let headers = js::get(&response, "headers");
    let header = |name: &str| {
        js::invoke(&headers, "get", &[&name.into()]).and_then(Result::ok).and_then(|value| js::text(&value))
    };
    let retry_after_ms = header("retry-after").and_then(|text| retry_after_ms(&text));
    // Held until the last word has come.
    let on_word = (is_stream && status == 200).then(|| stream::on_word(driver, ticket));
    let (reading, left) = match &on_word {
        Some(on_word) => (stream::read(&response, on_word, request.timeout_ms), stream::LONGEST_MS),
        None => {
            let reading = js::invoke(&response, "text", &[]).and_then(Result::ok);
            let left = request.timeout_ms - (js_sys::Date::now() - started_at);
            (reading.unwrap_or(JsValue::UNDEFINED), left.clamp(0.0, request.timeout_ms))
        }
    };
    let read = before_deadline(&reading, left, controller).await?;
    if on_word.is_some() {
        let reply = if read.is_null() { Reply::Unreadable } else { Reply::Empty };
        let bytes = read.as_f64().unwrap_or(0.0);
        if bytes < 0.0 {
            return Err(TransportError::TimedOut);
        }
        return Ok(Response { status, reply, retry_after_ms, bytes });
    }
    let received = read.as_string();
    let bytes =
        [body.as_deref(), received.as_deref()].into_iter().flatten().map(str::len).sum::<usize>() as f64;
    let reply = read_reply(&request.body, status, received.as_deref());
    Ok(Response { status, reply, retry_after_ms, bytes })
}

/// Waits for a step of the exchange, and aborts the whole of it where that takes too long.
async fn before_deadline(step: &JsValue, ms: f64, controller: &JsValue) -> Result<JsValue, TransportError> {
    match js::within(step, ms, true).await {
        Some(outcome) => outcome.map_err(|_| TransportError::Unreachable),
        None => {
            let _ = js::invoke(controller, "abort", &[]);
            Err(TransportError::TimedOut)
        }
    }
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

fn init(request: &Request, body: Option<&str>, controller: &JsValue) -> JsValue {
    let headers = Object::new();
    let is_stream = matches!(request.body, Body::Events);
    js::set(&headers, "Accept", if is_stream { "text/event-stream" } else { "application/json" });
    if let Some(bearer) = &request.bearer {
        js::set(&headers, "Authorization", ["Bearer ", bearer.expose()].concat());
    }
    let method = match request.method {
        Method::Get => "GET",
        Method::Post => "POST",
        Method::Patch => "PATCH",
    };
    let init = js::object(&[
        ("method", method.into()),
        // No cookie goes along, and no cache keeps a token.
        ("credentials", "omit".into()),
        ("cache", "no-store".into()),
        ("referrerPolicy", "no-referrer".into()),
        // The body holds a secret that is meant for this host.
        ("redirect", "error".into()),
    ]);
    if let Some(body) = body {
        js::set(&headers, "Content-Type", "application/json");
        js::set(&init, "body", body);
    }
    if request.keepalive {
        js::set(&init, "keepalive", true);
    }
    let signal = js::get(controller, "signal");
    if signal.is_object() {
        js::set(&init, "signal", signal);
    }
    js::set(&init, "headers", headers);
    init.into()
}

/// A word of a stream: the answer to a check, or an error, which has no status here.
pub(super) fn read_word(text: &str) -> Option<Reply> {
    let object = wire::parse(text)?;
    let status = if object.has("errorCode") { 0 } else { 200 };
    Some(Reply::read(&Body::Events, status, &object))
}

fn read_reply(expected: &Body, status: u16, text: Option<&str>) -> Reply {
    // Whatever an app's own `fetch` hands out: a text, or something else.
    let object = text.filter(|text| text.len() <= LONGEST_REPLY).and_then(wire::parse);
    let Some(object) = object else { return Reply::Unreadable };
    Reply::read(expected, status, &object)
}

/// `Retry-After`: seconds, or a date.
fn retry_after_ms(text: &str) -> Option<f64> {
    let seconds = js_sys::Number::from(JsValue::from(text)).value_of();
    let ms =
        if seconds.is_nan() { js_sys::Date::parse(text) - js_sys::Date::now() } else { seconds * 1_000.0 };
    ms.is_finite().then(|| ms.max(0.0))
}
