//! Uploads: how much a user and an address may send, in bytes and not in calls, since that is what they cost; and none at
//! all where the disk is nearly full.

use super::{Meter, Policy, digest};
use crate::{
    http::{Platform, client::ClientAddress, failure::Failure},
    model::Session,
    store::StoreError,
};
use axum::{
    extract::FromRequestParts,
    http::{header::CONTENT_LENGTH, request::Parts},
};
use sentiance_protocol::DETECTIONS_BODY_LIMIT_BYTES;
use std::{convert::Infallible, sync::Arc};
use tokio::sync::OwnedSemaphorePermit;

/// An upload whose body has not been read yet.
pub(in crate::http) struct Upload {
    platform: Arc<Platform>,
    client: ClientAddress,
    meter: Meter,
    length: Option<usize>,
}

impl FromRequestParts<Arc<Platform>> for Upload {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, platform: &Arc<Platform>) -> Result<Self, Infallible> {
        let Ok(client) = ClientAddress::from_request_parts(parts, platform).await;
        let Ok(meter) = Meter::from_request_parts(parts, platform).await;
        let length = parts.headers.get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok());
        Ok(Upload { platform: platform.clone(), client, meter, length })
    }
}

impl Upload {
    /// Charges the upload, before it is read, to its user and its address. One that does not tell its length costs as
    /// much as the longest that is taken. Of bodies that take much memory there are only so many at once, for as long as
    /// what this gives lives.
    pub(in crate::http) fn admit(
        &self,
        session: &Session,
        longest: usize,
    ) -> Result<Option<OwnedSemaphorePermit>, Failure> {
        let Platform { limits, clock, disk, large_bodies, .. } = &*self.platform;
        disk.admit()?;
        let bytes = self.length.unwrap_or(longest).min(longest);
        let (units, now) = (u32::try_from(bytes.div_ceil(1024)).unwrap_or(u32::MAX), clock.now());
        let user = digest(&session.app_id, session.user_id.as_str());
        self.meter.settle(Policy::UserUpload, limits.user_uploads.charge_units(user, units, now))?;
        let address = self.client.prefix();
        self.meter.settle(Policy::AddressUpload, limits.address_uploads.charge_units(address, units, now))?;
        if bytes <= DETECTIONS_BODY_LIMIT_BYTES {
            return Ok(None);
        }
        let place = large_bodies.clone().try_acquire_owned();
        place.map(Some).map_err(|_| StoreError::Crowded.into())
    }
}
