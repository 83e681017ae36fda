//! How much callers may make the platform store, and how much they may send for it.

use crate::support::{Answer, EventStream, Sdk, TestPlatform, key};
use sentiance_platform::{
    domain::Quotas,
    http::{EventSettings, Limit, Limits, Rate, Settings},
};
use sentiance_protocol::ErrorCode;
use serde_json::{Value, json};
use std::time::Duration;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

fn position() -> Value {
    json!({ "id": key(), "time": 0, "position": { "latitude": 1, "longitude": 1, "accuracy": 1 } })
}

/// About 2,300 bytes to store.
fn hundred() -> Vec<Value> {
    (0..100).map(|_| position()).collect()
}

async fn with_quotas(quotas: Quotas) -> TestPlatform {
    TestPlatform::start_with(Settings { quotas, ..Settings::default() }).await
}

async fn limited(limits: Limits) -> TestPlatform {
    TestPlatform::start_with(Settings { limits, ..Settings::default() }).await
}

/// Asserts that nothing more is taken in for about as long.
#[track_caller]
fn over_quota(answer: &Answer, at_most: Duration) {
    answer.refused(ErrorCode::QuotaExceeded);
    let seconds: u64 = answer.header("retry-after").unwrap().parse().unwrap();
    assert!((1..=at_most.as_secs()).contains(&seconds), "{seconds}");
}

#[tokio::test]
async fn a_user_stores_so_much_in_a_day_and_goes_on_the_next() {
    let platform = with_quotas(Quotas { per_user_and_day: Some(3500), ..Quotas::default() }).await;
    let (alice, bob) = (platform.sdk_with_user("alice").await, platform.sdk_with_user("bob").await);
    let first = hundred();
    alice.upload(&first).await.ok();
    over_quota(&alice.upload(&hundred()).await, DAY);
    assert_eq!(platform.count_rows("select sum(count) from detection_blocks").await, 100, "all or nothing");
    // What is known already needs no room, a little fits, and others have their own.
    alice.upload(&first).await.ok();
    alice.upload(&[position()]).await.ok();
    bob.upload(&hundred()).await.ok();
    alice.own_profile().await.ok();
    platform.pass(DAY);
    let mut alice = alice;
    alice.refresh().await.ok();
    alice.upload(&hundred()).await.ok();
}

#[tokio::test]
async fn a_user_and_an_application_store_so_much_in_all() {
    let quotas = Quotas { per_user: Some(3500), per_application: Some(5500), ..Quotas::default() };
    let platform = with_quotas(quotas).await;
    let users: [Sdk; 3] = [
        platform.sdk_with_user("alice").await,
        platform.sdk_with_user("bob").await,
        platform.sdk_with_user("carol").await,
    ];
    let [alice, bob, carol] = users;
    alice.upload(&hundred()).await.ok();
    over_quota(&alice.upload(&hundred()).await, DAY);
    bob.upload(&hundred()).await.ok();
    over_quota(&carol.upload(&hundred()).await, DAY);
    // Deleting makes room.
    alice.delete_user(&alice.user_id).await.ok();
    platform.until_rows("select count(*) from users", 2).await;
    carol.upload(&hundred()).await.ok();
}

#[tokio::test]
async fn what_is_counted_is_what_is_stored() {
    let platform = TestPlatform::start().await;
    let sdk = platform.sdk_with_user("alice").await;
    let id = key();
    for value in ["x".repeat(500), "y".to_owned()] {
        let entry = json!({ "key": "a", "value": value });
        let trip = json!({ "id": id, "time": 0, "trip": { "started_at": 0, "metadata": [entry] } });
        sdk.upload(&[trip, position()]).await.ok();
        let differences = platform
            .count_rows(&format!(
                "select u.stored_bytes - (
                        (select sum(length(content) + 300) from trips)
                        + (select sum(length(content) + 400) from detection_blocks))
                    + {} - u.stored_bytes + abs(u.bytes_of_day - u.stored_bytes)
                from users u",
                platform.database.stored_bytes()
            ))
            .await;
        assert_eq!(differences, 0);
    }
}

#[tokio::test]
async fn a_user_and_an_address_upload_so_many_bytes_however_few_calls() {
    let slow = |kib| Limit::To(Rate::per_minute(1, kib));
    let platform =
        limited(Limits { upload_per_user: slow(40), upload_per_address: slow(85), ..Limits::OFF }).await;
    let (alice, bob, carol) = (
        platform.sdk_with_user("alice").await,
        platform.sdk_with_user("bob").await,
        platform.sdk_with_user("carol").await,
    );
    // 12 KB each.
    for sdk in [&alice, &bob] {
        for _ in 0..3 {
            sdk.upload(&hundred()).await.ok();
        }
        let refused = sdk.upload(&hundred()).await;
        refused.refused(ErrorCode::TooManyRequests);
        assert!(refused.header("ratelimit-policy").unwrap().contains("\"user-upload\";q=40"));
        assert!(refused.header("retry-after").is_some());
        sdk.own_profile().await.ok();
    }
    let refused = carol.upload(&[hundred(), hundred()].concat()).await;
    refused.refused(ErrorCode::TooManyRequests);
    assert!(refused.header("ratelimit").unwrap().contains("\"address-upload\""), "{:?}", refused.headers);
    // Metadata counts too.
    let text = "x".repeat(500);
    let entries: Vec<_> = (0..50).map(|number| number.to_string()).collect();
    let entries: Vec<_> = entries.iter().map(|key| (key.as_str(), Some(text.as_str()))).collect();
    carol.change_metadata(1, &entries).await.refused(ErrorCode::TooManyRequests);
    platform.server.code("dave").await;
}

