//! `/v2/users` and `DELETE /users/:user_id`.

use crate::support::{ServerKey, TestPlatform};
use reqwest::StatusCode;
use sentiance_protocol::ErrorCode;
use serde_json::json;

#[tokio::test]
async fn a_user_reads_the_own_profile() {
    let platform = TestPlatform::start().await;
    let sdk = platform.sdk_with_user("alice").await;
    let profile = sdk.own_profile().await.ok();
    assert_eq!(
        profile,
        json!({
            "type": "sdk",
            "id": sdk.user_id,
            "can_login": false,
            "created_at": profile["created_at"],
            "application_id": platform.app_id,
            "metadata": {},
            "sdk": {
                "type": "sdk", "flavor": null, "killswitch_action": "enable_sdk", "debug_logging": false,
            },
        })
    );
    assert!(profile["created_at"].as_str().unwrap().ends_with('Z'));
}

#[tokio::test]
async fn a_user_reads_the_own_profile_by_id_and_nobody_elses() {
    let platform = TestPlatform::start().await;
    let alice = platform.sdk_with_user("alice").await;
    let bob = platform.sdk_with_user("bob").await;
    let mut as_alice = ServerKey::new(&platform.url, &alice.access_token);
    as_alice.profile(&alice.user_id).await.ok();
    as_alice.profile(&bob.user_id).await.refused(ErrorCode::AccessDenied);
    as_alice.profile("nobody").await.refused(ErrorCode::AccessDenied);
    as_alice.secret = bob.access_token;
    as_alice.profile(&bob.user_id).await.ok();
}

#[tokio::test]
async fn a_server_reads_a_profile_with_the_external_id() {
    let platform = TestPlatform::start().await;
    let sdk = platform.sdk_with_user("alice").await;
    let profile = platform.server.profile(&sdk.user_id).await.ok();
    assert_eq!(profile["id"], sdk.user_id.as_str());
    assert_eq!(profile["external_id"], "alice");
}

#[tokio::test]
async fn a_deleted_users_devices_learn_it_with_their_next_call() {
    let platform = TestPlatform::start().await;
    let mut first = platform.sdk_with_user("alice").await;
    let mut second = platform.sdk_with_user("alice").await;
    let old = second.clone();
    for _ in 0..3 {
        second.refresh().await.ok();
    }
    let deleted = platform.server.delete(&first.user_id).await;
    assert_eq!((deleted.status, deleted.text.as_str()), (StatusCode::OK, ""));

    for sdk in [&mut first, &mut second] {
        sdk.config().await.refused(ErrorCode::UserDeleted);
        sdk.own_profile().await.refused(ErrorCode::UserDeleted);
        sdk.refresh().await.refused(ErrorCode::UserDeleted);
        sdk.reset().await.refused(ErrorCode::UserDeleted);
    }
    old.clone().refresh().await.refused(ErrorCode::UserDeleted);
    platform.server.profile(&first.user_id).await.refused(ErrorCode::UserNotFound);
    platform.server.delete(&first.user_id).await.refused(ErrorCode::UserNotFound);
}

#[tokio::test]
async fn a_user_deletes_itself_and_nobody_else() {
    let platform = TestPlatform::start().await;
    let alice = platform.sdk_with_user("alice").await;
    let bob = platform.sdk_with_user("bob").await;
    alice.delete_user(&bob.user_id).await.refused(ErrorCode::AccessDenied);
    assert_eq!(alice.delete_user(&alice.user_id).await.status, StatusCode::OK);
    alice.delete_user(&alice.user_id).await.refused(ErrorCode::UserDeleted);
    bob.own_profile().await.ok();
}

#[tokio::test]
async fn the_external_id_of_a_deleted_user_becomes_a_new_user() {
    let platform = TestPlatform::start().await;
    let before = platform.sdk_with_user("alice").await;
    let outstanding = platform.server.code("alice").await;
    platform.server.delete(&before.user_id).await.ok();
    platform.sdk().create_user(&outstanding).await.refused(ErrorCode::AuthenticationCodeInvalid);

    let mut after = platform.sdk();
    let answer = after.create_user(&platform.server.code("alice").await).await;
    assert_eq!(answer.status, StatusCode::CREATED);
    assert_ne!(after.user_id, before.user_id);
    before.config().await.refused(ErrorCode::UserDeleted);
}

#[tokio::test]
async fn a_user_whose_install_was_deleted_before_can_be_deleted_again() {
    let platform = TestPlatform::start().await;
    let mut sdk = platform.sdk();
    // The same install shows the same idempotency key each time, which names the family of its tokens.
    for code in ["first", "second"] {
        let answer = sdk.exchange(&platform.server.code(code).await, &"a".repeat(32)).await;
        sdk.remember_user(&answer);
        assert_eq!(platform.server.delete(&sdk.user_id).await.status, StatusCode::OK);
        sdk.own_profile().await.refused(ErrorCode::UserDeleted);
    }
}

