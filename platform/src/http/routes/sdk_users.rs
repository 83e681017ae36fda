//! `POST /sdk/v1/users`: the SDK exchanges an authentication code, or its application's credentials, for a user.

use super::{idempotency_key, malformed, on_the_wire};
use crate::{
    domain::{CreateUnlinkedUser, Created, Creation, ExchangeCode, IsKnown, NewPair},
    http::{
        PlatformState,
        body::JsonBody,
        client::ClientAddress,
        cors::OriginToCheck,
        failure::Failure,
        limits::{
            Exchange, Meter,
            exchange::{APPLICATION, CODE},
        },
        trace::Traced,
    },
    model::{AppId, InstallId, UserId},
    secret::{AppSecret, Plain},
};
use axum::{Json, extract::State, http::StatusCode};
use sentiance_protocol::{
    ApplicationCredentials, CreateUserRequest, CreateUserResponse, ErrorCode, INFO_TEXT_MAX_CHARS, Secret,
};

pub(in crate::http) async fn create(
    State(platform): PlatformState,
    OriginToCheck(origin): OriginToCheck,
    exchange: Exchange,
    (client, meter): (ClientAddress, Meter),
    Traced(trace): Traced,
    JsonBody(body): JsonBody<CreateUserRequest>,
) -> Result<(StatusCode, Json<CreateUserResponse>), Failure> {
    check_texts(&body)?;
    let install_id = InstallId::parse(&body.install_id)
        .ok_or_else(|| malformed("install_id must be 32 lower-case hex digits."))?;
    let now = platform.clock.now();
    let pair = NewPair::of_creation(&install_id, &body.idempotency_key, &*platform.random);
    let creation = Creation {
        install_id,
        idempotency_key: idempotency_key(&body.idempotency_key)?,
        app: body.app,
        device: body.device,
        sdk: body.sdk,
        origin,
        user_id_if_new: UserId::generate(&*platform.random),
        pair,
        lifetimes: platform.settings.lifetimes,
        trace,
        now,
    };
    let created = match (body.authentication_code, body.application) {
        (Some(code), None) => {
            let work = by_code(&code, creation).map_err(|failure| exchange.failed(CODE, failure))?;
            exchange.of_code(work.code, work, outcome).await?
        }
        (None, Some(credentials)) => {
            let work = by_credentials(&credentials, creation)
                .map_err(|failure| exchange.failed(APPLICATION, failure))?;
            platform.disk.admit()?;
            let (address, app_id) = (client.prefix(), work.app_id.clone());
            platform.limits.charge_unlinked(address, &app_id, now, &meter)?;
            let presented = IsKnown::Credentials(app_id.clone(), work.secret);
            let created = exchange.of(presented, work, outcome).await;
            created.inspect_err(|_| platform.limits.give_back_unlinked(address, &app_id))?
        }
        _ => return Err(malformed("Exactly one of authentication_code and application must be there.")),
    };
    let status = if created.created { StatusCode::CREATED } else { StatusCode::OK };
    let response = CreateUserResponse {
        user_id: created.user_id.to_string(),
        linked: created.linked,
        install_state: created.install_state,
        token: on_the_wire(&created.grant),
        config: platform.settings.sdk.clone(),
        server_time: now.into(),
        metadata_keys: created.metadata_keys,
    };
    Ok((status, Json(response)))
}

/// As the metrics name it.
fn outcome(created: &Created) -> &'static str {
    if created.created { "created" } else { "restored" }
}

/// A code of a wrong shape gets the answer of any other invalid one.
fn by_code(code: &Secret, creation: Creation) -> Result<ExchangeCode, Failure> {
    let code = Plain::parse_code(code.expose()).ok_or(Failure::new(ErrorCode::AuthenticationCodeInvalid))?;
    Ok(ExchangeCode { code: code.hash(), creation })
}

/// An id or secret of a wrong shape gets the answer of any other wrong one.
fn by_credentials(
    credentials: &ApplicationCredentials,
    creation: Creation,
) -> Result<CreateUnlinkedUser, Failure> {
    let app_id = AppId::parse(&credentials.id);
    let secret = Plain::<AppSecret>::parse(credentials.secret.expose());
    let (Some(app_id), Some(secret)) = (app_id, secret) else {
        return Err(Failure::new(ErrorCode::ApplicationCredentialsInvalid));
    };
    let linking = credentials.linking;
    Ok(CreateUnlinkedUser { app_id, secret: secret.hash(), linking, creation })
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
