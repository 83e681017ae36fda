//! `/readyz`, the log beside the database, and the clock: what an operator's tools ask, and what the platform notices.

use crate::support::{Answer, Command, Sdk, TestPlatform};
use reqwest::Client;
use sentiance_platform::http::Settings;
use sqlx::{Connection, Executor, SqliteConnection, query, query_scalar, sqlite::SqliteConnectOptions};
use std::{
    fs::{self, OpenOptions, Permissions},
    io::{Seek, SeekFrom, Write},
    os::unix::{ffi::OsStrExt, fs::PermissionsExt},
    path::Path,
    time::Duration,
};
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
async fn a_platform_whose_file_is_no_database_any_more_is_not_ready() {
    type Damage = fn(&Path);
    let damages: [(&str, Damage); 5] = [
        ("cut to nothing", |file| OpenOptions::new().write(true).open(file).unwrap().set_len(0).unwrap()),
        ("cut in half", |file| {
            let length = fs::metadata(file).unwrap().len();
            OpenOptions::new().write(true).open(file).unwrap().set_len(length / 2).unwrap();
        }),
        ("its head overwritten", |file| {
            let mut file = OpenOptions::new().write(true).open(file).unwrap();
            file.seek(SeekFrom::Start(0)).unwrap();
            file.write_all(&[0xff; 100]).unwrap();
        }),
        ("replaced", |file| {
            let copy = file.with_extension("copy");
            fs::copy(file, &copy).unwrap();
            fs::rename(copy, file).unwrap();
        }),
        ("deleted", |file| fs::remove_file(file).unwrap()),
    ];
    for (what, damage) in damages {
        let platform = TestPlatform::start().await;
        platform.sdk_with_user("alice").await;
        // As after a minute: the database has all, and the log is empty.
        assert!(platform.store.empty_log().await.unwrap());
        assert!(is_ready(&platform.url).await);
        damage(&platform.database);
        let noticed = async {
            while is_ready(&platform.url).await {
                sleep(Duration::from_millis(100)).await;
            }
        };
        assert!(timeout(Duration::from_secs(10), noticed).await.is_ok(), "{what}");
    }
}

#[tokio::test]
async fn who_asks_whether_the_platform_is_ready_causes_no_write() {
    let platform = TestPlatform::start_with(Settings { clean_up_interval: DAY, ..Settings::default() }).await;
    platform.sdk_with_user("alice").await;
    until_ready(&platform.url, true).await;
    let before = platform.store.log_bytes();
    // Fewer than it takes until the platform itself writes.
    for _ in 0..200 {
        assert!(is_ready(&platform.url).await);
    }
    assert_eq!(platform.store.log_bytes(), before);
}

#[tokio::test]
async fn a_platform_that_cannot_write_is_not_ready_until_it_can() {
    let platform = TestPlatform::start_with(Settings { clean_up_interval: DAY, ..Settings::default() }).await;
    until_ready(&platform.url, true).await;
    let options = SqliteConnectOptions::new().filename(&platform.database);
    let mut other = SqliteConnection::connect_with(&options).await.unwrap();
    other.execute("begin immediate").await.unwrap();
    // Nobody calls: the platform finds out by itself.
    let noticed = async {
        while is_ready(&platform.url).await {
            sleep(Duration::from_millis(200)).await;
        }
    };
    timeout(Duration::from_secs(25), noticed).await.unwrap();
    other.execute("rollback").await.unwrap();
    until_ready(&platform.url, true).await;
}

