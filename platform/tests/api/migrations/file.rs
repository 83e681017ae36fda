//! Files of earlier versions.

use crate::support::{Command, Sdk, ServerKey, database_of_the_first_version, empty_database, key};

#[tokio::test]
async fn a_database_of_the_first_version_keeps_its_users_and_their_installs() {
    let folder = tempfile::tempdir().unwrap();
    let database = empty_database(&folder);
    database_of_the_first_version(database.name()).await;
    let command = Command::on(database.name());
    command.run(&["migrate"]);
    let (app, user) = ("a".repeat(24), "b".repeat(24));
    let shown = command.run(&["user", "show", "--app", &app, &user]);
    assert_eq!(Command::value_of(&shown, "external id: "), "alice");
    assert!(shown.contains(&format!("install: {}\tactive\tphone", "c".repeat(32))), "{shown}");

    let recorded = command.run(&["audit", "list", "--app", &app]);
    let event = format!("refresh_token_reused\tuser={user}\tinstall={}\tby=unknown", "c".repeat(32));
    assert!(recorded.starts_with("1970-01-01T00:00:00.003Z") && recorded.contains(&event), "{recorded}");

    // The application had no secret: `dev` makes its first one.
    let running = command.start(&["dev"]);
    let secret = running.value_of("app secret: ");
    let credentials = serde_json::json!({ "id": app, "secret": secret, "linking": false });
    Sdk::new(&running.url).exchange_credentials(&credentials, &key()).await.ok();
    // What refers to a user still does: the install goes with it.
    let server = ServerKey::new(&running.url, &command.create_key(&app, &["user.delete"]));
    server.delete(&user).await.ok();
    let left = format!("select count(*) from installs where user_id = '{user}'");
    assert_eq!(database.count(&left).await, 0);
}
