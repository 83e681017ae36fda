//! What is left of a deleted user: in the rows, in what a server says, and in the files themselves, which have it in the
//! database's free pages, in the log beside it and in a backup.

use crate::support::{Answer, Sdk, TestPlatform, is_on_postgres, key};
use reqwest::{Method, StatusCode};
use sentiance_platform::http::Settings;
use serde_json::json;
use std::{fs, path::Path, process::Command, time::Duration};
use tokio::time::{sleep, timeout};

const CLEAN_UP_INTERVAL: Duration = Duration::from_millis(100);
/// In every text of the users who go. Those who stay have none.
const MARK: &str = "marked-";
/// Where the users who go call from.
const ADDRESS: &str = "127.0.0.77";
/// How many of each kind go.
const COUNT: usize = 12;

/// What a column may hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Holds {
    /// What a person's device or server sent about a person.
    Personal,
    /// Ids and secrets that the platform or an SDK made by chance, or hashes of these.
    Random,
    /// A word of a list.
    Word,
    /// What an operator wrote about an application.
    OfApplication,
}

/// Every column that can hold a text, with what it holds: a new one must be put into one of the four.
const COLUMNS: &[(&str, Holds, &[&str])] = &[
    ("applications", Holds::Random, &["app_id", "secret_hash"]),
    ("applications", Holds::OfApplication, &["name"]),
    ("application_origins", Holds::Random, &["app_id"]),
    ("application_origins", Holds::OfApplication, &["origin"]),
    ("api_keys", Holds::Random, &["app_id", "key_id", "hash", "hint"]),
    ("api_keys", Holds::OfApplication, &["name"]),
    ("api_keys", Holds::Word, &["scopes"]),
    ("users", Holds::Random, &["app_id", "user_id"]),
    ("users", Holds::Personal, &["external_id", "former_external_id"]),
    ("authentication_codes", Holds::Random, &["app_id", "hash", "install_id", "idempotency_key"]),
    ("authentication_codes", Holds::Personal, &["external_id"]),
    ("installs", Holds::Random, &["app_id", "install_id", "user_id", "family", "creation_key"]),
    ("installs", Holds::Word, &["status", "end_reason", "device_class", "device_class_source"]),
    ("installs", Holds::OfApplication, &["app_origin"]),
    (
        "installs",
        Holds::Personal,
        &[
            "app_name",
            "app_version",
            "os",
            "os_version",
            "model",
            "language",
            "time_zone",
            "sdk_version",
            "sdk_runtime",
        ],
    ),
    (
        "token_pairs",
        Holds::Random,
        &["app_id", "install_id", "idempotency_key", "access_hash", "refresh_hash"],
    ),
    ("token_pairs", Holds::Word, &["status"]),
    ("token_tombstones", Holds::Random, &["app_id", "hash"]),
    ("unused_users", Holds::Random, &["app_id", "user_id"]),
    ("user_metadata", Holds::Random, &["app_id", "user_id", "install_id"]),
    ("user_metadata", Holds::Personal, &["key", "value"]),
    ("detection_blocks", Holds::Random, &["app_id", "user_id", "first_id", "last_id"]),
    ("detection_blocks", Holds::Word, &["kind"]),
    ("detection_blocks", Holds::Personal, &["content"]),
    ("trips", Holds::Random, &["app_id", "user_id", "detection_id", "install_id"]),
    ("trips", Holds::Personal, &["content"]),
    ("stored_of_applications", Holds::Random, &["app_id"]),
    ("replicas", Holds::Random, &["replica_id"]),
    ("imports", Holds::Random, &["source"]),
    ("set_aside", Holds::Word, &["name", "kind", "definition"]),
    ("detection_conversion", Holds::Random, &["app_id", "user_id"]),
    ("detections", Holds::Random, &["app_id", "user_id", "detection_id", "install_id"]),
    ("detections", Holds::Word, &["kind"]),
    ("detections", Holds::Personal, &["content"]),
    ("audit_events", Holds::Random, &["app_id", "user_id", "install_id", "key_id", "actor_id", "request"]),
    ("audit_events", Holds::Word, &["kind", "actor"]),
    ("audit_events", Holds::Personal, &["address"]),
];

/// The tables of versions that had files only, and those of a database that several platforms share.
const OF_FILES: &[&str] = &["detection_conversion", "detections"];
const OF_SERVERS: &[&str] = &["stored_of_applications", "replicas", "imports", "set_aside"];

fn columns() -> impl Iterator<Item = &'static (&'static str, Holds, &'static [&'static str])> {
    let missing = if is_on_postgres() { OF_FILES } else { OF_SERVERS };
    COLUMNS.iter().filter(move |(table, ..)| !missing.contains(table))
}

