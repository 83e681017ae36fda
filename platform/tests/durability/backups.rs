//! `platform backup`: a copy that is taken while the platform works.

use crate::{
    database,
    load::{Calls, Load, Manner},
    service::Service,
    support::{Command, Sdk, ServerKey},
};
use std::{fs, os::unix::fs::PermissionsExt, path::Path};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backup_during_load_has_everybody_who_was_acknowledged_before_and_can_be_used_at_once() {
    let service = Service::start();
    let load = Load::start(service.target(), Manner::AtOnce, 6, Calls::WithoutDeletions, fastrand::u64(..));
    let mut backups = Vec::new();
    for round in 0..4 {
        load.tally.acknowledges(60).await;
        let before = load.known();
        let copy = service.folder().join(format!("copy-{round}.db"));
        let (command, name) = (service.command.clone(), copy.clone());
        let taken = tokio::task::spawn_blocking(move || command.run(&["backup", name.to_str().unwrap()]));
        assert!(taken.await.unwrap().contains("backed up"));
        backups.push((copy, before));
    }
    load.stop().await;
    service.assert_calm();
    assert_eq!(leftovers(service.folder()), Vec::<String>::new());

    for (copy, before) in backups {
        assert_eq!(fs::metadata(&copy).unwrap().permissions().mode() & 0o777, 0o600);
        assert!(!with_suffix(&copy, "-wal").exists(), "the copy is one file");
        database::assert_sound(&copy).await;
        let users = database::users(&copy).await;
        assert!(before.iter().all(|known| users.contains(known)), "{before:?} {users:?}");

        let command = Command::on(&copy);
        assert!(command.run(&["check"]).contains("is sound"));
        let restored = command.start(&["serve"]);
        let server = ServerKey::new(&restored.url, &service.server.secret);
        let (external_id, user_id) = &before[0];
        let mut sdk = Sdk::new(&restored.url);
        sdk.create_user(&server.code(external_id).await).await.ok();
        assert_eq!(sdk.user_id, *user_id, "an old user comes back");
        Sdk::new(&restored.url).create_user(&server.code("somebody new").await).await.ok();
        restored.terminate();
        assert!(restored.ends_well());
        database::assert_sound(&copy).await;
    }
}

#[test]
fn a_backup_replaces_nothing_and_a_failed_one_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let command = Command::on(&folder.path().join("platform.db"));
    command.run(&["migrate"]);
    let precious = folder.path().join("precious");
    fs::write(&precious, "precious").unwrap();
    let broken_link = folder.path().join("link");
    std::os::unix::fs::symlink("nowhere", &broken_link).unwrap();
    let (file, link) = (precious.to_str().unwrap(), broken_link.to_str().unwrap());
    for (arguments, reason) in [
        (&["backup", file][..], "is there already"),
        (&["backup", link], "is there already"),
        (&["backup", "/nonexistent/folder/copy.db"], "cannot be written"),
        (&["backup", folder.path().to_str().unwrap()], "is there already"),
        (&["backup", ".."], "is there already"),
        (&["backup", "copy.db", "--database", "/nonexistent/platform.db"], "there is no database"),
        (&["backup", "/tmp/never-made.db", "--database", file], "file is not a database"),
    ] {
        let complaint = command.fail(arguments);
        assert_eq!(complaint.lines().count(), 1, "{complaint}");
        assert!(complaint.contains(reason), "{arguments:?}: {complaint}");
    }
    assert_eq!(fs::read_to_string(&precious).unwrap(), "precious");
    assert!(!Path::new("/tmp/never-made.db").exists());
    assert_eq!(leftovers(folder.path()), Vec::<String>::new());
}

#[tokio::test]
async fn a_backup_of_a_damaged_database_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("platform.db");
    let command = Command::on(&file);
    let app = command.create_app("Test", &[]);
    // A key of an application that does not exist: what a file may come to that was restored in parts.
    database::tamper(
        &file,
        format!(
            "pragma foreign_keys = off;
            insert into application_origins values ('{}', 'https://example.com')",
            app.chars().rev().collect::<String>()
        ),
    )
    .await;
    let copy = folder.path().join("copy.db");
    let complaint = command.fail(&["backup", copy.to_str().unwrap()]);
    assert!(complaint.contains("a row refers to one that is missing"), "{complaint}");
    assert!(!copy.exists());
    assert_eq!(leftovers(folder.path()), Vec::<String>::new());
    assert!(command.fail(&["check"]).contains("a row refers to one that is missing"));
}

/// Files that a backup left behind.
fn leftovers(folder: &Path) -> Vec<String> {
    let names = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    names.filter(|name| name.contains("partial")).collect()
}

fn with_suffix(file: &Path, suffix: &str) -> std::path::PathBuf {
    format!("{}{suffix}", file.display()).into()
}
