//! `/v2/users` and `DELETE /users/:user_id`: a user's profile, and its end.

use crate::{
    domain::{DeleteUser, ReadProfile},
    http::{
        PlatformState,
        credentials::{Caller, Credential},
        failure::Failure,
        trace::Traced,
    },
    model::{Actor, AppId, Permission, Scope, User, UserId, UserState},
};
use axum::{
    Json,
    extract::{Path, State},
    http::StatusCode,
};
use sentiance_protocol::{ErrorCode, Profile, ProfileSdk};
use std::collections::BTreeMap;

pub(in crate::http) async fn own_profile(
    State(platform): PlatformState,
    credential: Credential,
) -> Result<Json<Profile>, Failure> {
    let session = credential.user(&platform, Permission::ActForUser).await?;
    let work = ReadProfile { app_id: session.app_id, user_id: session.user_id };
    let (user, metadata) = platform.store.read(work).await?;
    Ok(Json(profile_of(user, metadata, Audience::User)))
}

pub(in crate::http) async fn profile(
    State(platform): PlatformState,
    credential: Credential,
    Path(user_id): Path<String>,
) -> Result<Json<Profile>, Failure> {
    let caller = credential.user_or_server(&platform, Scope::UserRead).await?;
    let audience = match caller {
        Caller::User(_) => Audience::User,
        Caller::Server(_) => Audience::Server,
    };
    let (app_id, user_id) = subject(caller, &user_id)?;
    let (user, metadata) = platform.store.read(ReadProfile { app_id, user_id }).await?;
    Ok(Json(profile_of(user, metadata, audience)))
}

pub(in crate::http) async fn remove(
    State(platform): PlatformState,
    credential: Credential,
    Traced(trace): Traced,
    Path(user_id): Path<String>,
) -> Result<StatusCode, Failure> {
    let caller = credential.user_or_server(&platform, Scope::UserDelete).await?;
    let by = match &caller {
        Caller::User(session) => Actor::Install(session.install_id.clone()),
        Caller::Server(key) => Actor::ApiKey(key.key_id.clone()),
    };
    let (app_id, user_id) = subject(caller, &user_id)?;
    let tombstones_for = platform.settings.lifetimes.refresh_token;
    let now = platform.clock.now();
    platform.store.write(DeleteUser { app_id, user_id, tombstones_for, by, trace, now }).await?;
    platform.leftovers.notify_one();
    Ok(StatusCode::OK)
}

/// The user that a call is about: any of the application for its server, and only itself for a user.
pub(super) fn subject(caller: Caller, user_id: &str) -> Result<(AppId, UserId), Failure> {
    match caller {
        Caller::User(session) if session.user_id.as_str() == user_id => Ok((session.app_id, session.user_id)),
        Caller::User(_) => Err(Failure::new(ErrorCode::AccessDenied)),
        Caller::Server(key) => {
            let user_id = UserId::parse(user_id).ok_or(Failure::new(ErrorCode::UserNotFound))?;
            Ok((key.app_id, user_id))
        }
    }
}

/// Who reads a profile. The external id is between the platform and the app's server.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Audience {
    User,
    Server,
}

fn profile_of(user: User, metadata: BTreeMap<String, String>, audience: Audience) -> Profile {
    let killswitch_action = match user.state {
        UserState::Enabled => "enable_sdk",
        UserState::Disabled(_) => "disable_sdk",
    };
    Profile {
        kind: "sdk".to_owned(),
        id: user.user_id.to_string(),
        can_login: false,
        created_at: user.created_at.to_iso8601(),
        application_id: user.app_id.to_string(),
        external_id: user
            .external_id
            .filter(|_| audience == Audience::Server)
            .map(|external_id| external_id.as_str().to_owned()),
        metadata,
        sdk: ProfileSdk {
            kind: "sdk".to_owned(),
            flavor: None,
            killswitch_action: killswitch_action.to_owned(),
            debug_logging: false,
        },
    }
}
