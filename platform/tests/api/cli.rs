//! The `platform` command.

use crate::support::{Command, ServerKey, TestPlatform, empty_database, new_database};
use sentiance_protocol::ErrorCode;

fn in_empty_folder() -> (tempfile::TempDir, Command) {
    let folder = tempfile::tempdir().unwrap();
    let command = Command::on(empty_database(&folder).name());
    (folder, command)
}

#[test]
fn every_command_has_help_with_an_example() {
    let (_folder, command) = in_empty_folder();
    for task in [
        &["serve"][..],
        &["dev"],
        &["migrate"],
        &["backup"],
        &["check"],
        &["app", "create"],
        &["app", "list"],
        &["app", "rotate-secret"],
        &["api-key", "create"],
        &["api-key", "list"],
        &["api-key", "revoke"],
        &["user", "show"],
        &["user", "disable"],
        &["user", "enable"],
        &["user", "delete"],
    ] {
        let help = command.run(&[task, &["--help"]].concat());
        let example = format!("platform {}", task.join(" "));
        assert!(help.contains("Example:") && help.contains(&example), "{task:?}: {help}");
    }
}

#[test]
fn what_fails_says_why_in_one_line() {
    let (_folder, command) = in_empty_folder();
    let app = command.create_app("Test", &[]);
    let nobody = "0".repeat(24);
    for (arguments, reason) in [
        (&["user", "show", "--app", &app, &nobody][..], "no such user"),
        (&["user", "disable", "--app", &app, &nobody], "no such user"),
        (&["user", "delete", "--app", &app, &nobody], "no such user"),
        (&["api-key", "create", "--app", &nobody, "--scope", "user.link"], "no such application"),
        (&["api-key", "list", "--app", &nobody], "no such application"),
        (&["app", "rotate-secret", "--app", &nobody], "no such application"),
        (&["api-key", "revoke", "--app", &app, "0123456789abcdef"], "no such API key"),
        (&["serve", "--address", "192.0.2.1:1"], "cannot listen on 192.0.2.1:1"),
        (&["migrate", "--database", "/nonexistent/folder/platform.db"], "cannot open the database"),
        (&["app", "list", "--database", "/nonexistent/folder/platform.db"], "there is no database"),
    ] {
        let complaint = command.fail(arguments);
        let lines: Vec<_> = complaint.lines().filter(|line| line.starts_with("platform: ")).collect();
        assert_eq!(lines.len(), 1, "{arguments:?}: {complaint}");
        assert!(lines[0].contains(reason), "{arguments:?}: {complaint}");
    }
}

#[test]
fn wrong_arguments_are_refused_with_a_reason() {
    let (_folder, command) = in_empty_folder();
    let (app, long) = ("0".repeat(24), "x".repeat(101));
    let key_named = |name| ["api-key", "create", "--app", &app, "--scope", "user.link", "--name", name];
    for (arguments, reason) in [
        (&key_named("two\tcolumns")[..], "must not hold \\u{9}"),
        (&key_named(&long), "at most 100 characters, and this one has 101"),
        (&["nonsense"][..], "nonsense"),
        (&["api-key", "create", "--app", &app], "--scope"),
        (&["api-key", "create", "--app", &app, "--scope", "user.everything"], "user.read, user.delete"),
        (&["api-key", "create", "--app", "x", "--scope", "user.link"], "24 lower-case hex digits"),
        (&["api-key", "create", "--app", &app, "--scope", "user.link", "--expires-in-days", "0"], "0"),
        (&["app", "create", "--name", "x", "--origin", "example.com"], "an origin is a scheme"),
        (&["app", "create", "--name", ""], "a name must not be empty"),
        (&["app", "create", "--name", "two\nlines"], "must not hold \\u{a}"),
        (&["app", "create", "--name", "two\tcolumns"], "must not hold \\u{9}"),
        (&["app", "create", "--name", "two\u{2028}lines"], "must not hold \\u{2028}"),
        (&["app", "create", "--name", "right \u{202e}to left"], "must not hold \\u{202e}"),
        (&["app", "create", "--name", &long], "at most 100 characters, and this one has 101"),
        (&["user", "show", "--app", &app, "alice"], "24 lower-case hex digits"),
        (&["serve", "--address", "here"], "here"),
        (&["serve", "--public-url", "http://example.com"], "must be https"),
        (&["serve", "--access-token-lifetime", "0s"], "longer than nothing"),
        (&["serve", "--status-poll-seconds", "0"], "0"),
        (&["serve", "--trip-timeout-seconds", "0"], "0"),
        (&["serve", "--upload-interval-seconds", "soon"], "soon"),
        (&["serve", "--disk-quota-bytes", "-1"], "-1"),
        (&["serve", "--wifi-quota-bytes", "5000000000"], "5000000000"),
        (&["serve", "--mobile-quota-bytes", "1MB"], "1MB"),
    ] {
        let complaint = command.fail(arguments);
        assert!(complaint.contains(reason), "{arguments:?}: {complaint}");
    }
}

