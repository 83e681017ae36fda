//! Which request it is: its `ref`, by which an answer, the log and the audit log are found for each other.

use super::client::ClientAddress;
use crate::{
    model::Trace,
    random::{Randomness, bytes, hex},
};
use axum::{extract::FromRequestParts, http::request::Parts};
use std::convert::Infallible;

/// What is known of the request that is being answered.
#[derive(Clone, Default)]
pub(super) struct Traced(pub(super) Trace);

impl Traced {
    pub(super) fn new(client: ClientAddress, reference: String) -> Self {
        let address = Some(client.ip()).filter(|address| !address.is_unspecified());
        Traced(Trace { address, request: Some(reference) })
    }
}

impl<S: Sync> FromRequestParts<S> for Traced {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(parts.extensions.get().cloned().unwrap_or_default())
    }
}

/// A random UUID, by which a request is found in the log.
pub(super) fn new_reference(random: &dyn Randomness) -> String {
    let mut id = bytes::<16>(random);
    id[6] = 0x40 | (id[6] & 0x0f);
    id[8] = 0x80 | (id[8] & 0x3f);
    let text = hex(&id);
    [&text[..8], &text[8..12], &text[12..16], &text[16..20], &text[20..]].join("-")
}
