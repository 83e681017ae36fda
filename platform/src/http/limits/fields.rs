//! What an answer says about limits: `RateLimit-Policy` and `RateLimit`, of the IETF's draft
//! "RateLimit header fields for HTTP" (draft-ietf-httpapi-ratelimit-headers).

use super::{Exhausted, Policy, Standing};
use crate::http::failure::Failure;
use axum::{
    extract::{FromRequestParts, Request},
    http::{HeaderMap, HeaderName, HeaderValue, request::Parts},
    middleware::Next,
    response::Response,
};
use std::{
    convert::Infallible,
    sync::{Arc, Mutex, PoisonError},
};

const POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");
const LIMIT: HeaderName = HeaderName::from_static("ratelimit");

/// Where one request stands with the limits that were applied to it. Shared by everything that handles the request.
#[derive(Clone, Debug, Default)]
pub(in crate::http) struct Meter(Arc<Mutex<Vec<(Policy, Standing)>>>);

impl<S: Sync> FromRequestParts<S> for Meter {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(parts.extensions.get().cloned().unwrap_or_default())
    }
}

impl Meter {
    /// Notes what a limit says, and turns a refusal into its answer.
    pub(super) fn settle(
        &self,
        policy: Policy,
        said: Option<Result<Standing, Exhausted>>,
    ) -> Result<(), Failure> {
        let (Some(Ok(standing)) | Some(Err(Exhausted(standing)))) = said else { return Ok(()) };
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push((policy, standing));
        match said {
            Some(Err(_)) => Err(Failure::limited(policy, standing)),
            _ => Ok(()),
        }
    }

    fn write(&self, headers: &mut HeaderMap) {
        let standings = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let list = |item: fn(&(Policy, Standing)) -> String| {
            let items: Vec<_> = standings.iter().map(item).collect();
            HeaderValue::try_from(items.join(", "))
        };
        // Names and numbers always make a header.
        if let (false, Ok(policies), Ok(limits)) = (standings.is_empty(), list(policy), list(limit)) {
            headers.insert(POLICY, policies);
            headers.insert(LIMIT, limits);
        }
    }
}

/// So many (`q`) in so many seconds (`w`).
fn policy((policy, standing): &(Policy, Standing)) -> String {
    let rate = standing.rate;
    format!("\"{}\";q={};w={}", policy.as_str(), rate.burst, seconds(rate.window_ns()))
}

/// So many more (`r`) within so many seconds (`t`): then one more comes back.
fn limit((policy, standing): &(Policy, Standing)) -> String {
    let mut item = format!("\"{}\";r={}", policy.as_str(), standing.remaining);
    if standing.next_ns > 0 {
        item.push_str(&format!(";t={}", standing.retry_after()));
    }
    item
}

impl Standing {
    /// Whole seconds until one more is allowed; never too few.
    pub(in crate::http) fn retry_after(self) -> u64 {
        seconds(self.next_ns)
    }
}

/// Rounded up: who waits so long has waited long enough.
fn seconds(nanoseconds: i64) -> u64 {
    u64::try_from(nanoseconds).unwrap_or(0).div_ceil(1_000_000_000)
}

/// Lets an answer say where its request stands with the limits.
pub(in crate::http) async fn announce(mut request: Request, next: Next) -> Response {
    let meter = Meter::default();
    request.extensions_mut().insert(meter.clone());
    let mut response = next.run(request).await;
    meter.write(response.headers_mut());
    response
}
