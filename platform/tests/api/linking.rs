//! `POST /v2/users/:install_id/link`, `POST /sdk/v1/link` and `/sdk/v1/link/confirm`.

use crate::support::{Command, Sdk, ServerKey, TestPlatform, key, tablet};
use reqwest::Method;
use sentiance_protocol::ErrorCode;
use serde_json::json;
use std::collections::HashSet;
use tokio::task::JoinSet;

async fn active_installs(platform: &TestPlatform) -> i64 {
    platform.count_rows("select count(*) from installs where status = 'active'").await
}

#[tokio::test]
async fn a_new_external_id_becomes_the_users_of_the_install() {
    let platform = TestPlatform::start().await;
    let sdk = platform.sdk_with_unlinked_user(true).await;
    sdk.confirm_link().await.refused(ErrorCode::UserNotLinked);

    // Sent again, since its answer was lost.
    for _ in 0..2 {
        let linked = platform.server.link(&sdk.install_id, "alice").await;
        assert_eq!(linked.ok(), json!({ "id": sdk.user_id }));
    }
    for _ in 0..2 {
        let confirmed = sdk.confirm_link().await.ok();
        assert_eq!(confirmed, json!({ "user_id": sdk.user_id, "linked": true, "install_state": "active" }));
    }
    platform.server.link(&sdk.install_id, "alice").await.ok();
    assert_eq!(platform.server.profile(&sdk.user_id).await.ok()["external_id"], "alice");
    // From now on the user is found by the external id.
    assert_eq!(platform.sdk_with_user("alice").await.user_id, sdk.user_id);
}

#[tokio::test]
async fn a_known_external_id_restores_its_user_on_an_install_that_awaits_its_link() {
    let platform = TestPlatform::start().await;
    let before = platform.sdk_with_user("alice").await;
    let mut sdk = platform.sdk_with_unlinked_user(true).await;
    for _ in 0..2 {
        let linked = platform.server.link(&sdk.install_id, "alice").await;
        assert_eq!(linked.ok(), json!({ "id": before.user_id }));
    }
    let confirmed = sdk.confirm_link().await.ok();
    assert_eq!(confirmed["user_id"], before.user_id.as_str());
    assert_eq!(confirmed["install_state"], "active");

    assert_eq!(sdk.own_profile().await.ok()["id"], before.user_id.as_str(), "the tokens stay good");
    sdk.refresh().await.ok();
    assert_eq!(before.state().await, "inactive", "displaced, as by a code");
    // The empty user is gone.
    platform.until_rows("select count(*) from users", 1).await;
    platform.server.profile(&sdk.user_id).await.refused(ErrorCode::UserNotFound);
}

#[tokio::test]
async fn a_known_external_id_is_not_for_an_install_that_has_a_user_of_its_own() {
    let platform = TestPlatform::start().await;
    platform.sdk_with_user("alice").await;
    let unlinked = platform.sdk_with_unlinked_user(false).await;
    let known = ErrorCode::CannotLinkExistingPerson;
    platform.server.link(&unlinked.install_id, "alice").await.refused(known);

    let confirmed = platform.sdk_with_unlinked_user(true).await;
    platform.server.link(&confirmed.install_id, "bob").await.ok();
    confirmed.confirm_link().await.ok();
    let other = ErrorCode::InstallLinkedToOtherUser;
    platform.server.link(&confirmed.install_id, "alice").await.refused(other);
    platform.server.link(&confirmed.install_id, "carol").await.refused(other);

    // A new external id is for both kinds.
    platform.server.link(&unlinked.install_id, "dave").await.ok();
    assert_eq!(unlinked.confirm_link().await.ok()["user_id"], unlinked.user_id.as_str());
}

#[tokio::test]
async fn a_tablet_that_is_linked_does_not_displace_an_active_phone() {
    let platform = TestPlatform::start().await;
    let phone = platform.sdk_with_user("alice").await;
    let mut sdk = platform.sdk().on(tablet());
    sdk.create_unlinked_user(&platform.credentials(true)).await.ok();
    for _ in 0..2 {
        platform.server.link(&sdk.install_id, "alice").await.ok();
    }
    for _ in 0..2 {
        assert_eq!(sdk.confirm_link().await.ok()["install_state"], "inactive");
    }
    assert_eq!(phone.state().await, "active");
    sdk.own_profile().await.refused(ErrorCode::UserDisabledRemotely);
    platform.server.link(&sdk.install_id, "alice").await.refused(ErrorCode::InstallDeactivated);
}

