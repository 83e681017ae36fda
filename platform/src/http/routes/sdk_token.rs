//! `POST /sdk/v1/token`: the SDK refreshes its session.

use super::{idempotency_key, on_the_wire};
use crate::{
    domain::{IsKnown, NewPair, RefreshTokens, Refreshed},
    http::{
        PlatformState,
        body::JsonBody,
        cors::OriginToCheck,
        failure::Failure,
        limits::{Exchange, exchange::REFRESH_TOKEN},
        trace::Traced,
    },
    secret::{Plain, RefreshToken},
};
use axum::{Json, extract::State};
use sentiance_protocol::{ErrorCode, RefreshRequest, RefreshResponse};

pub(in crate::http) async fn refresh(
    State(platform): PlatformState,
    OriginToCheck(origin): OriginToCheck,
    exchange: Exchange,
    Traced(trace): Traced,
    JsonBody(body): JsonBody<RefreshRequest>,
) -> Result<Json<RefreshResponse>, Failure> {
    let idempotency_key = idempotency_key(&body.idempotency_key)?;
    let presented = Plain::<RefreshToken>::parse(body.refresh_token.expose())
        .ok_or_else(|| exchange.failed(REFRESH_TOKEN, Failure::new(ErrorCode::TokenInvalid)))?;
    let now = platform.clock.now();
    let work = RefreshTokens {
        pair: NewPair::following(&presented, &*platform.random),
        presented,
        idempotency_key,
        origin,
        lifetimes: platform.settings.lifetimes,
        trace,
        now,
    };
    match exchange.of(IsKnown::RefreshToken(work.presented.clone()), work, outcome).await? {
        Refreshed::Granted(grant) => {
            Ok(Json(RefreshResponse { token: on_the_wire(&grant), server_time: now.into() }))
        }
        Refreshed::SessionRevoked(session) => {
            let (app_id, user_id, install_id) = (session.app_id, session.user_id, session.install_id);
            tracing::warn!(%app_id, %user_id, %install_id, "an old refresh token came back: session revoked");
            Err(Failure::new(ErrorCode::SessionEnded))
        }
    }
}

/// As the metrics name it.
fn outcome(refreshed: &Refreshed) -> &'static str {
    match refreshed {
        Refreshed::Granted(_) => "refreshed",
        Refreshed::SessionRevoked(_) => "reuse_detected",
    }
}
