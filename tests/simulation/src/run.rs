//! Runs one seed: chooses its schedule as it goes, or replays one that was recorded.

use crate::{
    broken::Broken,
    choose,
    invariant::{Invariant, Violation},
    random::Random,
    server::{Engine, Server},
    step::Step,
    tally::Tally,
    world::{Circumstances, World},
};
use std::{
    any::Any,
    cell::Cell,
    panic::{AssertUnwindSafe, catch_unwind, set_hook, take_hook},
    sync::Once,
};

/// How many seeds share a database.
const SEEDS_PER_SERVER: u32 = 500;

static QUIET: Once = Once::new();

thread_local! {
    /// Whether a panic of this thread is a finding, which is told in its own way.
    static RUNNING: Cell<bool> = const { Cell::new(false) };
}

/// A seed's schedule.
#[derive(Clone, Debug)]
pub(crate) struct Schedule {
    pub(crate) circumstances: Circumstances,
    pub(crate) steps: Vec<Step>,
}

/// What came of a run.
pub(crate) struct Run {
    pub(crate) schedule: Schedule,
    pub(crate) violation: Option<Violation>,
    /// By which two runs are compared.
    pub(crate) hash: u64,
    pub(crate) tally: Tally,
    /// What happened, if it was to be told.
    pub(crate) words: Vec<String>,
}

/// Runs seeds, one after the other.
pub(crate) struct Runner {
    engine: Engine,
    server: Option<Server>,
    seeds: u32,
    broken: Option<Broken>,
}

impl Runner {
    pub(crate) fn new(engine: Engine, broken: Option<Broken>) -> Self {
        QUIET.call_once(|| {
            let before = take_hook();
            set_hook(Box::new(move |panic| {
                if !RUNNING.get() {
                    before(panic);
                }
            }));
        });
        Runner { engine, server: None, seeds: 0, broken }
    }

    pub(crate) fn engine(&self) -> Engine {
        self.engine
    }

    /// Runs a seed, with a schedule that is chosen on the way.
    pub(crate) fn seed(&mut self, seed: u64) -> Run {
        let mut random = Random::stream(seed, 0);
        let (mut circumstances, mood) = choose::begin(&mut random, seed);
        circumstances.broken = self.broken;
        let mut left = mood.steps;
        let next = |world: &World<'_>| {
            left = left.checked_sub(1)?;
            Some(choose::step(world, &mut random, &mood))
        };
        self.run(circumstances, false, next)
    }

    /// Runs a schedule again.
    pub(crate) fn replay(&mut self, schedule: &Schedule, keeps_words: bool) -> Run {
        let mut steps = schedule.steps.iter();
        self.run(schedule.circumstances.clone(), keeps_words, |_| steps.next().copied())
    }

    fn run(
        &mut self,
        circumstances: Circumstances,
        keeps_words: bool,
        mut next: impl FnMut(&World<'_>) -> Option<Step>,
    ) -> Run {
        if self.seeds.is_multiple_of(SEEDS_PER_SERVER) {
            self.server = None;
        }
        self.seeds += 1;
        let sabotage = self.broken.map_or("", Broken::sql);
        let engine = self.engine;
        let server = self.server.get_or_insert_with(|| Server::start(engine, sabotage));
        let mut steps = Vec::new();
        RUNNING.set(true);
        let ended = catch_unwind(AssertUnwindSafe(|| {
            let mut world = World::new(server, &circumstances, keeps_words);
            while world.violation.is_none()
                && let Some(step) = next(&world)
            {
                steps.push(step);
                world.perform(step);
            }
            world.end();
            (world.violation, world.trace, world.tally)
        }));
        RUNNING.set(false);
        let schedule = Schedule { circumstances, steps };
        match ended {
            Ok((violation, trace, tally)) => {
                Run { schedule, violation, hash: trace.hash(), tally, words: trace.into_words() }
            }
            Err(panic) => {
                // Who knows what it has left.
                self.server = None;
                self.seeds = 0;
                let violation = Some(Violation::new(Invariant::NoPanic, message_of(&*panic)));
                Run { schedule, violation, hash: 0, tally: Tally::default(), words: Vec::new() }
            }
        }
    }
}

fn message_of(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("a panic without a message").to_owned()
}
