//! `/v2/users` and `DELETE /users/:user_id`: a user's profile, and its end.

use crate::{
    domain::{About, DeleteUserFor, ReadProfile},
    http::{
        PlatformState,
        credentials::{Audience, Credential},
        failure::Failure,
        trace::Traced,
    },
    model::{Scope, User, UserState},
};
use axum::{
    Json,
    extract::{Path, State},
    http::StatusCode,
};
use sentiance_protocol::{Profile, ProfileSdk};
use std::collections::BTreeMap;

pub(in crate::http) async fn own_profile(
    State(platform): PlatformState,
    credential: Credential,
) -> Result<Json<Profile>, Failure> {
    let user = credential.own_user(&platform).await?;
    let (user, metadata) = platform.store.read(user.acting(ReadProfile { about: About::Own })).await?;
    Ok(Json(profile_of(user, metadata, Audience::User)))
}

pub(in crate::http) async fn profile(
    State(platform): PlatformState,
    credential: Credential,
    Path(user_id): Path<String>,
) -> Result<Json<Profile>, Failure> {
    let caller = credential.user_or_server(&platform, Scope::UserRead).await?;
    let audience = caller.audience();
    let work = caller.acting(ReadProfile { about: About::parse(&user_id) });
    let (user, metadata) = platform.store.read(work).await?;
    Ok(Json(profile_of(user, metadata, audience)))
}

pub(in crate::http) async fn remove(
    State(platform): PlatformState,
    credential: Credential,
    Traced(trace): Traced,
    Path(user_id): Path<String>,
) -> Result<StatusCode, Failure> {
    let caller = credential.user_or_server(&platform, Scope::UserDelete).await?;
    let tombstones_for = platform.settings.lifetimes.refresh_token;
    let about = About::parse(&user_id);
    platform.store.write(caller.acting(DeleteUserFor { about, tombstones_for, trace })).await?;
    platform.leftovers.notify_one();
    Ok(StatusCode::OK)
}

/// The external id is between the platform and the app's server.
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