#[test]
fn applications_and_keys_are_listed_without_secrets() {
    let (_folder, command) = in_empty_folder();
    let app = command.create_app("Rides", &["https://b.example.com", "https://a.example.com"]);
    let listed = command.run(&["app", "list"]);
    assert!(!listed.contains("sas_"), "{listed}");
    assert!(listed.contains(&app) && listed.contains("Rides"), "{listed}");
    assert!(listed.contains("https://a.example.com https://b.example.com"), "{listed}");

    let arguments = ["api-key", "create", "--app", &app, "--scope", "user.read", "--name", "backend"];
    let created = command.run(&arguments);
    let secret = Command::value_of(&created, "api key: ");
    let key_id = Command::value_of(&created, "key id: ");
    let listed = command.run(&["api-key", "list", "--app", &app]);
    assert!(
        listed.contains(&key_id) && listed.contains("backend") && listed.contains("user.read"),
        "{listed}"
    );
    assert!(listed.contains("valid until"), "{listed}");
    assert!(listed.contains(&secret[secret.len() - 4..]) && !listed.contains(&secret[..20]), "{listed}");

    command.run(&["api-key", "revoke", "--app", &app, &key_id]);
    assert!(command.run(&["api-key", "list", "--app", &app]).contains("revoked"));
}

#[test]
fn migrating_twice_changes_nothing() {
    let (_folder, command) = in_empty_folder();
    assert!(command.run(&["migrate"]).contains("up to date"));
    assert!(command.run(&["migrate"]).contains("up to date"));
}

#[test]
fn a_user_is_shown_with_the_installs() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let platform = TestPlatform::start().await;
        let first = platform.sdk_with_user("alice").await;
        let second = platform.sdk_with_user("alice").await;
        let shown = platform.command().run(&["user", "show", "--app", &platform.app_id, &first.user_id]);
        assert_eq!(Command::value_of(&shown, "user id: "), first.user_id);
        assert_eq!(Command::value_of(&shown, "external id: "), "alice");
        assert_eq!(Command::value_of(&shown, "state: "), "enabled");
        assert!(
            shown.contains(&format!("install: {}\tactive\tphone\tandroid", second.install_id)),
            "{shown}"
        );
        assert!(shown.contains(&format!("install: {}\tinactive\tphone", first.install_id)), "{shown}");
    });
}

#[tokio::test]
async fn a_user_deleted_by_command_is_gone_at_once() {
    let platform = TestPlatform::start().await;
    let sdk = platform.sdk_with_user("alice").await;
    sdk.own_profile().await.ok();
    platform.command().run(&["user", "delete", "--app", &platform.app_id, &sdk.user_id]);
    sdk.own_profile().await.refused(ErrorCode::UserDeleted);
}

#[tokio::test]
async fn a_revoked_key_is_refused_at_once() {
    let platform = TestPlatform::start().await;
    let command = platform.command();
    let created = command.run(&["api-key", "create", "--app", &platform.app_id, "--scope", "user.link"]);
    let server = ServerKey::new(&platform.url, &Command::value_of(&created, "api key: "));
    server.ask_for_code("alice").await.ok();
    let key_id = Command::value_of(&created, "key id: ");
    command.run(&["api-key", "revoke", "--app", &platform.app_id, &key_id]);
    server.ask_for_code("alice").await.refused(ErrorCode::ApiKeyRevoked);
}

#[tokio::test]
async fn a_name_forges_no_column_of_a_list() {
    let folder = tempfile::tempdir().unwrap();
    let database = new_database(&folder);
    let command = Command::on(database.name());
    let app = command.create_app("Rides", &[]);
    command.create_key(&app, &["user.read"]);
    // As an earlier version took them.
    database.tamper("update api_keys set name = 'a\tvalid'; update applications set name = 'b\tc'").await;
    for (arguments, columns, shown) in
        [(&["api-key", "list", "--app", &app][..], 5, "a\\u{9}valid"), (&["app", "list"], 4, "b\\u{9}c")]
    {
        let listed = command.run(arguments);
        assert_eq!(listed.trim_end_matches('\n').split('\t').count(), columns, "{listed}");
        assert!(listed.contains(shown), "{listed}");
    }
}

mod file {
    use super::*;

    #[test]
    fn a_typing_error_makes_no_database_and_a_database_is_for_its_owner_only() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("platform.db");
        let command = Command::on(&file);
        command.fail(&["app", "list"]);
        assert!(!file.exists());
        command.run(&["migrate"]);
        assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
        command.run(&["app", "list"]);
    }
}
