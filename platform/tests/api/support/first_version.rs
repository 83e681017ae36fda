//! A database as the first version of the platform left it.

use sqlx::{Connection, Executor, SqliteConnection, sqlite::SqliteConnectOptions};
use std::path::Path;

/// What the first version of the platform left behind: its schema, an application, and a user on one install.
pub(crate) async fn database_of_the_first_version(file: &Path) {
    let options = SqliteConnectOptions::new().filename(file).create_if_missing(true);
    let mut connection = SqliteConnection::connect_with(&options).await.unwrap();
    let schema = include_str!("../../../migrations/sqlite/20260101000000_schema.sql");
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
