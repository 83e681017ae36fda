//! The process dies, or is asked to end, in the middle of a load.

use crate::{
    database,
    load::{Calls, Load, Manner, Person, assert_knows, users_of},
    service::Service,
};
use fastrand::Rng;
use std::{env, sync::atomic::Ordering::SeqCst, time::Duration};
use tokio::time::sleep;

const WORKERS: usize = 8;
const KILLS: u64 = 20;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_that_was_acknowledged_is_lost_when_the_process_is_killed_at_any_moment() {
    let seed = setting("DURABILITY_SEED").unwrap_or_else(|| fastrand::u64(..));
    let kills = setting("DURABILITY_KILLS").unwrap_or(KILLS);
    println!("killing the platform {kills} times: DURABILITY_SEED={seed}");
    let mut rng = Rng::with_seed(seed);
    let mut service = Service::start();
    let load = Load::start(service.target(), Manner::AtOnce, WORKERS, Calls::All, seed);
    for kill in 0..kills {
        load.tally.acknowledges(rng.u64(1..120)).await;
        // Not a wait for anything, but the random moment itself.
        sleep(Duration::from_micros(rng.u64(..20_000))).await;
        service.kill();
        if kill % 4 == 3 {
            // And once more while it starts.
            let mut starting = service.command.spawn(&["serve", "--address", "127.0.0.1:0"]);
            sleep(Duration::from_micros(rng.u64(..40_000))).await;
            starting.kill().unwrap();
            starting.wait().unwrap();
        }
        service.restart();
    }
    let tally = load.tally.clone();
    tally.acknowledges(50).await;
    let people = load.stop().await;
    assert_nothing_lost(&service, &people).await;
    service.assert_calm();
    println!(
        "{kills} kills under load and {} more during the start; {} requests, {} acknowledged, {} answers lost, {} \
         creations and refreshes repeated, {} people; nothing was lost",
        kills / 4,
        tally.requests.load(SeqCst),
        *tally.acknowledged.borrow(),
        tally.lost.load(SeqCst),
        tally.repeated.load(SeqCst),
        people.len(),
    );
    assert!(tally.lost.load(SeqCst) > 0, "some answers were lost, or nothing was tested");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_platform_that_is_asked_to_end_under_load_ends_in_time_and_loses_nothing() {
    let mut service = Service::start();
    let load = Load::start(service.target(), Manner::AtOnce, WORKERS, Calls::All, fastrand::u64(..));
    for _ in 0..3 {
        load.tally.acknowledges(100).await;
        // The workers go on meanwhile, and take only complete answers: `Load` asserts the shape of every refusal.
        service.terminate().await;
        service.restart();
    }
    load.tally.acknowledges(20).await;
    let people = load.stop().await;
    assert_nothing_lost(&service, &people).await;
    service.assert_calm();
}

/// Asserts that the platform, which runs, knows what everybody was told, and has no other users.
async fn assert_nothing_lost(service: &Service, people: &[Person]) {
    assert_knows(&service.backend(), &service.backend_url(), people).await;
    assert_eq!(database::users(&service.database).await, users_of(people), "these users, and no others");
    database::assert_sound(&service.database).await;
}

fn setting(name: &str) -> Option<u64> {
    env::var(name).ok().map(|text| text.parse().unwrap_or_else(|_| panic!("{name} is not a number: {text}")))
}
