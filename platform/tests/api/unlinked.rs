//! `POST /sdk/v1/users` with an application's credentials instead of a code.

use crate::support::{Answer, Command, LISTED_ORIGIN, Sdk, TestPlatform, key};
use reqwest::{Method, StatusCode};
use sentiance_protocol::{CreateUserResponse, ErrorCode, InstallState};
use serde_json::{Value, json};
use std::collections::HashSet;

#[tokio::test]
async fn an_applications_credentials_become_a_new_user_who_is_not_linked() {
    let platform = TestPlatform::start().await;
    let mut sdk = platform.sdk();
    let answer = sdk.create_unlinked_user(&platform.credentials(false)).await;

    assert_eq!(answer.status, StatusCode::CREATED);
    let user: CreateUserResponse = serde_json::from_str(&answer.text).unwrap();
    assert_eq!(user.user_id.len(), 24);
    assert!(!user.linked);
    assert_eq!(user.install_state, InstallState::Active);
    assert_eq!(user.token.generation, 1);
    sdk.own_profile().await.ok();
    sdk.refresh().await.ok();

    let profile = platform.server.profile(&sdk.user_id).await.ok();
    assert_eq!(profile.get("external_id"), None);
    let shown = platform.command().run(&["user", "show", "--app", &platform.app_id, &sdk.user_id]);
    assert!(Command::value_of(&shown, "external id: ").starts_with("none"));
}

#[tokio::test]
async fn every_install_gets_a_user_of_its_own() {
    let platform = TestPlatform::start().await;
    let first = platform.sdk_with_unlinked_user(false).await;
    let second = platform.sdk_with_unlinked_user(false).await;
    assert_ne!(first.user_id, second.user_id);
    assert_eq!((first.state().await, second.state().await), ("active".into(), "active".into()));
}

#[tokio::test]
async fn wrong_ids_and_secrets_get_the_same_answer() {
    let platform = TestPlatform::start().await;
    let command = platform.command();
    let other = command.run(&["app", "create", "--name", "Other", "--origin", "https://other.example.com"]);
    let others_secret = Command::value_of(&other, "app secret: ");
    let nobody = "0".repeat(24);
    let (id, secret) = (&platform.app_id, &platform.app_secret);
    let mut messages = HashSet::new();
    for (id, secret) in [
        (id.as_str(), others_secret.as_str()),
        (&nobody, secret),
        (id, "sas_"),
        (id, ""),
        ("alice", secret),
        (id, &platform.server.secret),
    ] {
        let credentials = json!({ "id": id, "secret": secret, "linking": false });
        let answer = platform.sdk().exchange_credentials(&credentials, &key()).await;
        answer.refused(ErrorCode::ApplicationCredentialsInvalid);
        messages.insert(serde_json::from_str::<Value>(&answer.text).unwrap()["message"].to_string());
    }
    assert_eq!(messages.len(), 1);

    // A page that another application lists, and this one does not.
    let page = platform.sdk().in_page("https://other.example.com");
    let answer = page.exchange_credentials(&platform.credentials(false), &key()).await;
    answer.refused(ErrorCode::ApplicationCredentialsInvalid);
    let page = platform.sdk().in_page(LISTED_ORIGIN);
    page.exchange_credentials(&platform.credentials(false), &key()).await.ok();
}

#[tokio::test]
async fn exactly_one_of_code_and_credentials_is_needed() {
    let platform = TestPlatform::start().await;
    let sdk = platform.sdk();
    let code = platform.server.code("alice").await;
    let mut both = sdk.unlinked_creation(&platform.credentials(false), &key());
    both["authentication_code"] = code.clone().into();
    let mut neither = both.clone();
    neither["authentication_code"] = Value::Null;
    neither["application"] = Value::Null;
    for body in [both, neither] {
        let request = sdk.request(Method::POST, "/sdk/v1/users").json(&body);
        Answer::to(request).await.refused(ErrorCode::MalformedRequest);
    }
    platform.sdk().create_user(&code).await.ok();
}

#[tokio::test]
async fn a_creation_whose_answer_was_lost_gives_the_same_user_again() {
    let platform = TestPlatform::start().await;
    let (credentials, try_key) = (platform.credentials(false), key());
    let mut lost = platform.sdk();
    let mut again = lost.clone();
    lost.remember_user(&lost.clone().exchange_credentials(&credentials, &try_key).await);
    for generation in 2..=4 {
        let answer = again.exchange_credentials(&credentials, &try_key).await;
        assert_eq!(answer.status, StatusCode::CREATED, "as the first answer said");
        assert_eq!(answer.ok()["token"]["generation"], generation);
        again.remember_user(&answer);
    }
    assert_eq!(again.user_id, lost.user_id);
    again.own_profile().await.ok();
    lost.own_profile().await.refused(ErrorCode::TokenInvalid);
    assert_eq!(platform.count_rows("select count(*) from users").await, 1);
}

#[tokio::test]
async fn a_creation_is_not_repeated_with_another_key_or_secret_or_after_use() {
    let platform = TestPlatform::start().await;
    let (credentials, try_key) = (platform.credentials(false), key());
    let mut sdk = platform.sdk();
    sdk.remember_user(&sdk.clone().exchange_credentials(&credentials, &try_key).await);

    sdk.exchange_credentials(&credentials, &key()).await.refused(ErrorCode::InstallConflict);
    let wrong = json!({ "id": platform.app_id, "secret": "sas_", "linking": false });
    let refusal = sdk.exchange_credentials(&wrong, &try_key).await;
    refusal.refused(ErrorCode::ApplicationCredentialsInvalid);
    sdk.own_profile().await.ok();
    sdk.exchange_credentials(&credentials, &try_key).await.refused(ErrorCode::InstallConflict);

    // Nor does an install that has a user by a code get another one this way.
    let by_code = platform.sdk_with_user("alice").await;
    by_code.exchange_credentials(&credentials, &try_key).await.refused(ErrorCode::InstallConflict);
}

#[tokio::test]
async fn a_rotated_secret_replaces_the_one_before_and_leaves_users_alone() {
    let platform = TestPlatform::start().await;
    let sdk = platform.sdk_with_unlinked_user(false).await;
    let rotated = platform.command().run(&["app", "rotate-secret", "--app", &platform.app_id]);
    let secret = Command::value_of(&rotated, "app secret: ");
    assert!(secret.starts_with("sas_") && secret.len() >= 44, "160 random bits");

    let refusal = platform.sdk().exchange_credentials(&platform.credentials(false), &key()).await;
    refusal.refused(ErrorCode::ApplicationCredentialsInvalid);
    let fresh = json!({ "id": platform.app_id, "secret": secret, "linking": false });
    platform.sdk().exchange_credentials(&fresh, &key()).await.ok();
    sdk.own_profile().await.ok();
}

#[tokio::test]
async fn an_unlinked_user_is_deleted_like_any_other() {
    let platform = TestPlatform::start().await;
    let sdk: Sdk = platform.sdk_with_unlinked_user(true).await;
    sdk.delete_user(&sdk.user_id).await.ok();
    sdk.config().await.refused(ErrorCode::UserDeleted);
    assert_eq!(platform.count_rows("select count(*) from installs").await, 0);
}
