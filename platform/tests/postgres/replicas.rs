//! Several platforms on one database.

use crate::support::{Command, Running, SERVE, Sdk, ServerKey, key};
use postgres_cluster::Cluster;
use sentiance_protocol::ErrorCode;
use serde_json::{Value, json};
use std::{fs, path::Path, time::Duration};
use tempfile::TempDir;
use tokio::time::{sleep, timeout};
use tokio_postgres::{Client, NoTls};

/// Where any port will do.
const FREE_ADDRESS: &str = "127.0.0.1:0";

/// Platforms on a database of their own.
pub(crate) struct Replicas {
    pub(crate) command: Command,
    pub(crate) running: Vec<Running>,
    /// A key with every scope, for the first of them.
    pub(crate) server: ServerKey,
    app_id: String,
    app_secret: String,
    url: String,
    database: Client,
    serve: Vec<String>,
    /// Their logs, which are read where a test failed.
    folder: TempDir,
}

async fn connect(url: &str) -> Client {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await.unwrap();
    tokio::spawn(connection);
    client
}

impl Replicas {
    pub(crate) async fn start(count: usize) -> Self {
        Self::start_with(count, &[]).await
    }

    /// With more options than [`SERVE`].
    pub(crate) async fn start_with(count: usize, options: &[&str]) -> Self {
        let url = Cluster::shared().create_database().unwrap();
        Self::start_on(&url, &url, &vec![FREE_ADDRESS.to_owned(); count], options).await
    }

    /// Platforms at these addresses on the database at `url`, which the test itself reaches at `direct`.
    pub(crate) async fn start_on(url: &str, direct: &str, addresses: &[String], options: &[&str]) -> Self {
        let database = connect(direct).await;
        let folder = tempfile::tempdir().unwrap();
        let command = Command::on(Path::new(url)).logging_to(&folder.path().join("log"));
        let created = command.run(&["app", "create", "--name", "Test"]);
        let app_id = Command::value_of(&created, "app id: ");
        let app_secret = Command::value_of(&created, "app secret: ");
        let key = command.create_key(&app_id, &["user.link", "user.read", "user.delete"]);
        // An option is given once.
        let name = |option: &str| option.split_once('=').map(|(name, _)| name.to_owned());
        let is_own = |option: &&str| options.iter().any(|own| name(own) == name(option));
        let serve: Vec<_> =
            SERVE.iter().copied().filter(|option| !is_own(option)).chain(options.iter().copied()).collect();
        let running: Vec<_> = addresses.iter().map(|address| command.start_at(address, &serve)).collect();
        let serve = serve.into_iter().map(str::to_owned).collect();
        let server = ServerKey::new(running.first().map_or("", |first| &first.url), &key);
        let url = direct.to_owned();
        Replicas { command, running, server, app_id, app_secret, url, database, serve, folder }
    }

    /// Another connection to the database.
    pub(crate) async fn connect(&self) -> Client {
        connect(&self.url).await
    }

    /// Waits until nothing of a deleted user is left, which is soon, and not at the next clean-up.
    pub(crate) async fn until_leftovers_are_gone(&self) {
        let left = "select (select count(*) from detection_blocks) + (select count(*) from users)";
        for _ in 0..300 {
            if self.count(left).await == 0 {
                return;
            }
            sleep(Duration::from_millis(50)).await;
        }
        panic!("{} rows are left", self.count(left).await);
    }

    /// Ends one of them as a power cut would.
    pub(crate) fn kill(&mut self, replica: usize) {
        self.running.remove(replica).kill();
    }

    /// Starts it again, where it was.
    pub(crate) fn start_again(&mut self, replica: usize, address: &str) {
        let serve: Vec<_> = self.serve.iter().map(String::as_str).collect();
        self.running.insert(replica, self.command.start_at(address, &serve));
    }

    /// Looks into another database from now on: the one that replaced the first.
    pub(crate) async fn look_into(&mut self, direct: &str) {
        self.database = connect(direct).await;
    }