#[tokio::test]
async fn nothing_of_a_deleted_user_stays_but_hashes() {
    let platform = TestPlatform::start().await;
    let alice = platform.sdk_with_user("alice").await;
    platform.server.delete(&alice.user_id).await.ok();
    for count in [
        "select count(*) from installs",
        "select count(*) from token_pairs",
        "select count(*) from authentication_codes",
        "select count(external_id) from users",
    ] {
        assert_eq!(platform.count_rows(count).await, 0, "{count}");
    }
    platform.until_rows("select count(*) from users", 0).await;
    alice.config().await.refused(ErrorCode::UserDeleted);
}

/// Writes a thousand blocks of detections for each user, behind the platform's back.
async fn store_many(platform: &TestPlatform) {
    let (id, content) = ("0".repeat(32), platform.database.literal(&[0; 8000]));
    platform
        .tamper(&format!(
            "insert into detection_blocks (
                app_id, user_id, kind, first_time, first_id, last_time, last_id, count, content, dated)
            with recursive n(n) as (select 1 union all select n + 1 from n where n < 1000)
            select u.app_id, u.user_id, 'position', n.n, '{id}', n.n, '{id}', 256, {content}, n.n from users u, n"
        ))
        .await;
}

#[tokio::test]
async fn what_a_deleted_user_stored_is_never_seen_again_and_goes_by_and_by() {
    let platform = TestPlatform::start().await;
    let before = platform.sdk_with_user("alice").await;
    before.change_metadata(1, &[("a", Some("b"))]).await.ok();
    store_many(&platform).await;
    platform.server.delete(&before.user_id).await.ok();
    // Nothing shows it, though the rows are there for a while.
    platform.server.detections(&before.user_id, "").await.refused(ErrorCode::UserNotFound);
    platform.server.profile(&before.user_id).await.refused(ErrorCode::UserNotFound);
    before.own_profile().await.refused(ErrorCode::UserDeleted);
    before.upload(&[]).await.refused(ErrorCode::UserDeleted);
    let show = ["user", "show", "--app", &platform.app_id, &before.user_id];
    assert!(platform.command().fail(&show).contains("no such user"));

    let after = platform.sdk_with_user("alice").await;
    assert_ne!(after.user_id, before.user_id);
    assert_eq!(platform.server.detections(&after.user_id, "").await.ok()["detections"], json!([]));
    assert_eq!(after.own_profile().await.ok()["metadata"], json!({}));
    platform.until_rows("select count(*) from detection_blocks", 0).await;
    platform.until_rows("select count(*) from user_metadata", 0).await;
    platform.until_rows("select count(*) from users", 1).await;
    after.own_profile().await.ok();
}

#[tokio::test]
async fn a_deletion_that_a_process_did_not_finish_is_finished_by_the_next() {
    let platform = TestPlatform::start().await;
    platform.sdk_with_user("alice").await;
    store_many(&platform).await;
    // As a process leaves it that dies after the first transaction.
    platform
        .tamper("update users set deleted_at = 1, former_external_id = external_id, external_id = null")
        .await;
    platform.tamper("delete from installs").await;
    assert_eq!(platform.count_rows("select count(*) from detection_blocks").await, 1000);
    let bob = platform.sdk_with_user("bob").await;
    // A command finishes what others have left, too; and so does a server from time to time.
    platform.command().run(&["user", "delete", "--app", &platform.app_id, &bob.user_id]);
    assert_eq!(platform.count_rows("select count(*) from detection_blocks").await, 0);
    assert_eq!(platform.count_rows("select count(*) from users").await, 0);
}

#[tokio::test]
async fn a_user_has_a_hundred_devices_at_most_that_learn_of_the_next_one() {
    let platform = TestPlatform::start().await;
    let alice = platform.sdk_with_user("alice").await;
    let ids: Vec<_> = (1..=108).map(|number| format!("({number}, '{number:032x}')")).collect();
    let family = platform.database.literal(&[0; 32]);
    platform
        .tamper(&format!(
            "insert into installs (app_id, install_id, user_id, status, family, generation, device_class,
                device_class_source, sdk_version, sdk_runtime, created_at, updated_at, expires_at)
            select app_id, column2, user_id, 'inactive', {family}, 1, 'phone', 'override', '', '', 0,
                4102444800000 + column1, 4102444800000
            from users, (values {}) as ids",
            ids.join(", ")
        ))
        .await;
    assert_eq!(platform.count_rows("select count(*) from installs").await, 109);
    let next = platform.sdk_with_user("alice").await;
    assert_eq!(platform.count_rows("select count(*) from installs").await, 101);
    assert_eq!(next.state().await, "active");
    alice.own_profile().await.refused(ErrorCode::TokenInvalid);
    platform.server.delete(&next.user_id).await.ok();
    platform.until_rows("select count(*) from installs", 0).await;
    platform.until_rows("select count(*) from users", 0).await;
}
