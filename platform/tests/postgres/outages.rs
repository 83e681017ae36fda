//! A database that cannot be used for a while: every request gets a response in time which says so, and when it is over
//! the platform goes on by itself.

use crate::{
    helpers::Network,
    replicas::{Replicas, in_time, position},
    support::{Answer, Sdk, key},
    volume::Volume,
};
use futures_util::future::join_all;
use postgres_cluster::{Cluster, server_user};
use reqwest::{Method, StatusCode};
use sentiance_protocol::ErrorCode;
use std::{
    fs::{self, Permissions},
    os::unix::fs::PermissionsExt,
    process,
    time::Duration,
};
use tokio::time::{Instant, sleep, timeout};
use tokio_postgres::NoTls;

/// How long the platform gives a request.
const REQUEST_DEADLINE: Duration = Duration::from_secs(30);
/// How long it may take until it goes on, on a loaded machine.
const RECOVERS_WITHIN: Duration = Duration::from_secs(12);
/// More than there are connections of one platform.
const CROWD: usize = 30;
/// Enough for an empty database and the test's users.
const MEGABYTES: u32 = 24;
/// More codes than fit into what is free in the files of a full one.
const MORE_THAN_ENOUGH: usize = 3000;

/// Two replicas, and a device that they know.
struct World {
    replicas: Replicas,
    known: Sdk,
}

impl World {
    async fn on(url: &str, direct: &str) -> Self {
        let addresses = ["127.0.0.1:0".to_owned(), "127.0.0.1:0".to_owned()];
        let replicas = Replicas::start_on(url, direct, &addresses, &[]).await;
        let known = replicas.sdk_with_user(0, "known").await;
        // The first use of a token is written down; those after it are not.
        known.own_profile().await.ok();
        World { replicas, known }
    }

    async fn get(&self, path: &str) -> Answer {
        let request = self.replicas.server.request(Method::GET, path);
        Answer::within(REQUEST_DEADLINE, request).await.unwrap()
    }

    /// Many at once; gives their responses, all of which come in time.
    async fn write(&self) -> Vec<Answer> {
        let body = |number: usize| serde_json::json!({ "external_id": format!("crowd {number}") });
        let ask = |number| self.replicas.server.request(Method::POST, "/users/auth-code").json(&body(number));
        in_deadline(join_all((0..CROWD).map(|number| Answer::within(REQUEST_DEADLINE, ask(number))))).await
    }

    /// The same of calls that only read.
    async fn read(&self) -> Vec<Answer> {
        let ask = || self.known.request(Method::GET, "/sdk/v1/config").bearer_auth(&self.known.access_token);
        in_deadline(join_all((0..CROWD).map(|_| Answer::within(REQUEST_DEADLINE, ask())))).await
    }

    async fn assert_lives(&self) {
        let alive = timeout(Duration::from_secs(5), self.get("/healthz")).await.expect("it lives");
        assert_eq!(alive.status, StatusCode::OK);
    }

    /// What was found before is told for a second.
    async fn until_not_ready(&self) {
        let not_ready = async {
            loop {
                let ready = self.get("/readyz").await;
                if !ready.status.is_success() {
                    return assert_may_pass(&ready);
                }
                sleep(Duration::from_millis(50)).await;
            }
        };
        timeout(RECOVERS_WITHIN, not_ready).await.expect("it says that it is not ready");
    }

    /// Nothing can be written or read.
    async fn assert_says_so(&self) {
        let all =
            async { tokio::join!(self.write(), self.read(), self.until_not_ready(), self.assert_lives()) };
        let (written, read, (), ()) = all.await;
        written.iter().chain(&read).for_each(assert_may_pass);
        assert!(
            has(&written, ErrorCode::DatabaseUnavailable),
            "{:?}",
            written.iter().map(Answer::error_code).collect::<Vec<_>>()
        );
    }

    /// Nothing can be written.
    async fn assert_is_read_only(&self) {
        for answer in self.write().await {
            answer.refused(ErrorCode::DatabaseUnavailable);
            assert_may_pass(&answer);
        }
        self.until_not_ready().await;
        self.assert_lives().await;
        assert!(self.read().await.iter().all(|answer| answer.status.is_success()));
    }

