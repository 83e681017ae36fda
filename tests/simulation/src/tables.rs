//! The tables, as they are behind the platform's back.

use sentiance_platform::{
    clock::Timestamp,
    model::{DetectionId, DetectionKey},
    store::{Place, detections::Block},
};
use sentiance_protocol::DetectionType;
use sqlx::{AssertSqlSafe, Connection, Executor, SqliteConnection, sqlite::SqliteConnectOptions};
use std::{path::Path, time::Duration};
use tokio::time::sleep;
use tokio_postgres::{Client, NoTls, Row};

/// A connection to either database.
pub(crate) enum Tables {
    Sqlite(SqliteConnection),
    Postgresql(Client),
}

/// What the tables say.
#[derive(Debug)]
pub(crate) struct Census {
    /// Id, external id, and whether disabled.
    pub(crate) users: Vec<(String, Option<String>, bool)>,
    /// Id, user, status, and the reason of the end.
    pub(crate) installs: Vec<(String, String, String, Option<String>)>,
}

/// Whether it is an install, its id, whose it is, its status, and why it ended. A user's status is null or `disabled`.
type CensusRow = (bool, String, Option<String>, Option<String>, Option<String>);
/// The first id, the kind, the first time, how many, and the content.
type BlockRow = (String, String, i64, i64, Vec<u8>);

/// One statement for both: most of its price is that the database has a thread of its own. What a deletion has still to
/// remove in the background is not among them.
const CENSUS: &str = "
    select false, user_id, external_id, case when disabled_at is not null then 'disabled' end, null
        from users where app_id = $1 and deleted_at is null
    union all select true, install_id, user_id, status, end_reason
        from installs i where app_id = $1 and exists (select 1 from users u
            where u.app_id = i.app_id and u.user_id = i.user_id and u.deleted_at is null)
    order by 1, 2";
const BLOCKS: &str = "
    select detection_id, kind, time, count, content from (
        select detection_id, 'trip' as kind, time, 1 as count, {nothing} as content, app_id from trips
        union all select first_id, kind, first_time, count, content, app_id from detection_blocks) as detections
    where app_id = $1 order by kind, time, detection_id";
const METADATA: &str = "
    select {key}, {value} from user_metadata where app_id = $1 and user_id = $2 and value is not null order by key";

