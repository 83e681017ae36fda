//! Callers that do as much as the platform lets them, with the limits of `serve`: the others are served all the same, and
//! the process stays small.
//!
//! Attackers, honest callers and the server share the processors, and other tests keep those busy. So what an honest caller
//! waits is measured twice in the same process: among as many callers who ask for nothing that costs anything, and among
//! attackers. What an attack does beyond being a crowd is the difference.

use crate::{
    database::{self, Statement, prepare},
    service::Service,
    support::{Answer, Command, Sdk, ServerKey, key},
};
use futures_util::future::join_all;
use reqwest::{Client, Method};
use sentiance_protocol::ErrorCode;
use serde_json::{Value, json};
use std::{
    fs,
    future::Future,
    net::{IpAddr, Ipv4Addr},
    time::Duration,
};
use tokio::time::{Instant, sleep};

/// How many connections attackers have.
const CROWD: usize = 12;
/// How long an honest caller rests after each of its rounds, so that no limit is met where the platform is fast.
const PACE: Duration = Duration::from_millis(60);
/// How long each of the two measurements lasts.
const SPAN: Duration = Duration::from_secs(5);
/// What an honest caller waits at most, 99 times of 100, beyond what a harmless crowd makes it wait. Unoptimized, the
/// platform needs some five times longer for a request, and so does the attacker. `cargo test --release` holds the
/// platform that people run to its promise.
const PATIENCE: Duration = Duration::from_millis(if cfg!(debug_assertions) { 1000 } else { 100 });
const MEMORY_KB: usize = 200 * 1024;

/// Of one user, trips as large as they could be before there was a bound, 300 KB each.
const LARGE_TRIPS: Statement = Statement {
    sqlite: "
        insert into trips (app_id, user_id, detection_id, install_id, dated, time, content)
        with recursive n(n) as (select 1 union all select n + 1 from n where n < 200)
        select u.app_id, u.user_id, printf('%032x', n.n), printf('%032x', 0), n.n, n.n,
            '{\"started_at\":1,\"metadata\":[' || (
                with recursive m(m) as (select 1 union all select m + 1 from m where m < 50)
                select group_concat(
                    '{\"key\":\"' || m || '\",\"value\":\"' || replace(hex(zeroblob(500)), '00', '\\u0001') || '\"}', ',')
                from m) || ']}'
        from users u, n where u.external_id = 'attacker'",
    postgres: "
        insert into trips (app_id, user_id, detection_id, install_id, dated, time, content)
        select u.app_id, u.user_id, lpad(n::text, 32, '0'), repeat('0', 32), n, n,
            '{\"started_at\":1,\"metadata\":[' || (
                select string_agg('{\"key\":\"' || m || '\",\"value\":\"' || repeat('\\u0001', 500) || '\"}', ',')
                from generate_series(1, 50) m) || ']}'
        from users u, generate_series(1, 200) n where u.external_id = 'attacker'",
};
/// Of one user, blocks that are as large as full ones.
const FIVE_MILLION_POSITIONS: Statement = Statement {
    sqlite: "
        insert into detection_blocks (
            app_id, user_id, kind, first_time, first_id, last_time, last_id, count, content, dated)
        with recursive n(n) as (select 1 union all select n + 1 from n where n < 20000)
        select u.app_id, u.user_id, 'position', n.n, printf('%032x', 0), n.n, printf('%032x', 0), 256,
            randomblob(8000), n.n
        from users u, n where u.external_id = 'attacker'",
    postgres: "
        insert into detection_blocks (
            app_id, user_id, kind, first_time, first_id, last_time, last_id, count, content, dated)
        select u.app_id, u.user_id, 'position', n, repeat('0', 32), n, repeat('0', 32), 256,
            (select decode(string_agg(md5(random()::text), ''), 'hex') from generate_series(1, 500)), n
        from users u, generate_series(1, 20000) n where u.external_id = 'attacker'",
};

/// With the limits of `serve`, and no others.
fn start() -> Service {
    Service::start_serving(&["serve", "--min-free-disk-bytes", "0"])
}

