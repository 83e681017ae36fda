//! The HTTP interface: two routers, one for servers and one for SDKs, behind the same protections.

mod body;
mod browser;
mod cors;
mod credentials;
mod failure;
mod protection;
mod routes;
pub mod server;

use crate::{clock::Clock, domain::Lifetimes, random::Randomness, store::Store};
use axum::{
    Router,
    extract::State,
    middleware::from_fn_with_state,
    routing::{delete, get, patch, post},
};
use sentiance_protocol::{
    BODY_LIMIT_BYTES, DETECTIONS_BODY_LIMIT_BYTES, METADATA_BODY_LIMIT_BYTES, SdkConfiguration,
};
use std::{sync::Arc, time::Duration};
use tower_http::limit::RequestBodyLimitLayer;

/// How the platform behaves.
#[derive(Clone, Debug)]
pub struct Settings {
    /// How long tokens live.
    pub lifetimes: Lifetimes,
    /// How the SDK shall behave.
    pub sdk: SdkConfiguration,
    /// Whether pages of this machine may call the SDK's endpoints of every application.
    pub allow_loopback_origins: bool,
    /// How long a request may take to arrive: its headers, and again its body.
    pub arrival_deadline: Duration,
    /// How long a request may take in all.
    pub request_deadline: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            lifetimes: Lifetimes::default(),
            sdk: SdkConfiguration {
                status_poll_seconds: 60,
                trip_timeout_seconds: None,
                upload_interval_seconds: None,
                disk_quota_bytes: None,
                wifi_quota_bytes: None,
                mobile_quota_bytes: None,
            },
            allow_loopback_origins: false,
            arrival_deadline: Duration::from_secs(10),
            request_deadline: Duration::from_secs(30),
        }
    }
}

/// What every handler needs.
pub struct Platform {
    /// The database.
    pub store: Store,
    /// The time.
    pub clock: Box<dyn Clock>,
    /// The source of secrets and ids.
    pub random: Box<dyn Randomness>,
    /// How to behave.
    pub settings: Settings,
}

/// How a handler receives the platform.
type PlatformState = State<Arc<Platform>>;

/// All endpoints.
pub fn router(platform: Arc<Platform>) -> Router {
    let for_servers = Router::new()
        .route("/users/auth-code", post(routes::auth_code::issue))
        .route("/v2/users/{install_id}/link", post(routes::link_install::link))
        .route_layer(RequestBodyLimitLayer::new(BODY_LIMIT_BYTES));
    let for_servers = protection::fence(for_servers, &platform)
        .route_layer(axum::middleware::from_fn(browser::refuse_browsers));

    // These accept a user's token or an API key: pages may call them with the one, and with the other nobody's page.
    let for_sdks = Router::new()
        .route("/users/{user_id}", delete(routes::users::remove))
        .route("/v2/users/me", get(routes::users::own_profile))
        .route("/v2/users/{user_id}", get(routes::users::profile))
        .route("/v2/users/{user_id}/detections", get(routes::detections::list))
        .route("/sdk/v1/users", post(routes::sdk_users::create))
        .route("/sdk/v1/token", post(routes::sdk_token::refresh))
        .route("/sdk/v1/link", post(routes::sdk_link::by_code))
        .route("/sdk/v1/link/confirm", post(routes::sdk_link::confirm))
        .route("/sdk/v1/config", get(routes::sdk_config::show))
        .route("/sdk/v1/reset", post(routes::sdk_reset::goodbye))
        .route_layer(RequestBodyLimitLayer::new(BODY_LIMIT_BYTES))
        .route(
            "/sdk/v1/metadata",
            patch(routes::sdk_metadata::change).layer(RequestBodyLimitLayer::new(METADATA_BODY_LIMIT_BYTES)),
        )
        .route(
            "/sdk/v1/detections",
            post(routes::sdk_detections::record)
                .layer(RequestBodyLimitLayer::new(DETECTIONS_BODY_LIMIT_BYTES)),
        );
    // Pages read what the fence answers, too.
    let for_sdks = protection::fence(for_sdks, &platform)
        .route_layer(from_fn_with_state(platform.clone(), cors::share_with_listed_origins))
        .route_layer(axum::middleware::from_fn(browser::refuse_api_keys_in_browsers));

    let for_operators = Router::new()
        .route("/healthz", get(routes::health::alive))
        .route("/readyz", get(routes::health::ready))
        .route_layer(RequestBodyLimitLayer::new(BODY_LIMIT_BYTES));
    let for_operators = protection::fence(for_operators, &platform);

    let all = for_servers.merge(for_sdks).merge(for_operators);
    protection::complete_answers(all, &platform).with_state(platform)
}
