//! `POST /sdk/v1/reset`: goodbye.

use crate::support::TestPlatform;
use sentiance_protocol::ErrorCode;
use serde_json::json;
use std::time::Duration;

#[tokio::test]
async fn a_reset_ends_the_session() {
    let platform = TestPlatform::start().await;
    let mut sdk = platform.sdk_with_user("alice").await;
    assert_eq!(sdk.reset().await.ok(), json!({}));

    sdk.own_profile().await.refused(ErrorCode::SessionEnded);
    sdk.config().await.refused(ErrorCode::SessionEnded);
    sdk.refresh().await.refused(ErrorCode::SessionEnded);
    assert_eq!(sdk.reset().await.ok(), json!({}), "a second goodbye is harmless");
}

#[tokio::test]
async fn a_reset_does_not_touch_the_users_other_devices() {
    let platform = TestPlatform::start().await;
    let first = platform.sdk_with_user("alice").await;
    let second = platform.sdk_with_user("alice").await;
    first.reset().await.ok();
    assert_eq!(second.state().await, "active");
    first.config().await.refused(ErrorCode::SessionEnded);
}

#[tokio::test]
async fn a_reset_works_with_an_expired_token_and_for_a_disabled_user() {
    let platform = TestPlatform::start().await;
    let sdk = platform.sdk_with_user("alice").await;
    platform.pass(Duration::from_secs(100 * 24 * 3600));
    platform.command().run(&["user", "disable", "--app", &platform.app_id, &sdk.user_id]);
    sdk.reset().await.ok();
    sdk.config().await.refused(ErrorCode::SessionEnded);
}

#[tokio::test]
async fn after_a_reset_the_same_external_id_is_restored() {
    let platform = TestPlatform::start().await;
    let first = platform.sdk_with_user("alice").await;
    first.reset().await.ok();
    let again = platform.sdk_with_user("alice").await;
    assert_eq!(again.user_id, first.user_id);
    assert_eq!(again.state().await, "active");
}

#[tokio::test]
async fn ended_installs_are_forgotten_in_the_end() {
    let platform = TestPlatform::start().await;
    platform.sdk_with_user("alice").await.reset().await.ok();
    platform.pass(Duration::from_secs(200 * 24 * 3600));
    platform.sdk_with_user("alice").await;
    assert_eq!(platform.count_rows("select count(*) from installs").await, 1);
}
