//! `GET /v2/users/:user_id/detections` and `/trips`: what a user's devices recorded, page by page.

use super::malformed;
use crate::{
    clock::Timestamp,
    domain::{About, ListDetections},
    http::{
        Platform, PlatformState,
        credentials::{Audience, Credential},
        failure::Failure,
    },
    model::{DetectionContent, DetectionCursor, Scope, StoredDetection},
    store::detections::Order,
};
use axum::{
    Json,
    extract::{Path, Query, State, rejection::QueryRejection},
    response::{IntoResponse, Response},
};
use sentiance_protocol::{
    DetectionPage, DetectionRecord, DetectionType, EpochMs, ErrorCode, Trip, TripPage, TripRecord, UserTrip,
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
    from: Option<String>,
    to: Option<String>,
    order: Option<Direction>,
    #[serde(rename = "type")]
    kind: Option<DetectionType>,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Direction {
    Asc,
    Desc,
}

pub(in crate::http) async fn list(
    State(platform): PlatformState,
    credential: Credential,
    Path(user_id): Path<String>,
    page: Result<Query<Page>, QueryRejection>,
) -> Result<Response, Failure> {
    let page = page.map(|Query(page)| page).map_err(|_| {
        malformed(
            "The query may hold limit (1 to 1000), cursor, from, to, order (asc or desc), and type (position, motion \
             or trip).",
        )
    });
    let respond = |detections: Vec<_>, next_cursor| {
        let detections = detections.into_iter().map(on_the_wire).collect();
        Json(DetectionPage { detections, next_cursor }).into_response()
    };
    read(&platform, credential, &user_id, page, respond).await
}

pub(in crate::http) async fn list_trips(
    State(platform): PlatformState,
    credential: Credential,
    Path(user_id): Path<String>,
    page: Result<Query<Page>, QueryRejection>,
) -> Result<Response, Failure> {
    let page = page.ok().filter(|Query(page)| page.kind.is_none());
    let page = page.map(|Query(page)| Page { kind: Some(DetectionType::Trip), ..page });
    let page = page
        .ok_or(malformed("The query may hold limit (1 to 1000), cursor, from, to, and order (asc or desc)."));
    let respond = |trips: Vec<_>, next_cursor| {
        let trips = trips.into_iter().filter_map(|StoredDetection { install_id, detection }| {
            let DetectionContent::Trip(trip) = detection.content else { return None };
            let (id, install_id) = (detection.detection_id.to_string(), install_id.to_string());
            Some(UserTrip { id, install_id, trip: record_of(trip) })
        });
        Json(TripPage { trips: trips.collect(), next_cursor }).into_response()
    };
    read(&platform, credential, &user_id, page, respond).await
}

/// The response that is made of the detections of a page and the cursor of the next one.
async fn read(
    platform: &Platform,
    credential: Credential,
    user_id: &str,
    page: Result<Page, Failure>,
    respond: impl FnOnce(Vec<StoredDetection>, Option<String>) -> Response,
) -> Result<Response, Failure> {
    let caller = credential.user_or_server(platform, Scope::UserRead).await?;
    let about = match caller.audience() {
        Audience::User if user_id == "me" => About::Own,
        Audience::Server if user_id == "me" => return Err(Failure::new(ErrorCode::ApiKeyNotAccepted)),
        _ => About::parse(user_id),
    };
    let Page { limit, cursor, from, to, order, kind } = page?;
    let limit = limit.unwrap_or(DEFAULT_LIMIT);
    if !LIMITS.contains(&limit) {
        return Err(malformed("The limit must be 1 to 1000."));
    }
    let unknown = || malformed("The cursor must be the next_cursor of the page before.");
    let after = cursor.map(|text| DetectionCursor::parse(&text).ok_or_else(unknown)).transpose()?;
    let no_time =
        || malformed("from and to must be times in ISO 8601, UTC, such as 2030-01-31T12:00:00.000Z.");
    let time = |text: Option<String>| {
        text.map(|text| Timestamp::parse_iso8601(&text).ok_or_else(no_time)).transpose()
    };
    let (from, to) = (time(from)?, time(to)?);
    let order = match order {
        None | Some(Direction::Asc) => Order::Ascending,
        Some(Direction::Desc) => Order::Descending,
    };
    let work = caller.acting(ListDetections { about, kind, from, to, order, after, limit });
    // Held until the response is a string: while it is sent it holds nothing else up.
    let _turn = platform.turn_at_large_work().await;
    let (detections, end) = platform.store.read(work).await?;
    Ok(respond(detections, end.map(|cursor| cursor.to_string())))
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
