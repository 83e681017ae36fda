//! Who is calling: an application's server by its API key, or a user's device by its access token.

use super::{Platform, cors::OriginToCheck, failure::Failure, limits::Meter};
use crate::{
    clock::Clock,
    domain::{
        Act, Acting, AuthorizeApiKey, ByEither, ByKey, ByToken, Credential as Presented, Refusal,
        authenticate,
    },
    model::{AppId, Origin, Permission, Scope, Session},
    secret::{AccessToken, ApiKey, Plain},
    store::Turn,
};
use axum::{
    extract::FromRequestParts,
    http::{HeaderMap, header::AUTHORIZATION, request::Parts},
};
use sentiance_protocol::{ACCESS_TOKEN_PREFIX, API_KEY_PREFIX, ErrorCode};
use std::sync::Arc;

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

/// Somebody who was recognized when the head of a request came: enough to read its body and to charge its limits. What
/// [acts](Recognized::acting) for it is told again, by the transaction, who it is.
pub(super) struct Recognized<C, H> {
    by: C,
    clock: Arc<dyn Clock>,
    holder: H,
}

/// A server, as its application.
pub(super) type Server = Recognized<ByKey, AppId>;
/// A user's device, with the session as it was found.
pub(super) type User = Recognized<ByToken, Session>;
/// Either of the two, and which.
pub(super) type Either = Recognized<ByEither, Audience>;

/// Who a response is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Audience {
    /// The user's device.
    User,
    /// A server of the application.
    Server,
}

impl<C: Presented, H> Recognized<C, H> {
    /// A use case that acts for it.
    pub(super) fn acting<A: Act<By = C>>(self, act: A) -> Acting<A> {
        Acting { by: self.by, clock: self.clock, act }
    }
}

impl Server {
    /// The application as of the head: for its limits.
    pub(super) fn app_id(&self) -> &AppId {
        &self.holder
    }
}

impl User {
    /// The session as of the head: for an answer that is made of nothing else.
    pub(super) fn session(&self) -> &Session {
        &self.holder
    }

    /// When an upload of so many rows gets its turn at the writer: a user's wait for each other only.
    pub(super) fn turn_of_upload(&self, rows: usize) -> Turn {
        Turn::among_uploads(&(&self.holder.app_id, &self.holder.user_id), rows)
    }
}

impl Either {
    /// Who the response is for.
    pub(super) fn audience(&self) -> Audience {
        self.holder
    }
}

impl Credential {
    /// The API key, if it has the scope. A user's token is refused.
    pub(super) async fn server(&self, platform: &Platform, scope: Scope) -> Result<Server, Failure> {
        if self.text.starts_with(ACCESS_TOKEN_PREFIX) {
            return Err(Failure::new(ErrorCode::UserTokenNotAccepted));
        }
        let key = Plain::<ApiKey>::parse(&self.text).ok_or(Failure::new(ErrorCode::ApiKeyMalformed))?;
        let (key, now) = (key.hash(), platform.clock.now());
        platform.limits.look_at_key(&key, now, &self.meter)?;
        let by = ByKey { key, scope };
        let found = platform.store.look_up(AuthorizeApiKey { by, now }).await;
        if matches!(found, Ok(_) | Err(Refusal::ScopeMissing(_))) {
            platform.limits.charge_key(&key, now, &self.meter)?;
        }
        Ok(Recognized { by, clock: platform.clock.clone(), holder: found?.app_id })
    }

    /// The token, if its session permits the call. An API key is refused.
    pub(super) async fn user(&self, platform: &Platform, permission: Permission) -> Result<User, Failure> {
        if self.text.starts_with(API_KEY_PREFIX) {
            return Err(Failure::new(ErrorCode::ApiKeyNotAccepted));
        }
        let token = Plain::<AccessToken>::parse(&self.text).ok_or(Failure::new(ErrorCode::TokenInvalid))?;
        let by = ByToken { token: token.hash(), origin: self.origin.clone(), permission };
        let session = authenticate(&platform.store, &by, platform.clock.now()).await?;
        Ok(Recognized { by, clock: platform.clock.clone(), holder: session })
    }

    /// A user's device that asks about its own user, by a use case that servers have too. An API key is refused.
    pub(super) async fn own_user(&self, platform: &Platform) -> Result<Either, Failure> {
        let Recognized { by, clock, .. } = self.user(platform, Permission::ActForUser).await?;
        Ok(Recognized { by: ByEither::Token(by), clock, holder: Audience::User })
    }

    /// Either of the two, for calls that both may make.
    pub(super) async fn user_or_server(&self, platform: &Platform, scope: Scope) -> Result<Either, Failure> {
        if self.text.starts_with(API_KEY_PREFIX) {
            let Recognized { by, clock, .. } = self.server(platform, scope).await?;
            Ok(Recognized { by: ByEither::Key(by), clock, holder: Audience::Server })
        } else {
            self.own_user(platform).await
        }
    }
}
