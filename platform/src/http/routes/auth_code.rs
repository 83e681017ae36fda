//! `POST /users/auth-code`: an application's server asks for a code for one of its users.

use crate::{
    domain::IssueCode,
    http::{PlatformState, body::JsonBody, credentials::Credential, failure::Failure, limits::Meter},
    model::{ExternalId, Scope},
    secret::Plain,
};
use axum::{
    Json,
    extract::{FromRequest, Request, State},
};
use sentiance_protocol::{AuthCodeRequest, AuthCodeResponse, ErrorCode, Secret};

pub(in crate::http) async fn issue(
    State(platform): PlatformState,
    credential: Credential,
    meter: Meter,
    request: Request,
) -> Result<Json<AuthCodeResponse>, Failure> {
    // The key comes first: a body from somebody unknown is not even read.
    let server = credential.server(&platform, Scope::UserLink).await?;
    let JsonBody(body) = JsonBody::<AuthCodeRequest>::from_request(request, &platform).await?;
    let external_id =
        ExternalId::parse(body.external_id).ok_or(Failure::new(ErrorCode::InvalidExternalId))?;
    let now = platform.clock.now();
    platform.limits.charge_external_id(server.app_id(), &external_id, now, &meter)?;
    let code = Plain::new_code(server.app_id(), &*platform.random);
    let work = server.acting(IssueCode { external_id, code: code.hash() });
    let expires_at = platform.store.write(work).await?;
    Ok(Json(AuthCodeResponse {
        authentication_code: Secret::new(code.reveal()),
        expires_at: expires_at.to_iso8601(),
    }))
}
