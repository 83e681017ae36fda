//! Databases of earlier versions: brought up to date, and nothing in them is lost.

use crate::support::{Command, Sdk, ServerKey, key};
use sqlx::{Connection, Executor, SqliteConnection, sqlite::SqliteConnectOptions};
use std::path::Path;

/// What the first version of the platform left behind: its schema, an application, and a user on one install.
async fn database_of_the_first_version(file: &Path) {
    let options = SqliteConnectOptions::new().filename(file).create_if_missing(true);
    let mut connection = SqliteConnection::connect_with(&options).await.unwrap();
    let schema = include_str!("../../migrations/sqlite/20260101000000_schema.sql");
    connection.execute(schema).await.unwrap();
    connection
        .execute(
            "insert into applications values ('aaaaaaaaaaaaaaaaaaaaaaaa', 'Old', 1);
            insert into users values ('aaaaaaaaaaaaaaaaaaaaaaaa', 'bbbbbbbbbbbbbbbbbbbbbbbb', 'alice', 2, null);
            insert into installs values (
                'aaaaaaaaaaaaaaaaaaaaaaaa', 'cccccccccccccccccccccccccccccccc', 'bbbbbbbbbbbbbbbbbbbbbbbb', 'active',
                null, zeroblob(32), 1, null, null, null, 'phone', 'override', null, null, null, null, null, '0.1.0',
                'node', 2, 2);
            insert into security_events values (
                'aaaaaaaaaaaaaaaaaaaaaaaa', 'dddddddddddddddddddddddddddddddd', 'token_reuse', 'bbbbbbbbbbbbbbbbbbbbbbbb',
                'cccccccccccccccccccccccccccccccc', 3);
            create table _sqlx_migrations (
                version bigint primary key, description text not null,
                installed_on timestamp not null default current_timestamp, success boolean not null,
                checksum blob not null, execution_time bigint not null);",
        )
        .await
        .unwrap();
    let checksum = {
        use sha2::{Digest, Sha384};
        Sha384::digest(schema.as_bytes()).to_vec()
    };
    sqlx::query(
        "insert into _sqlx_migrations values (20260101000000, 'schema', current_timestamp, true, $1, 1)",
    )
    .bind(checksum)
    .execute(&mut connection)
    .await
    .unwrap();
    connection.close().await.unwrap();
}

#[tokio::test]
async fn a_database_of_the_first_version_keeps_its_users_and_their_installs() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("platform.db");
    database_of_the_first_version(&file).await;
    let command = Command::on(&file);
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
    let options = SqliteConnectOptions::new().filename(&file);
    let mut connection = SqliteConnection::connect_with(&options).await.unwrap();
    let left: i64 = sqlx::query_scalar("select count(*) from installs where user_id = $1")
        .bind(&user)
        .fetch_one(&mut connection)
        .await
        .unwrap();
    assert_eq!(left, 0);
}
