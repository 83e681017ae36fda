//! The endpoints: one file per route, or per resource.

pub(super) mod auth_code;
pub(super) mod detections;
pub(super) mod health;
pub(super) mod link_install;
pub(super) mod metrics;
pub(super) mod sdk_config;
pub(super) mod sdk_detections;
pub(super) mod sdk_events;
pub(super) mod sdk_link;
pub(super) mod sdk_metadata;
pub(super) mod sdk_reset;
pub(super) mod sdk_token;
pub(super) mod sdk_users;
pub(super) mod users;

use crate::{
    domain::Grant,
    http::failure::Failure,
    secret::{Hashed, IdempotencyKey},
};
use sentiance_protocol::{ErrorCode, Secret, TokenGrant};

/// The form of an issued pair on the wire: the only place where tokens are revealed.
fn on_the_wire(grant: &Grant) -> TokenGrant {
    TokenGrant {
        access_token: Secret::new(grant.pair.access.reveal()),
        expires_at: grant.expires_at.into(),
        refresh_token: Secret::new(grant.pair.refresh.reveal()),
        generation: grant.generation,
    }
}

fn idempotency_key(text: &str) -> Result<Hashed<IdempotencyKey>, Failure> {
    Hashed::of_key(text).ok_or_else(|| malformed("idempotency_key must be 32 lower-case hex digits."))
}

fn malformed(message: &'static str) -> Failure {
    Failure::saying(ErrorCode::MalformedRequest, message)
}
