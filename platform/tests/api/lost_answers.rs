//! Calls whose answer was lost, repeated with the same idempotency key.

use crate::support::{TestPlatform, key};
use reqwest::StatusCode;
use sentiance_protocol::ErrorCode;
use std::time::Duration;

#[tokio::test]
async fn a_creation_whose_answer_was_lost_gives_the_same_user_again() {
    let platform = TestPlatform::start().await;
    let (code, try_key) = (platform.server.code("alice").await, key());
    let mut lost = platform.sdk();
    let mut again = lost.clone();
    lost.remember_user(&lost.clone().exchange(&code, &try_key).await);
    // Long after the code's end: the app was closed meanwhile.
    platform.pass(Duration::from_secs(3600));
    let answer = again.exchange(&code, &try_key).await;
    again.remember_user(&answer);

    assert_eq!(answer.status, StatusCode::CREATED, "as the first answer said");
    assert_eq!(answer.ok()["token"]["generation"], 2);
    assert_eq!(again.user_id, lost.user_id);
    again.own_profile().await.ok();
    lost.own_profile().await.refused(ErrorCode::TokenInvalid);
    lost.refresh().await.refused(ErrorCode::RefreshTokenUsed);
    again.refresh().await.ok();
}

#[tokio::test]
async fn a_creation_is_not_repeated_days_later() {
    let platform = TestPlatform::start().await;
    let (code, try_key) = (platform.server.code("alice").await, key());
    let sdk = platform.sdk();
    sdk.exchange(&code, &try_key).await.ok();
    platform.pass(Duration::from_secs(25 * 3600));
    sdk.exchange(&code, &try_key).await.refused(ErrorCode::AuthenticationCodeInvalid);
}

#[tokio::test]
async fn a_creation_can_be_repeated_more_than_once() {
    let platform = TestPlatform::start().await;
    let (code, try_key) = (platform.server.code("alice").await, key());
    let mut sdk = platform.sdk();
    for generation in 1..=20 {
        let answer = sdk.exchange(&code, &try_key).await;
        assert_eq!(answer.ok()["token"]["generation"], generation);
        sdk.remember_user(&answer);
    }
    sdk.own_profile().await.ok();
    assert!(platform.count_rows("select count(*) from token_pairs").await <= 10, "no row per try");
}

#[tokio::test]
async fn a_creation_is_not_repeated_with_another_key_or_install_or_after_use() {
    let platform = TestPlatform::start().await;
    let (code, try_key) = (platform.server.code("alice").await, key());
    let mut sdk = platform.sdk();
    sdk.remember_user(&sdk.clone().exchange(&code, &try_key).await);

    let invalid = ErrorCode::AuthenticationCodeInvalid;
    sdk.exchange(&code, &key()).await.refused(invalid);
    platform.sdk().exchange(&code, &try_key).await.refused(invalid);
    let others = platform.sdk_with_user("bob").await;
    others.exchange(&code, &try_key).await.refused(invalid);
    sdk.own_profile().await.ok();
    sdk.exchange(&code, &try_key).await.refused(invalid);
}

#[tokio::test]
async fn asking_for_the_state_is_a_use_too() {
    let platform = TestPlatform::start().await;
    let (code, try_key) = (platform.server.code("alice").await, key());
    let mut sdk = platform.sdk();
    sdk.remember_user(&sdk.clone().exchange(&code, &try_key).await);
    sdk.config().await.ok();
    sdk.exchange(&code, &try_key).await.refused(ErrorCode::AuthenticationCodeInvalid);
}

#[tokio::test]
async fn a_creation_is_not_repeated_after_its_tokens_were_refreshed_or_the_user_said_goodbye() {
    let platform = TestPlatform::start().await;
    let (code, try_key) = (platform.server.code("alice").await, key());
    let mut sdk = platform.sdk();
    sdk.remember_user(&sdk.clone().exchange(&code, &try_key).await);
    sdk.refresh().await.ok();
    sdk.exchange(&code, &try_key).await.refused(ErrorCode::AuthenticationCodeInvalid);
    sdk.reset().await.ok();
    sdk.exchange(&code, &try_key).await.refused(ErrorCode::AuthenticationCodeInvalid);
}