#[tokio::test]
async fn a_disabled_user_is_restored_by_a_link_and_stays_disabled() {
    let platform = TestPlatform::start().await;
    let before = platform.sdk_with_user("alice").await;
    platform.command().run(&["user", "disable", "--app", &platform.app_id, &before.user_id]);
    let sdk = platform.sdk_with_unlinked_user(true).await;
    for _ in 0..2 {
        platform.server.link(&sdk.install_id, "alice").await.ok();
    }
    assert_eq!(sdk.confirm_link().await.ok()["install_state"], "disabled");
    platform.server.link(&sdk.install_id, "alice").await.refused(ErrorCode::InstallDisabled);
}

#[tokio::test]
async fn an_install_that_cannot_be_linked_says_why() {
    let platform = TestPlatform::start().await;
    let (server, command) = (&platform.server, platform.command());
    for nobodys in [key(), "alice".to_owned(), "A".repeat(32)] {
        server.link(&nobodys, "alice").await.refused(ErrorCode::InstallNotFound);
    }

    let other_app = command.create_app("Other", &[]);
    let other = ServerKey::new(&platform.url, &command.create_key(&other_app, &["user.link", "user.delete"]));
    let sdk = platform.sdk_with_unlinked_user(true).await;
    let foreign = ErrorCode::InstallDoesNotBelongToApp;
    other.link(&sdk.install_id, "alice").await.refused(foreign);

    command.run(&["user", "disable", "--app", &platform.app_id, &sdk.user_id]);
    server.link(&sdk.install_id, "alice").await.refused(ErrorCode::InstallDisabled);
    sdk.confirm_link().await.refused(ErrorCode::UserDisabledRemotely);
    command.run(&["user", "enable", "--app", &platform.app_id, &sdk.user_id]);
    server.link(&sdk.install_id, "alice").await.ok();

    platform.sdk_with_user("alice").await;
    sdk.confirm_link().await.ok();
    server.link(&sdk.install_id, "alice").await.refused(ErrorCode::InstallDeactivated);
    sdk.reset().await.ok();
    server.link(&sdk.install_id, "alice").await.refused(ErrorCode::InstallDeleted);
    sdk.confirm_link().await.refused(ErrorCode::SessionEnded);

    let deleted = platform.sdk_with_unlinked_user(true).await;
    server.delete(&deleted.user_id).await.ok();
    server.link(&deleted.install_id, "alice").await.refused(ErrorCode::InstallDeleted);
    other.link(&deleted.install_id, "alice").await.refused(foreign);
}

#[tokio::test]
async fn linking_by_installs_can_be_switched_off_and_codes_still_link() {
    let platform = TestPlatform::start().await;
    let command = platform.command();
    let created = command.run(&["app", "create", "--name", "Strict", "--no-user-linking"]);
    let (app, secret) =
        (Command::value_of(&created, "app id: "), Command::value_of(&created, "app secret: "));
    let server = ServerKey::new(&platform.url, &command.create_key(&app, &["user.link"]));
    let mut sdk = platform.sdk();
    sdk.create_unlinked_user(&json!({ "id": app, "secret": secret, "linking": false })).await.ok();
    server.link(&sdk.install_id, "alice").await.refused(ErrorCode::UserLinkingNotConfigured);
    sdk.link_by_code(&server.code("alice").await).await.ok();
}

#[tokio::test]
async fn installs_linked_to_one_new_external_id_at_once_get_one_user() {
    let platform = TestPlatform::start().await;
    let mut calls = JoinSet::new();
    for _ in 0..20 {
        let sdk = platform.sdk_with_unlinked_user(true).await;
        let server = platform.server.clone();
        calls.spawn(async move {
            let id = server.link(&sdk.install_id, "alice").await.ok()["id"].clone();
            assert_eq!(sdk.confirm_link().await.ok()["user_id"], id);
            id.to_string()
        });
    }
    let users: HashSet<_> = calls.join_all().await.into_iter().collect();
    assert_eq!(users.len(), 1);
    platform.until_rows("select count(*) from users", 1).await;
    assert_eq!(active_installs(&platform).await, 1);
}

#[tokio::test]
async fn an_unlinked_user_is_linked_by_a_code() {
    let platform = TestPlatform::start().await;
    let sdk = platform.sdk_with_unlinked_user(false).await;
    let code = platform.server.code("alice").await;
    // Sent again, since its answer was lost.
    for _ in 0..2 {
        let linked = sdk.link_by_code(&code).await.ok();
        assert_eq!(linked, json!({ "user_id": sdk.user_id, "linked": true, "install_state": "active" }));
    }
    assert_eq!(platform.server.profile(&sdk.user_id).await.ok()["external_id"], "alice");

    let other = platform.server.code("bob").await;
    sdk.link_by_code(&other).await.refused(ErrorCode::UserAlreadyLinked);
    platform.sdk().create_user(&other).await.ok();
    // Another code of the same external id says nothing new.
    sdk.link_by_code(&platform.server.code("alice").await).await.ok();
}

