//! Codes and tokens of earlier versions, which do not name their application, work on.

use crate::support::{Sdk, TestPlatform, key};
use sentiance_protocol::ErrorCode;
use sha2::{Digest, Sha256};

const PREFIX_LENGTH: usize = 4;
const APP_LENGTH: usize = 24;
const CHECKSUM_LENGTH: usize = 8;

/// A token with its checksum.
fn with_checksum(checked: &str) -> String {
    format!("{checked}{:08x}", crc32fast::hash(checked.as_bytes()))
}

/// The token as an earlier version would have issued it: without the application behind the prefix.
fn earlier(token: &str) -> String {
    let (prefix, rest) = token.split_at(PREFIX_LENGTH);
    with_checksum(&format!("{prefix}{}", &rest[APP_LENGTH..rest.len() - CHECKSUM_LENGTH]))
}

/// The same token as if another application had issued it.
fn of_another_app(token: &str) -> String {
    let (prefix, rest) = token.split_at(PREFIX_LENGTH);
    with_checksum(&format!(
        "{prefix}{}{}",
        "0".repeat(APP_LENGTH),
        &rest[APP_LENGTH..rest.len() - CHECKSUM_LENGTH]
    ))
}

/// What is stored of a secret, in SQL.
fn hash(platform: &TestPlatform, secret: &str) -> String {
    platform.database.literal(&Sha256::digest(secret))
}

/// A device that has tokens of an earlier version.
async fn device_with_earlier_tokens(platform: &TestPlatform) -> Sdk {
    let mut sdk = platform.sdk_with_user("alice").await;
    (sdk.access_token, sdk.refresh_token) = (earlier(&sdk.access_token), earlier(&sdk.refresh_token));
    let (access, refresh) = (hash(platform, &sdk.access_token), hash(platform, &sdk.refresh_token));
    platform
        .database
        .tamper(&format!("update token_pairs set access_hash = {access}, refresh_hash = {refresh}"))
        .await;
    sdk
}

#[tokio::test]
async fn tokens_of_an_earlier_version_are_good_and_buy_some_of_this_one() {
    let platform = TestPlatform::start().await;
    let mut sdk = device_with_earlier_tokens(&platform).await;
    let before = sdk.clone();
    sdk.own_profile().await.ok();
    assert_eq!(
        platform.count_rows("select count(*) from token_pairs where first_used_at is not null").await,
        1
    );
    sdk.refresh().await.ok();
    for (token, earlier) in
        [(&sdk.access_token, &before.access_token), (&sdk.refresh_token, &before.refresh_token)]
    {
        assert_eq!(token.len(), earlier.len() + APP_LENGTH);
        assert_eq!(token[PREFIX_LENGTH..][..APP_LENGTH], *platform.app_id.as_str());
    }
    sdk.own_profile().await.ok();
    sdk.refresh().await.ok();
    // The first one is by now older than the one that the present one was bought with.
    before.send_refresh(&key()).await.refused(ErrorCode::SessionEnded);
    sdk.own_profile().await.refused(ErrorCode::SessionEnded);
}

#[tokio::test]
async fn tokens_of_an_earlier_version_tell_that_the_user_was_deleted() {
    let platform = TestPlatform::start().await;
    let sdk = device_with_earlier_tokens(&platform).await;
    platform.server.delete(&sdk.user_id).await.ok();
    sdk.own_profile().await.refused(ErrorCode::UserDeleted);
    sdk.send_refresh(&key()).await.refused(ErrorCode::UserDeleted);
}

#[tokio::test]
async fn a_code_of_an_earlier_version_is_good_once() {
    let platform = TestPlatform::start().await;
    platform.server.code("alice").await;
    // All of it is random.
    let code = key().repeat(4);
    platform
        .database
        .tamper(&format!("update authentication_codes set hash = {}", hash(&platform, &code)))
        .await;
    let (mut one, other, again) = (platform.sdk(), platform.sdk(), key());
    let user_id = one.exchange(&code, &again).await.ok()["user_id"].clone();
    assert_eq!(one.exchange(&code, &again).await.ok()["user_id"], user_id);
    other.exchange(&code, &key()).await.refused(ErrorCode::AuthenticationCodeInvalid);
    one.create_user(&platform.server.code("alice").await).await.ok();
    assert_eq!(one.user_id, user_id.as_str().unwrap());
}

#[tokio::test]
async fn a_secret_that_names_another_application_is_not_known() {
    let platform = TestPlatform::start().await;
    let sdk = platform.sdk_with_user("alice").await;
    let mut forger = sdk.clone();
    forger.access_token = of_another_app(&sdk.access_token);
    forger.refresh_token = of_another_app(&sdk.refresh_token);
    forger.own_profile().await.refused(ErrorCode::TokenInvalid);
    forger.send_refresh(&key()).await.refused(ErrorCode::TokenInvalid);
    sdk.own_profile().await.ok();
    let code = platform.server.code("bob").await;
    let other = "0".repeat(APP_LENGTH);
    let forged = format!("{}{}", with_checksum(&other), &code[APP_LENGTH + CHECKSUM_LENGTH..]);
    platform.sdk().exchange(&forged, &key()).await.refused(ErrorCode::AuthenticationCodeInvalid);
    platform.sdk().exchange(&code, &key()).await.ok();
}
