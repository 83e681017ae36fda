//! `POST /users/auth-code`.

use crate::support::TestPlatform;
use std::time::Duration;

#[tokio::test]
async fn a_server_gets_a_code_that_lives_for_ten_minutes() {
    let platform = TestPlatform::start().await;
    let earliest = platform.now().plus(Duration::from_secs(600)).to_iso8601();
    let answer = platform.server.ask_for_code("alice").await;
    let latest = platform.now().plus(Duration::from_secs(600)).to_iso8601();

    let body = answer.ok();
    let code = body["authentication_code"].as_str().unwrap();
    assert_eq!(code.len(), 128);
    assert!(code.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte)));
    let expires_at = body["expires_at"].as_str().unwrap();
    // ISO 8601 sorts as text.
    assert!(earliest.as_str() <= expires_at && expires_at <= latest.as_str(), "{expires_at}");
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    assert_eq!(body.as_object().unwrap().len(), 2, "the shape is public and fixed");
}

#[tokio::test]
async fn the_longest_external_id_is_accepted_in_any_script() {
    let platform = TestPlatform::start().await;
    let longest = "ж".repeat(256);
    platform.server.ask_for_code(&longest).await.ok();
    platform.server.ask_for_code("x").await.ok();
}

#[tokio::test]
async fn every_code_is_another_one_and_each_works() {
    let platform = TestPlatform::start().await;
    let (first, second) = (platform.server.code("alice").await, platform.server.code("alice").await);
    assert_ne!(first, second);
    platform.sdk().create_user(&first).await.ok();
    platform.sdk().create_user(&second).await.ok();
}

#[tokio::test]
async fn the_upper_case_spelling_of_a_scope_works() {
    let platform = TestPlatform::start().await;
    let secret = platform.command().create_key(&platform.app_id, &["USER_LINK"]);
    let server = crate::support::ServerKey::new(&platform.url, &secret);
    server.ask_for_code("alice").await.ok();
}