    /// External id and user id of all who are there, in order.
    pub(crate) async fn users(&self) -> Vec<(String, String)> {
        let query =
            "select external_id, user_id from users where external_id is not null and deleted_at is null";
        let rows = self.database.query(query, &[]).await.unwrap();
        let mut users: Vec<_> = rows.iter().map(|row| (row.get(0), row.get(1))).collect();
        users.sort();
        users
    }

    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }

    pub(crate) fn app_id(&self) -> &str {
        &self.app_id
    }

    /// An SDK on a new phone, which calls the replica of that number.
    pub(crate) fn sdk(&self, replica: usize) -> Sdk {
        Sdk::new(&self.running[replica].url)
    }

    pub(crate) async fn sdk_with_user(&self, replica: usize, external_id: &str) -> Sdk {
        let mut sdk = self.sdk(replica);
        sdk.create_user(&self.server.code(external_id).await).await.ok();
        sdk
    }

    pub(crate) async fn sdk_with_unlinked_user(&self, replica: usize) -> Sdk {
        let mut sdk = self.sdk(replica);
        let credentials = json!({ "id": self.app_id, "secret": self.app_secret, "linking": true });
        sdk.create_unlinked_user(&credentials).await.ok();
        sdk
    }

    /// The same SDK, where it calls the replica of that number.
    pub(crate) fn at(&self, replica: usize, sdk: &Sdk) -> Sdk {
        sdk.at(&self.running[replica].url)
    }

    pub(crate) async fn run(&self, sql: &str) {
        self.database.batch_execute(sql).await.unwrap();
    }

    pub(crate) async fn count(&self, query: &str) -> i64 {
        self.database.query_one(query, &[]).await.unwrap().get(0)
    }

    /// Waits until a replica allows so many codes for one external id.
    async fn until_limit(&self, replica: usize, count: u32) {
        let (server, expected) =
            (self.server.at(&self.running[replica].url), format!("\"external-id\";q={count};"));
        let reached = async {
            loop {
                let answer = server.ask_for_code(&key()).await;
                if answer.header("ratelimit-policy").is_some_and(|policy| policy.contains(&expected)) {
                    break;
                }
                sleep(Duration::from_millis(50)).await;
            }
        };
        assert!(timeout(Duration::from_secs(30), reached).await.is_ok(), "{replica} never allows {count}");
    }

    /// Waits until so many transactions wait for a lock.
    pub(crate) async fn until_waiting(&self, count: i64) {
        let waiting = "select count(*) from pg_stat_activity
            where datname = current_database() and wait_event_type = 'Lock'";
        while self.count(waiting).await != count {
            sleep(Duration::from_millis(5)).await;
        }
    }

    /// Lets every write of these tables take some time, so that transactions that begin at once meet.
    pub(crate) async fn slow_down(&self, tables: &[&str]) {
        self.run(
            "create function take_time() returns trigger language plpgsql as
            $$ begin perform pg_sleep(0.004); return coalesce(new, old); end $$",
        )
        .await;
        for table in tables {
            let on = format!("before insert or update or delete on {table}");
            let each = "for each row execute function take_time()";
            self.run(&format!("create trigger takes_time {on} {each}")).await;
        }
    }

    /// What can never be, whatever was done at once.
    pub(crate) async fn assert_consistent(&self) {
        for (what, query) in [
            (
                "users with two active installs",
                "select count(*) from (
                    select 1 from installs where status = 'active' group by app_id, user_id having count(*) > 1) x",
            ),
            (
                "installs without exactly one current pair",
                "select count(*) from installs i where status <> 'ended' and 1 <> (
                    select count(*) from token_pairs p
                    where p.app_id = i.app_id and p.install_id = i.install_id and p.status = 'current')",
            ),
            (
                "pairs that are newer than their install knows",
                "select count(*) from installs i join token_pairs p using (app_id, install_id)
                where p.generation > i.generation",
            ),
            (
                "external ids with two users",
                "select count(*) from (
                    select 1 from users where deleted_at is null group by app_id, external_id
                    having external_id is not null and count(*) > 1) x",
            ),
            (
                "bytes that are counted wrong",
                "select count(*) from applications a where
                    (select coalesce(sum(stored_bytes), 0) from stored_of_applications s where s.app_id = a.app_id)
                    <> (select coalesce(sum(stored_bytes), 0) from users u where u.app_id = a.app_id)",
            ),
        ] {
            assert_eq!(self.count(query).await, 0, "{what}");
        }
    }
}

