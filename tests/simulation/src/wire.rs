//! What the SDK's driver does in JavaScript: requests become HTTP, and HTTP becomes answers.

use crate::server::Answer;
use axum::{
    body::Body as HttpBody,
    http::{self, HeaderMap},
};
use sentiance_core::core::{Body, Method, Reply, Request, Response};
use serde::de::DeserializeOwned;

/// The origin of the app's pages, which the application lists.
pub(crate) const ORIGIN: &str = "https://app.example.com";

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

fn write_body(body: &Body) -> Option<String> {
    match body {
        Body::CreateUser(body) => serde_json::to_string(&**body).ok(),
        Body::Refresh(body) => serde_json::to_string(body).ok(),
        Body::Link(body) => serde_json::to_string(body).ok(),
        Body::Metadata(body) => serde_json::to_string(body).ok(),
        Body::Detections(text) => Some(text.clone()),
        Body::Goodbye | Body::ConfirmLink => Some("{}".to_owned()),
        Body::Config | Body::Events => None,
    }
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

fn read_reply(expected: &Body, answer: &Answer) -> Option<Reply> {
    match (answer.status, expected) {
        (200..=299, Body::CreateUser(_)) => parse(&answer.body).map(|user| Reply::User(Box::new(user))),
        (200..=299, Body::Refresh(_)) => parse(&answer.body).map(Reply::Token),
        (200..=299, Body::Config) => parse(&answer.body).map(Reply::Config),
        (200..=299, Body::Link(_) | Body::ConfirmLink) => parse(&answer.body).map(Reply::Linked),
        (200..=299, Body::Detections(_)) => {
            parse::<serde_json::Value>(&answer.body)?.get("accepted")?.as_f64().map(|_| Reply::Empty)
        }
        (200..=299, Body::Goodbye | Body::Metadata(_)) => parse::<serde_json::Map<_, _>>(&answer.body)
            .map(|_: serde_json::Map<String, serde_json::Value>| Reply::Empty),
        _ => parse(&answer.body).map(Reply::Error),
    }
}

fn parse<T: DeserializeOwned>(body: &[u8]) -> Option<T> {
    serde_json::from_slice(body).ok()
}

pub(crate) fn header<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    headers.get(name)?.to_str().ok()
}
