//! Which pages may call the SDK's endpoints: those whose origin an application lists.
//!
//! A preflight carries no credential, so it asks whether *any* application lists the origin. The call itself is then
//! checked against the application that its credential belongs to: by the use case, which knows it.

use super::{Platform, failure::Failure};
use crate::{domain::IsOriginListed, model::Origin};
use axum::{
    extract::{FromRequestParts, Request, State},
    http::{
        HeaderMap, HeaderName, HeaderValue, Method, StatusCode,
        header::{
            ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
            ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_HEADERS,
            ACCESS_CONTROL_REQUEST_METHOD, ORIGIN, VARY,
        },
        request::Parts,
    },
    middleware::Next,
    response::{IntoResponse, Response},
};
use sentiance_protocol::ErrorCode;
use std::{convert::Infallible, sync::Arc};

/// The longest that browsers remember a preflight is two hours.
const PREFLIGHT_SECONDS: HeaderValue = HeaderValue::from_static("7200");
const METHODS: HeaderValue = HeaderValue::from_static("GET, POST, PATCH, DELETE");
/// What the SDK itself sends.
const OWN_HEADERS: &str = "authorization, content-type, if-none-match";
/// How many bytes of further names a preflight may ask for: more than any tools of a page add together.
const LONGEST_HEADER_LIST: usize = 2_048;
/// How many names of a preflight are looked at.
const MOST_HEADERS: usize = 100;
const EXPOSED_HEADERS: HeaderValue =
    HeaderValue::from_static("etag, ratelimit, ratelimit-policy, retry-after, x-request-id");

/// The origin that the credential's application must list; nothing where there is none to check.
#[derive(Clone)]
pub(super) struct OriginToCheck(pub(super) Option<Origin>);

impl<S: Sync> FromRequestParts<S> for OriginToCheck {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(parts.extensions.get().cloned().unwrap_or(OriginToCheck(None)))
    }
}

/// Answers preflights, refuses pages that no application lists, and lets the others read the answers.
pub(super) async fn share_with_listed_origins(
    State(platform): State<Arc<Platform>>,
    mut request: Request,
    next: Next,
) -> Response {
    let mut headers = request.headers().get_all(ORIGIN).iter().cloned();
    let (header, another) = (headers.next(), headers.next());
    let Some(header) = header else {
        // No page: an app's own HTTP client. Caches must know that pages get other headers.
        return vary(next.run(request).await, &[ORIGIN]);
    };
    let origin = match another {
        None => judge(&platform, &header).await,
        // No browser sends two: whoever forwards them would read the one, and the platform the other.
        Some(_) => Err(Failure::new(ErrorCode::OriginNotAllowed)),
    };
    let origin = match origin {
        Ok(origin) => origin,
        Err(failure) => return vary(failure.into_response(), &[ORIGIN]),
    };
    if is_preflight(request.method(), request.headers()) {
        return preflight(header, request.headers());
    }
    request.extensions_mut().insert(origin);
    let mut response = vary(next.run(request).await, &[ORIGIN]);
    let refused = response
        .extensions()
        .get::<Failure>()
        .is_some_and(|failure| failure.code == ErrorCode::OriginNotAllowed);
    if !refused {
        share(&mut response, header);
    }
    response
}

/// Lets pages of this origin read the answer.
pub(super) fn share(response: &mut Response, origin: HeaderValue) {
    let headers = response.headers_mut();
    headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin);
    headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSED_HEADERS);
}

async fn judge(platform: &Platform, header: &HeaderValue) -> Result<OriginToCheck, Failure> {
    let refused = || Failure::new(ErrorCode::OriginNotAllowed);
    let origin: Origin = header.to_str().ok().and_then(|text| text.parse().ok()).ok_or_else(refused)?;
    if platform.settings.allow_loopback_origins && origin.is_loopback() {
        return Ok(OriginToCheck(None));
    }
    let listed = platform.store.look_up(IsOriginListed(origin.clone())).await?;
    listed.then_some(OriginToCheck(Some(origin))).ok_or_else(refused)
}

fn is_preflight(method: &Method, headers: &HeaderMap) -> bool {
    method == Method::OPTIONS && headers.contains_key(ACCESS_CONTROL_REQUEST_METHOD)
}

fn preflight(origin: HeaderValue, requested: &HeaderMap) -> Response {
    let mut response = StatusCode::NO_CONTENT.into_response();
    let headers = response.headers_mut();
    headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin);
    headers.insert(ACCESS_CONTROL_ALLOW_METHODS, METHODS);
    headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, allowed_headers(requested));
    headers.insert(ACCESS_CONTROL_MAX_AGE, PREFLIGHT_SECONDS);
    vary(response, &[ORIGIN, ACCESS_CONTROL_REQUEST_METHOD, ACCESS_CONTROL_REQUEST_HEADERS])
}

/// What the SDK sends, and what the page asks for besides: monitoring and tracing tools add headers to every `fetch`
/// (`traceparent`, `baggage`, `sentry-trace`, those of a vendor), and one that is not allowed would stop every call.
///
/// That is safe for an origin that was judged before. No header carries a right here that the page's own client could not
/// send anyway, since calls are made without credentials of the browser; and `*` would not do, since it does not cover
/// `authorization`, and older browsers take it for a name: https://fetch.spec.whatwg.org/#cors-non-wildcard-request-header-name
fn allowed_headers(requested: &HeaderMap) -> HeaderValue {
    let lists = requested.get_all(ACCESS_CONTROL_REQUEST_HEADERS).iter();
    let names =
        lists.filter_map(|list| list.to_str().ok()).flat_map(|list| list.split(',')).take(MOST_HEADERS);
    let mut allowed = OWN_HEADERS.to_owned();
    for name in names.filter_map(|name| HeaderName::from_bytes(name.trim().as_bytes()).ok()) {
        if allowed.len() + name.as_str().len() > LONGEST_HEADER_LIST {
            break;
        }
        if !allowed.split(", ").any(|known| known == name.as_str()) {
            allowed.push_str(", ");
            allowed.push_str(name.as_str());
        }
    }
    HeaderValue::from_str(&allowed).unwrap_or(HeaderValue::from_static(OWN_HEADERS))
}

pub(super) fn vary(mut response: Response, names: &[HeaderName]) -> Response {
    for name in names {
        response.headers_mut().append(VARY, HeaderValue::from(name.clone()));
    }
    response
}
