//! `GET /v2/users/:user_id/detections`: what a user's devices recorded, page by page.

use super::malformed;
use crate::{
    clock::Timestamp,
    domain::{About, ListDetections},
    http::{
        PlatformState,
        credentials::{Audience, Credential},
        failure::Failure,
    },
    model::{DetectionContent, DetectionCursor, Scope, StoredDetection},
};
use axum::{
    Json,
    extract::{Path, Query, State, rejection::QueryRejection},
    response::{IntoResponse, Response},
};
use sentiance_protocol::{
    DetectionPage, DetectionRecord, DetectionType, EpochMs, ErrorCode, Trip, TripRecord,
};
use serde::Deserialize;
use std::ops::RangeInclusive;

const DEFAULT_LIMIT: u32 = 100;
const LIMITS: RangeInclusive<u32> = 1..=1000;

/// Which page.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::http) struct Page {
    limit: Option<u32>,
    cursor: Option<String>,
    #[serde(rename = "type")]
    kind: Option<DetectionType>,
}

pub(in crate::http) async fn list(
    State(platform): PlatformState,
    credential: Credential,
    Path(user_id): Path<String>,
    page: Result<Query<Page>, QueryRejection>,
) -> Result<Response, Failure> {
    let caller = credential.user_or_server(&platform, Scope::UserRead).await?;
    let about = match caller.audience() {
        Audience::User if user_id == "me" => About::Own,
        Audience::Server if user_id == "me" => return Err(Failure::new(ErrorCode::ApiKeyNotAccepted)),
        _ => About::parse(&user_id),
    };
    let Query(page) = page.map_err(|_| {
        malformed("The query may hold limit (1 to 1000), cursor, and type (position, motion or trip).")
    })?;
    let limit = page.limit.unwrap_or(DEFAULT_LIMIT);
    if !LIMITS.contains(&limit) {
        return Err(malformed("The limit must be 1 to 1000."));
    }
    let unknown = || malformed("The cursor must be the next_cursor of the page before.");
    let after = page.cursor.map(|text| DetectionCursor::parse(&text).ok_or_else(unknown)).transpose()?;
    let work = caller.acting(ListDetections { about, kind: page.kind, after, limit });
    // Held until the page is a text: while it is sent it holds nothing else up.
    let _turn = platform.turn_at_large_work().await;
    let (detections, end) = platform.store.read(work).await?;
    let page = DetectionPage {
        detections: detections.into_iter().map(on_the_wire).collect(),
        next_cursor: end.map(|cursor| cursor.to_string()),
    };
    Ok(Json(page).into_response())
}

fn on_the_wire(StoredDetection { install_id, detection }: StoredDetection) -> DetectionRecord {
    let kind = detection.kind();
    let (position, motion, trip) = match detection.content {
        DetectionContent::Position(position) => (Some(position), None, None),
        DetectionContent::Motion(motion) => (None, Some(motion), None),
        DetectionContent::Trip(trip) => (None, None, Some(record_of(trip))),
    };
    DetectionRecord {
        id: detection.detection_id.to_string(),
        kind,
        time: detection.time.to_iso8601(),
        install_id: install_id.to_string(),
        position,
        motion,
        trip,
    }
}

fn record_of(trip: Trip) -> TripRecord {
    let iso8601 = |time: EpochMs| Timestamp::from(time).to_iso8601();
    let entries = trip.metadata.into_iter();
    TripRecord {
        started_at: iso8601(trip.started_at),
        ended_at: trip.ended_at.map(iso8601),
        timed_out: trip.timed_out,
        transport_mode: trip.transport_mode,
        metadata: entries.filter_map(|entry| Some((entry.key, entry.value?))).collect(),
    }
}