#[tokio::test]
async fn every_column_that_may_hold_a_text_is_known_for_what_it_holds() {
    let platform = TestPlatform::start().await;
    let mut found = platform.database.columns_for_text().await;
    let mut known: Vec<_> = columns()
        .flat_map(|(table, _, columns)| columns.iter().map(move |column| format!("{table}.{column}")))
        .collect();
    found.sort();
    known.sort();
    assert_eq!(found, known);
}

/// A user whose every text is marked.
async fn marked_user(platform: &TestPlatform, number: usize) -> Sdk {
    let mut sdk = platform.sdk().calling_from(ADDRESS);
    let person = format!("{MARK}person-{number}");
    let code = platform.server.code(&person).await;
    let mut body = sdk.creation(&code, &key());
    let mark = |name: &str| format!("{MARK}{name}-{number}");
    body["app"] = json!({ "name": mark("app"), "version": mark("version") });
    body["device"] = json!({
        "class": "phone", "class_source": "override", "os": mark("os"), "os_version": mark("os-version"),
        "model": mark("model"), "language": mark("language"), "time_zone": mark("zone"),
    });
    body["sdk"] = json!({ "version": mark("sdk"), "runtime": mark("runtime") });
    let created = Answer::to(sdk.request(Method::POST, "/sdk/v1/users").json(&body)).await;
    created.ok();
    sdk.remember_user(&created);
    fill(&sdk, number, MARK).await;
    // One more that is never used.
    platform.server.code(&person).await;
    sdk
}

/// Metadata, which is changed once, and detections of all sizes, up to such as fill pages of their own.
async fn fill(sdk: &Sdk, number: usize, mark: &str) {
    let (name, old) = (format!("{mark}key-{number}"), format!("{mark}old-{number}"));
    sdk.change_metadata(1, &[(&name, Some(&old)), ("other", Some("text"))]).await.ok();
    sdk.change_metadata(2, &[(&name, Some(&format!("{mark}new-{number}")))]).await.ok();
    let trips: Vec<_> = (1..6)
        .map(|size| {
            let texts: Vec<_> = (0..size * 2)
                .map(
                    |text| json!({ "key": format!("{mark}{number}-{text}"), "value": "x".repeat(size * 80) }),
                )
                .collect();
            let start = 1_700_000_000_000_i64 + i64::try_from(size).unwrap();
            json!({ "id": key(), "time": start, "trip": { "started_at": start, "metadata": texts } })
        })
        .collect();
    sdk.upload(&trips).await.ok();
}

/// A user who stays, among those who go.
async fn other_user(platform: &TestPlatform, number: usize) {
    let sdk = platform.sdk_with_user(&format!("somebody {number}")).await;
    fill(&sdk, number, "ordinary-").await;
}

/// Where these bytes are found: in which of a database's files, or of what a server keeps.
async fn places_with(platform: &TestPlatform, text: &str) -> Vec<String> {
    let holds = |bytes: &[u8], text: &str| bytes.windows(text.len()).any(|window| window == text.as_bytes());
    let mut places = Vec::new();
    if let Some(file) = platform.database.file() {
        let folder = fs::read_dir(file.parent().unwrap()).unwrap();
        let files = folder.map(|entry| entry.unwrap().path());
        let found = files.filter(|file| holds(&without_gaps(read_elsewhere(file)), text));
        places.extend(found.map(|file| file.display().to_string()));
    }
    let elsewhere = platform.database.elsewhere().await.into_iter();
    // A server shows bytes as digits.
    let found = elsewhere.filter(|(_, bytes)| holds(bytes, text) || holds(bytes, &digits(text)));
    places.extend(found.map(|(place, _)| place));
    places
}

fn digits(text: &str) -> String {
    text.bytes().map(|byte| format!("{byte:02x}")).collect()
}

/// Reads a file of the database in another process: closing it in this one would give up the locks that the platform has
/// on it here (<https://sqlite.org/howtocorrupt.html#_posix_advisory_locks_canceled_by_a_separate_thread_doing_close_>).
fn read_elsewhere(file: &Path) -> Vec<u8> {
    let read = Command::new("cat").arg(file).output().unwrap();
    assert!(read.status.success(), "{}", String::from_utf8_lossy(&read.stderr));
    read.stdout
}

/// The bytes of a file without the unused parts of a database's pages: SQLite does not overwrite what it has moved to
/// another page, as SECURITY.md says (<https://sqlite.org/fileformat.html#b_tree_pages>).
fn without_gaps(mut bytes: Vec<u8>) -> Vec<u8> {
    if !bytes.starts_with(b"SQLite format 3") {
        return bytes;
    }
    for (number, page) in bytes.chunks_exact_mut(4096).enumerate() {
        let head = if number == 0 { 100 } else { 0 };
        let cells_begin = match page[head] {
            2 | 5 => head + 12,
            10 | 13 => head + 8,
            _ => continue,
        };
        let number_at = |place: usize| usize::from(u16::from_be_bytes([page[place], page[place + 1]]));
        let gap = cells_begin + 2 * number_at(head + 3)..number_at(head + 5);
        if gap.start < gap.end && gap.end <= page.len() {
            page[gap].fill(0);
        }
    }
    bytes
}

