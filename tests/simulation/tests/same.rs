//! The same seed makes the same run, whatever ran before it and beside it.

use simulation::hashes;
use std::{collections::BTreeMap, thread};

const SEEDS: u64 = 100;

#[test]
fn a_seed_makes_the_same_run_in_another_order_and_on_another_thread() {
    let forwards = hashes(0..SEEDS);
    let other = thread::scope(|scope| {
        let halves = [0, 1]
            .map(|odd| scope.spawn(move || hashes((0..SEEDS).rev().filter(move |seed| seed % 2 == odd))));
        halves.into_iter().flat_map(|half| half.join().unwrap()).collect::<BTreeMap<_, _>>()
    });
    let differing: Vec<_> = forwards.iter().filter(|(seed, hash)| other[seed] != *hash).collect();
    assert!(differing.is_empty(), "{differing:?}");
    let distinct: std::collections::BTreeSet<_> = other.values().collect();
    assert_eq!(distinct.len() as u64, SEEDS, "two seeds make the same run");
}
