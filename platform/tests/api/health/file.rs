//! The files of a database: damaged, open to others, or with a name that is no text, and the log beside them.

use super::is_ready;
use crate::support::{Answer, Command, TestPlatform};
use reqwest::Client;
use sqlx::{Connection, Executor, SqliteConnection, query, query_scalar, sqlite::SqliteConnectOptions};
use std::{
    fs::{self, OpenOptions, Permissions},
    io::{Seek, SeekFrom, Write},
    os::unix::{ffi::OsStrExt, fs::PermissionsExt},
    path::Path,
    time::Duration,
};
use tokio::time::{sleep, timeout};

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
        damage(platform.database.name());
        let noticed = async {
            while is_ready(&platform.url).await {
                sleep(Duration::from_millis(100)).await;
            }
        };
        assert!(timeout(Duration::from_secs(10), noticed).await.is_ok(), "{what}");
    }
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
