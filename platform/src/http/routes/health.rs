//! `GET /healthz` and `GET /readyz`: for whoever runs the platform.

use crate::{
    domain::Ping,
    http::{PlatformState, failure::Failure},
};
use axum::extract::State;

/// The process answers.
pub(in crate::http) async fn alive() -> &'static str {
    "ok"
}

/// The database answers too: asked through the writer, since a platform that can only read is not ready.
pub(in crate::http) async fn ready(State(platform): PlatformState) -> Result<&'static str, Failure> {
    platform.store.write(Ping).await?;
    Ok("ready")
}
