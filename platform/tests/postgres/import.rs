//! `platform import`: a deployment moves from SQLite to PostgreSQL, and no device notices.

use crate::{
    contents::{differences, of_database, of_file, schema},
    support::{Command, Running, Sdk, ServerKey, database_of_the_first_version, key},
};
use fastrand::Rng;
use postgres_cluster::Cluster;
use sentiance_protocol::ErrorCode;
use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, Connection, Executor, SqliteConnection, sqlite::SqliteConnectOptions};
use std::{
    path::{Path, PathBuf},
    process::Output,
    time::Duration,
};
use tempfile::TempDir;
use tokio::{
    sync::OnceCell,
    time::{Instant, sleep, timeout},
};
use tokio_postgres::{Client, NoTls};

/// What every run of a server is told: all calls come from one address.
const SERVE: &[&str] = &["serve", "--min-free-disk-bytes=0"];

/// Longer than a change takes to be told.
const PATIENCE: Duration = Duration::from_secs(5);

/// A source, and an empty target.
struct World {
    file: PathBuf,
    target: PathBuf,
    _folder: TempDir,
}

impl World {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("platform.db");
        Command::on(&file).run(&["migrate"]);
        World { file, target: empty_database(), _folder: folder }
    }

    /// The same with the rows of [`ROWS`], and many users.
    async fn with_rows() -> Self {
        let world = World::new();
        world.change(ROWS).await;
        world
    }

    fn import(&self) -> Output {
        import(&self.file, &self.target)
    }

    /// Imports to the end; gives what was printed.
    #[track_caller]
    fn finish(&self) -> String {
        let output = self.import();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    /// Asserts that there is one line which tells why nothing was imported.
    #[track_caller]
    fn refuses(&self, reason: &str) {
        let output = self.import();
        let complaint = String::from_utf8(output.stderr).unwrap();
        assert!(!output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
        assert_eq!(complaint.lines().count(), 1, "{complaint}");
        assert!(complaint.contains(reason), "{complaint}");
    }

    /// Changes the source.
    async fn change(&self, sql: &str) {
        self.open_source().await.execute(AssertSqlSafe(sql)).await.unwrap();
    }

    /// A process that uses the source: its log would be gone after the last one has ended.
    async fn use_source(&self) -> SqliteConnection {
        let mut connection = self.open_source().await;
        connection.fetch_all("select * from applications").await.unwrap();
        connection
    }

    async fn open_source(&self) -> SqliteConnection {
        let options = SqliteConnectOptions::new().filename(&self.file).foreign_keys(true);
        SqliteConnection::connect_with(&options).await.unwrap()
    }

    /// Changes the target.
    async fn change_target(&self, sql: &str) {
        connect(&self.target).await.batch_execute(sql).await.unwrap();
    }

    /// Waits until no connection of this test is left, some of which are closed when they are dropped.
    async fn until_unused(&self) {
        while self.file.with_file_name("platform.db-wal").exists() {
            sleep(Duration::from_millis(5)).await;
        }
    }

    async fn assert_equal(&self) {
        let client = connect(&self.target).await;
        let (wanted, found) = (of_file(&self.file).await, of_database(&client).await);
        assert_eq!(differences(&wanted, &found), Vec::<String>::new());
        assert_eq!(schema(&client).await, *schema_without_an_import().await);
    }
}

fn empty_database() -> PathBuf {
    PathBuf::from(Cluster::shared().create_database().unwrap())
}

async fn connect(database: &Path) -> Client {
    let (client, connection) = tokio_postgres::connect(database.to_str().unwrap(), NoTls).await.unwrap();
    tokio::spawn(connection);
    client
}

/// What a database is made of that a platform has made.
async fn schema_without_an_import() -> &'static Vec<String> {
    static SCHEMA: OnceCell<Vec<String>> = OnceCell::const_new();
    let make = || async {
        let database = empty_database();
        Command::on(&database).run(&["migrate"]);
        schema(&connect(&database).await).await
    };
    SCHEMA.get_or_init(make).await
}

fn from(file: &Path) -> String {
    format!("sqlite:{}", file.display())
}

fn import(file: &Path, target: &Path) -> Output {
    Command::on(target).output(&["import", "--from", &from(file)])
}