    /// It goes on by itself; gives how long that took.
    async fn recovers(&self) -> Duration {
        let began = Instant::now();
        let recovered = async {
            while !self.get("/readyz").await.status.is_success() {
                sleep(Duration::from_millis(50)).await;
            }
            while !self.replicas.server.ask_for_code("known").await.status.is_success() {
                sleep(Duration::from_millis(50)).await;
            }
            while !self.known.config().await.status.is_success() {
                sleep(Duration::from_millis(50)).await;
            }
        };
        timeout(RECOVERS_WITHIN, recovered).await.expect("it goes on by itself");
        let took = began.elapsed();
        for answer in self.write().await.iter().chain(&self.read().await) {
            answer.ok();
        }
        took
    }

    /// What one replica does is told by the other.
    async fn assert_tells(&mut self) {
        let mut stream = self.replicas.at(1, &self.known).follow("active").await;
        self.known = self.replicas.sdk_with_user(0, "known").await;
        self.known.own_profile().await.ok();
        in_time("another device took over", stream.tells("deactivated", "inactive")).await;
    }

    /// Waits until there are connections again.
    async fn until_reads(&self) {
        let reads = async {
            while !self.known.config().await.status.is_success() {
                sleep(Duration::from_millis(50)).await;
            }
        };
        timeout(RECOVERS_WITHIN, reads).await.expect("it reads again");
    }

    async fn create_until_refused(&self) -> Answer {
        for _ in 0..MORE_THAN_ENOUGH {
            let answer = self.replicas.server.ask_for_code(&key()).await;
            if !answer.status.is_success() {
                return answer;
            }
        }
        panic!("nothing was refused");
    }
}

async fn in_deadline(answers: impl Future<Output = Vec<reqwest::Result<Answer>>>) -> Vec<Answer> {
    answers.await.into_iter().map(|answer| answer.expect("every request gets its response in time")).collect()
}

fn has(answers: &[Answer], code: ErrorCode) -> bool {
    answers.iter().any(|answer| answer.error_code().as_deref() == Some(code.as_str()))
}

