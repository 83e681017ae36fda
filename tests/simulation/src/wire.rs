//! What the SDK's driver does in JavaScript: requests become HTTP, and HTTP becomes answers.

use crate::{json, server::Answer};
use axum::{
    body::Body as HttpBody,
    http::{self, HeaderMap},
};
use sentiance_core::core::{Body, Method, Reply, Request, Response};
use sentiance_protocol::Message;

/// The origin of the app's pages, which the application lists.
pub(crate) const ORIGIN: &str = "https://app.example.com";
/// Where the platform is, as every request of HTTP/1.1 says.
pub(crate) const HOST: &str = "platform.example.com";

/// What the driver would send.
pub(crate) fn to_http(request: &Request) -> http::Request<HttpBody> {
    let method = match request.method {
        Method::Get => http::Method::GET,
        Method::Post => http::Method::POST,
        Method::Patch => http::Method::PATCH,
    };
    let mut http = http::Request::builder()
        .method(method)
        .uri(request.path)
        .header("host", HOST)
        .header("origin", ORIGIN)
        .header("sec-fetch-site", "cross-site")
        .header("accept", "application/json");
    if let Some(bearer) = &request.bearer {
        http = http.header("authorization", format!("Bearer {}", bearer.expose()));
    }
    let body = write_body(&request.body);
    if body.is_some() {
        http = http.header("content-type", "application/json");
    }
    http.body(body.map_or_else(HttpBody::empty, HttpBody::from)).expect("a request")
}

/// The SDK's own writing.
fn write_body(body: &Body) -> Option<String> {
    match body {
        Body::CreateUser(body) => Some(write(&**body)),
        Body::Refresh(body) => Some(write(body)),
        Body::Link(body) => Some(write(body)),
        Body::Metadata(body) => Some(write(body)),
        Body::Detections(text) => Some(text.clone()),
        Body::Goodbye | Body::ConfirmLink => Some("{}".to_owned()),
        Body::Config | Body::Events => None,
    }
}

fn write<T: Message>(message: &T) -> String {
    json::write(message).0.to_string()
}

/// What the driver would make of an answer. A page is shown only what its origin may read.
pub(crate) fn read(expected: &Body, answer: &Answer) -> Option<Response> {
    (header(&answer.headers, "access-control-allow-origin") == Some(ORIGIN)).then_some(())?;
    let retry_after = header(&answer.headers, "retry-after").and_then(|text| text.parse::<f64>().ok());
    Some(Response {
        status: answer.status,
        reply: read_reply(expected, answer).unwrap_or(Reply::Unreadable),
        retry_after_ms: retry_after.map(|seconds| seconds * 1_000.0),
        bytes: answer.body.len() as f64,
    })
}

/// The SDK's own reading.
fn read_reply(expected: &Body, answer: &Answer) -> Option<Reply> {
    let object = json::parse(str::from_utf8(&answer.body).ok()?)?;
    Some(Reply::read(expected, answer.status, &object))
}

pub(crate) fn header<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    headers.get(name)?.to_str().ok()
}