#[tokio::test]
async fn a_creation_is_not_repeated_for_a_session_that_ended() {
    let platform = TestPlatform::start().await;
    let (code, try_key) = (platform.server.code("alice").await, key());
    let sdk = platform.sdk();
    sdk.exchange(&code, &try_key).await.ok();
    platform.tamper("update installs set status = 'ended', end_reason = 'reset'").await;
    sdk.exchange(&code, &try_key).await.refused(ErrorCode::AuthenticationCodeInvalid);
}

#[tokio::test]
async fn a_refresh_whose_answer_was_lost_gives_another_pair_whose_use_revokes_the_lost_one() {
    let platform = TestPlatform::start().await;
    let sdk = platform.sdk_with_user("alice").await;
    let try_key = key();
    let (mut lost, mut again) = (sdk.clone(), sdk.clone());
    lost.remember_token(&sdk.send_refresh(&try_key).await);
    let answer = sdk.send_refresh(&try_key).await;
    again.remember_token(&answer);

    assert_eq!(answer.ok()["token"]["generation"], 3);
    again.own_profile().await.ok();
    lost.own_profile().await.refused(ErrorCode::TokenInvalid);
    lost.refresh().await.refused(ErrorCode::RefreshTokenUsed);
    again.refresh().await.ok();
    lost.refresh().await.refused(ErrorCode::RefreshTokenUsed);
    again.own_profile().await.ok();
}

/// A request that was taken for lost can arrive after its repetition, whose answer the device has kept.
#[tokio::test]
async fn a_device_keeps_its_user_though_the_same_creation_arrives_once_more() {
    let platform = TestPlatform::start().await;
    let (code, try_key) = (platform.server.code("alice").await, key());
    let mut sdk = platform.sdk();
    sdk.remember_user(&sdk.clone().exchange(&code, &try_key).await);
    let mut nobody = sdk.clone();
    nobody.remember_user(&sdk.exchange(&code, &try_key).await);

    sdk.own_profile().await.ok();
    nobody.own_profile().await.refused(ErrorCode::TokenInvalid);
    sdk.refresh().await.ok();
    nobody.refresh().await.refused(ErrorCode::RefreshTokenUsed);
    sdk.own_profile().await.ok();
}

/// The same of a refresh; and here the pair that was kept is refreshed before anything else is done with it.
#[tokio::test]
async fn a_device_keeps_its_session_though_the_same_refresh_arrives_once_more() {
    let platform = TestPlatform::start().await;
    let mut sdk = platform.sdk_with_user("alice").await;
    let (parent, try_key) = (sdk.clone(), key());
    sdk.remember_token(&parent.send_refresh(&try_key).await);
    let mut nobody = sdk.clone();
    nobody.remember_token(&parent.send_refresh(&try_key).await);

    sdk.refresh().await.ok();
    nobody.refresh().await.refused(ErrorCode::RefreshTokenUsed);
    nobody.own_profile().await.refused(ErrorCode::TokenInvalid);
    sdk.refresh().await.ok();
    sdk.own_profile().await.ok();
}

#[tokio::test]
async fn a_refresh_is_not_repeated_with_another_key() {
    let platform = TestPlatform::start().await;
    let sdk = platform.sdk_with_user("alice").await;
    let mut newer = sdk.clone();
    newer.refresh().await.ok();
    sdk.send_refresh(&key()).await.refused(ErrorCode::RefreshTokenUsed);
    newer.own_profile().await.ok();
}

#[tokio::test]
async fn a_refresh_is_not_repeated_after_use() {
    let platform = TestPlatform::start().await;
    let sdk = platform.sdk_with_user("alice").await;
    let try_key = key();
    let mut newer = sdk.clone();
    newer.remember_token(&sdk.send_refresh(&try_key).await);
    newer.config().await.ok();
    sdk.send_refresh(&try_key).await.refused(ErrorCode::RefreshTokenUsed);
    newer.own_profile().await.ok();
}