#[tokio::test]
async fn a_code_of_a_known_user_links_nobody_and_stays_good() {
    let platform = TestPlatform::start().await;
    let alice = platform.sdk_with_user("alice").await;
    let sdk = platform.sdk_with_unlinked_user(false).await;
    let code = platform.server.code("alice").await;
    sdk.link_by_code(&code).await.refused(ErrorCode::CannotLinkExistingPerson);
    let mut restored = platform.sdk();
    restored.create_user(&code).await.ok();
    assert_eq!(restored.user_id, alice.user_id);
}

#[tokio::test]
async fn codes_that_link_nobody_get_the_same_answer() {
    let platform = TestPlatform::start().await;
    let sdk = platform.sdk_with_unlinked_user(false).await;
    let exchanged = platform.server.code("bob").await;
    platform.sdk().create_user(&exchanged).await.ok();
    let linked = platform.server.code("carol").await;
    platform.sdk_with_unlinked_user(false).await.link_by_code(&linked).await.ok();
    let command = platform.command();
    let other_app = command.create_app("Other", &[]);
    let other = ServerKey::new(&platform.url, &command.create_key(&other_app, &["user.link"]));
    let foreign = other.code("dave").await;

    let invalid = ErrorCode::AuthenticationCodeInvalid;
    for code in [&exchanged, &linked, &foreign, &"0".repeat(128), &"x".to_owned()] {
        sdk.link_by_code(code).await.refused(invalid);
    }
    sdk.confirm_link().await.refused(ErrorCode::UserNotLinked);
    // A code that linked a user creates none, not even with that install.
    let mut again: Sdk = platform.sdk();
    again.create_user(&linked).await.refused(invalid);
    again.create_user(&foreign).await.ok();
}

#[tokio::test]
async fn of_many_users_that_send_one_code_at_once_exactly_one_is_linked() {
    let platform = TestPlatform::start().await;
    let code = platform.server.code("alice").await;
    let mut calls = JoinSet::new();
    for _ in 0..20 {
        let (sdk, code) = (platform.sdk_with_unlinked_user(false).await, code.clone());
        calls.spawn(async move { sdk.link_by_code(&code).await });
    }
    let answers = calls.join_all().await;
    let linked = answers.iter().filter(|answer| answer.status.is_success()).count();
    assert_eq!(linked, 1);
    let of_alice = "select count(*) from users where external_id = 'alice'";
    assert_eq!(platform.count_rows(of_alice).await, 1);
}

#[tokio::test]
async fn a_displaced_or_disabled_device_links_nobody() {
    let platform = TestPlatform::start().await;
    let displaced = platform.sdk_with_user("alice").await;
    platform.sdk_with_user("alice").await;
    let disabled = platform.sdk_with_unlinked_user(false).await;
    platform.command().run(&["user", "disable", "--app", &platform.app_id, &disabled.user_id]);
    let code = platform.server.code("bob").await;
    for sdk in [&displaced, &disabled] {
        sdk.link_by_code(&code).await.refused(ErrorCode::UserDisabledRemotely);
    }
    platform.sdk().create_user(&code).await.ok();
}

#[tokio::test]
async fn only_a_server_links_an_install() {
    let platform = TestPlatform::start().await;
    let sdk = platform.sdk_with_unlinked_user(true).await;
    let path = format!("/v2/users/{}/link", sdk.install_id);
    let body = json!({ "external_id": "alice" });
    let send = async |request: reqwest::RequestBuilder| crate::support::Answer::to(request.json(&body)).await;
    let by_user = sdk.request(Method::POST, &path).bearer_auth(&sdk.access_token);
    send(by_user).await.refused(ErrorCode::UserTokenNotAccepted);
    let by_page =
        platform.server.request(Method::POST, &path).header("origin", crate::support::LISTED_ORIGIN);
    send(by_page).await.refused(ErrorCode::BrowserNotAllowed);
    let weak =
        ServerKey::new(&platform.url, &platform.command().create_key(&platform.app_id, &["user.read"]));
    send(weak.request(Method::POST, &path)).await.refused(ErrorCode::InsufficientScope);
    platform.server.link(&sdk.install_id, "").await.refused(ErrorCode::InvalidExternalId);
}