/// Waits until these bytes are found nowhere.
async fn until_forgotten(platform: &TestPlatform, texts: &[&str]) {
    let places = async || {
        let mut places = Vec::new();
        for text in texts {
            places.extend(places_with(platform, text).await);
        }
        places
    };
    let forgotten = async {
        while !places().await.is_empty() {
            sleep(Duration::from_millis(50)).await;
        }
    };
    let in_time = timeout(Duration::from_secs(20), forgotten).await;
    assert!(in_time.is_ok(), "{:?}", places().await);
}

async fn start() -> TestPlatform {
    TestPlatform::start_with(Settings { clean_up_interval: CLEAN_UP_INTERVAL, ..Settings::default() }).await
}

#[tokio::test]
async fn nothing_of_a_deleted_user_is_found_anywhere() {
    let platform = start().await;
    let mut gone = Vec::new();
    for number in 0..COUNT * 3 {
        other_user(&platform, number).await;
        gone.push(marked_user(&platform, number).await);
    }
    // One who came from an empty user to a known person.
    let mut linked = platform.sdk().calling_from(ADDRESS);
    linked.create_unlinked_user(&platform.credentials(true)).await.ok();
    platform.server.link(&linked.install_id, &format!("{MARK}person-0")).await.ok();
    linked.confirm_link().await.ok();
    // In a block, in which nothing is a text, and as an earlier version stored them.
    let bytes = if is_on_postgres() { "convert_to(content, 'UTF8')" } else { "cast(content as blob)" };
    platform
        .tamper(&format!(
            "insert into detection_blocks
                select app_id, user_id, 'motion', time, detection_id, time, detection_id, 1, {bytes}, time from trips"
        ))
        .await;
    if !is_on_postgres() {
        platform
            .tamper(
                "insert into detections (app_id, user_id, detection_id, install_id, kind, time, content)
                    select app_id, user_id, printf('%032x', rowid), install_id, 'trip', time, content from trips",
            )
            .await;
    }

    for (table, _, columns) in columns().filter(|(_, holds, _)| *holds == Holds::Personal) {
        // Nobody has a former external id before the deletion.
        for column in columns.iter().filter(|column| **column != "former_external_id") {
            let holds = if is_on_postgres() {
                let digits = digits(MARK);
                format!("concat({column}) like any (array['%{MARK}%', '%{digits}%', '{ADDRESS}'])")
            } else {
                format!("instr(cast({column} as blob), cast('{MARK}' as blob)) or {column} = '{ADDRESS}'")
            };
            let count = platform.count_rows(&format!("select count(*) from {table} where {holds}")).await;
            assert!(count > 0, "{table}.{column} holds a mark before");
        }
    }

    for (number, sdk) in gone.iter().enumerate() {
        match number / COUNT {
            0 if number == 0 => assert_eq!(linked.delete_user(&sdk.user_id).await.status, StatusCode::OK),
            0 => assert_eq!(sdk.delete_user(&sdk.user_id).await.status, StatusCode::OK),
            1 => assert_eq!(platform.server.delete(&sdk.user_id).await.status, StatusCode::OK),
            _ => {
                let command = platform.command();
                command.run(&["user", "delete", "--app", &platform.app_id, &sdk.user_id]);
            }
        }
    }
    until_forgotten(&platform, &[MARK, ADDRESS]).await;
    let stay = places_with(&platform, "ordinary-").await;
    assert_eq!(stay.len(), 1, "those who stay are in the database alone");
    if let Some(file) = platform.database.file() {
        let copy = file.with_file_name("copy.db");
        platform.command().run(&["backup", copy.to_str().unwrap()]);
        until_forgotten(&platform, &[MARK, ADDRESS]).await;
    }
    assert_eq!(platform.count_rows("select count(*) from audit_events where address is not null").await, {
        // Those who stay have one event each, with the address of this test.
        i64::try_from(COUNT * 3).unwrap()
    });
}

#[tokio::test]
async fn nothing_of_an_expired_code_is_found_anywhere() {
    let platform = start().await;
    for number in 0..COUNT {
        other_user(&platform, number).await;
        platform.server.code(&format!("{MARK}nobody-{number}")).await;
    }
    assert!(!places_with(&platform, MARK).await.is_empty());
    platform.pass(Duration::from_secs(2 * 24 * 60 * 60));
    until_forgotten(&platform, &[MARK]).await;
}

#[tokio::test]
async fn an_address_that_was_forgotten_does_not_come_back() {
    let platform = start().await;
    platform.sdk_with_user("alice").await;
    let changed = platform.database.try_to_tamper("update audit_events set address = '192.0.2.1'").await;
    assert!(changed.unwrap_err().contains("final"));
    platform.tamper("update audit_events set address = null").await;
}
