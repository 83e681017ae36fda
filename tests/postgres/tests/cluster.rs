//! A cluster's life: it starts, holds databases, survives a crash, and leaves nothing behind.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use postgres_cluster::Cluster;
use std::{
    env,
    io::{BufRead, BufReader},
    net::TcpStream,
    path::Path,
    process::{Command, Stdio},
    thread,
    time::Duration,
};

/// The name of a database in its URL.
fn name(url: &str) -> &str {
    url.rsplit('/').next().unwrap()
}

fn is_running(port: u16) -> bool {
    TcpStream::connect(("127.0.0.1", port)).is_ok()
}

#[test]
fn a_database_is_made_copied_and_removed() {
    let cluster = Cluster::start(&["fsync=off"]).unwrap();
    let first = cluster.create_database().unwrap();
    cluster.run(name(&first), "create table t as select 7 as x").unwrap();
    let copy = cluster.copy_database(&first).unwrap();
    assert_ne!(first, copy);
    cluster.drop_database(&first).unwrap();
    assert_eq!(cluster.run(name(&copy), "select x from t").unwrap(), "7");
    let refused = cluster.run(name(&first), "select 1").unwrap_err().to_string();
    assert!(refused.contains("does not exist"), "{refused}");
}

#[test]
fn what_was_committed_is_there_after_a_crash() {
    let mut cluster = Cluster::start(&[]).unwrap();
    let (url, port) = (cluster.create_database().unwrap(), cluster.port());
    cluster.run(name(&url), "create table t as select 7 as x").unwrap();
    cluster.kill().unwrap();
    assert!(cluster.run(name(&url), "select 1").is_err());
    cluster.start_server().unwrap();
    assert_eq!((cluster.port(), cluster.url(name(&url))), (port, url.clone()));
    assert_eq!(cluster.run(name(&url), "select x from t").unwrap(), "7");
    assert!(cluster.log().unwrap().contains("was not properly shut down"));
}

#[test]
fn nothing_is_left_of_a_cluster_that_is_dropped() {
    let cluster = Cluster::start(&["fsync=off"]).unwrap();
    let (data, port, processes) = (cluster.data(), cluster.port(), cluster.processes().unwrap());
    assert!(is_running(port) && processes.len() > 1);
    drop(cluster);
    assert!(!is_running(port) && !data.exists());
    assert!(processes.iter().all(|process| !Path::new(&format!("/proc/{process}")).exists()));
}

/// The environment variable by which the test below starts this as a process of its own.
const IS_PROCESS: &str = "POSTGRES_CLUSTER_PROCESS";

#[test]
fn nothing_is_left_of_a_shared_cluster_when_its_process_is_killed() {
    const THIS: &str = "nothing_is_left_of_a_shared_cluster_when_its_process_is_killed";
    if env::var_os(IS_PROCESS).is_some() {
        let cluster = Cluster::shared();
        println!("{IS_PROCESS} {} {}", cluster.port(), cluster.data().display());
        thread::sleep(Duration::from_secs(60));
        return;
    }
    let mut process = Command::new(env::current_exe().unwrap())
        .args(["--exact", THIS, "--nocapture"])
        .env(IS_PROCESS, "1")
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(process.stdout.take().unwrap()).lines();
    let line = lines.map(Result::unwrap).find(|line| line.contains(IS_PROCESS)).unwrap();
    let (_, place) = line.split_once(IS_PROCESS).unwrap();
    let (port, data) = place.trim().split_once(' ').unwrap();
    let port = port.parse().unwrap();
    assert!(is_running(port) && Path::new(data).exists());
    process.kill().unwrap();
    process.wait().unwrap();
    for _ in 0..200 {
        if !is_running(port) && !Path::new(data).exists() {
            return;
        }
        thread::sleep(Duration::from_millis(50));
    }
    panic!("it is still there: {place}");
}
