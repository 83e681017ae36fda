//! `PATCH /sdk/v1/metadata`, and the metadata in the profile.

use crate::support::{Sdk, TestPlatform};
use sentiance_protocol::{ErrorCode, key_hash};
use serde_json::{Value, json};

async fn metadata_of(platform: &TestPlatform, sdk: &Sdk) -> Value {
    let by_server = platform.server.profile(&sdk.user_id).await.ok()["metadata"].clone();
    assert_eq!(sdk.own_profile().await.ok()["metadata"], by_server, "both see the same");
    by_server
}

#[tokio::test]
async fn metadata_is_set_replaced_and_removed() {
    let platform = TestPlatform::start().await;
    let sdk = platform.sdk_with_user("alice").await;
    assert_eq!(metadata_of(&platform, &sdk).await, json!({}));

    let answer = sdk.change_metadata(1, &[("plan", Some("gold")), ("", Some("")), ("nul\0", Some("\0é😀"))]);
    assert_eq!(answer.await.ok(), json!({ "revision": 1 }));
    assert_eq!(metadata_of(&platform, &sdk).await, json!({ "plan": "gold", "": "", "nul\0": "\0é😀" }));

    sdk.change_metadata(2, &[("plan", Some("silver")), ("", None), ("never there", None)]).await.ok();
    assert_eq!(metadata_of(&platform, &sdk).await, json!({ "plan": "silver", "nul\0": "\0é😀" }));
    let bob = platform.sdk_with_user("bob").await;
    assert_eq!(metadata_of(&platform, &bob).await, json!({}), "each user has its own");
}

#[tokio::test]
async fn requests_may_be_repeated_and_overtake_each_other() {
    let platform = TestPlatform::start().await;
    let sdk = platform.sdk_with_user("alice").await;
    sdk.change_metadata(3, &[("a", Some("third")), ("gone", None)]).await.ok();
    sdk.change_metadata(1, &[("a", Some("first")), ("b", Some("first")), ("gone", Some("first"))]).await.ok();
    sdk.change_metadata(2, &[("b", Some("second"))]).await.ok();
    let newest = json!({ "a": "third", "b": "second" });
    assert_eq!(metadata_of(&platform, &sdk).await, newest);
    sdk.change_metadata(3, &[("a", Some("third")), ("gone", None)]).await.ok();
    assert_eq!(metadata_of(&platform, &sdk).await, newest);
}

#[tokio::test]
async fn an_install_that_counts_again_learns_its_newest_revision() {
    let platform = TestPlatform::start().await;
    let sdk = platform.sdk_with_user("alice").await;
    sdk.change_metadata(7, &[("a", Some("seventh")), ("b", Some("seventh"))]).await.ok();
    let answer = sdk.change_metadata(1, &[("a", Some("counted again"))]).await.ok();
    assert_eq!(answer, json!({ "revision": 7 }));
    let answer = sdk.change_metadata(8, &[("a", Some("counted again"))]).await.ok();
    assert_eq!(answer, json!({ "revision": 8 }));
    assert_eq!(metadata_of(&platform, &sdk).await["a"], "counted again");
    let other = platform.sdk_with_user("alice").await;
    let answer = other.change_metadata(1, &[("c", Some("first"))]).await.ok();
    assert_eq!(answer, json!({ "revision": 1 }), "each install counts its own");
}

#[tokio::test]
async fn what_another_install_writes_counts_when_it_arrives() {
    let platform = TestPlatform::start().await;
    let first = platform.sdk_with_user("alice").await;
    first.change_metadata(9, &[("a", Some("first")), ("b", Some("first"))]).await.ok();
    let second = platform.sdk_with_user("alice").await;
    second.change_metadata(1, &[("a", Some("second"))]).await.ok();
    assert_eq!(metadata_of(&platform, &second).await, json!({ "a": "second", "b": "first" }));
    first.change_metadata(10, &[("a", Some("late"))]).await.refused(ErrorCode::UserDisabledRemotely);
}

/// The keys as the SDK is told them.
fn hashes(keys: &[&str]) -> Value {
    keys.iter().map(|key| format!("{:08x}", key_hash(key))).collect::<String>().into()
}

#[tokio::test]
async fn a_device_is_told_the_keys_of_the_user_that_it_restores() {
    let platform = TestPlatform::start().await;
    let mut first = platform.sdk();
    let created = first.create_user(&platform.server.code("alice").await).await;
    assert_eq!(created.ok().get("metadata_keys"), None, "a new user has none");
    first.change_metadata(1, &[("a", Some("1")), ("é", Some("2")), ("gone", Some("3"))]).await.ok();
    first.change_metadata(2, &[("gone", None)]).await.ok();
    let restored = platform.sdk().create_user(&platform.server.code("alice").await).await;
    assert_eq!(restored.ok()["metadata_keys"], hashes(&["a", "é"]));
}

