//! `GET /healthz` and `GET /readyz`: for whoever runs the platform.

use crate::http::{PlatformState, failure::Failure};
use axum::extract::State;

/// The process answers.
pub(in crate::http) async fn alive() -> &'static str {
    "ok"
}

/// The database can be read and written too. A request causes no write: the platform itself tries one.
pub(in crate::http) async fn ready(State(platform): PlatformState) -> Result<&'static str, Failure> {
    platform.store.health().await?;
    Ok("ready")
}
