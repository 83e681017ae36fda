//! `POST /sdk/v1/reset`: the install says goodbye.

use crate::{
    domain::EndSession,
    http::{PlatformState, credentials::Credential, failure::Failure, trace::Traced},
    model::Permission,
};
use axum::{Json, extract::State};
use serde_json::{Value, json};

pub(in crate::http) async fn goodbye(
    State(platform): PlatformState,
    credential: Credential,
    Traced(trace): Traced,
) -> Result<Json<Value>, Failure> {
    let user = credential.user(&platform, Permission::SayGoodbye).await?;
    platform.store.write(user.acting(EndSession { trace })).await?;
    Ok(Json(json!({})))
}
