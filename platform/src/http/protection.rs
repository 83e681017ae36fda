//! What stands around every endpoint: limits, deadlines, a fence for panics, and the one shape of error answers.

use super::{Platform, failure::Failure, trace::Traced};
use axum::{
    Json,
    extract::Request,
    http::{
        HeaderMap, HeaderValue, StatusCode,
        header::{
            CACHE_CONTROL, CONTENT_LENGTH, CONTENT_TYPE, REFERRER_POLICY, RETRY_AFTER, WWW_AUTHENTICATE,
            X_CONTENT_TYPE_OPTIONS,
        },
    },
    middleware::Next,
    response::{IntoResponse, Response},
};
use sentiance_protocol::ErrorCode;
use std::any::Any;
use tower_http::{catch_panic::CatchPanicLayer, timeout::TimeoutLayer};

/// How long a caller shall wait when the platform is overloaded, restarts, or cannot store, in seconds.
const RETRY_AFTER_SECONDS: u64 = 1;
/// What server-sent events are sent as.
const EVENT_STREAM: &[u8] = b"text/event-stream";

type CatchPanic = CatchPanicLayer<fn(Box<dyn Any + Send>) -> Response>;

/// Keeps what a handler does within its time, and its panic to itself. Inside of what decides who may read the answer.
pub(super) fn fence(platform: &Platform) -> (CatchPanic, TimeoutLayer) {
    let deadline = platform.settings.request_deadline;
    (catch_panic(), TimeoutLayer::with_status_code(StatusCode::REQUEST_TIMEOUT, deadline))
}

/// Turns a panic into an answer.
pub(super) fn catch_panic() -> CatchPanic {
    CatchPanicLayer::custom(panicked as fn(_) -> _)
}

fn panicked(panic: Box<dyn Any + Send + 'static>) -> Response {
    let cause = panic
        .downcast_ref::<String>()
        .map(String::as_str)
        .or_else(|| panic.downcast_ref::<&str>().copied())
        .unwrap_or("a panic without a message");
    Failure { cause: Some(cause.to_owned()), ..Failure::new(ErrorCode::InternalError) }.into_response()
}

/// Completes every answer: none may be cached, or taken for anything but what it is, and each failure gets its body.
pub(super) async fn complete(Traced(trace): Traced, request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let status = response.status();
    if status.is_client_error() || status.is_server_error() {
        let failure = response.extensions_mut().remove().unwrap_or_else(|| Failure::of_status(status));
        response = render(&failure, trace.request.unwrap_or_default(), response.headers());
        // For the log, and for the metrics.
        response.extensions_mut().insert(failure);
    }
    let headers = response.headers_mut();
    // A proxy that compresses collects what it compresses, and with it the events of a stream.
    let is_stream = headers.get(CONTENT_TYPE).is_some_and(|kind| kind.as_bytes().starts_with(EVENT_STREAM));
    let caching = if is_stream { "no-store, no-transform" } else { "no-store" };
    headers.insert(CACHE_CONTROL, HeaderValue::from_static(caching));
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

/// The error answer itself. Headers that others added (which methods are allowed, who may read it) stay.
fn render(failure: &Failure, reference: String, headers: &HeaderMap) -> Response {
    let code = failure.code;
    let body = failure.to_body(reference);
    let status = StatusCode::from_u16(code.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = (status, Json(body)).into_response();
    for (name, value) in headers {
        if name != CONTENT_LENGTH && !response.headers().contains_key(name) {
            response.headers_mut().append(name, value.clone());
        }
    }
    let usual = (status == StatusCode::SERVICE_UNAVAILABLE).then_some(RETRY_AFTER_SECONDS);
    if let Some(seconds) = failure.retry_after.or(usual) {
        response.headers_mut().insert(RETRY_AFTER, seconds.into());
    }
    if status == StatusCode::UNAUTHORIZED {
        response.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    }
    response
}

#[cfg(test)]
mod tests {
    use super::{Platform, catch_panic, complete, fence};
    use crate::{clock::SystemClock, http::Settings, random::OsRandomness, store::Store};
    use axum::{Router, body::Body, extract::Request, middleware::from_fn, routing::get};
    use http_body_util::BodyExt;
    use sentiance_protocol::{ErrorBody, ErrorCode};
    use std::sync::Arc;
    use tower::ServiceExt;

    async fn broken() -> &'static str {
        panic!("a cause for the log only")
    }

    #[tokio::test]
    async fn a_panic_becomes_an_error_answer_that_does_not_tell_its_cause() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&folder.path().join("platform.db")).await.unwrap();
        let platform = Arc::new(Platform::new(store, SystemClock, OsRandomness, Settings::default()));
        let router = Router::new().route("/broken", get(broken)).route_layer(fence(&platform));
        let router = router.layer((from_fn(complete), catch_panic())).with_state(platform);
        let request = Request::builder().uri("/broken").body(Body::empty()).unwrap();
        let response = router.oneshot(request).await.unwrap();
        assert_eq!(response.status(), 500);
        let body = response.into_body().collect().await.unwrap().to_bytes();
        let body: ErrorBody = serde_json::from_slice(&body).unwrap();
        assert_eq!(body.error_code, ErrorCode::InternalError.as_str());
        assert!(!body.message.contains("cause for the log"));
    }
}
