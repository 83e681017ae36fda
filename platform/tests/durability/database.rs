//! Looks into a database without a platform.

use crate::support::is_on_postgres;
use postgres_cluster::Cluster;
use sentiance_platform::store::Place;
use sqlx::{AssertSqlSafe, Connection, Executor, SqliteConnection, sqlite::SqliteConnectOptions};
use std::{
    any::Any,
    path::{Path, PathBuf},
    time::Duration,
};
use tokio_postgres::{Client, NoTls};

/// A new one of the engine that is tested: a file in this folder, or the URL of a database.
pub(crate) fn create_in(folder: &Path) -> PathBuf {
    if is_on_postgres() {
        Cluster::shared().create_database().unwrap().into()
    } else {
        folder.join("platform.db")
    }
}

/// A connection to PostgreSQL; none where the database is a file.
async fn connect(database: &Path) -> Option<Client> {
    let Place::Url(url) = Place::parse(database) else { return None };
    let (client, connection) = tokio_postgres::connect(&url, NoTls).await.unwrap();
    tokio::spawn(connection);
    Some(client)
}

/// A connection that changes nothing.
async fn open(file: &Path) -> SqliteConnection {
    let options = SqliteConnectOptions::new().filename(file).pragma("query_only", "on");
    SqliteConnection::connect_with(&options).await.unwrap()
}

/// Asserts what must be true of every database, whatever happened to it.
pub(crate) async fn assert_sound(database: &Path) {
    if let Place::File(file) = Place::parse(database) {
        assert_sound_file(&file).await;
    }
    for (wrong, query) in [
        (
            "users with two active installs",
            "select count(*) from (select 1 from installs where status = 'active'
                group by app_id, user_id having count(*) > 1) as found",
        ),
        (
            "external ids with two users",
            "select count(*) from (select 1 from users where external_id is not null
                group by app_id, external_id having count(*) > 1) as found",
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
        assert_eq!(count(database, query).await, 0, "{wrong}");
    }
}

async fn assert_sound_file(file: &Path) {
    let mut connection = open(file).await;
    let found: Vec<String> =
        sqlx::query_scalar("pragma integrity_check").fetch_all(&mut connection).await.unwrap();
    assert_eq!(found, ["ok"], "{}", file.display());
    let dangling = sqlx::query("pragma foreign_key_check").fetch_all(&mut connection).await.unwrap();
    assert_eq!(dangling.len(), 0, "no row refers to one that is missing");
    connection.close().await.unwrap();
}

/// The number that a query gives.
pub(crate) async fn count(database: &Path, query: &'static str) -> i64 {
    if let Some(client) = connect(database).await {
        return client.query_one(query, &[]).await.unwrap().get(0);
    }
    let mut connection = open(database).await;
    let number = sqlx::query_scalar(query).fetch_one(&mut connection).await.unwrap();
    connection.close().await.unwrap();
    number
}

/// The external ids and ids of all users, in order.
pub(crate) async fn users(database: &Path) -> Vec<(String, String)> {
    let query = "select external_id, user_id from users where deleted_at is null order by external_id";
    if let Some(client) = connect(database).await {
        let rows = client.query(query, &[]).await.unwrap();
        return rows.iter().map(|row| (row.get(0), row.get(1))).collect();
    }
    let mut connection = open(database).await;
    let users = sqlx::query_as(query).fetch_all(&mut connection).await.unwrap();
    connection.close().await.unwrap();
    users
}

/// A statement as each engine has it.
#[derive(Clone, Copy)]
pub(crate) struct Statement {
    pub(crate) sqlite: &'static str,
    pub(crate) postgres: &'static str,
}

/// Changes a database beside the server, as if it had been done over days.
pub(crate) async fn prepare(database: &Path, Statement { sqlite, postgres }: Statement) {
    if let Some(client) = connect(database).await {
        return client.batch_execute(postgres).await.unwrap();
    }
    let options = SqliteConnectOptions::new().filename(database).busy_timeout(Duration::from_secs(30));
    let mut connection = SqliteConnection::connect_with(&options).await.unwrap();
    connection.execute(sqlite).await.unwrap();
}

/// Holds a lock that no writer can have meanwhile, for as long as it is kept.
pub(crate) async fn keep_writers_out(database: &Path) -> Box<dyn Any> {
    const LOCK: &str =
        "begin; lock table applications, api_keys, users, installs, audit_events in share row exclusive mode";
    if let Some(client) = connect(database).await {
        client.batch_execute(LOCK).await.unwrap();
        return Box::new(client);
    }
    let options = SqliteConnectOptions::new().filename(database);
    let mut writer = SqliteConnection::connect_with(&options).await.unwrap();
    writer.execute("begin immediate").await.unwrap();
    Box::new(writer)
}

/// Changes a database behind everybody's back.
pub(crate) async fn tamper(file: &Path, sql: impl Into<String>) {
    let options = SqliteConnectOptions::new().filename(file);
    let mut connection = SqliteConnection::connect_with(&options).await.unwrap();
    sqlx::raw_sql(AssertSqlSafe(sql.into())).execute(&mut connection).await.unwrap();
    connection.close().await.unwrap();
}
