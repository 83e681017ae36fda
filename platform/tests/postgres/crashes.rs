//! Processes that die in the middle of a load: replicas, and the primary of their database.

use crate::{
    helpers::{Haproxy, free_port},
    load::{Calls, Load, Manner, Tally, assert_knows, users_of},
    replicas::{Replicas, in_time},
    support::ServerKey,
};
use postgres_cluster::Cluster;
use std::{
    sync::{Arc, atomic::Ordering::SeqCst},
    time::Duration,
};
use tokio::{
    sync::watch,
    task::{JoinHandle, block_in_place},
    time::{Instant, sleep},
};

const WORKERS: usize = 6;
const KILLS: usize = 20;
const KILL_INTERVAL: Duration = Duration::from_millis(1000);

fn addresses(count: usize) -> Vec<String> {
    (0..count).map(|_| format!("127.0.0.1:{}", free_port())).collect()
}

fn load_on(server: &ServerKey, url: &str) -> Load {
    // Nothing is sent when it is dropped: the address stays.
    let url = watch::Sender::new(url.to_owned()).subscribe();
    Load::start(
        (server.clone(), url),
        Manner::LikeTheSdk,
        WORKERS,
        Calls::WithoutDeletions,
        fastrand::u64(..),
    )
}

/// Asserts that the platform at a URL knows what everybody was told, and has no other users.
async fn assert_nothing_lost(replicas: &Replicas, url: &str, load: Load) -> Arc<Tally> {
    let tally = load.tally.clone();
    let people = load.stop().await;
    assert_knows(&replicas.server.at(url), url, &people).await;
    assert_eq!(replicas.users().await, users_of(&people), "these users, and no others");
    replicas.assert_consistent().await;
    let log = replicas.log();
    assert!(!log.contains("panic"), "{log}");
    tally
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_that_was_acknowledged_is_lost_when_replicas_are_killed() {
    let database = Cluster::shared().create_database().unwrap();
    let addresses = addresses(3);
    let mut replicas = Replicas::start_on(&database, &database, &addresses, &[]).await;
    let haproxy = Haproxy::before(&addresses);
    let load = load_on(&replicas.server, &haproxy.url());
    load.tally.acknowledges(10).await;
    for kill in 0..KILLS {
        sleep(KILL_INTERVAL.mul_f64(0.5 + fastrand::f64())).await;
        let replica = kill % addresses.len();
        replicas.kill(replica);
        block_in_place(|| replicas.start_again(replica, &addresses[replica]));
    }
    load.tally.acknowledges(20).await;
    let tally = assert_nothing_lost(&replicas, &haproxy.url(), load).await;
    // Streams pass, too: to whichever replica they come, it tells what the others do.
    let one = replicas.sdk_with_user(0, "alice").await;
    let mut stream = one.at(&haproxy.url()).follow("active").await;
    replicas.sdk_with_user(1, "alice").await;
    in_time("another device took over", stream.tells("deactivated", "inactive")).await;
    println!(
        "{KILLS} replicas were killed: {} requests, {} acknowledged, {} put off, {} lost, {} repeated, the slowest call \
         took {} ms",
        tally.requests.load(SeqCst),
        *tally.acknowledged.borrow(),
        tally.put_off.load(SeqCst),
        tally.lost.load(SeqCst),
        tally.repeated.load(SeqCst),
        tally.slowest.load(SeqCst),
    );
    assert_eq!(tally.failed.load(SeqCst), 0, "no call failed as often as the SDK tries");
    assert!(
        tally.put_off.load(SeqCst) + tally.lost.load(SeqCst) > 0,
        "a kill was felt, or nothing was tested"
    );
}

/// Writes again and again, and gives the longest time in which it could not.
fn watch_writes(server: ServerKey, stop: watch::Receiver<bool>) -> JoinHandle<Duration> {
    tokio::spawn(async move {
        let (mut last, mut longest) = (Instant::now(), Duration::ZERO);
        while !*stop.borrow() {
            if server.ask_for_code("watched").await.status.is_success() {
                longest = longest.max(last.elapsed());
                last = Instant::now();
            }
            sleep(Duration::from_millis(20)).await;
        }
        longest
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_that_was_acknowledged_is_lost_when_the_primary_dies_and_its_standby_takes_over() {
    let mut primary = Cluster::start(&["autovacuum=off"]).unwrap();
    let direct = primary.create_database().unwrap();
    let name = direct.rsplit_once('/').unwrap().1.to_owned();
    let standby = primary.standby().unwrap();
    primary.run("postgres", "alter system set synchronous_standby_names = '*'").unwrap();
    primary.run("postgres", "select pg_reload_conf()").unwrap();
    let both = format!("127.0.0.1:{},127.0.0.1:{}", primary.port(), standby.port());
    let url = format!("postgres://platform@{both}/{name}?target_session_attrs=read-write");
    let addresses = addresses(2);
    let mut replicas = Replicas::start_on(&url, &direct, &addresses, &[]).await;
    let haproxy = Haproxy::before(&addresses);
    let load = load_on(&replicas.server, &haproxy.url());
    let (stop, stopped) = watch::channel(false);
    let watched = watch_writes(replicas.server.clone(), stopped);
    load.tally.acknowledges(60).await;
    let died = Instant::now();
    block_in_place(|| {
        primary.kill_all().unwrap();
        standby.promote().unwrap();
    });
    println!("the standby was promoted after {:.1} s", died.elapsed().as_secs_f64());
    let promoted = Instant::now();
    load.tally.acknowledges(60).await;
    println!(
        "after the promotion, 60 calls were acknowledged within {:.1} s",
        promoted.elapsed().as_secs_f64()
    );
    stop.send_replace(true);
    println!("no write succeeded for {:.1} s", watched.await.unwrap().as_secs_f64());
    replicas.look_into(&standby.url(&name)).await;
    let tally = assert_nothing_lost(&replicas, &haproxy.url(), load).await;
    assert!(
        tally.put_off.load(SeqCst) + tally.lost.load(SeqCst) > 0,
        "the death was felt, or nothing was tested"
    );
    println!("the slowest call took {} ms", tally.slowest.load(SeqCst));

    let one = replicas.sdk_with_user(0, "alice").await;
    let mut stream = replicas.at(1, &one).follow("active").await;
    replicas.sdk_with_user(0, "alice").await;
    in_time("another device took over", stream.tells("deactivated", "inactive")).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_that_was_acknowledged_is_lost_when_connections_are_ended() {
    let replicas = Replicas::start(2).await;
    let url = replicas.running[0].url.clone();
    let load = load_on(&replicas.server, &url);
    for _ in 0..KILLS {
        load.tally.acknowledges(5).await;
        let others = "datname = current_database() and pid <> pg_backend_pid()";
        replicas.run(&format!("select pg_terminate_backend(pid) from pg_stat_activity where {others}")).await;
    }
    load.tally.acknowledges(10).await;
    let tally = assert_nothing_lost(&replicas, &url, load).await;
    println!("connections were ended {KILLS} times: {} calls put off", tally.put_off.load(SeqCst));
    assert_eq!(tally.failed.load(SeqCst), 0, "no call failed as often as the SDK tries");
}
