//! `POST /sdk/v1/detections`: the SDK uploads what it recorded.

use super::malformed;
use crate::{
    domain::RecordDetections,
    http::{PlatformState, body::JsonBody, credentials::Credential, failure::Failure, limits::Upload},
    model::{Detection, InvalidDetection, Permission, gather},
};
use axum::{
    Json,
    extract::{FromRequest, Request, State},
};
use sentiance_protocol::{
    DETECTIONS_BODY_LIMIT_BYTES, DETECTIONS_MAX_PER_REQUEST, DetectionsRequest, DetectionsResponse, ErrorCode,
};

pub(in crate::http) async fn record(
    State(platform): PlatformState,
    credential: Credential,
    upload: Upload,
    request: Request,
) -> Result<Json<DetectionsResponse>, Failure> {
    let user = credential.user(&platform, Permission::ActForUser).await?;
    let _admitted = upload.admit(user.session(), DETECTIONS_BODY_LIMIT_BYTES)?;
    let JsonBody(body) = JsonBody::<DetectionsRequest>::from_request(request, &platform).await?;
    if body.detections.len() > DETECTIONS_MAX_PER_REQUEST {
        return Err(malformed("A request may hold at most 600 detections."));
    }
    let large = platform.turn_at_large_work().await;
    let detections = body.detections.into_iter().map(Detection::parse).collect::<Result<_, _>>();
    let detections = detections.map_err(|invalid| match invalid {
        InvalidDetection::Malformed(message) => malformed(message),
        InvalidDetection::MetadataLimit => Failure::new(ErrorCode::MetadataLimitExceeded),
    })?;
    let detections = gather(detections);
    let turn = user.turn_of_upload(detections.len());
    let work = user.acting(RecordDetections { detections, quotas: platform.settings.quotas, turn });
    drop(large);
    Ok(Json(platform.store.write(work).await?))
}
