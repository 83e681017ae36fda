//! Requests to the platform, through `fetch`.

use super::js;
use super::pump::Driver;
use super::table::Table;
use super::wire;
use crate::core::{Body, Event, Method, Reply, Request, Response, Ticket, TransportError};
use js_sys::Object;
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
        self.under_way.insert(ticket, controller.clone());
        spawn_local(async move {
            let outcome = exchange(driver, &request, &controller).await;
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
    request: &Request,
    controller: &JsValue,
) -> Result<Response, TransportError> {
    let Some(fetch) = driver.options.fetch() else { return Err(TransportError::NoFetch) };
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
    let (etag, retry_after_ms) =
        (header("etag"), header("retry-after").and_then(|text| retry_after_ms(&text)));

    let reading = js::invoke(&response, "text", &[]).and_then(Result::ok).unwrap_or(JsValue::UNDEFINED);
    let left = (request.timeout_ms - (js_sys::Date::now() - started_at)).clamp(0.0, request.timeout_ms);
    let text = before_deadline(&reading, left, controller).await?;
    let received = text.as_string();
    let bytes =
        [body.as_deref(), received.as_deref()].into_iter().flatten().map(str::len).sum::<usize>() as f64;
    let reply = read_reply(&request.body, status, etag, received.as_deref());
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
        Body::Config => None,
    }
}

fn init(request: &Request, body: Option<&str>, controller: &JsValue) -> JsValue {
    let headers = Object::new();
    js::set(&headers, "Accept", "application/json");
    if let Some(bearer) = &request.bearer {
        js::set(&headers, "Authorization", ["Bearer ", bearer.expose()].concat());
    }
    if let Some(etag) = &request.etag {
        js::set(&headers, "If-None-Match", etag.as_str());
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

fn read_reply(expected: &Body, status: u16, etag: Option<String>, text: Option<&str>) -> Reply {
    if status == 304 {
        return Reply::Empty;
    }
    // Whatever an app's own `fetch` hands out: a text, or something else.
    let object = text.filter(|text| text.len() <= LONGEST_REPLY).and_then(wire::parse);
    let Some(object) = object else { return Reply::Unreadable };
    Reply::read(expected, status, etag, &object)
}

/// `Retry-After`: seconds, or a date.
fn retry_after_ms(text: &str) -> Option<f64> {
    let seconds = js_sys::Number::from(JsValue::from(text)).value_of();
    let ms =
        if seconds.is_nan() { js_sys::Date::parse(text) - js_sys::Date::now() } else { seconds * 1_000.0 };
    ms.is_finite().then(|| ms.max(0.0))
}
