//! Requests whose head says a thing twice: a proxy before the platform may have read the other one.

use super::failure::Failure;
use axum::{
    extract::Request,
    http::{
        HeaderMap, HeaderName, HeaderValue, Version,
        header::{AUTHORIZATION, CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, HOST, TRANSFER_ENCODING},
    },
    middleware::Next,
    response::{IntoResponse, Response},
};
use sentiance_protocol::ErrorCode;

/// What may stand in a head once. Of two lengths that differ, hyper has refused the request; of two origins, `cors` does.
const ONCE: [HeaderName; 4] = [AUTHORIZATION, CONTENT_TYPE, HOST, TRANSFER_ENCODING];

/// Refuses them, before anything is looked up.
pub(super) async fn refuse_ambiguous(request: Request, next: Next) -> Response {
    let is_chunked = request.headers().contains_key(TRANSFER_ENCODING);
    let mut response = match ambiguity(request.version(), request.headers()) {
        Some(message) => Failure::saying(ErrorCode::MalformedRequest, message).into_response(),
        None => next.run(request).await,
    };
    if is_chunked {
        // hyper drops a length that follows the encoding, so it cannot be seen here. What came behind the body, as
        // another reader took it, must not become the next request (RFC 9112, section 6.1).
        response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    }
    response
}

fn ambiguity(version: Version, headers: &HeaderMap) -> Option<String> {
    let twice = ONCE.iter().find(|name| headers.get_all(*name).iter().nth(1).is_some());
    if let Some(name) = twice {
        return Some(format!("The header {name} is there more than once."));
    }
    if headers.contains_key(TRANSFER_ENCODING) && headers.contains_key(CONTENT_LENGTH) {
        return Some("A request has transfer-encoding or content-length, not both.".to_owned());
    }
    // RFC 9112, section 3.2.
    let needs_host = version == Version::HTTP_11 && !headers.contains_key(HOST);
    needs_host.then(|| "The header host is missing.".to_owned())
}