/// An address of this machine, of which it has millions: one for each attacker.
fn from(number: u8) -> Client {
    let address = IpAddr::V4(Ipv4Addr::new(127, 0, 7, number));
    Client::builder().local_address(address).build().unwrap()
}

/// What happened to a caller who does what apps do, one request after the other.
struct Waited(Vec<Duration>);

impl Waited {
    async fn of_honest_caller(service: &Service) -> Self {
        let (until, mut waited) = (Instant::now() + SPAN, Vec::new());
        while Instant::now() < until {
            let mut sdk = Sdk::new(&service.backend_url());
            let code = timed(&mut waited, service.backend().code(&key())).await;
            timed(&mut waited, sdk.create_user(&code)).await.ok();
            timed(&mut waited, sdk.own_profile()).await.ok();
            timed(&mut waited, sdk.refresh()).await.ok();
            timed(&mut waited, sdk.upload(&[position(0)])).await.ok();
            sleep(PACE).await;
        }
        Waited(waited)
    }

    /// What 99 of 100 requests took at most.
    fn p99(mut self) -> Duration {
        self.0.sort_unstable();
        self.0[self.0.len() * 99 / 100]
    }
}

async fn timed<T>(waited: &mut Vec<Duration>, request: impl Future<Output = T>) -> T {
    let began = Instant::now();
    let answer = request.await;
    waited.push(began.elapsed());
    answer
}

/// Asserts what honest callers notice of an attack, and how large the process becomes.
async fn assert_harmless(what: &str, service: &Service, attack: impl Future<Output = ()>) {
    let crowd = join_all((0..CROWD).map(|_| async {
        let url = format!("{}/healthz", service.backend_url());
        let client = from(200);
        loop {
            Answer::to(client.get(&url)).await;
        }
    }));
    let crowded = tokio::select! {
        waited = Waited::of_honest_caller(service) => waited.p99(),
        _ = crowd => panic!("a crowd stays"),
    };
    let attacked = tokio::select! {
        waited = Waited::of_honest_caller(service) => waited.p99(),
        () = attack => panic!("an attack goes on"),
    };
    let peak = peak_kb(service);
    println!("{what}: p99 {attacked:?} (among a harmless crowd {crowded:?}), peak {} MB", peak / 1024);
    assert!(attacked < PATIENCE + crowded, "{what}: p99 {attacked:?}, and {crowded:?} in a harmless crowd");
    assert!(peak < MEMORY_KB, "{what}: {peak} KB");
    service.assert_calm();
}