#[tokio::test]
async fn the_log_is_cut_off_once_no_reader_is_in_the_way_and_is_measured() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("platform.db");
    let running = Command::on(&file).start(&["dev", "--metrics-address", "127.0.0.1:0"]);
    let metrics = running.value_of("metrics on ");
    let measured = async || {
        let text = Answer::to(Client::new().get(&metrics)).await.text;
        let line = text.lines().find_map(|line| line.strip_prefix("platform_database_log_bytes "));
        line.unwrap_or_else(|| panic!("{text}")).parse::<u64>().unwrap()
    };
    let options = SqliteConnectOptions::new().filename(&file);
    let mut reader = SqliteConnection::connect_with(&options).await.unwrap();
    reader.execute("begin").await.unwrap();
    query_scalar::<_, i64>("select count(*) from users").fetch_one(&mut reader).await.unwrap();
    // As much as a busy hour: other tools write as the platform does.
    let mut writer = SqliteConnection::connect_with(&options).await.unwrap();
    writer.execute("create table filler (bytes blob)").await.unwrap();
    for _ in 0..40 {
        query("insert into filler values (randomblob(1000000))").execute(&mut writer).await.unwrap();
    }
    writer.execute("drop table filler").await.unwrap();
    assert!(measured().await > 40_000_000);
    assert!(is_ready(&running.url).await, "a long log is no failure");
    reader.execute("rollback").await.unwrap();
    let cut = async {
        while measured().await > 100_000 {
            sleep(Duration::from_millis(500)).await;
        }
    };
    timeout(Duration::from_secs(90), cut).await.unwrap();
}

#[tokio::test]
async fn a_clock_that_is_wrong_for_a_while_ends_no_session_and_deletes_no_user() {
    let clean_up_interval = Duration::from_millis(50);
    let platform = TestPlatform::start_with(Settings { clean_up_interval, ..Settings::default() }).await;
    let known = platform.sdk_with_user("alice").await;
    let unused = platform.sdk_with_unlinked_user(false).await;
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
    let file = folder.path().join("platform.db");
    let log = folder.path().join("log");
    let command = Command::on(&file).logging_to(&log);
    let running = command.start(&["dev", "--metrics-address", "127.0.0.1:0"]);
    let mut sdk = Sdk::new(&running.url);
    let credentials = serde_json::json!({
        "id": running.value_of("app id: "), "secret": running.value_of("app secret: "), "linking": false,
    });
    sdk.create_unlinked_user(&credentials).await.ok();
    running.terminate();
    assert!(running.ends_well());
    // The same as a clock a year ahead: all that is remembered is a year ago.
    let options = SqliteConnectOptions::new().filename(&file);
    let mut connection = SqliteConnection::connect_with(&options).await.unwrap();
    for change in [
        "update clock_watch set seen_at = seen_at - 31536000000, trusted_at = trusted_at - 31536000000",
        "update token_pairs set access_expires_at = 1, refresh_expires_at = 1",
        "update installs set expires_at = 1",
    ] {
        connection.execute(change).await.unwrap();
    }
    connection.close().await.unwrap();
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
    let mut connection = SqliteConnection::connect_with(&options).await.unwrap();
    let users: i64 = query_scalar("select count(*) from users").fetch_one(&mut connection).await.unwrap();
    assert_eq!(users, 1);
}

#[tokio::test]
async fn a_database_that_others_may_read_is_told_with_its_modes() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("platform.db");
    let log = folder.path().join("log");
    let command = Command::on(&file).logging_to(&log);
    command.run(&["migrate"]);
    fs::set_permissions(&file, Permissions::from_mode(0o666)).unwrap();
    let running = command.start(&["serve"]);
    running.terminate();
    assert!(running.ends_well());
    let lines = fs::read_to_string(&log).unwrap();
    let warnings: Vec<_> =
        lines.lines().filter(|line| line.contains("WARN") && line.contains("mode")).collect();
    let [warning] = warnings[..] else { panic!("{lines}") };
    for name in
        ["platform.db has the mode 0666", "platform.db-wal has the mode", "platform.db-shm has the mode"]
    {
        assert!(warning.contains(name), "{warning}");
    }
    fs::set_permissions(&file, Permissions::from_mode(0o600)).unwrap();
    fs::write(&log, "").unwrap();
    let running = command.start(&["serve"]);
    running.terminate();
    assert!(running.ends_well());
    assert!(!fs::read_to_string(&log).unwrap().contains("mode"));
}

#[test]
fn a_name_that_is_no_text_is_refused_and_leaves_no_file() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join(std::ffi::OsStr::from_bytes(b"platform-\xff.db"));
    let command = Command::on(&file);
    for task in [&["migrate"][..], &["app", "create", "--name", "x"], &["serve", "--address", "127.0.0.1:0"]]
    {
        let complaint = command.fail(task);
        assert_eq!(complaint.lines().count(), 1, "{complaint}");
        assert!(complaint.contains("not in UTF-8"), "{complaint}");
    }
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}
