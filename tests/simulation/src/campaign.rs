//! Many seeds, on all processors.

use crate::{
    broken::Broken,
    invariant::{Invariant, Violation},
    processor,
    report::story,
    run::{Run, Runner},
    server::Engine,
    shrink::shrink,
    tally::Tally,
};
use std::{
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread,
};

/// A seed that failed.
#[derive(Debug)]
pub struct Failure {
    /// Which.
    pub seed: u64,
    /// What did not hold.
    pub violation: Violation,
    /// The shrunk schedule in words, and how to see it again.
    pub story: String,
}

/// Runs seeds from `first` on, on so many threads, for as long as `goes_on` says of the seeds that were begun. Ends at
/// the first failure, which is shrunk.
///
/// # Errors
/// A seed failed.
pub fn campaign(
    engine: Engine,
    first: u64,
    threads: usize,
    goes_on: &(dyn Fn(u64, &Tally) -> bool + Sync),
) -> (Tally, Option<Failure>) {
    let (next, failed) = (AtomicU64::new(first), AtomicBool::new(false));
    let sum = Mutex::new((Tally::default(), None::<Run>));
    thread::scope(|scope| {
        for number in 0..threads {
            let (next, failed, sum) = (&next, &failed, &sum);
            scope.spawn(move || {
                // PostgreSQL has processes of its own.
                if engine == Engine::Sqlite {
                    processor::stay_on(number);
                }
                let mut runner = Runner::new(engine, None);
                loop {
                    let seed = next.fetch_add(1, Ordering::SeqCst);
                    let begun = seed - first;
                    let goes_on = goes_on(begun, &sum.lock().unwrap_or_else(PoisonError::into_inner).0);
                    if !goes_on || failed.load(Ordering::SeqCst) {
                        return;
                    }
                    let run = runner.seed(seed);
                    let mut sum = sum.lock().unwrap_or_else(PoisonError::into_inner);
                    sum.0.add(&run.tally);
                    if run.violation.is_some() {
                        failed.store(true, Ordering::SeqCst);
                        sum.1.get_or_insert(run);
                    }
                }
            });
        }
    });
    let (tally, run) = sum.into_inner().unwrap_or_else(PoisonError::into_inner);
    (tally, run.map(|run| explain(&mut Runner::new(engine, None), &run)))
}

/// Shrinks what failed, and tells it.
fn explain(runner: &mut Runner, run: &Run) -> Failure {
    let shrunk = shrink(runner, run);
    let seed = run.schedule.circumstances.seed;
    let found = shrunk.violation.clone().or_else(|| run.violation.clone());
    let violation = found.unwrap_or_else(|| Violation {
        invariant: Invariant::NoPanic,
        details: "it fails only sometimes".to_owned(),
    });
    Failure { seed, violation, story: story(&shrunk, runner.engine()) }
}

/// How many seeds it takes until a broken variant is caught by one of these invariants. A bug can break more than one of
/// them: what others catch is passed over.
///
/// # Errors
/// It is not caught within `limit` seeds; holds what was found instead.
pub fn catch(broken: Broken, by: &[Invariant], limit: u64) -> Result<(u64, Failure), Vec<Violation>> {
    let mut runner = Runner::new(Engine::Sqlite, Some(broken));
    let mut others = Vec::new();
    for seed in 0..limit {
        let run = runner.seed(seed);
        match &run.violation {
            Some(violation) if by.contains(&violation.invariant) => {
                return Ok((seed + 1, explain(&mut runner, &run)));
            }
            Some(violation) => others.push(violation.clone()),
            None => {}
        }
    }
    Err(others)
}

/// What happened in each of the seeds, as a number.
pub fn hashes(seeds: impl IntoIterator<Item = u64>) -> Vec<(u64, u64)> {
    let mut runner = Runner::new(Engine::Sqlite, None);
    seeds.into_iter().map(|seed| (seed, runner.seed(seed).hash)).collect()
}