/// The most memory that the server ever had.
fn peak_kb(service: &Service) -> usize {
    let status = fs::read_to_string(format!("/proc/{}/status", service.pid())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.split_whitespace().next().unwrap().parse().unwrap()
}

fn position(time: usize) -> Value {
    let position = json!({ "latitude": 50.8, "longitude": 4.4, "accuracy": 5.5 });
    json!({ "id": key(), "time": time, "position": position })
}

/// As many messages about one trip as fit into a request.
fn messages_of_one_trip(id: &str) -> Vec<Value> {
    let trip = json!({ "started_at": 0, "metadata": [] });
    (0..540).map(|time| json!({ "id": id, "time": time, "trip": trip })).collect()
}

/// A trip that is as large as one may be: `count` requests, of which each sets entries that are stored as six bytes a letter.
async fn grow_a_trip(sdk: &Sdk, id: &str) {
    for request in 0..2 {
        let message = |entry: usize| {
            let entry = json!({ "key": format!("{request} {entry}"), "value": "\u{1}".repeat(500) });
            json!({ "id": id, "time": 0, "trip": { "started_at": 0, "metadata": [entry] } })
        };
        sdk.upload(&(0..10).map(message).collect::<Vec<_>>()).await.ok();
    }
}

async fn user(service: &Service, name: &str) -> Sdk {
    let mut sdk = Sdk::new(&service.backend_url());
    sdk.create_user(&service.backend().code(name).await).await.ok();
    sdk
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn uploads_at_the_limit_hold_nobody_up() {
    let service = start();
    let users = join_all((0..4).map(async |number: u8| {
        let sdk = user(&service, &format!("attacker {number}")).await.through(from(number + 1));
        let id = key();
        grow_a_trip(&sdk, &id).await;
        (sdk, id)
    }))
    .await;
    // Three connections for each address: one trip that is large already, many small detections, and much metadata.
    let text = "x".repeat(500);
    let entry = |number: usize| json!({ "key": number.to_string(), "value": text });
    let entries: Vec<_> = (0..60).map(entry).collect();
    let attack = join_all((0..CROWD).map(|connection: usize| {
        let (sdk, id) = &users[connection % users.len()];
        let (method, path, body) = match connection % 3 {
            0 => (Method::POST, "/sdk/v1/detections", json!({ "detections": messages_of_one_trip(id) })),
            1 => {
                let positions: Vec<_> = (0..450).map(position).collect();
                (Method::POST, "/sdk/v1/detections", json!({ "detections": positions }))
            }
            _ => (Method::PATCH, "/sdk/v1/metadata", json!({ "revision": 1, "entries": entries })),
        };
        let request = sdk.request(method, path).bearer_auth(&sdk.access_token).json(&body);
        async move {
            loop {
                Answer::to(request.try_clone().unwrap()).await;
            }
        }
    }));
    let attack = async {
        attack.await;
    };
    assert_harmless("uploads", &service, attack).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pages_that_are_asked_for_without_end_stay_small() {
    let service = start();
    let sdk = user(&service, "attacker").await;
    // Trips as large as they could be before there was a bound, 300 KB each.
    prepare(&service.database, LARGE_TRIPS).await;
    let attack = join_all((0..CROWD).map(|number| {
        let reader = ServerKey::new(&service.backend_url(), &sdk.access_token)
            .through(from(u8::try_from(number).unwrap() + 1));
        let user_id = sdk.user_id.clone();
        async move {
            loop {
                let answer = reader.detections(&user_id, "?limit=1000").await;
                assert!(answer.text.len() < 400 * 1024, "{} bytes", answer.text.len());
            }
        }
    }));
    let attack = async {
        attack.await;
    };
    assert_harmless("pages", &service, attack).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn deleting_a_user_with_five_million_positions_delays_no_other_call() {
    let service = start();
    let sdk = user(&service, "attacker").await;
    prepare(&service.database, FIVE_MILLION_POSITIONS).await;
    let attack = async {
        let began = Instant::now();
        sdk.delete_user(&sdk.user_id).await.ok();
        println!("answered after {:?}", began.elapsed());
        std::future::pending().await
    };
    assert_harmless("deletion", &service, attack).await;
    sdk.own_profile().await.refused(ErrorCode::UserDeleted);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn users_made_with_the_secret_of_the_app_are_few_for_one_address() {
    let service = start();
    let created = service.command.run(&["app", "create", "--name", "Flooded"]);
    let value = |start| Command::value_of(&created, start);
    let credentials = json!({ "id": value("app id: "), "secret": value("app secret: "), "linking": false });
    let flood = join_all((0..CROWD).map(|_| {
        let sdk = Sdk::new(&service.backend_url()).through(from(1));
        let credentials = credentials.clone();
        async move {
            loop {
                let stranger = sdk.clone().with_new_install();
                let answer: Answer = stranger.exchange_credentials(&credentials, &key()).await;
                if answer.status.as_u16() == 429 {
                    tokio::time::sleep(Duration::from_millis(10)).await;
                }
            }
        }
    }));
    let flood = async {
        flood.await;
    };
    assert_harmless("creations", &service, flood).await;
    let strangers = "select count(*) from users where external_id is null";
    let count = database::count(&service.database, strangers).await;
    assert!((300..330).contains(&count), "{count} users");
    let events = "select count(*) from audit_events where user_id in (select user_id from users where external_id is null)";
    let events = database::count(&service.database, events).await;
    assert_eq!(events, 0, "what anybody can cause without end is not recorded");
}