/// A detection of a place.
pub(crate) fn position(number: u32) -> Value {
    json!({
        "id": format!("{number:032x}"), "time": 1_700_000_000_000_i64 + i64::from(number),
        "position": { "latitude": 51.2, "longitude": 4.4, "accuracy": 5 },
    })
}

/// A change is to be seen within a second; a loaded machine gets more time, but not so much that chance would do.
const SEEN_WITHIN: Duration = Duration::from_secs(3);

pub(crate) async fn in_time(what: &str, seen: impl Future<Output = ()>) {
    timeout(SEEN_WITHIN, seen).await.unwrap_or_else(|_| panic!("not told in time: {what}"));
}

#[tokio::test]
async fn what_one_replica_does_is_told_by_all() {
    let replicas = Replicas::start(3).await;
    let one = replicas.sdk_with_user(0, "alice").await;
    let mut streams =
        [replicas.at(1, &one).follow("active").await, replicas.at(2, &one).follow("active").await];
    let other = replicas.sdk_with_user(0, "alice").await;
    for stream in &mut streams {
        in_time("another device took over", stream.tells("deactivated", "inactive")).await;
    }
    let mut stream = replicas.at(1, &other).follow("active").await;
    replicas.server.at(&replicas.running[2].url).delete(&other.user_id).await.ok();
    in_time("deleted", stream.ends_with("deleted", "USER_DELETED")).await;
}

#[tokio::test]
async fn what_was_recorded_while_no_replica_was_told_is_told_later() {
    let replicas = Replicas::start(2).await;
    let one = replicas.sdk_with_user(0, "alice").await;
    let mut stream = replicas.at(1, &one).follow("active").await;
    for _ in 0..3 {
        // All connections, those that listen too.
        let others = "datname = current_database() and pid <> pg_backend_pid()";
        replicas.run(&format!("select pg_terminate_backend(pid) from pg_stat_activity where {others}")).await;
        let code = timeout(Duration::from_secs(10), async {
            loop {
                let answer = replicas.server.ask_for_code("alice").await;
                if answer.status.is_success() {
                    break answer.ok()["authentication_code"].as_str().unwrap().to_owned();
                }
                answer.refused(ErrorCode::DatabaseUnavailable);
            }
        });
        let (mut other, code) = (replicas.sdk(0), code.await.unwrap());
        other.create_user(&code).await.ok();
        in_time("another device took over", stream.tells("deactivated", "inactive")).await;
        stream = replicas.at(1, &other).follow("active").await;
    }
}

#[tokio::test]
async fn replicas_share_the_limits() {
    let mut replicas = Replicas::start_with(3, &["--limit-per-external-id=6/h:6"]).await;
    for replica in 0..3 {
        replicas.until_limit(replica, 2).await;
    }
    let mut allowed = 0;
    for _ in 0..6 {
        for running in &replicas.running {
            let answer = replicas.server.at(&running.url).ask_for_code("alice").await;
            allowed += usize::from(answer.status.is_success());
        }
    }
    assert_eq!(allowed, 6);
    // One that ends says so.
    let last = replicas.running.pop().unwrap();
    last.terminate();
    assert!(last.ends_well());
    for replica in 0..2 {
        replicas.until_limit(replica, 3).await;
    }
}
