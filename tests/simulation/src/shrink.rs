//! Makes a failing schedule as short as it can be: steps are taken out, more at a time first, for as long as the same
//! invariant is violated; then tabs and devices.

use crate::{
    invariant::Invariant,
    run::{Run, Runner, Schedule},
};

/// How many runs it may take.
const BUDGET: usize = 3_000;

/// The shortest schedule that was found, replayed with words.
pub(crate) fn shrink(runner: &mut Runner, run: &Run) -> Run {
    let Some(violation) = &run.violation else { return runner.replay(&run.schedule, true) };
    let mut search = Search { invariant: violation.invariant, left: BUDGET, runner };
    let mut best = run.schedule.clone();
    loop {
        let before = best.steps.len();
        search.remove_steps(&mut best);
        search.simplify_devices(&mut best);
        if best.steps.len() == before || search.left == 0 {
            break;
        }
    }
    runner.replay(&best, true)
}

struct Search<'r> {
    invariant: Invariant,
    left: usize,
    runner: &'r mut Runner,
}

impl Search<'_> {
    fn fails(&mut self, schedule: &Schedule) -> bool {
        if self.left == 0 {
            return false;
        }
        self.left -= 1;
        let run = self.runner.replay(schedule, false);
        run.violation.is_some_and(|violation| violation.invariant == self.invariant)
    }

    fn remove_steps(&mut self, best: &mut Schedule) {
        let mut size = best.steps.len().max(2) / 2;
        while size > 0 {
            let mut at = 0;
            while at < best.steps.len() {
                let mut shorter = best.clone();
                shorter.steps.drain(at..(at + size).min(best.steps.len()));
                if self.fails(&shorter) {
                    *best = shorter;
                } else {
                    at += size;
                }
            }
            size /= 2;
        }
    }

    /// Clocks that are right, and locks.
    fn simplify_devices(&mut self, best: &mut Schedule) {
        for device in 0..best.circumstances.devices.len() {
            let mut simpler = best.clone();
            let make = &mut simpler.circumstances.devices[device];
            (make.clock_error, make.with_locks) = (0.0, true);
            if self.fails(&simpler) {
                *best = simpler;
                continue;
            }
            let mut simpler = best.clone();
            simpler.circumstances.devices[device].clock_error = 0.0;
            if self.fails(&simpler) {
                *best = simpler;
            }
        }
    }
}
