//! `GET /metrics`, on an address of its own: for Prometheus.

use crate::http::{PlatformState, failure::Failure};
use axum::{
    extract::State,
    http::{HeaderName, HeaderValue, header::CONTENT_TYPE},
};
use sentiance_protocol::ErrorCode;

const OPEN_METRICS: HeaderValue =
    HeaderValue::from_static("application/openmetrics-text; version=1.0.0; charset=utf-8");

pub(in crate::http) async fn show(
    State(platform): PlatformState,
) -> Result<([(HeaderName, HeaderValue); 1], String), Failure> {
    platform.metrics.log_bytes(platform.store.log_bytes());
    let text = platform.metrics.to_text().map_err(|_| Failure::new(ErrorCode::InternalError))?;
    Ok(([(CONTENT_TYPE, OPEN_METRICS)], text))
}
