//! `POST /sdk/v1/token`: rotation, expiry, and stolen tokens. Lost answers are in `lost_answers`.

use crate::support::{ServerKey, TestPlatform, key};
use sentiance_platform::{model::InstallId, secret::Plain};
use sentiance_protocol::ErrorCode;
use std::time::Duration;

const HOUR: Duration = Duration::from_secs(3600);

#[tokio::test]
async fn a_refresh_gives_a_new_pair() {
    let platform = TestPlatform::start().await;
    let mut sdk = platform.sdk_with_user("alice").await;
    let before = sdk.clone();
    let answer = sdk.refresh().await;
    assert_eq!(answer.ok()["token"]["generation"], 2);
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    assert_ne!(sdk.access_token, before.access_token);
    assert_ne!(sdk.refresh_token, before.refresh_token);
    sdk.own_profile().await.ok();
    before.own_profile().await.ok();
}

#[tokio::test]
async fn an_expired_access_token_is_refreshed() {
    let platform = TestPlatform::start().await;
    let mut sdk = platform.sdk_with_user("alice").await;
    platform.pass(25 * HOUR);
    sdk.own_profile().await.refused(ErrorCode::TokenExpired);
    sdk.refresh().await.ok();
    sdk.own_profile().await.ok();
}

#[tokio::test]
async fn a_refresh_token_that_was_not_used_for_half_a_year_is_over() {
    let platform = TestPlatform::start().await;
    let mut sdk = platform.sdk_with_user("alice").await;
    platform.pass(179 * 24 * HOUR);
    sdk.refresh().await.ok();
    platform.pass(179 * 24 * HOUR);
    sdk.refresh().await.ok();
    platform.pass(181 * 24 * HOUR);
    sdk.refresh().await.refused(ErrorCode::SessionEnded);
}

#[tokio::test]
async fn a_token_older_than_the_parent_ends_the_session_for_everybody() {
    let platform = TestPlatform::start().await;
    let mut sdk = platform.sdk_with_user("alice").await;
    let stolen = sdk.clone();
    sdk.refresh().await.ok();
    sdk.refresh().await.ok();
    sdk.own_profile().await.ok();

    stolen.clone().refresh().await.refused(ErrorCode::SessionEnded);
    sdk.own_profile().await.refused(ErrorCode::SessionEnded);
    sdk.config().await.refused(ErrorCode::SessionEnded);
    sdk.refresh().await.refused(ErrorCode::SessionEnded);
    stolen.clone().refresh().await.refused(ErrorCode::SessionEnded);

    let recorded = "select count(*) from audit_events where kind = 'refresh_token_reused'";
    assert_eq!(platform.count_rows(recorded).await, 1);
    let shown = platform.command().run(&["user", "show", "--app", &platform.app_id, &sdk.user_id]);
    assert!(shown.contains("a stolen token was used"), "{shown}");

    sdk.create_user(&platform.server.code("alice").await).await.ok();
    assert_eq!(sdk.state().await, "active", "the user may come back with a new code");
}

#[tokio::test]
async fn however_old_a_token_is_its_reuse_is_recognized_and_no_row_is_kept_for_it() {
    let platform = TestPlatform::start().await;
    let mut sdk = platform.sdk_with_user("alice").await;
    let stolen = sdk.clone();
    for _ in 0..50 {
        sdk.refresh().await.ok();
    }
    assert_eq!(platform.count_rows("select count(*) from token_pairs").await, 2, "the newest and its parent");
    stolen.clone().refresh().await.refused(ErrorCode::SessionEnded);
    sdk.own_profile().await.refused(ErrorCode::SessionEnded);
}

#[tokio::test]
async fn a_stolen_token_ends_one_session_and_not_those_of_others() {
    let platform = TestPlatform::start().await;
    let mut alice = platform.sdk_with_user("alice").await;
    let bob = platform.sdk_with_user("bob").await;
    let stolen = alice.clone();
    alice.refresh().await.ok();
    alice.refresh().await.ok();
    stolen.clone().refresh().await.refused(ErrorCode::SessionEnded);
    bob.own_profile().await.ok();
}

#[tokio::test]
async fn the_lifetime_of_access_tokens_is_a_setting() {
    let lifetimes = sentiance_platform::domain::Lifetimes { access_token: 2 * HOUR, ..Default::default() };
    let settings = sentiance_platform::http::Settings { lifetimes, ..Default::default() };
    let platform = TestPlatform::start_with(settings).await;
    let sdk = platform.sdk_with_user("alice").await;
    platform.pass(HOUR);
    sdk.own_profile().await.ok();
    platform.pass(HOUR);
    sdk.own_profile().await.refused(ErrorCode::TokenExpired);
}

#[tokio::test]
async fn a_token_that_comes_back_ends_the_session_of_its_own_application_only() {
    let platform = TestPlatform::start().await;
    let command = platform.command();
    let others = command.create_key(&command.create_app("Other", &[]), &["user.link"]);
    let others = ServerKey::new(&platform.url, &others);
    // Whichever application's id sorts first.
    for thief_is_other in [true, false] {
        let (mut own, key_of_both) = (platform.sdk(), key());
        let mut other = own.clone();
        own.remember_user(&own.exchange(&platform.server.code("alice").await, &key_of_both).await);
        other.remember_user(&other.exchange(&others.code("alice").await, &key_of_both).await);
        let (robbed, spared) = if thief_is_other { (&mut other, &own) } else { (&mut own, &other) };
        let copy = robbed.clone();
        robbed.refresh().await.ok();
        robbed.refresh().await.ok();
        copy.send_refresh(&key()).await.refused(ErrorCode::SessionEnded);
        robbed.config().await.refused(ErrorCode::SessionEnded);
        spared.own_profile().await.ok();
    }
}

#[tokio::test]
async fn a_session_from_before_families_named_their_application_goes_on() {
    let platform = TestPlatform::start().await;
    let (mut sdk, code, creation_key) = (platform.sdk(), platform.server.code("alice").await, key());
    sdk.exchange(&code, &creation_key).await.ok();
    let family = Plain::of_creation(&InstallId::parse(&sdk.install_id).unwrap(), &creation_key).hash();
    let family = platform.database.literal(family.as_bytes());
    platform.tamper(&format!("update installs set family = {family}")).await;
    sdk.remember_user(&sdk.exchange(&code, &creation_key).await);
    let copy = sdk.clone();
    sdk.refresh().await.ok();
    sdk.refresh().await.ok();
    copy.send_refresh(&key()).await.refused(ErrorCode::SessionEnded);
    sdk.config().await.refused(ErrorCode::SessionEnded);
}
