//! One line in the log, and one count in the metrics, for each request, under the request's id.
//!
//! The line tells the route's template and never the path, which holds ids; no query, no header and nothing of a body. An
//! address is personal data: only the refusal of a limit names it, since whoever runs the platform must be able to
//! shut out where a flood comes from.

use super::{
    Platform,
    client::ClientAddress,
    failure::Failure,
    limits::Policy,
    trace::{Traced, new_reference},
};
use axum::{
    extract::{MatchedPath, Request, State},
    http::{HeaderName, HeaderValue, Method},
    middleware::Next,
    response::Response,
};
use std::{sync::Arc, time::Duration};
use tokio::time::Instant;

/// Tells the caller the id, whatever the answer. It is always made here: what a caller calls its request is the caller's
/// affair. Taken for ours, it would put its words into the log, and let it hide among the requests of others.
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Stands around everything that answers.
pub(super) async fn observe(
    State(platform): State<Arc<Platform>>,
    client: ClientAddress,
    mut request: Request,
    next: Next,
) -> Response {
    let id = new_reference(&*platform.random);
    request.extensions_mut().insert(Traced::new(client, id.clone()));
    let mut observed = Observed {
        method: name_of(request.method()),
        route: request.extensions().get::<MatchedPath>().map(|path| path.as_str().to_owned()),
        started: Instant::now(),
        platform,
        client,
        id,
        answered: false,
    };
    let mut response = next.run(request).await;
    observed.answered(response.status().as_u16(), response.extensions().get::<Failure>());
    if let Ok(id) = HeaderValue::from_str(&observed.id) {
        response.headers_mut().insert(REQUEST_ID, id);
    }
    response
}

struct Observed {
    platform: Arc<Platform>,
    id: String,
    client: ClientAddress,
    method: &'static str,
    route: Option<String>,
    started: Instant,
    answered: bool,
}

impl Observed {
    fn answered(&mut self, status: u16, failure: Option<&Failure>) {
        self.answered = true;
        let (method, route, id) = (self.method, self.route.as_deref().unwrap_or("none"), &self.id);
        let took = self.started.elapsed();
        let ms = in_ms(took);
        let error_code = failure.map(|failure| failure.code.as_str());
        let cause = failure.and_then(|failure| failure.cause.as_deref());
        let limit = failure.and_then(|failure| failure.limit).map(Policy::as_str);
        let address = limit.map(|_| tracing::field::display(self.client.prefix()));
        if status >= 500 {
            tracing::error!(method, route, status, ms, "ref" = id.as_str(), error_code, cause, "failed");
        } else if failure.is_some() {
            tracing::info!(
                method,
                route,
                status,
                ms,
                "ref" = id.as_str(),
                error_code,
                cause,
                limit,
                address,
                "refused"
            );
        } else {
            tracing::info!(method, route, status, ms, "ref" = id.as_str(), "answered");
        }

        let metrics = &self.platform.metrics;
        metrics.answered(route, method, status, took);
        if let Some(limit) = limit {
            metrics.refused_by(limit);
        }
        if let Some(kind) = failure.and_then(|failure| failure.store_error) {
            metrics.store_failed(kind);
        }
    }
}

/// The caller went away before it had its answer; what it asked for may have been done all the same.
impl Drop for Observed {
    fn drop(&mut self) {
        if !self.answered {
            let (method, route, id) = (self.method, self.route.as_deref().unwrap_or("none"), &self.id);
            tracing::info!(
                method,
                route,
                ms = in_ms(self.started.elapsed()),
                "ref" = id.as_str(),
                "abandoned"
            );
        }
    }
}

/// With one digit behind the point.
fn in_ms(span: Duration) -> f64 {
    (span.as_secs_f64() * 10_000.0).round() / 10.0
}

/// The methods that somebody may have a use for; a caller can invent others.
fn name_of(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::PATCH => "PATCH",
        Method::DELETE => "DELETE",
        Method::OPTIONS => "OPTIONS",
        _ => "other",
    }
}
