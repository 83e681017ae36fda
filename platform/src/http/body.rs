//! JSON bodies: the right type, complete in time, within the limit, of the expected shape.

use super::{Platform, failure::Failure};
use axum::{
    body::Body,
    extract::{FromRequest, Request},
    http::{HeaderMap, header::CONTENT_TYPE},
};
use http_body_util::{BodyExt, LengthLimitError};
use sentiance_protocol::{BODY_LIMIT_BYTES, ErrorCode};
use serde::de::DeserializeOwned;
use std::{error::Error, sync::Arc};
use tokio::time::timeout;

/// The body of a request, read as JSON.
pub(super) struct JsonBody<T>(pub(super) T);

impl<T: DeserializeOwned> FromRequest<Arc<Platform>> for JsonBody<T> {
    type Rejection = Failure;

    async fn from_request(request: Request, platform: &Arc<Platform>) -> Result<Self, Failure> {
        if !is_json(request.headers()) {
            return Err(Failure::new(ErrorCode::UnsupportedMediaType));
        }
        let collected = timeout(platform.settings.arrival_deadline, collect(request.into_body()))
            .await
            .map_err(|_| Failure::new(ErrorCode::RequestTimeout))??;
        let _turn = match collected.len() {
            ..=BODY_LIMIT_BYTES => None,
            _ => platform.turn_at_large_work().await,
        };
        serde_json::from_slice(&collected).map(JsonBody).map_err(|error| malformed(&error))
    }
}

fn is_json(headers: &HeaderMap) -> bool {
    let content_type = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let essence = content_type.split(';').next().unwrap_or_default().trim();
    essence.eq_ignore_ascii_case("application/json")
}

async fn collect(body: Body) -> Result<Vec<u8>, Failure> {
    let collected = body.collect().await.map_err(|error| {
        let mut cause: Option<&(dyn Error + 'static)> = Some(&error);
        while let Some(current) = cause {
            if current.is::<LengthLimitError>() {
                return Failure::new(ErrorCode::PayloadTooLarge);
            }
            cause = current.source();
        }
        Failure::saying(ErrorCode::MalformedRequest, "The body did not arrive whole.")
    })?;
    Ok(collected.to_bytes().into())
}

/// What is wrong with the body, without repeating any of it: it may hold secrets.
fn malformed(error: &serde_json::Error) -> Failure {
    let text = error.to_string();
    let message = match text.split(" at line").next() {
        // The names in this message are the platform's own.
        Some(missing) if missing.starts_with("missing field") => {
            format!("The body lacks a field: {missing}.")
        }
        Some(unknown) if unknown.starts_with("unknown field") => {
            let expected = unknown.rsplit_once(", expected").map_or("", |(_, expected)| expected);
            format!("The body has a field that is not known; expected is{expected}.")
        }
        _ if error.is_data() => {
            format!("A field of the body has a wrong type, at column {}.", error.column())
        }
        _ => format!("The body is not JSON, at line {} column {}.", error.line(), error.column()),
    };
    Failure::saying(ErrorCode::MalformedRequest, message)
}
