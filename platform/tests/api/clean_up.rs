//! What is too old is forgotten, a little at a time: no table grows for ever.

use crate::support::{Sdk, TestPlatform, key};
use sentiance_platform::{domain::Lifetimes, http::Settings};
use sentiance_protocol::ErrorCode;
use std::time::Duration;

const DAY: Duration = Duration::from_secs(24 * 3600);

async fn tidy_platform() -> TestPlatform {
    tidy_platform_with(Lifetimes::default()).await
}

async fn tidy_platform_with(lifetimes: Lifetimes) -> TestPlatform {
    let clean_up_interval = Duration::from_millis(100);
    TestPlatform::start_with(Settings { lifetimes, clean_up_interval, ..Settings::default() }).await
}

#[tokio::test]
async fn codes_are_forgotten_a_day_after_their_end_however_many_there_are() {
    let platform = tidy_platform().await;
    platform.sdk_with_user("alice").await;
    platform.server.code("alice").await;
    let hash = |number: u32| platform.database.literal(&number.to_be_bytes().repeat(8));
    let many: Vec<_> = (0..1000).map(|number| format!("({}, 'user {number}')", hash(number))).collect();
    platform
        .tamper(&format!(
            "insert into authentication_codes (app_id, hash, external_id, expires_at)
            select app_id, column1, column2, created_at from applications, (values {}) as many",
            many.join(", ")
        ))
        .await;
    let codes = "select count(*) from authentication_codes";
    assert_eq!(platform.count_rows(codes).await, 1002);
    platform.pass(DAY + Duration::from_secs(60));
    platform.until_rows(codes, 2).await;
    platform.pass(Duration::from_secs(10 * 60));
    platform.until_rows(codes, 0).await;
}

#[tokio::test]
async fn a_session_that_nobody_used_for_too_long_ends_and_its_install_is_forgotten_in_the_end() {
    let lifetimes = Lifetimes { refresh_token: 10 * DAY, ..Lifetimes::default() };
    let platform = tidy_platform_with(lifetimes).await;
    let mut sdk = platform.sdk_with_user("alice").await;
    let mut stream = sdk.follow("active").await;
    platform.pass(9 * DAY);
    sdk.refresh().await.ok();
    platform.pass(9 * DAY);
    assert_eq!(sdk.state().await, "active");

    platform.pass(2 * DAY);
    stream.ends_with("ended", "SESSION_ENDED").await;
    sdk.config().await.refused(ErrorCode::SessionEnded);
    sdk.refresh().await.refused(ErrorCode::SessionEnded);
    let shown = platform.command().run(&["user", "show", "--app", &platform.app_id, &sdk.user_id]);
    assert!(shown.contains("ended, not used for too long"), "{shown}");
    let last = platform.audit(&["--limit", "1"]).remove(0);
    assert_eq!((&last["kind"], &last["by"]), (&"session_expired".into(), &"platform".into()));

    platform.pass(11 * DAY);
    platform.until_rows("select count(*) from installs", 0).await;
    platform.until_rows("select count(*) from token_pairs", 0).await;
    let again = platform.sdk_with_user("alice").await;
    assert_eq!(again.user_id, sdk.user_id, "the user stays");
}

/// Devices whose users were created without a code: one that was never used, one that was, one that refreshed, and one
/// that was linked.
async fn users_without_a_code(platform: &TestPlatform) -> [Sdk; 4] {
    let unused = platform.sdk_with_unlinked_user(false).await;
    let used = platform.sdk_with_unlinked_user(false).await;
    used.own_profile().await.ok();
    let mut refreshed = platform.sdk_with_unlinked_user(false).await;
    refreshed.refresh().await.ok();
    let linked = platform.sdk_with_unlinked_user(true).await;
    platform.server.link(&linked.install_id, "alice").await.ok();
    [unused, used, refreshed, linked]
}

#[tokio::test]
async fn a_user_whom_nobody_knows_goes_with_the_session_if_it_was_never_used() {
    // As they are kept that were there before there was a list of them.
    let settings = Settings { unused_user_lifetime: 400 * DAY, ..Settings::default() };
    let clean_up_interval = Duration::from_millis(100);
    let platform = TestPlatform::start_with(Settings { clean_up_interval, ..settings }).await;
    let [unused, used, refreshed, linked] = users_without_a_code(&platform).await;
    platform.pass(179 * DAY);
    let sessions = "select count(*) from installs where status <> 'ended'";
    assert_eq!(platform.count_rows(sessions).await, 4);

    platform.pass(2 * DAY);
    platform.until_rows(sessions, 0).await;
    platform.until_rows("select count(*) from users", 3).await;
    platform.server.profile(&unused.user_id).await.refused(ErrorCode::UserNotFound);
    for kept in [used, refreshed, linked] {
        platform.server.profile(&kept.user_id).await.ok();
        kept.config().await.refused(ErrorCode::SessionEnded);
    }
    unused.config().await.refused(ErrorCode::UserDeleted);
}

#[tokio::test]
async fn a_user_whom_nobody_knows_goes_after_a_week_if_it_was_never_used() {
    let platform = tidy_platform().await;
    let [unused, used, refreshed, linked] = users_without_a_code(&platform).await;
    let by_code = platform.sdk_with_user("bob").await;
    platform.pass(6 * DAY);
    platform.sdk_with_unlinked_user(false).await;
    platform.pass(2 * DAY);
    platform.until_rows("select count(*) from unused_users", 1).await;
    platform.until_rows("select count(*) from users", 5).await;
    for kept in [used, refreshed, linked, by_code] {
        platform.server.profile(&kept.user_id).await.ok();
    }
    unused.config().await.refused(ErrorCode::UserDeleted);
    let events = platform.audit(&["--user", &unused.user_id]);
    assert!(events.is_empty(), "what anybody can cause without end is not recorded: {events:?}");
}

#[tokio::test]
async fn what_is_left_of_deleted_users_is_forgotten() {
    let platform = tidy_platform().await;
    let sdk = platform.sdk_with_user("alice").await;
    platform.server.delete(&sdk.user_id).await.ok();
    platform.pass(179 * DAY);
    sdk.config().await.refused(ErrorCode::UserDeleted);
    platform.pass(2 * DAY);
    platform.until_rows("select count(*) from token_tombstones", 0).await;
    sdk.config().await.refused(ErrorCode::TokenInvalid);
}

#[tokio::test]
async fn audit_events_are_forgotten_when_they_are_too_old() {
    let platform = tidy_platform().await;
    let sdk = platform.sdk_with_user("alice").await;
    platform
        .tamper(
            "insert into audit_events (app_id, kind, actor, occurred_at)
            with recursive counter (n) as (select 1 union all select n + 1 from counter where n < 1000)
            select app_id, 'application_secret_changed', 'operator', created_at from applications, counter",
        )
        .await;
    platform.pass(399 * DAY);
    sdk.exchange("0", &key()).await.refused(ErrorCode::AuthenticationCodeInvalid);
    let old = "select count(*) from audit_events where kind <> 'session_expired'";
    platform.until_rows("select count(*) from installs where status = 'ended'", 1).await;
    assert_eq!(platform.count_rows(old).await, 1003);
    platform.pass(2 * DAY);
    platform.until_rows(old, 0).await;
    assert_eq!(platform.audit(&[]).len(), 1, "what is not so old stays");
}
