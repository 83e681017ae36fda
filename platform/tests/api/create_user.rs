//! `POST /sdk/v1/users`: creation, restoration, and who wins when many come at once.

use crate::support::{Sdk, ServerKey, TestPlatform, key};
use reqwest::StatusCode;
use sentiance_protocol::{CreateUserResponse, ErrorCode, InstallState};
use std::{collections::HashSet, time::Duration};
use tokio::task::JoinSet;

#[tokio::test]
async fn a_code_becomes_a_new_user() {
    let platform = TestPlatform::start().await;
    let code = platform.server.code("alice").await;
    let answer = platform.sdk().create_user(&code).await;

    assert_eq!(answer.status, StatusCode::CREATED);
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    let user: CreateUserResponse = serde_json::from_str(&answer.text).unwrap();
    assert_eq!(user.user_id.len(), 24);
    assert!(user.linked);
    assert_eq!(user.install_state, InstallState::Active);
    assert!(user.token.access_token.expose().starts_with("sat_"));
    assert!(user.token.refresh_token.expose().starts_with("srt_"));
    assert_eq!(user.token.generation, 1);
    assert_eq!(user.token.expires_at.since(user.server_time), 24.0 * 3600.0 * 1000.0);
    assert_eq!(user.config.status_poll_seconds, 60);
}

#[tokio::test]
async fn the_same_external_id_is_restored() {
    let platform = TestPlatform::start().await;
    let first = platform.sdk_with_user("alice").await;
    let mut second = platform.sdk();
    let answer = second.create_user(&platform.server.code("alice").await).await;
    assert_eq!(answer.status, StatusCode::OK, "restored, not created");
    assert_eq!(second.user_id, first.user_id);

    let other = platform.sdk_with_user("bob").await;
    assert_ne!(other.user_id, first.user_id);
}

#[tokio::test]
async fn the_same_external_id_of_two_applications_is_two_users() {
    let platform = TestPlatform::start().await;
    let alice = platform.sdk_with_user("alice").await;
    let command = platform.command();
    let other_app = command.create_app("Other", &[]);
    let other_server =
        ServerKey::new(&platform.url, &command.create_key(&other_app, &["user.link", "user.read"]));
    let mut namesake = platform.sdk();
    namesake.create_user(&other_server.code("alice").await).await.ok();
    assert_ne!(namesake.user_id, alice.user_id);
    other_server.profile(&alice.user_id).await.refused(ErrorCode::UserNotFound);
}

#[tokio::test]
async fn of_200_parallel_redemptions_of_one_code_exactly_one_succeeds() {
    let platform = TestPlatform::start().await;
    let code = platform.server.code("alice").await;
    let mut calls = JoinSet::new();
    for _ in 0..200 {
        let (sdk, code) = (platform.sdk(), code.clone());
        calls.spawn(async move { sdk.exchange(&code, &key()).await });
    }
    let answers = calls.join_all().await;
    let (successes, failures): (Vec<_>, Vec<_>) =
        answers.iter().partition(|answer| answer.status.is_success());
    assert_eq!(successes.len(), 1);
    failures.iter().for_each(|answer| answer.refused(ErrorCode::AuthenticationCodeInvalid));
}

#[tokio::test]
async fn codes_of_one_new_external_id_exchanged_at_once_give_one_user() {
    let platform = TestPlatform::start().await;
    let mut codes = Vec::new();
    for _ in 0..20 {
        codes.push(platform.server.code("alice").await);
    }
    let mut calls = JoinSet::new();
    for code in codes {
        let mut sdk = platform.sdk();
        calls.spawn(async move {
            let answer = sdk.create_user(&code).await;
            (answer.status, sdk)
        });
    }
    let created = calls.join_all().await;
    let users: HashSet<_> = created.iter().map(|(_, sdk)| sdk.user_id.clone()).collect();
    assert_eq!(users.len(), 1, "one user");
    let news = created.iter().filter(|(status, _)| *status == StatusCode::CREATED).count();
    assert_eq!(news, 1, "created once, restored by all others");
    let mut active = 0;
    for (_, sdk) in &created {
        active += usize::from(sdk.state().await == "active");
    }
    assert_eq!(active, 1, "one active install");
}

#[tokio::test]
async fn unknown_used_expired_and_foreign_codes_get_the_same_answer() {
    let platform = TestPlatform::start().await;
    let used = platform.server.code("alice").await;
    platform.sdk().create_user(&used).await.ok();
    let foreign = platform.server.code("alice").await;
    let expired = platform.server.code("alice").await;

    // A page that another application lists, and this one does not.
    platform.command().create_app("Other", &["https://other.example.com"]);
    let page = platform.sdk().in_page("https://other.example.com");
    let mut answers = vec![page.exchange(&foreign, &key()).await];
    platform.sdk().create_user(&foreign).await.ok();

    platform.pass(Duration::from_secs(601));
    for code in [&used, &expired, &"0".repeat(128), &"x".repeat(128), &String::new()] {
        answers.push(platform.sdk().exchange(code, &key()).await);
    }
    let mut messages = HashSet::new();
    for answer in answers {
        answer.refused(ErrorCode::AuthenticationCodeInvalid);
        let body: serde_json::Value = serde_json::from_str(&answer.text).unwrap();
        messages.insert(body["message"].to_string());
    }
    assert_eq!(messages.len(), 1);
}

#[tokio::test]
async fn a_code_is_good_until_its_last_moment() {
    let platform = TestPlatform::start().await;
    let code = platform.server.code("alice").await;
    platform.pass(Duration::from_secs(590));
    platform.sdk().create_user(&code).await.ok();
}

#[tokio::test]
async fn an_install_of_another_user_is_refused_and_the_code_stays_good() {
    let platform = TestPlatform::start().await;
    let mut sdk = platform.sdk_with_user("alice").await;
    let code = platform.server.code("bob").await;
    sdk.exchange(&code, &key()).await.refused(ErrorCode::InstallConflict);
    assert_eq!(sdk.state().await, "active", "the install still is alice's");

    sdk.install_id = key();
    sdk.create_user(&code).await.ok();
}

#[tokio::test]
async fn an_install_may_exchange_another_code_of_its_user() {
    let platform = TestPlatform::start().await;
    let mut sdk = platform.sdk_with_user("alice").await;
    let before = sdk.clone();
    let answer = sdk.create_user(&platform.server.code("alice").await).await;
    assert_eq!(answer.ok()["token"]["generation"], 2, "generations count over the sessions of an install");
    assert_eq!(sdk.state().await, "active");
    before.own_profile().await.refused(ErrorCode::TokenInvalid);
}

#[tokio::test]
async fn a_user_is_created_and_restored_though_disabled() {
    let platform = TestPlatform::start().await;
    let first = platform.sdk_with_user("alice").await;
    platform.command().run(&["user", "disable", "--app", &platform.app_id, &first.user_id]);
    let mut second = platform.sdk();
    let answer = second.create_user(&platform.server.code("alice").await).await;
    assert_eq!(answer.ok()["install_state"], "disabled");
    assert_eq!(second.user_id, first.user_id);
}

#[tokio::test]
async fn a_newer_sdk_may_send_more_than_this_platform_knows() {
    let platform = TestPlatform::start().await;
    let sdk: Sdk = platform.sdk();
    let mut body = sdk.creation(&platform.server.code("alice").await, &key());
    body["new_field"] = "new".into();
    body["device"]["new_field"] = 1.into();
    let request = sdk.request(reqwest::Method::POST, "/sdk/v1/users").json(&body);
    crate::support::Answer::to(request).await.ok();
}
