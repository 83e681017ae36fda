//! Keeps browsers away from where only servers belong: an API key in a page is an API key in everybody's hands.
//! Both gates judge by headers that only a browser sends, before anything is looked up.

use super::{Platform, cors::vary, credentials::bearer, exposed_keys, failure::Failure};
use axum::{
    extract::{Request, State},
    http::{HeaderMap, Method, header::ORIGIN},
    middleware::Next,
    response::{IntoResponse, Response},
};
use sentiance_protocol::{API_KEY_PREFIX, ErrorCode};
use std::sync::Arc;

/// Refuses every call from a browser. A preflight gets its 405 without any CORS header from the router.
pub(super) async fn refuse_browsers(
    State(platform): State<Arc<Platform>>,
    request: Request,
    next: Next,
) -> Response {
    if request.method() != Method::OPTIONS && is_from_browser(request.headers()) {
        exposed_keys::report(&platform, &request);
        return Failure::new(ErrorCode::BrowserNotAllowed).into_response();
    }
    next.run(request).await
}

/// Refuses a browser's call that carries an API key, on endpoints that pages may call with a user's token.
pub(super) async fn refuse_api_keys_in_browsers(
    State(platform): State<Arc<Platform>>,
    request: Request,
    next: Next,
) -> Response {
    let has_api_key = bearer(request.headers()).is_some_and(|text| text.starts_with(API_KEY_PREFIX));
    if has_api_key && is_from_browser(request.headers()) {
        exposed_keys::report(&platform, &request);
        let message = "An API key must never reach a browser: revoke this one.";
        return vary(Failure::saying(ErrorCode::BrowserNotAllowed, message).into_response(), &[ORIGIN]);
    }
    next.run(request).await
}

/// `Sec-Fetch-Site: none` is a person who typed the address, which no page can bring about.
fn is_from_browser(headers: &HeaderMap) -> bool {
    headers.contains_key(ORIGIN) || headers.get_all("sec-fetch-site").iter().any(|site| site != "none")
}
