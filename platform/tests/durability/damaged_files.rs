//! Files that are not what they were: each is refused in one line, and left as it is.

use crate::{
    database,
    support::{Command, Running, Sdk, ServerKey},
};
use fastrand::Rng;
use std::{
    fs,
    path::{Path, PathBuf},
};
use tempfile::TempDir;

/// Damaged in this many ways; about a second each hundred.
const DAMAGES: u64 = 60;

/// A database with some users, in one file, and their key.
async fn sound_database() -> (TempDir, PathBuf, String) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("platform.db");
    let command = Command::on(&file);
    let app = command.create_app("Test", &[]);
    let secret = command.create_key(&app, &["user.link", "user.read"]);
    let running = command.start(&["serve"]);
    let server = ServerKey::new(&running.url, &secret);
    for number in 0..30 {
        let code = server.code(&format!("person {number}")).await;
        Sdk::new(&running.url).create_user(&code).await.ok();
    }
    running.terminate();
    assert!(running.ends_well());
    (folder, file, secret)
}

#[tokio::test]
async fn what_is_no_database_of_this_platform_is_refused_in_one_line_and_left_as_it_is() {
    let (folder, sound, _) = sound_database().await;
    let whole = fs::read(&sound).unwrap();
    let file = |name: &str, content: &[u8]| {
        let file = folder.path().join(name);
        fs::write(&file, content).unwrap();
        file
    };
    let mut damaged_head = whole.clone();
    damaged_head[..64].fill(0xff);
    let newer = file("newer", &whole);
    database::tamper(
        &newer,
        "insert into _sqlx_migrations values (20990101000000, 'later', current_timestamp, true, x'00', 1)",
    )
    .await;
    let changed = file("changed", &whole);
    database::tamper(&changed, "update _sqlx_migrations set checksum = x'00' where version = 20260101000000")
        .await;
    let foreign = folder.path().join("foreign");
    fs::write(&foreign, "").unwrap();
    database::tamper(&foreign, "create table bookmarks (url text)").await;
    for (file, reason) in [
        (
            file(
                "text",
                b"this is no database, but a text that is long enough to look at".repeat(40).as_slice(),
            ),
            "file is not a database",
        ),
        (file("head", &damaged_head), "file is not a database"),
        (file("half", &whole[..whole.len() / 2]), "malformed"),
        (file("page", &whole[..4096]), "malformed"),
        (file("scrap", &whole[..100]), "malformed"),
        (newer, "a newer platform made it, with schema 20990101000000"),
        (changed, "was changed after it had run"),
        (foreign, "the database of another program"),
        (folder.path().to_owned(), "unable to open"),
    ] {
        let before = fs::read(&file).ok();
        let command = Command::on(&file);
        for task in [
            &["serve", "--address", "127.0.0.1:0"][..],
            &["dev", "--address", "127.0.0.1:0"],
            &["migrate"],
            &["app", "list"],
        ] {
            let output = command.output(task);
            let complaint = String::from_utf8(output.stderr).unwrap();
            assert_eq!(output.status.code(), Some(1), "{}: {complaint}", file.display());
            assert_eq!(complaint.lines().count(), 1, "{complaint}");
            assert!(complaint.starts_with("platform: cannot open the database"), "{complaint}");
            assert!(complaint.contains(reason), "{}: {complaint}", file.display());
        }
        assert!(fs::read(&file).ok() == before, "{} is as it was", file.display());
    }
}

#[tokio::test]
async fn whatever_bytes_of_a_file_are_flipped_the_platform_does_not_panic_and_makes_nothing_anew() {
    let (_folder, file, secret) = sound_database().await;
    let whole = fs::read(&file).unwrap();
    let seed = fastrand::u64(..);
    println!("flipping bytes: seed {seed}");
    let mut rng = Rng::with_seed(seed);
    let (mut refused, mut found, mut served) = (0, 0, 0);
    for damage in 0..DAMAGES {
        let mut bytes = whole.clone();
        // In the head of the file, in the head of a page, or anywhere.
        let place = match damage % 3 {
            0 => rng.usize(..100),
            1 => rng.usize(..bytes.len() / 4096) * 4096 + rng.usize(..16),
            _ => rng.usize(..bytes.len()),
        };
        let end = (place + rng.usize(1..64)).min(bytes.len());
        bytes[place..end].iter_mut().for_each(|byte| *byte ^= rng.u8(1..));
        replace(&file, &bytes);
        let command = Command::on(&file);
        let output = command.output(&["check"]);
        let complaint = String::from_utf8(output.stderr).unwrap();
        found += u32::from(!output.status.success());
        assert!(output.status.success() || complaint.lines().count() == 1, "{complaint}");
        assert!(!complaint.contains("panicked"), "{complaint}");
        let output = command.output(&["app", "list"]);
        if !output.status.success() {
            let complaint = String::from_utf8(output.stderr).unwrap();
            assert_eq!(complaint.lines().count(), 1, "{complaint}");
            assert!(!complaint.contains("panicked"), "{complaint}");
            refused += 1;
            continue;
        }
        if served < 10 {
            // It found nothing wrong so far: then it answers, and be it that it failed.
            served += 1;
            let running = command.start(&["serve"]);
            let log = use_it(running, &secret).await;
            assert!(!log.contains("panicked"), "{log}");
        }
    }
    println!("{DAMAGES} damages: {found} found by `check`, {refused} refused at the start, {served} served");
    assert!(refused > 0 && found > refused / 2);
}

/// Asks for this and that, and takes any complete answer; gives the log.
async fn use_it(running: Running, secret: &str) -> String {
    let server = ServerKey::new(&running.url, secret);
    for number in 0..10 {
        let answer = server.ask_for_code(&format!("person {number}")).await;
        let body: serde_json::Value = serde_json::from_str(&answer.text).unwrap();
        if answer.status.is_success() {
            let code = body["authentication_code"].as_str().unwrap();
            let created = Sdk::new(&running.url).create_user(code).await;
            let body: serde_json::Value = serde_json::from_str(&created.text).unwrap();
            assert!(created.status.is_success() || body["errorCode"].is_string(), "{created:?}");
        } else {
            assert!(body["errorCode"].is_string(), "{answer:?}");
        }
    }
    running.terminate();
    running.wait().1
}

/// Puts a file in the place of a database, without what the one before left beside it.
fn replace(file: &Path, bytes: &[u8]) {
    for beside in ["-wal", "-shm"] {
        let _ = fs::remove_file(format!("{}{beside}", file.display()));
    }
    fs::write(file, bytes).unwrap();
}
