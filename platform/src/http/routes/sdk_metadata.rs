//! `PATCH /sdk/v1/metadata`: the SDK sets and removes entries of its user's metadata.

use super::malformed;
use crate::{
    domain::ChangeMetadata,
    http::{PlatformState, body::JsonBody, credentials::Credential, failure::Failure, limits::Upload},
    model::Permission,
};
use axum::{
    Json,
    extract::{FromRequest, Request, State},
};
use sentiance_protocol::{METADATA_BODY_LIMIT_BYTES, MetadataRequest, MetadataResponse};

/// How many entries one request may change: more than the SDK sends, which remembers up to 50 that are set and 50 that
/// were removed.
const CHANGES_PER_REQUEST: usize = 200;

pub(in crate::http) async fn change(
    State(platform): PlatformState,
    credential: Credential,
    upload: Upload,
    request: Request,
) -> Result<Json<MetadataResponse>, Failure> {
    let user = credential.user(&platform, Permission::ActForUser).await?;
    let _admitted = upload.admit(user.session(), METADATA_BODY_LIMIT_BYTES)?;
    let JsonBody(body) = JsonBody::<MetadataRequest>::from_request(request, &platform).await?;
    if body.entries.len() > CHANGES_PER_REQUEST {
        return Err(malformed("A request may change at most 200 entries."));
    }
    let turn = user.turn_of_upload(body.entries.len());
    let revision = platform.store.write(user.acting(ChangeMetadata { request: body, turn })).await?;
    Ok(Json(MetadataResponse { revision }))
}
