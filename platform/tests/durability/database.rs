//! Looks into a database file without a platform.

use sqlx::{AssertSqlSafe, Connection, SqliteConnection, sqlite::SqliteConnectOptions};
use std::path::Path;

/// A connection that changes nothing.
async fn open(file: &Path) -> SqliteConnection {
    let options = SqliteConnectOptions::new().filename(file).pragma("query_only", "on");
    SqliteConnection::connect_with(&options).await.unwrap()
}

/// Asserts what must be true of every database, whatever happened to it.
pub(crate) async fn assert_sound(file: &Path) {
    let mut connection = open(file).await;
    let found: Vec<String> =
        sqlx::query_scalar("pragma integrity_check").fetch_all(&mut connection).await.unwrap();
    assert_eq!(found, ["ok"], "{}", file.display());
    let dangling = sqlx::query("pragma foreign_key_check").fetch_all(&mut connection).await.unwrap();
    assert_eq!(dangling.len(), 0, "no row refers to one that is missing");
    connection.close().await.unwrap();
    for (wrong, query) in [
        (
            "users with two active installs",
            "select count(*) from (select 1 from installs where status = 'active'
                group by app_id, user_id having count(*) > 1)",
        ),
        (
            "external ids with two users",
            "select count(*) from (select 1 from users where external_id is not null
                group by app_id, external_id having count(*) > 1)",
        ),
        (
            "installs without tokens",
            "select count(*) from installs i where status <> 'ended' and not exists (select 1 from token_pairs p
                where p.app_id = i.app_id and p.install_id = i.install_id and p.status = 'current')",
        ),
        (
            "codes that were consumed for nothing",
            "select count(*) from authentication_codes where consumed_at is not null and install_id is null",
        ),
    ] {
        assert_eq!(count(file, query).await, 0, "{wrong}");
    }
}

/// The number that a query gives.
pub(crate) async fn count(file: &Path, query: &'static str) -> i64 {
    let mut connection = open(file).await;
    let number = sqlx::query_scalar(query).fetch_one(&mut connection).await.unwrap();
    connection.close().await.unwrap();
    number
}

/// The external ids and ids of all users, in order.
pub(crate) async fn users(file: &Path) -> Vec<(String, String)> {
    let mut connection = open(file).await;
    let query = "select external_id, user_id from users order by external_id";
    let users = sqlx::query_as(query).fetch_all(&mut connection).await.unwrap();
    connection.close().await.unwrap();
    users
}

/// Changes a database behind everybody's back.
pub(crate) async fn tamper(file: &Path, sql: impl Into<String>) {
    let options = SqliteConnectOptions::new().filename(file);
    let mut connection = SqliteConnection::connect_with(&options).await.unwrap();
    sqlx::raw_sql(AssertSqlSafe(sql.into())).execute(&mut connection).await.unwrap();
    connection.close().await.unwrap();
}
