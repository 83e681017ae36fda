//! What the operator's commands do beside a server: those that read wait for no other process, and those that write
//! get their turn.

use crate::{
    database,
    service::Service,
    support::{Command, Sdk, database_of_the_first_version, is_on_postgres, key},
};
use serde_json::{Value, json};
use std::{
    collections::BTreeSet,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};
use tokio::{task::JoinSet, time::Instant};

/// As many uploads at once as make the server's groups of writes follow each other without a break.
const USERS: usize = 10;
const UPLOADS_AT_ONCE: usize = 8;
const POSITIONS: i64 = 400;
/// What an operator who is in a hurry still waits for. On PostgreSQL a secret is only gone when the requests have ended that
/// read it before, some of which wait for each other.
fn patience() -> Duration {
    Duration::from_secs(if is_on_postgres() { 10 } else { 3 })
}

/// A command with what it needs: `{app}`, `{user}`, `{key}` and `{new}`, the name of a new file.
const READING: &[&str] =
    &["app list", "api-key list --app {app}", "user show --app {app} {user}", "audit list --app {app}"];
/// The same of a file: PostgreSQL's programs do so for it.
const READING_FILES: &[&str] = &["check", "backup {new}"];
const WRITING: &[&str] = &[
    "migrate",
    "app create --name Other",
    "app rotate-secret --app {app}",
    "app set-retention --app {app} --detections 90d",
    "api-key create --app {app} --scope user.read",
    "api-key revoke --app {app} {key}",
    "user disable --app {app} {user}",
    "user enable --app {app} {user}",
    "user delete --app {app} {user}",
];
/// These are the server itself.
const SERVING: &[&str] = &["serve", "dev"];
/// It reads, and has the file for itself where no server runs (tests/postgres/import.rs).
const MOVING: &[&str] = &["import"];

struct World {
    service: Service,
    app: String,
    user: String,
    key: String,
}

impl World {
    async fn new() -> Self {
        let service = Service::start();
        let mut sdk = Sdk::new(&service.backend_url());
        sdk.create_user(&service.backend().code("alice").await).await.ok();
        let app = service.command.run(&["app", "list"]).split('\t').next().unwrap().to_owned();
        let listed = service.command.run(&["api-key", "list", "--app", &app]);
        let key = listed.split('\t').next().unwrap().to_owned();
        World { service, app, user: sdk.user_id, key }
    }

    fn words(&self, command: &str) -> Vec<String> {
        let new = self.service.folder().join("copy.db").display().to_string();
        let word = |word: &str| match word {
            "{app}" => self.app.clone(),
            "{user}" => self.user.clone(),
            "{key}" => self.key.clone(),
            "{new}" => new.clone(),
            word => word.to_owned(),
        };
        command.split(' ').map(word).collect()
    }

    /// Runs a command that must succeed; gives how long it took.
    async fn run(&self, command: &str) -> Duration {
        let (words, platform, began) = (self.words(command), self.service.command.clone(), Instant::now());
        let run = move || platform.run(&words.iter().map(String::as_str).collect::<Vec<_>>());
        tokio::task::spawn_blocking(run).await.unwrap();
        began.elapsed()
    }
}

/// All commands that the help names.
fn listed(command: &Command, words: &[&str]) -> Vec<String> {
    let help = command.run(&[words, &["--help"]].concat());
    let Some((_, commands)) = help.split_once("Commands:\n") else { return vec![words.join(" ")] };
    let names = commands.lines().take_while(|line| !line.is_empty());
    let names = names.filter_map(|line| line.strip_prefix("  ")?.split(' ').next());
    let names = names.filter(|name| !name.is_empty() && *name != "help");
    names.flat_map(|name| listed(command, &[words, &[name]].concat())).collect()
}

/// An upload that keeps the writer busy for some milliseconds.
fn positions() -> Vec<Value> {
    let position = json!({ "latitude": 50.8, "longitude": 4.4, "accuracy": 5.5 });
    (0..POSITIONS).map(|time| json!({ "id": key(), "time": time, "position": position })).collect()
}

#[test]
fn every_command_is_known_to_read_or_to_write() {
    let folder = tempfile::tempdir().unwrap();
    let command = Command::on(&folder.path().join("platform.db"));
    let all: BTreeSet<String> = listed(&command, &[]).into_iter().collect();
    let options_start =
        |command: &&str| command.split(" -").next().unwrap().split(" {").next().unwrap().to_owned();
    let known: BTreeSet<String> =
        [READING, READING_FILES, WRITING, SERVING, MOVING].concat().iter().map(options_start).collect();
    assert_eq!(all, known);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn commands_that_read_wait_for_no_writer() {
    let world = World::new().await;
    let writer = database::keep_writers_out(&world.service.database).await;
    let of_files = if is_on_postgres() { &[] } else { READING_FILES };
    for command in READING.iter().chain(of_files) {
        let took = world.run(command).await;
        assert!(took < Duration::from_secs(4), "{command} took {took:?}");
    }
    drop(writer);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_command_that_writes_gets_its_turn_under_any_load() {
    let world = World::new().await;
    let over = Arc::new(AtomicBool::new(false));
    let mut callers = JoinSet::new();
    for number in 0..USERS {
        let mut sdk = Sdk::new(&world.service.backend_url());
        sdk.create_user(&world.service.backend().code(&format!("person {number}")).await).await.ok();
        for _ in 0..UPLOADS_AT_ONCE {
            let (sdk, over) = (sdk.clone(), over.clone());
            callers.spawn(async move {
                let mut count = 0;
                while !over.load(Ordering::Relaxed) {
                    // However it is answered: over a bound, the next one is tried.
                    sdk.upload(&positions()).await;
                    count += 1;
                }
                count
            });
        }
    }
    // The last ones take away what the load needs.
    let (revoke, others): (Vec<&str>, Vec<&str>) =
        WRITING.iter().partition(|command| command.starts_with("api-key revoke"));
    let mut slowest = Duration::ZERO;
    for _ in 0..3 {
        for command in others.iter().filter(|command| !command.starts_with("user delete")) {
            slowest = slowest.max(world.run(command).await);
        }
    }
    for command in ["user delete --app {app} {user}"].iter().chain(&revoke) {
        slowest = slowest.max(world.run(command).await);
    }
    over.store(true, Ordering::Relaxed);
    let answered: usize = callers.join_all().await.into_iter().sum();
    assert!(slowest < patience(), "the slowest took {slowest:?}");
    assert!(answered > USERS * UPLOADS_AT_ONCE, "the server went on: {answered} answers");
    world.service.assert_calm();
}

#[tokio::test]
async fn a_command_that_reads_leaves_an_old_schema_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("platform.db");
    database_of_the_first_version(&file).await;
    let before = std::fs::read(&file).unwrap();
    let command = Command::on(&file);
    for words in [&["app", "list"][..], &["api-key", "list", "--app", &"a".repeat(24)]] {
        let complaint = command.fail(words);
        assert_eq!(complaint.lines().count(), 1, "{complaint}");
        assert!(complaint.contains("`platform migrate`"), "{complaint}");
    }
    assert!(command.run(&["check"]).contains("is sound"));
    assert!(std::fs::read(&file).unwrap() == before, "nothing was written");
    command.run(&["migrate"]);
    assert!(command.run(&["app", "list"]).contains("Old"));
}
