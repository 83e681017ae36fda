//! `POST /sdk/v1/link` and `/sdk/v1/link/confirm`: the SDK links its user by a code, or learns that the app's server did.

use crate::{
    domain::{ConfirmLink, LinkByCode},
    http::{
        PlatformState,
        body::JsonBody,
        credentials::Credential,
        failure::Failure,
        limits::{Exchange, exchange::CODE},
        trace::Traced,
    },
    model::Permission,
    secret::Plain,
};
use axum::{
    Json,
    extract::{FromRequest, Request, State},
};
use sentiance_protocol::{ErrorCode, LinkRequest, LinkResponse};

pub(in crate::http) async fn by_code(
    State(platform): PlatformState,
    credential: Credential,
    exchange: Exchange,
    Traced(trace): Traced,
    request: Request,
) -> Result<Json<LinkResponse>, Failure> {
    let user = credential.user(&platform, Permission::ActForUser).await?;
    let JsonBody(body) = JsonBody::<LinkRequest>::from_request(request, &platform).await?;
    let code = Plain::parse_code(body.authentication_code.expose())
        .ok_or_else(|| exchange.failed(CODE, Failure::new(ErrorCode::AuthenticationCodeInvalid)))?;
    let work = user.acting(LinkByCode { code: code.hash(), trace });
    Ok(Json(exchange.of_code(code.hash(), work, |_| "linked").await?))
}

/// The body is `{}` and tells nothing.
pub(in crate::http) async fn confirm(
    State(platform): PlatformState,
    credential: Credential,
) -> Result<Json<LinkResponse>, Failure> {
    let user = credential.user(&platform, Permission::LearnState).await?;
    Ok(Json(platform.store.write(user.acting(ConfirmLink)).await?))
}