/// Every transaction that has written is held at its commit for as long as another session has this lock. (The number is
/// not that of any lock of the platform.)
const HOLD: &str = "select pg_advisory_lock(7)";
const RELEASE: &str = "select pg_advisory_unlock(7)";
const HELD_AT_COMMIT: &str = "
    create function hold_commit() returns trigger language plpgsql as
        $$ begin perform pg_advisory_xact_lock_shared(7); return null; end $$;
    do $$ declare written text; begin
        for written in select tablename from pg_tables where schemaname = current_schema() loop
            execute format('create constraint trigger hold_commit after insert or update or delete on %I
                deferrable initially deferred for each row execute function hold_commit()', written);
        end loop;
    end $$";
const COUNT_HELD: &str = "
    select count(*) from pg_locks join pg_database on pg_database.oid = database
    where datname = current_database() and locktype = 'advisory' and not granted";
const END_OTHERS: &str = "
    select count(pg_terminate_backend(pid)) from pg_stat_activity
    where datname = current_database() and pid <> pg_backend_pid()";
const LOOK_INTERVAL: Duration = Duration::from_millis(1);

impl Tables {
    pub(crate) async fn open(name: &Path) -> Self {
        match Place::parse(name) {
            Place::File(file) => {
                let options = SqliteConnectOptions::new().filename(file);
                Tables::Sqlite(SqliteConnection::connect_with(&options).await.expect("the database opens"))
            }
            Place::Url(url) => {
                let (client, connection) =
                    tokio_postgres::connect(&url, NoTls).await.expect("the database opens");
                tokio::spawn(connection);
                Tables::Postgresql(client)
            }
        }
    }

    pub(crate) async fn run(&mut self, statements: &'static str) {
        match self {
            Tables::Sqlite(connection) => drop(connection.execute(statements).await.expect("it can be run")),
            Tables::Postgresql(client) => client.batch_execute(statements).await.expect("it can be run"),
        }
    }

    /// The users and installs of an application.
    pub(crate) async fn census(&mut self, app_id: &str) -> Census {
        let rows: Vec<CensusRow> = match self {
            Tables::Sqlite(connection) => {
                sqlx::query_as(CENSUS).bind(app_id).fetch_all(connection).await.expect("users and installs")
            }
            Tables::Postgresql(client) => {
                let read = |row: &Row| (row.get(0), row.get(1), row.get(2), row.get(3), row.get(4));
                client.query(CENSUS, &[&app_id]).await.expect("users and installs").iter().map(read).collect()
            }
        };
        let mut census = Census { users: Vec::new(), installs: Vec::new() };
        for (is_install, id, of, status, end_reason) in rows {
            if is_install {
                census.installs.push((id, of.unwrap_or_default(), status.unwrap_or_default(), end_reason));
            } else {
                census.users.push((id, of, status.is_some()));
            }
        }
        census
    }

    /// The ids of the detections of an application.
    pub(crate) async fn detections(&mut self, app_id: &str) -> Vec<String> {
        let rows: Vec<BlockRow> = match self {
            Tables::Sqlite(connection) => {
                let query = AssertSqlSafe(BLOCKS.replace("{nothing}", "x''"));
                sqlx::query_as(query).bind(app_id).fetch_all(connection).await.expect("detections")
            }
            Tables::Postgresql(client) => {
                let query = BLOCKS.replace("{nothing}", "''::bytea");
                let read = |row: &Row| (row.get(0), row.get(1), row.get(2), row.get(3), row.get(4));
                client.query(&query, &[&app_id]).await.expect("detections").iter().map(read).collect()
            }
        };
        let mut ids = Vec::new();
        for (first, kind, time, count, content) in rows {
            let kind = DetectionType::parse(&kind).expect("a kind");
            if kind == DetectionType::Trip {
                ids.push(first);
                continue;
            }
            let first = DetectionId::parse(&first).expect("an id");
            let first = DetectionKey { time: Timestamp(time), detection_id: first };
            let count = count.try_into().expect("a count");
            let block = Block { last: first.clone(), first, count, content };
            let entries = block.entries(kind).expect("a block that can be read");
            ids.extend(entries.into_iter().map(|entry| entry.detection.detection_id.to_string()));
        }
        ids
    }

    /// The metadata of a user.
    pub(crate) async fn metadata(&mut self, app_id: &str, user_id: &str) -> Vec<(String, String)> {
        match self {
            Tables::Sqlite(connection) => {
                let query = METADATA.replace("{key}", "cast(key as text)");
                let query = AssertSqlSafe(query.replace("{value}", "cast(value as text)"));
                let rows = sqlx::query_as(query).bind(app_id).bind(user_id).fetch_all(connection);
                rows.await.expect("metadata")
            }
            Tables::Postgresql(client) => {
                let query = METADATA.replace("{key}", "convert_from(key, 'UTF8')");
                let query = query.replace("{value}", "convert_from(value, 'UTF8')");
                let rows = client.query(&query, &[&app_id, &user_id]).await.expect("metadata");
                rows.iter().map(|row| (row.get(0), row.get(1))).collect()
            }
        }
    }

    /// Has every transaction wait at its commit while it is told to ([`Self::hold_commits`]).
    pub(crate) async fn prepare_to_hold_commits(&mut self) {
        if let Tables::Postgresql(_) = self {
            self.run(HELD_AT_COMMIT).await;
        }
    }

    pub(crate) async fn hold_commits(&mut self) {
        self.run(HOLD).await;
    }

    pub(crate) async fn release_commits(&mut self) {
        self.run(RELEASE).await;
    }

    /// Returns when a transaction waits at its commit.
    pub(crate) async fn until_held(&self) {
        while self.count(COUNT_HELD).await == 0 {
            sleep(LOOK_INTERVAL).await;
        }
    }

    /// Ends all other sessions: what they have not committed is undone.
    pub(crate) async fn end_others(&self) {
        while self.count(END_OTHERS).await > 0 {
            sleep(LOOK_INTERVAL).await;
        }
    }

    async fn count(&self, query: &str) -> i64 {
        let Tables::Postgresql(client) = self else { return 0 };
        client.query_one(query, &[]).await.expect("a count").get(0)
    }
}
