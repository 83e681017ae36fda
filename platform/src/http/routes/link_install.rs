//! `POST /v2/users/:install_id/link`: an application's server links the user of an install.

use crate::{
    domain::LinkInstall,
    http::{PlatformState, body::JsonBody, credentials::Credential, failure::Failure, trace::Traced},
    model::{ExternalId, InstallId, Scope},
};
use axum::{
    Json,
    extract::{FromRequest, Path, Request, State},
};
use sentiance_protocol::{ErrorCode, LinkInstallRequest, LinkInstallResponse};

pub(in crate::http) async fn link(
    State(platform): PlatformState,
    credential: Credential,
    Traced(trace): Traced,
    Path(install_id): Path<String>,
    request: Request,
) -> Result<Json<LinkInstallResponse>, Failure> {
    let server = credential.server(&platform, Scope::UserLink).await?;
    let JsonBody(body) = JsonBody::<LinkInstallRequest>::from_request(request, &platform).await?;
    let external_id =
        ExternalId::parse(body.external_id).ok_or(Failure::new(ErrorCode::InvalidExternalId))?;
    let install_id = InstallId::parse(&install_id).ok_or(Failure::new(ErrorCode::InstallNotFound))?;
    let lifetimes = platform.settings.lifetimes;
    let work = server.acting(LinkInstall { install_id, external_id, lifetimes, trace });
    let user_id = platform.store.write(work).await?;
    // The user with which the install was created may have gone.
    platform.leftovers.notify_one();
    Ok(Json(LinkInstallResponse { id: user_id.to_string() }))
}
