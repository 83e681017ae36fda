//! `/readyz`, the log beside the database, and the clock: what an operator's tools ask, and what the platform notices.

mod file;

use crate::support::{Answer, Command, Sdk, TestPlatform, new_database};
use reqwest::Client;
use sentiance_platform::http::Settings;
use std::{fs, time::Duration};
use tokio::time::{sleep, timeout};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);
const YEAR: Duration = Duration::from_secs(365 * 24 * 60 * 60);

async fn is_ready(url: &str) -> bool {
    Answer::to(Client::new().get(format!("{url}/readyz"))).await.status.is_success()
}

async fn until_ready(url: &str, expected: bool) {
    let changed = async {
        while is_ready(url).await != expected {
            sleep(Duration::from_millis(100)).await;
        }
    };
    assert!(timeout(Duration::from_secs(10), changed).await.is_ok(), "it is not ready = {expected}");
}

#[tokio::test]
async fn who_asks_whether_the_platform_is_ready_causes_no_write() {
    let platform = TestPlatform::start_with(Settings { clean_up_interval: DAY, ..Settings::default() }).await;
    platform.sdk_with_user("alice").await;
    until_ready(&platform.url, true).await;
    let before = platform.database.traces().await;
    // Fewer than it takes until the platform itself writes.
    for _ in 0..200 {
        assert!(is_ready(&platform.url).await);
    }
    assert_eq!(platform.database.traces().await, before);
}

#[tokio::test]
async fn a_platform_that_cannot_write_is_not_ready_until_it_can() {
    let platform = TestPlatform::start_with(Settings { clean_up_interval: DAY, ..Settings::default() }).await;
    until_ready(&platform.url, true).await;
    let held = platform.database.hold_writes().await;
    // Nobody calls: the platform finds out by itself.
    let noticed = async {
        while is_ready(&platform.url).await {
            sleep(Duration::from_millis(200)).await;
        }
    };
    timeout(Duration::from_secs(25), noticed).await.unwrap();
    held.release().await;
    until_ready(&platform.url, true).await;
}

#[tokio::test]
async fn a_clock_that_is_wrong_for_a_while_ends_no_session_and_deletes_no_user() {
    let clean_up_interval = Duration::from_millis(50);
    let platform = TestPlatform::start_with(Settings { clean_up_interval, ..Settings::default() }).await;
    let known = platform.sdk_with_user("alice").await;
    let unused = platform.sdk_with_unlinked_user(false).await;
    platform.until_rows("select count(*) from clock_watch", 1).await;
    sleep(4 * clean_up_interval).await;
    let users = "select count(*) from users";
    platform.set_clock_wrong(YEAR);
    platform.until_rows("select count(*) from clock_watch where doubted_since is not null", 1).await;
    platform.pass(DAY / 2);
    sleep(4 * clean_up_interval).await;
    assert_eq!(platform.count_rows(users).await, 2);
    assert_eq!(platform.count_rows("select count(*) from installs where status = 'ended'").await, 0);

    platform.set_clock_wrong(Duration::ZERO);
    platform.until_rows("select count(*) from clock_watch where doubted_since is null", 1).await;
    known.own_profile().await.ok();
    // And when the time has really come, it is believed.
    platform.pass(181 * DAY);
    platform.until_rows(users, 1).await;
    platform.server.profile(&unused.user_id).await.refused(sentiance_protocol::ErrorCode::UserNotFound);
}

#[tokio::test]
async fn a_platform_that_starts_with_a_wrong_clock_forgets_nothing_and_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let database = new_database(&folder);
    let log = folder.path().join("log");
    let command = Command::on(database.name()).logging_to(&log);
    let running = command.start(&["dev", "--metrics-address", "127.0.0.1:0"]);
    let mut sdk = Sdk::new(&running.url);
    let credentials = serde_json::json!({
        "id": running.value_of("app id: "), "secret": running.value_of("app secret: "), "linking": false,
    });
    sdk.create_unlinked_user(&credentials).await.ok();
    let remembered = async {
        while database.count("select count(*) from clock_watch").await == 0 {
            sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(Duration::from_secs(10), remembered).await.unwrap();
    running.terminate();
    assert!(running.ends_well());
    // The same as a clock a year ahead: all that is remembered is a year ago.
    database
        .tamper(
            "update clock_watch set seen_at = seen_at - 31536000000, trusted_at = trusted_at - 31536000000;
            update token_pairs set access_expires_at = 1, refresh_expires_at = 1;
            update installs set expires_at = 1",
        )
        .await;
    let running = command.start(&["dev", "--metrics-address", "127.0.0.1:0"]);
    let paused = async {
        let metrics = running.value_of("metrics on ");
        while !Answer::to(Client::new().get(&metrics)).await.text.contains("platform_clean_up_paused 1") {
            sleep(Duration::from_millis(50)).await;
        }
    };
    timeout(Duration::from_secs(10), paused).await.unwrap();
    let said = async {
        while !fs::read_to_string(&log).unwrap().contains("the clock has jumped ahead") {
            sleep(Duration::from_millis(50)).await;
        }
    };
    timeout(Duration::from_secs(10), said).await.unwrap();
    assert_eq!(database.count("select count(*) from users").await, 1);
}