#[tokio::test]
async fn a_device_is_told_the_keys_of_the_user_that_it_is_linked_to() {
    let platform = TestPlatform::start().await;
    let first = platform.sdk_with_user("alice").await;
    first.change_metadata(1, &[("a", Some("1"))]).await.ok();
    let second = platform.sdk_with_unlinked_user(true).await;
    platform.server.link(&second.install_id, "alice").await.ok();
    assert_eq!(second.confirm_link().await.ok()["metadata_keys"], hashes(&["a"]));

    let third = platform.sdk_with_unlinked_user(false).await;
    third.change_metadata(1, &[("b", Some("1"))]).await.ok();
    let linked = third.link_by_code(&platform.server.code("bob").await).await;
    assert_eq!(linked.ok()["metadata_keys"], hashes(&["b"]));
}

/// However long the keys are, the response stays within what an SDK reads.
#[tokio::test]
async fn fifty_keys_of_five_hundred_characters_are_told_in_short() {
    let platform = TestPlatform::start().await;
    let sdk = platform.sdk_with_user("alice").await;
    let keys: Vec<_> = (0..50).map(|number| format!("{number:03}{}", "語".repeat(497))).collect();
    let all: Vec<_> = keys.iter().map(|key| (key.as_str(), Some("x"))).collect();
    sdk.change_metadata(1, &all).await.ok();
    let restored = platform.sdk().create_user(&platform.server.code("alice").await).await.ok();
    assert_eq!(restored["metadata_keys"].as_str().map(str::len), Some(50 * 8));
}

#[tokio::test]
async fn over_a_limit_nothing_is_applied() {
    let platform = TestPlatform::start().await;
    let sdk = platform.sdk_with_user("alice").await;
    let keys: Vec<_> = (0..50).map(|number| format!("key {number}")).collect();
    let all: Vec<_> = keys.iter().map(|key| (key.as_str(), Some("value"))).collect();
    sdk.change_metadata(1, &all).await.ok();
    let before = metadata_of(&platform, &sdk).await;
    assert_eq!(before.as_object().unwrap().len(), 50);

    let over = ErrorCode::MetadataLimitExceeded;
    let long = "x".repeat(501);
    sdk.change_metadata(2, &[("key 0", Some("new")), ("one more", Some(""))]).await.refused(over);
    sdk.change_metadata(2, &[("key 0", Some("new")), ("key 1", Some(&long))]).await.refused(over);
    sdk.change_metadata(2, &[("key 0", Some("new")), (&long, None)]).await.refused(over);
    assert_eq!(metadata_of(&platform, &sdk).await, before);

    // What is removed makes room in the same request, and 500 characters are fine, counted as JavaScript does.
    let longest = "😀".repeat(250);
    sdk.change_metadata(2, &[("one more", Some(&longest)), ("key 0", None)]).await.ok();
    assert_eq!(metadata_of(&platform, &sdk).await["one more"], longest.as_str());
}

#[tokio::test]
async fn a_request_with_all_that_fits_is_not_too_large() {
    let platform = TestPlatform::start().await;
    let sdk = platform.sdk_with_user("alice").await;
    // The longest that JSON makes of a character is six bytes.
    let value = "\u{1}".repeat(500);
    let keys: Vec<_> = (10..60).map(|number| format!("{}{number}", "\u{2}".repeat(498))).collect();
    let all: Vec<_> = keys.iter().map(|key| (key.as_str(), Some(value.as_str()))).collect();
    sdk.change_metadata(1, &all).await.ok();
    let many: Vec<_> = (0..201).map(|_| ("a", Some("b"))).collect();
    sdk.change_metadata(2, &many).await.refused(ErrorCode::MalformedRequest);
    let huge = "x".repeat(700_000);
    sdk.change_metadata(2, &[("a", Some(&huge))]).await.refused(ErrorCode::PayloadTooLarge);
}

#[tokio::test]
async fn removed_entries_are_forgotten_one_day() {
    let platform = TestPlatform::start().await;
    let sdk = platform.sdk_with_user("alice").await;
    let keys: Vec<_> = (0..900).map(|number| format!("key {number}")).collect();
    let all: Vec<_> = keys.iter().map(|key| (key.as_str(), None)).collect();
    for (revision, some) in (1..).zip(all.chunks(200)) {
        sdk.change_metadata(revision, some).await.ok();
    }
    assert!(platform.count_rows("select count(*) from user_metadata").await <= 200);
}

#[tokio::test]
async fn metadata_is_gone_with_the_user() {
    let platform = TestPlatform::start().await;
    let sdk = platform.sdk_with_user("alice").await;
    sdk.change_metadata(1, &[("a", Some("b")), ("gone", None)]).await.ok();
    platform.server.delete(&sdk.user_id).await.ok();
    platform.until_rows("select count(*) from user_metadata", 0).await;
    sdk.change_metadata(2, &[("a", Some("b"))]).await.refused(ErrorCode::UserDeleted);
}