/// How many rows of a table were written, and how many deleted.
fn changed(printed: &str, table: &str) -> (u64, u64) {
    let whole = |line: &&str| line.starts_with(&format!("{table}: ")) && !line.contains('…');
    let line = printed.lines().find(whole).unwrap_or_else(|| panic!("no {table} in {printed}"));
    let before = |word: &str| {
        let (number, _) = line.split_once(word).unwrap();
        number.rsplit(' ').next().unwrap().parse().unwrap()
    };
    (before(" written"), before(" deleted"))
}

/// Something of everything, with values that are odd in one of the engines; and more users than are read at once.
const ROWS: &str = r#"
    insert into applications (app_id, name, created_at, secret_hash, stored_bytes, detections_retention) values
        ('a', 'O''Neil\ "x" é 日本 😀', 1, x'00ff', 1234, 0), ('b', '', -9223372036854775808, null, 0, null),
        ('gone', 'Gone', 9223372036854775807, x'', 7, 5);
    insert into application_origins values ('a', 'https://a.example'), ('a', 'https://b.example'), ('gone', 'x');
    insert into api_keys values ('a', 'k1', x'01', 'n', 'user.read', 'h', 1, 2, null), ('gone', 'k', x'02', '', '', '', 1, 2, 3);
    insert into users (app_id, user_id, external_id, created_at, disabled_at, deleted_at, former_external_id, stored_bytes,
            counted_day, bytes_of_day)
        with recursive counter (n) as (select 1 union all select n + 1 from counter where n < 10500)
        select 'a', printf('u%05d', n), case when n % 3 then 'e' || n end, n, null, null, null, n, 1, 2 from counter;
    insert into users (app_id, user_id, external_id, created_at, deleted_at, former_external_id) values
        ('b', 'deleted', null, 1, 5, 'tab	and ''; drop table users; --'), ('b', '1', '$1 \x41 %s', 1, null, null),
        ('gone', 'u', 'Straße', 1, null, null);
    insert into unused_users
        with recursive counter (n) as (select 1 union all select n + 1 from counter where n < 20100)
        select n % 7 - 3, 'a', 'u' || n from counter;
    insert into authentication_codes (app_id, hash, external_id, expires_at, consumed_at, install_id, idempotency_key,
        generation, created_user) values
        ('a', x'00', 'e1', 1, null, null, null, null, null), ('a', x'0000', 'e1', 1, 2, 'i', x'ff', 3, 1),
        ('b', x'', 'e', 1, null, null, null, null, null), ('gone', x'ff5c27', 'e', 1, null, null, null, null, null);
    insert into installs (app_id, install_id, user_id, status, end_reason, family, generation, os, device_class,
            device_class_source, sdk_version, sdk_runtime, created_at, updated_at, awaits_link, expires_at)
        select app_id, 'i' || user_id, user_id, case when created_at % 5 then 'active' else 'ended' end,
            case when created_at % 5 then null else 'expired' end, cast('''' || user_id as blob), 1, null, 'phone', 's', 'v', 'r', 1, 2, 0, 3
        from users;
    insert into installs (app_id, install_id, user_id, status, family, generation, device_class, device_class_source,
            sdk_version, sdk_runtime, created_at, updated_at, awaits_link, expires_at)
        values ('a', 'other', 'u00001', 'inactive', x'', 1, 'tablet', 's', 'v', 'r', 1, 2, 1, 3);
    insert into token_pairs (app_id, install_id, generation, status, idempotency_key, access_hash, refresh_hash,
            access_expires_at, refresh_expires_at, first_used_at)
        select app_id, install_id, 1, 'current', null, x'01', x'02', 1, 2, null from installs;
    insert into token_tombstones values ('a', x'00', 1), ('a', x'01', 1), ('gone', x'00', 1);
    insert into user_metadata values
        ('a', 'u00001', x'6b', x'00', 'i', 1, 2), ('a', 'u00001', x'', null, 'i', 1, 2), ('b', '1', x'ff', x'', 'i', 1, 2);
    insert into detection_blocks
        select 'a', user_id, 'position', -5, 'd', 1, 'e', 2, randomblob(300), 4 from users where app_id = 'a' and user_id < 'u00500';
    insert into detection_blocks values
        ('b', '1', 'motion', 0, '', 1, 'e', 2, x'', 4), ('b', '1', 'motion', 0, 'A', 1, 'e', 2, x'00', 4),
        ('b', '1', 'motion', 0, 'a', 1, 'e', 2, zeroblob(4200000), 4), ('b', '1', 'motion', 1, 'a', 1, 'e', 2, x'01', 4);
    insert into trips values ('b', '1', 't1', 'i', 1, '{"a":"\u0000"}', 2), ('b', '1', 'T1', 'i', 1, '', 2);
    insert into audit_events (app_id, kind, user_id, actor, actor_id, address, occurred_at) values
        ('a', 'user_created', 'u00001', 'install', 'i', '192.0.2.1', 1), ('gone', 'x', null, 'operator', null, null, 1);
    insert into clock_watch values (1, 2, 3, null);
"#;

/// Everything that changes while a server goes on.
const CHANGES: &str = "
    update applications set name = 'New', stored_bytes = 5 where app_id = 'a';
    delete from applications where app_id = 'gone';
    -- An external id comes to a user before the one that had it, and to one after it.
    update users set external_id = null where user_id in ('u00001', 'u10400');
    update users set external_id = 'e1' where user_id = 'u10401';
    update users set external_id = 'e10400' where user_id = 'u00002';
    -- An install comes to another user, before and after.
    update installs set user_id = 'u10400', status = 'inactive' where install_id = 'iu00011';
    update installs set user_id = 'u00012', status = 'inactive' where install_id = 'iu10491';
    -- The other install of a user is the active one.
    update installs set status = 'inactive' where install_id = 'iu00001';
    update installs set status = 'active' where install_id = 'other';
    update token_pairs set status = 'exchanged', idempotency_key = x'aa' where install_id = 'iu00021';
    insert into token_pairs values ('a', 'iu00021', 2, 'current', null, x'03', x'04', 1, 2, 5);
    delete from users where user_id = 'u00031';
    insert into users (app_id, user_id, external_id, created_at) values ('a', 'u00031x', 'new', 1), ('b', 'zzz', null, 2);
    delete from unused_users where user_id <> 'u5';
    update authentication_codes set consumed_at = 7 where hash = x'00';
    delete from detection_blocks where kind = 'motion' and first_id = 'a';
    update trips set content = '{}' where detection_id = 'T1';
    update audit_events set address = null;
    insert into audit_events (app_id, kind, actor, occurred_at) values ('a', 'x', 'platform', 9);
    update clock_watch set seen_at = 99, doubted_since = 98;
";

#[tokio::test]
async fn a_run_beside_a_server_moves_everything_and_the_next_one_only_what_has_changed() {
    let world = World::with_rows().await;
    let server = world.use_source().await;
    world.refuses("stop the server, and run the same command again");
    // What is there is not for a platform yet, though all of it is there.
    let client = connect(&world.target).await;
    let (wanted, found) = (of_file(&world.file).await, of_database(&client).await);
    assert_eq!(differences(&wanted, &found), Vec::<String>::new());
    for command in [&["serve", "--address", "127.0.0.1:0"][..], &["app", "list"], &["migrate"]] {
        let complaint = Command::on(&world.target).fail(command);
        assert!(
            complaint.contains("an import into it is not finished: run `platform import` again"),
            "{complaint}"
        );
    }

    world.change(CHANGES).await;
    server.close().await.unwrap();
    world.until_unused().await;
    let before = std::fs::read(&world.file).unwrap();
    let printed = world.finish();
    assert!(std::fs::read(&world.file).unwrap() == before, "nothing was written to the source");
    world.assert_equal().await;
    // Only what has changed: rows that refer to a changed one are left alone.
    for (table, expected) in [
        ("applications", (1, 2)),
        ("api_keys", (0, 1)),
        ("unused_users", (0, 20_099)),
        ("installs", (4, 6)),
        ("detection_blocks", (0, 3)),
        ("trips", (1, 1)),
        ("user_metadata", (0, 0)),
        ("audit_events", (2, 1)),
    ] {
        assert_eq!(changed(&printed, table), expected, "{table} in {printed}");
    }
    let rows: i64 = client.query_one("select count(*) from users", &[]).await.unwrap().get(0);
    let line = printed.lines().find(|line| line.starts_with("users ")).unwrap();
    assert!(line.contains(&format!(" {rows} rows  SHA-256 ")), "{line}");
    assert_eq!(line.rsplit(' ').next().unwrap().len(), 64);
    Command::on(&world.target).run(&["migrate"]);
    world.refuses("the import into this database is finished");
}

#[tokio::test]
async fn an_import_that_is_killed_at_any_moment_goes_on_and_ends_right() {
    const KILLS: u32 = 6;
    let seed = std::env::var("IMPORT_SEED").map_or_else(|_| fastrand::u64(..), |seed| seed.parse().unwrap());
    println!("killing the import {KILLS} times: IMPORT_SEED={seed}");
    let mut rng = Rng::with_seed(seed);
    let mut world = World::with_rows().await;
    let began = Instant::now();
    assert!(import(&world.file, &empty_database()).status.success());
    let whole = began.elapsed();
    let mut unfinished = 0;
    for kill in 0..KILLS {
        let arguments = ["import", "--from", &from(&world.file)];
        let mut running = Command::on(&world.target).spawn(&arguments);
        // Not a wait for anything, but the random moment itself.
        sleep(whole.mul_f64(rng.f64())).await;
        running.kill().unwrap();
        running.wait().unwrap();
        if is_finished(&world.target).await {
            world.assert_equal().await;
            world.target = empty_database();
            continue;
        }
        unfinished += 1;
        if kill % 3 == 2 {
            // And something changes meanwhile.
            world
                .change(&format!("update users set disabled_at = {kill} where user_id < 'u00{kill}00'"))
                .await;
            world.until_unused().await;
        }
    }
    world.finish();
    world.assert_equal().await;
    println!("{unfinished} of {KILLS} kills in {whole:?} left an import unfinished");
    assert!(unfinished > 0, "at least one did, or nothing was tested");
}

async fn is_finished(target: &Path) -> bool {
    let client = connect(target).await;
    // Before the schema, there is no such table.
    let finished = client.query("select from imports where finished_at is not null", &[]).await;
    finished.is_ok_and(|rows| !rows.is_empty())
}

#[tokio::test]
async fn what_is_not_in_the_target_as_it_is_in_the_source_is_an_error_that_names_the_table() {
    let world = World::with_rows().await;
    let server = world.use_source().await;
    world.refuses("stop the server");
    server.close().await.unwrap();
    // Something changes what is written.
    let spoil = "
        create function spoil() returns trigger language plpgsql as
            $$ begin new.name = new.name || '!'; return new; end $$;
        create trigger spoil before insert on api_keys for each row execute function spoil()";
    world.change_target(spoil).await;
    world.change("update api_keys set revoked_at = 9 where key_id = 'k1'").await;
    world.refuses("api_keys differs: the source has 2 rows, SHA-256 ");
    world.refuses("api_keys differs");
    world.change_target("drop trigger spoil on api_keys; drop function spoil").await;
    world.finish();
    world.assert_equal().await;
}

#[tokio::test]
async fn a_database_that_is_not_for_an_import_is_refused_and_left_alone() {
    let world = World::new();
    let (source, target) = (Command::on(&world.file), Command::on(&world.target));
    let refused = |command: &Command, arguments: &[&str], reason: &str| {
        let complaint = command.fail(arguments);
        assert!(complaint.contains(reason), "{complaint}");
    };
    let (of_file, of_target) = (from(&world.file), world.target.display().to_string());
    refused(&source, &["import", "--from", &of_file], "--database must be the URL of a PostgreSQL database");
    refused(&target, &["import", "--from", &of_target], "must be sqlite: and the name of a file");
    refused(&target, &["import", "--from", "sqlite:/no/such.db"], "there is no database at /no/such.db");
    let pooled = Command::on(Path::new(&format!("{of_target}?prepared_statements=false")));
    refused(&pooled, &["import", "--from", &of_file], "no pooler before it");

    // One that is used.
    let own = target.create_app("Own", &[]);
    world.refuses("the target is not empty: it has rows in applications");
    assert!(target.run(&["app", "list"]).contains(&own));
    world.change_target("delete from applications; delete from audit_events").await;
    let running = target.start(SERVE);
    world.refuses("a platform is connected to the target");
    running.terminate();
    assert!(running.ends_well());

    // Rows of an earlier version.
    source.create_app("Old", &[]);
    world
        .change(
            "insert into detection_conversion select 1, app_id, 'bbbbbbbbbbbbbbbbbbbbbbbb' from applications",
        )
        .await;
    world.refuses("the source holds detections in the form of an earlier version");
    let running = source.start(SERVE);
    let began = Instant::now();
    let conversion = "select 1 from detection_conversion";
    while world.open_source().await.fetch_optional(conversion).await.unwrap().is_some() {
        assert!(began.elapsed() < Duration::from_secs(20), "the server brings them over");
        sleep(Duration::from_millis(20)).await;
    }
    running.terminate();
    assert!(running.ends_well());

    // Another import.
    let client = connect(&world.target).await;
    client.execute("select pg_advisory_lock(7315934202660131)", &[]).await.unwrap();
    world.refuses("another import into this database is under way");
    client.execute("select pg_advisory_unlock_all()", &[]).await.unwrap();

    // Another source; a copy of this one is the same.
    let server = world.use_source().await;
    world.refuses("stop the server");
    let other = World::new();
    let output = import(&other.file, &world.target);
    let complaint = String::from_utf8(output.stderr).unwrap();
    assert!(complaint.contains("an import of another database into this one has begun"), "{complaint}");
    let copy = world.file.with_file_name("copy.db");
    source.run(&["backup", &copy.display().to_string()]);
    server.close().await.unwrap();
    assert!(import(&copy, &world.target).status.success());
}

#[tokio::test]
async fn an_old_schema_is_refused_until_it_was_brought_up_to_date() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("platform.db");
    database_of_the_first_version(&file).await;
    let world = World { file, target: empty_database(), _folder: folder };
    world.refuses("bring it up to date with `platform migrate`");
    Command::on(&world.file).run(&["migrate"]);
    world.finish();
    world.assert_equal().await;
    let (app, user) = ("a".repeat(24), "b".repeat(24));
    assert!(Command::on(&world.target).run(&["user", "show", "--app", &app, &user]).contains("alice"));
}

/// A server, and the application that it is for.
struct Deployment {
    running: Running,
    server: ServerKey,
}

impl Deployment {
    /// A user may store 3,500 bytes of detections, and the application 5,500.
    const QUOTAS: [&str; 2] = ["--quota-per-user-bytes=3500", "--quota-per-app-bytes=5500"];

    fn start(database: &Path, secret: &str) -> Self {
        let running = Command::on(database).start(&[SERVE, &Self::QUOTAS].concat());
        Deployment { server: ServerKey::new(&running.url, secret), running }
    }

    async fn sdk_with_user(&self, external_id: &str) -> Sdk {
        let mut sdk = Sdk::new(&self.running.url);
        sdk.create_user(&self.server.code(external_id).await).await.ok();
        sdk
    }

    fn stop(self) {
        self.running.terminate();
        assert!(self.running.ends_well());
    }
}

/// About 2,300 bytes to store.
fn hundred() -> Vec<Value> {
    let position = json!({ "latitude": 50.8, "longitude": 4.4, "accuracy": 5.5 });
    (0..100).map(|time| json!({ "id": key(), "time": time, "position": position })).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn devices_notice_nothing() {
    let world = World::new();
    let source = Command::on(&world.file);
    let app = source.create_app("Rides", &["https://rides.example.com"]);
    let secret = source.create_key(&app, &["user.link", "user.read", "user.delete"]);
    let on_sqlite = Deployment::start(&world.file, &secret);
    let (server, url) = (on_sqlite.server.clone(), on_sqlite.running.url.clone());
    let (mut alice, bob) = (on_sqlite.sdk_with_user("alice").await, on_sqlite.sdk_with_user("bob").await);
    let (carol, dave) = (on_sqlite.sdk_with_user("carol").await, on_sqlite.sdk_with_user("dave").await);
    let uploaded = hundred();
    alice.upload(&uploaded).await.ok();
    alice.change_metadata(1, &[("plan", Some("pro"))]).await.ok();
    let mut stream = alice.follow("active").await;

    // The first run, and everybody goes on.
    let mut first = Command::on(&world.target).spawn(&["import", "--from", &from(&world.file)]);
    while first.try_wait().unwrap().is_none() {
        alice.own_profile().await.ok();
        alice.change_metadata(2, &[("plan", Some("free"))]).await.ok();
        server.profile(&bob.user_id).await.ok();
    }
    assert!(!first.wait().unwrap().success(), "it does not finish beside a server");
    bob.upload(&hundred()).await.ok();
    alice.refresh().await.ok();
    // What comes back is lost.
    let (refresh_key, creation_key, code_of_frank) = (key(), key(), server.code("frank").await);
    let frank = Sdk::new(&url);
    bob.send_refresh(&refresh_key).await.ok();
    let created = frank.exchange(&code_of_frank, &creation_key).await.ok();
    let unused = server.code("alice").await;
    server.delete(&dave.user_id).await.ok();
    let recorded = server.detections(&alice.user_id, "").await.ok();
    let refused = dave.own_profile().await.error_code();
    on_sqlite.stop();
    stream.has_ended().await;

    // Events whose places PostgreSQL gives to transactions that are still to come, and one whose place comes never.
    let early = format!(
        "insert into audit_events (seq, app_id, kind, user_id, install_id, actor, occurred_at)
        with recursive counter (n) as (select 700 union all select n + 1 from counter where n < 3000)
        select n << 20, '{app}', 'user_created', '{user}', '{install}', 'platform', 1 from counter
        union all select 1 << 50, '{app}', 'user_created', '{user}', '{install}', 'platform', 1",
        user = alice.user_id,
        install = alice.install_id,
    );
    world.change(&early).await;
    world.finish();
    world.assert_equal().await;

    let on_postgres = Deployment::start(&world.target, &secret);
    let url = &on_postgres.running.url;
    let server = &on_postgres.server;
    let (mut alice, mut bob, carol, dave, mut frank) =
        (alice.at(url), bob.at(url), carol.at(url), dave.at(url), frank.at(url));
    let mut stream = alice.follow("active").await;
    // Tokens, keys, what was recorded, and what has become of a deleted user.
    assert_eq!(alice.own_profile().await.ok()["metadata"]["plan"], "free");
    assert_eq!(server.detections(&alice.user_id, "").await.ok(), recorded);
    assert_eq!(recorded["detections"].as_array().unwrap().len(), 100);
    assert_eq!(dave.own_profile().await.error_code(), refused);
    assert!(refused.is_some());
    // What was lost is repeated.
    assert_eq!(alice.upload(&uploaded).await.ok(), json!({ "accepted": 0, "known": 100 }));
    let refreshed = bob.send_refresh(&refresh_key).await;
    bob.remember_token(&refreshed);
    bob.own_profile().await.ok();
    let again = frank.exchange(&code_of_frank, &creation_key).await;
    frank.remember_user(&again);
    assert_eq!(again.ok()["user_id"], created["user_id"]);
    frank.own_profile().await.ok();
    server.code("alice").await;
    // The counters of quotas: alice has some room left, and the application has none for another hundred.
    alice.upload(&hundred()).await.refused(ErrorCode::QuotaExceeded);
    carol.upload(&hundred()).await.refused(ErrorCode::QuotaExceeded);
    alice.upload(&hundred()[..1]).await.ok();
    // The session goes on, and the first thing that the stream tells is the next thing that happens.
    alice.refresh().await.ok();
    let mut second = Sdk::new(url);
    second.create_user(&unused).await.ok();
    assert_eq!(second.user_id, alice.user_id);
    timeout(PATIENCE, stream.tells("deactivated", "inactive")).await.unwrap();
    second.follow("active").await;
    let mut of_bob = bob.follow("active").await;
    Command::on(&world.target).run(&["user", "disable", "--app", &app, &bob.user_id]);
    timeout(PATIENCE, of_bob.tells("disabled", "disabled")).await.unwrap();
    let listed = Command::on(&world.target).run(&["audit", "list", "--app", &app, "--user", &bob.user_id]);
    let kinds: Vec<_> = listed.lines().filter_map(|line| line.split('\t').nth(1)).collect();
    assert_eq!(kinds.first().zip(kinds.last()), Some((&"user_created", &"user_disabled")), "{listed}");
    on_postgres.stop();
}
