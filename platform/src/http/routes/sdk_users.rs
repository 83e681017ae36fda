//! `POST /sdk/v1/users`: the SDK exchanges an authentication code for a user.

use super::{idempotency_key, malformed, on_the_wire};
use crate::{
    domain::{ExchangeCode, NewPair},
    http::{PlatformState, body::JsonBody, cors::OriginToCheck, failure::Failure},
    model::{InstallId, UserId},
    secret::Plain,
};
use axum::{Json, extract::State, http::StatusCode};
use sentiance_protocol::{CreateUserRequest, CreateUserResponse, ErrorCode, INFO_TEXT_MAX_CHARS};

pub(in crate::http) async fn exchange(
    State(platform): PlatformState,
    OriginToCheck(origin): OriginToCheck,
    JsonBody(body): JsonBody<CreateUserRequest>,
) -> Result<(StatusCode, Json<CreateUserResponse>), Failure> {
    check_texts(&body)?;
    let install_id = InstallId::parse(&body.install_id)
        .ok_or_else(|| malformed("install_id must be 32 lower-case hex digits."))?;
    let idempotency_key = idempotency_key(&body.idempotency_key)?;
    // A code of a wrong shape gets the answer of any other invalid one.
    let code = body.authentication_code.ok_or_else(|| malformed("authentication_code is missing."))?;
    let code = Plain::parse_code(code.expose()).ok_or(Failure::new(ErrorCode::AuthenticationCodeInvalid))?;

    let now = platform.clock.now();
    let work = ExchangeCode {
        code: code.hash(),
        install_id,
        idempotency_key,
        app: body.app,
        device: body.device,
        sdk: body.sdk,
        origin,
        user_id_if_new: UserId::generate(&*platform.random),
        pair: NewPair::of_new_session(&*platform.random),
        lifetimes: platform.settings.lifetimes,
        now,
    };
    let exchanged = platform.store.write(work).await?;
    let status = if exchanged.created { StatusCode::CREATED } else { StatusCode::OK };
    let response = CreateUserResponse {
        user_id: exchanged.user_id.to_string(),
        linked: true,
        install_state: exchanged.install_state,
        token: on_the_wire(&exchanged.grant),
        config: platform.settings.sdk.clone(),
        server_time: now.into(),
    };
    Ok((status, Json(response)))
}

fn check_texts(body: &CreateUserRequest) -> Result<(), Failure> {
    let CreateUserRequest { app, device, sdk, .. } = body;
    let optional = [
        &app.name,
        &app.version,
        &app.origin,
        &device.os,
        &device.os_version,
        &device.model,
        &device.language,
        &device.time_zone,
    ];
    let required = [&sdk.version, &sdk.runtime];
    let mut texts = optional.into_iter().flatten().chain(required);
    // NUL is refused, since not every database can store it in a text.
    let all_fit = texts.all(|text| text.chars().count() <= INFO_TEXT_MAX_CHARS && !text.contains('\0'));
    if all_fit {
        Ok(())
    } else {
        Err(malformed("A text of app, device or sdk is longer than 128 characters."))
    }
}
