//! `GET /sdk/v1/config`: how a device learns its state, and `user disable` and `enable`, which change it.

use crate::support::{Answer, TestPlatform};
use reqwest::{Method, StatusCode};
use sentiance_protocol::{ConfigResponse, ErrorCode, InstallState};
use std::time::Duration;

#[tokio::test]
async fn an_sdk_learns_its_state_and_how_to_behave() {
    let mut settings = sentiance_platform::http::Settings::default();
    settings.sdk.status_poll_seconds = 7;
    settings.sdk.trip_timeout_seconds = Some(60);
    let platform_says = settings.sdk.clone();
    let platform = TestPlatform::start_with(settings).await;
    let mut sdk = platform.sdk();
    let created = sdk.create_user(&platform.server.code("alice").await).await;
    assert_eq!(created.ok()["config"]["trip_timeout_seconds"], 60);
    let answer = sdk.config().await;
    let config: ConfigResponse = serde_json::from_str(&answer.text).unwrap();
    assert_eq!(config.install_state, InstallState::Active);
    assert_eq!(config.config, platform_says);
    assert!(
        !answer.text.contains("quota"),
        "what the platform does not decide is not there: {}",
        answer.text
    );
}

#[tokio::test]
async fn an_unchanged_state_is_answered_without_a_body() {
    let platform = TestPlatform::start().await;
    let sdk = platform.sdk_with_user("alice").await;
    let tag = sdk.config().await.header("etag").unwrap().to_owned();
    let ask = async |tag: &str| {
        let request = sdk.request(Method::GET, "/sdk/v1/config").bearer_auth(&sdk.access_token);
        Answer::to(request.header("if-none-match", tag)).await
    };

    let unchanged = ask(&tag).await;
    assert_eq!(unchanged.status, StatusCode::NOT_MODIFIED);
    assert_eq!(unchanged.text, "");
    assert_eq!(unchanged.header("etag"), Some(tag.as_str()));
    assert_eq!(ask("\"another\"").await.status, StatusCode::OK);

    platform.command().run(&["user", "disable", "--app", &platform.app_id, &sdk.user_id]);
    let changed = ask(&tag).await;
    assert_eq!(changed.ok()["install_state"], "disabled");
    assert_ne!(changed.header("etag"), Some(tag.as_str()));
}

#[tokio::test]
async fn an_expired_token_still_tells_the_state() {
    let platform = TestPlatform::start().await;
    let sdk = platform.sdk_with_user("alice").await;
    platform.pass(Duration::from_secs(100 * 24 * 3600));
    assert_eq!(sdk.state().await, "active");
}

#[tokio::test]
async fn disabling_a_user_takes_effect_at_once_and_enabling_undoes_it() {
    let platform = TestPlatform::start().await;
    let mut sdk = platform.sdk_with_user("alice").await;
    sdk.own_profile().await.ok();

    platform.command().run(&["user", "disable", "--app", &platform.app_id, &sdk.user_id]);
    assert_eq!(sdk.state().await, "disabled");
    sdk.own_profile().await.refused(ErrorCode::UserDisabledRemotely);
    sdk.refresh().await.refused(ErrorCode::UserDisabledRemotely);
    sdk.delete_user(&sdk.user_id).await.refused(ErrorCode::UserDisabledRemotely);
    let profile = platform.server.profile(&sdk.user_id).await.ok();
    assert_eq!(profile["sdk"]["killswitch_action"], "disable_sdk");

    platform.command().run(&["user", "enable", "--app", &platform.app_id, &sdk.user_id]);
    assert_eq!(sdk.state().await, "active");
    sdk.refresh().await.ok();
    sdk.own_profile().await.ok();
}