/// A refusal after which the same request can succeed, which says when.
#[track_caller]
fn assert_may_pass(answer: &Answer) {
    let code = answer.error_code().unwrap_or_default();
    let may_pass = [ErrorCode::Unavailable, ErrorCode::DatabaseUnavailable].map(ErrorCode::as_str);
    assert!(may_pass.contains(&&*code), "{} {}", answer.status, answer.text);
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(answer.header("retry-after"), Some("1"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_network_that_stalls_is_said_and_is_over_when_it_goes_on() {
    let direct = Cluster::shared().create_database().unwrap();
    let network = Network::to(Cluster::shared().port()).await;
    let url = direct.replace(&Cluster::shared().port().to_string(), &network.port.to_string());
    let mut world = World::on(&url, &direct).await;
    network.set_stalled(true);
    let began = Instant::now();
    world.assert_says_so().await;
    println!("a stalled network: said within {:.1} s", began.elapsed().as_secs_f64());
    network.set_stalled(false);
    println!("a stalled network: over within {:.1} s", world.recovers().await.as_secs_f64());
    world.assert_tells().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_that_is_stopped_is_said_and_is_over_when_it_is_started() {
    let mut cluster = Cluster::start(&["fsync=off"]).unwrap();
    let url = cluster.create_database().unwrap();
    let mut world = World::on(&url, &url).await;
    for mode in ["fast", "immediate"] {
        cluster.stop(mode).unwrap();
        world.assert_says_so().await;
        cluster.start_server().unwrap();
        println!("a database that was stopped: over within {:.1} s", world.recovers().await.as_secs_f64());
        world.assert_tells().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_that_takes_no_writes_is_said_and_is_over_when_it_does() {
    let mut cluster = Cluster::start(&["fsync=off"]).unwrap();
    let url = cluster.create_database().unwrap();
    let mut world = World::on(&url, &url).await;
    for (setting, is_read_only) in [("on", true), ("off", false)] {
        cluster
            .run("postgres", &format!("alter system set default_transaction_read_only = {setting}"))
            .unwrap();
        cluster.run("postgres", "select pg_reload_conf()").unwrap();
        if is_read_only {
            // Processes read the setting when they see the signal.
            sleep(Duration::from_millis(500)).await;
            world.assert_is_read_only().await;
        } else {
            println!(
                "a database that took no writes: over within {:.1} s",
                world.recovers().await.as_secs_f64()
            );
        }
    }
    world.assert_tells().await;
    // And a primary that comes back as a standby.
    cluster.stop("fast").unwrap();
    fs::write(cluster.data().join("standby.signal"), "").unwrap();
    cluster.start_server().unwrap();
    world.until_reads().await;
    world.assert_is_read_only().await;
    cluster.promote().unwrap();
    println!("a standby that was promoted: over within {:.1} s", world.recovers().await.as_secs_f64());
    world.assert_tells().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_whose_connections_others_have_is_said_and_is_over_when_they_go() {
    let cluster = Cluster::start(&["fsync=off", "max_connections=40"]).unwrap();
    let url = cluster.create_database().unwrap();
    let mut world = World::on(&url, &url).await;
    let platforms = "application_name = 'sentiance-platform'";
    let mut others = Vec::new();
    loop {
        world
            .replicas
            .run(&format!("select pg_terminate_backend(pid) from pg_stat_activity where {platforms}"))
            .await;
        while let Ok((client, connection)) = tokio_postgres::connect(&url, NoTls).await {
            tokio::spawn(connection);
            others.push(client);
        }
        let left = format!("select count(*) from pg_stat_activity where {platforms}");
        if world.replicas.count(&left).await == 0 {
            break;
        }
    }
    world.assert_says_so().await;
    drop(others);
    println!("too many connections: over within {:.1} s", world.recovers().await.as_secs_f64());
    world.assert_tells().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_table_that_another_session_has_locked_is_said_and_is_over_when_it_lets_go() {
    let url = Cluster::shared().create_database().unwrap();
    let mut world = World::on(&url, &url).await;
    world.replicas.run("begin; lock table users in access exclusive mode").await;
    let batch = [position(1)];
    // All connections wait for the table, and the database is well: no proxy is to take the platform away.
    let ready = async {
        sleep(Duration::from_millis(500)).await;
        timeout(Duration::from_secs(2), world.get("/readyz")).await.expect("it says so soon").ok();
    };
    let (read, uploaded, (), ()) =
        tokio::join!(world.read(), world.known.upload(&batch), world.assert_lives(), ready);
    read.iter().chain([&uploaded]).for_each(assert_may_pass);
    world.get("/readyz").await.ok();
    world.replicas.run("commit").await;
    println!("a locked table: over within {:.1} s", world.recovers().await.as_secs_f64());
    world.known.upload(&batch).await.ok();
    world.assert_tells().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_that_is_full_is_said_and_is_over_when_there_is_room() {
    let folder = tempfile::tempdir().unwrap();
    let volume = Volume::new(&folder.path().join("disk"), MEGABYTES);
    let Volume::Mounted { .. } = volume else {
        return println!("no file system can be mounted here: the database is not filled");
    };
    fs::set_permissions(folder.path(), Permissions::from_mode(0o755)).unwrap();
    let space = volume.folder().join("space");
    let starter = volume.starter();
    let there = |arguments: &[&str]| {
        let status =
            process::Command::new(starter[0]).args(&starter[1..]).args(arguments).arg(&space).status();
        assert!(status.unwrap().success(), "{arguments:?}");
    };
    there(&["mkdir"]);
    if let Some(user) = server_user().unwrap() {
        there(&["chown", &user.name]);
        let script = "chmod 755 \"${0%/*}\"";
        there(&["sh", "-c", script]);
    }
    let cluster = Cluster::start_through(&starter, &["fsync=off", "autovacuum=off"]).unwrap();
    cluster.run("postgres", &format!("create tablespace small location '{}'", space.display())).unwrap();
    let url = cluster.create_database().unwrap();
    let name = url.rsplit_once('/').unwrap().1;
    cluster.run("postgres", &format!("alter database {name} set tablespace small")).unwrap();
    let mut world = World::on(&url, &url).await;
    for _ in 0..2 {
        volume.fill("");
        let refusal = world.create_until_refused().await;
        refusal.refused(ErrorCode::DatabaseUnavailable);
        assert_may_pass(&refusal);
        world.assert_lives().await;
        assert!(world.read().await.iter().all(|answer| answer.status.is_success()));
        volume.free("");
        println!("a full database: over within {:.1} s", world.recovers().await.as_secs_f64());
    }
    world.assert_tells().await;
}
