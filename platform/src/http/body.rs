//! JSON bodies: the right type, complete in time, within the limit, of the expected shape.

use super::{Platform, failure::Failure, json};
use axum::{
    body::Body,
    extract::{FromRequest, Request},
    http::{
        HeaderMap, HeaderValue,
        header::{CONTENT_ENCODING, CONTENT_TYPE},
    },
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
        check_type(request.headers())?;
        let collected = timeout(platform.settings.arrival_deadline, collect(request.into_body()))
            .await
            .map_err(|_| Failure::new(ErrorCode::RequestTimeout))??;
        let _turn = match collected.len() {
            ..=BODY_LIMIT_BYTES => None,
            _ => platform.turn_at_large_work().await,
        };
        let read = json::read(&collected).map(JsonBody);
        read.map_err(|message| Failure::saying(ErrorCode::MalformedRequest, message))
    }
}

/// JSON is in UTF-8 (RFC 8259, section 8.1), and comes as it is.
fn check_type(headers: &HeaderMap) -> Result<(), Failure> {
    let text =
        |name| headers.get(name).and_then(|value: &HeaderValue| value.to_str().ok()).unwrap_or_default();
    let mut parts = text(CONTENT_TYPE).split(';').map(str::trim);
    if !parts.next().unwrap_or_default().eq_ignore_ascii_case("application/json") {
        return Err(Failure::new(ErrorCode::UnsupportedMediaType));
    }
    let is_charset = |(name, _): &(&str, &str)| name.eq_ignore_ascii_case("charset");
    let charset = parts.filter_map(|part| part.split_once('=')).find(is_charset);
    if charset.is_some_and(|(_, charset)| !charset.trim_matches('"').eq_ignore_ascii_case("utf-8")) {
        return Err(Failure::saying(ErrorCode::UnsupportedMediaType, "The charset of JSON is utf-8."));
    }
    if !headers.contains_key(CONTENT_ENCODING) || text(CONTENT_ENCODING).eq_ignore_ascii_case("identity") {
        return Ok(());
    }
    let message = "A body is taken as it is: without a content-encoding.";
    Err(Failure::saying(ErrorCode::UnsupportedMediaType, message))
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
