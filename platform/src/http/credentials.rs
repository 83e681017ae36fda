//! Who is calling: an application's server by its API key, or a user's device by its access token.

use super::{Platform, cors::OriginToCheck, failure::Failure, limits::Meter};
use crate::{
    domain::{AuthorizeApiKey, authenticate},
    model::{ApiKeyRecord, Origin, Permission, Scope, Session},
    secret::{AccessToken, ApiKey, Plain},
};
use axum::{
    extract::FromRequestParts,
    http::{HeaderMap, header::AUTHORIZATION, request::Parts},
};
use sentiance_protocol::{ACCESS_TOKEN_PREFIX, API_KEY_PREFIX, ErrorCode};

/// The text after `Authorization: Bearer`.
pub(super) fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, text) = headers.get(AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    let text = text.trim();
    (scheme.eq_ignore_ascii_case("bearer") && !text.is_empty()).then_some(text)
}

/// What a request was sent with, told by its prefix. Nothing has been looked up yet.
pub(super) struct Credential {
    text: String,
    origin: Option<Origin>,
    meter: Meter,
}

impl<S: Send + Sync> FromRequestParts<S> for Credential {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Failure> {
        let text = bearer(&parts.headers).ok_or(Failure::new(ErrorCode::CredentialsMissing))?.to_owned();
        let Ok(OriginToCheck(origin)) = OriginToCheck::from_request_parts(parts, state).await;
        let Ok(meter) = Meter::from_request_parts(parts, state).await;
        Ok(Credential { text, origin, meter })
    }
}

/// Somebody who was recognized.
pub(super) enum Caller {
    /// A user's device.
    User(Session),
    /// A server of an application.
    Server(ApiKeyRecord),
}

impl Credential {
    /// The API key's record, if it has the scope. A user's token is refused.
    pub(super) async fn server(&self, platform: &Platform, scope: Scope) -> Result<ApiKeyRecord, Failure> {
        if self.text.starts_with(ACCESS_TOKEN_PREFIX) {
            return Err(Failure::new(ErrorCode::UserTokenNotAccepted));
        }
        let key = Plain::<ApiKey>::parse(&self.text).ok_or(Failure::new(ErrorCode::ApiKeyMalformed))?;
        let (hash, now) = (key.hash(), platform.clock.now());
        platform.limits.look_at_key(&hash, now, &self.meter)?;
        let record = platform.store.read(AuthorizeApiKey { hash, now }).await?;
        platform.limits.charge_key(&hash, now, &self.meter)?;
        if !record.scopes.contains(&scope) {
            let message = format!("This call needs an API key with the scope {scope}.");
            return Err(Failure::saying(ErrorCode::InsufficientScope, message));
        }
        Ok(record)
    }

    /// The token's session, if it permits the call. An API key is refused.
    pub(super) async fn user(&self, platform: &Platform, permission: Permission) -> Result<Session, Failure> {
        if self.text.starts_with(API_KEY_PREFIX) {
            return Err(Failure::new(ErrorCode::ApiKeyNotAccepted));
        }
        let token = Plain::<AccessToken>::parse(&self.text).ok_or(Failure::new(ErrorCode::TokenInvalid))?;
        let now = platform.clock.now();
        Ok(authenticate(&platform.store, &token, permission, self.origin.clone(), now).await?)
    }

    /// Either of the two, for calls that both may make.
    pub(super) async fn user_or_server(&self, platform: &Platform, scope: Scope) -> Result<Caller, Failure> {
        if self.text.starts_with(API_KEY_PREFIX) {
            Ok(Caller::Server(self.server(platform, scope).await?))
        } else {
            Ok(Caller::User(self.user(platform, Permission::ActForUser).await?))
        }
    }
}