#[tokio::test]
async fn an_applications_secret_makes_so_many_users_from_one_address() {
    let limits = Limits { unlinked_per_address: Limit::To(Rate::per_minute(1, 3)), ..Limits::OFF };
    let platform = limited(limits).await;
    for _ in 0..3 {
        platform.sdk_with_unlinked_user(false).await.own_profile().await.ok();
    }
    let wrong = json!({ "id": platform.app_id, "secret": "sas_", "linking": false });
    let refused = platform.sdk().create_unlinked_user(&platform.credentials(false)).await;
    refused.refused(ErrorCode::TooManyRequests);
    assert!(refused.header("ratelimit-policy").unwrap().starts_with("\"unlinked-address\";q=3"));
    platform
        .sdk()
        .exchange_credentials(&wrong, &key())
        .await
        .refused(ErrorCode::ApplicationCredentialsInvalid);
    // A code is taken all the same.
    platform.sdk_with_user("alice").await;
}

#[tokio::test]
async fn wrong_secrets_use_up_nothing_of_an_applications_new_users() {
    let limits = Limits { unlinked_per_app: Limit::To(Rate::per_minute(1, 2)), ..Limits::OFF };
    let platform = limited(limits).await;
    let other = platform.command().run(&["app", "create", "--name", "Other"]);
    let secret = crate::support::Command::value_of(&other, "app secret: ");
    let wrong = json!({ "id": platform.app_id, "secret": secret, "linking": false });
    for _ in 0..5 {
        platform
            .sdk()
            .exchange_credentials(&wrong, &key())
            .await
            .refused(ErrorCode::ApplicationCredentialsInvalid);
    }
    for _ in 0..2 {
        platform.sdk_with_unlinked_user(false).await;
    }
    let refused = platform.sdk().create_unlinked_user(&platform.credentials(false)).await;
    refused.refused(ErrorCode::TooManyRequests);
    assert!(refused.header("ratelimit-policy").unwrap().starts_with("\"unlinked-application\""));
}

#[tokio::test]
async fn two_addresses_do_not_take_all_streams() {
    let events = EventSettings {
        streams: 100,
        streams_per_install: 100,
        streams_per_address: 50,
        ..Settings::default().events
    };
    let trusted_proxies = vec!["127.0.0.1".parse().unwrap()];
    let platform =
        TestPlatform::start_with(Settings { events, trusted_proxies, ..Settings::default() }).await;
    let alice = platform.sdk_with_user("alice").await;
    let from =
        |sdk: &Sdk, address: &str| EventStream::try_open(sdk.events().header("x-forwarded-for", address));
    let mut open = Vec::new();
    for address in ["192.0.2.1", "192.0.2.2", "192.0.2.3"] {
        let before = open.len();
        while let Ok(stream) = from(&alice, address).await {
            open.push(stream);
        }
        let taken = open.len() - before;
        assert!(taken <= 25, "{address} took {taken}");
    }
    // A fourth one finds room, and a network of many addresses counts as one.
    let before = open.len();
    for subnet in 0..40 {
        open.extend(from(&alice, &format!("2001:db8:0:{subnet}::1")).await);
    }
    assert!((1..=15).contains(&(open.len() - before)), "{}", open.len() - before);
    open.push(from(&alice, "192.0.2.4").await.unwrap());

    // Anybody can make users who are not linked, so those get less, and all of them together never everything.
    drop(open);
    let unlinked = platform.sdk_with_unlinked_user(false).await;
    let mut open = Vec::new();
    tokio::time::timeout(Duration::from_secs(20), async {
        while open.len() < 6 {
            open.extend(from(&unlinked, "192.0.2.9").await);
        }
    })
    .await
    .unwrap();
    from(&alice, "192.0.2.9").await.unwrap();
    let mut more = 0;
    while from(&unlinked, "192.0.2.9").await.map(|stream| open.push(stream)).is_ok() {
        more += 1;
        assert!(more < 5, "an address has a quarter for users who are not linked");
    }
}

/// The disk of a server is looked after by who runs it.
mod file {
    use super::*;

    #[tokio::test]
    async fn with_little_room_on_the_disk_uploads_wait_and_the_rest_goes_on() {
        // More than any disk has.
        let platform =
            TestPlatform::start_with(Settings { min_free_disk: 1 << 60, ..Settings::default() }).await;
        let mut sdk = platform.sdk_with_user("alice").await;
        for refused in [
            sdk.upload(&[position()]).await,
            sdk.change_metadata(1, &[("a", Some("b"))]).await,
            platform.sdk().create_unlinked_user(&platform.credentials(false)).await,
        ] {
            refused.refused(ErrorCode::DatabaseUnavailable);
            assert_eq!(refused.header("retry-after"), Some("60"));
        }
        sdk.own_profile().await.ok();
        sdk.refresh().await.ok();
        platform.sdk_with_user("bob").await;
        sdk.delete_user(&sdk.user_id).await.ok();
    }
}
