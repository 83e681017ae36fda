//! `GET /sdk/v1/config`: the SDK asks how to behave, and whether its install is the active one.

use crate::{
    http::{Platform, PlatformState, credentials::Credential, failure::Failure},
    model::Permission,
    random::hex,
};
use axum::{
    Json,
    extract::State,
    http::{
        HeaderMap, HeaderValue, StatusCode,
        header::{ETAG, IF_NONE_MATCH},
    },
    response::{IntoResponse, Response},
};
use sentiance_protocol::{ConfigResponse, ErrorCode, InstallState, SdkConfiguration};
use sha2::{Digest, Sha256};

pub(in crate::http) async fn show(
    State(platform): PlatformState,
    credential: Credential,
    headers: HeaderMap,
) -> Result<Response, Failure> {
    let user = credential.user(&platform, Permission::LearnState).await?;
    let response = current(&platform, user.session().install_state());
    let tag = entity_tag(response.install_state, &response.config)?;
    let known = headers.get_all(IF_NONE_MATCH).iter().any(|header| mentions(header, &tag));
    let mut response =
        if known { StatusCode::NOT_MODIFIED.into_response() } else { Json(response).into_response() };
    response.headers_mut().insert(ETAG, tag);
    Ok(response)
}

/// What an install in this state is told now.
pub(super) fn current(platform: &Platform, install_state: InstallState) -> ConfigResponse {
    let config = platform.settings.sdk.clone();
    ConfigResponse { install_state, config, server_time: platform.clock.now().into() }
}

/// Names the content. The platform's clock is left out: it is different in every answer, and no news.
fn entity_tag(state: InstallState, config: &SdkConfiguration) -> Result<HeaderValue, Failure> {
    let content = serde_json::to_vec(&(state, config)).map_err(|_| Failure::new(ErrorCode::InternalError))?;
    let digest = Sha256::digest(&content);
    HeaderValue::from_str(&format!("\"{}\"", hex(&digest[..16])))
        .map_err(|_| Failure::new(ErrorCode::InternalError))
}

/// Whether an `If-None-Match` header lists this tag. Proxies that compress make a tag weak: that is no difference.
fn mentions(header: &HeaderValue, tag: &HeaderValue) -> bool {
    let listed = header.to_str().unwrap_or_default().split(',');
    listed
        .map(str::trim)
        .any(|known| known == "*" || known.trim_start_matches("W/").as_bytes() == tag.as_bytes())
}
