//! `POST /sdk/v1/detections`: the SDK uploads what it recorded.

use super::malformed;
use crate::{
    domain::RecordDetections,
    http::{PlatformState, body::JsonBody, credentials::Credential, failure::Failure},
    model::{Detection, InvalidDetection, Permission},
};
use axum::{
    Json,
    extract::{FromRequest, Request, State},
};
use sentiance_protocol::{DetectionsRequest, DetectionsResponse, ErrorCode};

pub(in crate::http) async fn record(
    State(platform): PlatformState,
    credential: Credential,
    request: Request,
) -> Result<Json<DetectionsResponse>, Failure> {
    let session = credential.user(&platform, Permission::ActForUser).await?;
    let JsonBody(body) = JsonBody::<DetectionsRequest>::from_request(request, &platform).await?;
    let detections = body.detections.into_iter().map(Detection::parse).collect::<Result<_, _>>();
    let detections = detections.map_err(|invalid| match invalid {
        InvalidDetection::Malformed(message) => malformed(message),
        InvalidDetection::MetadataLimit => Failure::new(ErrorCode::MetadataLimitExceeded),
    })?;
    Ok(Json(platform.store.write(RecordDetections { session, detections }).await?))
}
