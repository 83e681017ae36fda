//! What the simulation has found, told once more by hand.

use crate::{
    device::Make,
    network::{Arrival, Return},
    server::{Engine, Server},
    step::{AppCall, At, Step},
    world::{Circumstances, World},
};
use sentiance_protocol::DeviceClass;

const FIRST: At = At { device: 0, tab: 0 };
const SECOND: At = At { device: 0, tab: 1 };
/// Longer than an access token lives.
const LONG: Step = Step::Wait { ms: 3_700_000, online: true };
const ACTS: Arrival = Arrival::Acts;

const fn call(at: At, call: AppCall) -> Step {
    Step::Call { at, call }
}

const fn arrive(which: usize, arrival: Arrival) -> Step {
    Step::Arrive { which, arrival }
}

/// One phone with two tabs goes through these steps, and everything holds, then and at rest.
fn holds(with_locks: bool, steps: &[Step]) {
    let phone = Make { class: DeviceClass::Phone, tabs: 2, with_locks, clock_error: 0.0 };
    let mut server = Server::start(Engine::Sqlite, "");
    let circumstances = Circumstances { seed: 1, devices: vec![phone], broken: None };
    let mut world = World::new(&mut server, &circumstances, true);
    for step in steps {
        world.perform(*step);
    }
    world.end();
    let violation = world.violation.take();
    assert!(violation.is_none(), "{}", world.trace.into_words().join("\n"));
}

#[test]
fn a_user_is_created_and_everything_works() {
    holds(true, &[call(FIRST, AppCall::Create { who: 0 }), LONG, call(SECOND, AppCall::Token), LONG]);
}

/// A creation times out, is repeated and answered; then the first request arrives after all. The device keeps its user.
#[test]
fn a_creation_that_was_taken_for_lost_arrives_after_its_repetition() {
    let create = call(FIRST, AppCall::Create { who: 0 });
    let timed_out = Step::Wait { ms: 12_000, online: false };
    let answered = Step::Return { which: 0, how: Return::Arrives };
    holds(true, &[create, timed_out, arrive(1, ACTS), arrive(0, ACTS), answered, answered, LONG]);
}

/// Two tabs that can't agree refresh at once, and the one with the later session dies before it stores it.
#[test]
fn of_two_refreshes_at_once_the_tab_with_the_later_one_dies() {
    let token = |at| call(at, AppCall::Token);
    let storage = |at| Step::Storage { at, fails: false };
    let begin = |at| [token(at), Step::Lock { at }, storage(at)];
    let mut steps = vec![call(FIRST, AppCall::Create { who: 0 }), LONG];
    steps.extend(begin(FIRST).into_iter().chain(begin(SECOND)));
    // The second finds the first one's key, and sends the same.
    steps.extend([storage(SECOND), arrive(0, ACTS), arrive(0, ACTS)]);
    steps.extend([
        Step::Return { which: 0, how: Return::Arrives },
        storage(FIRST),
        Step::TabDies { at: SECOND },
    ]);
    steps.push(LONG);
    holds(false, &steps);
}

/// The clock is set back while nothing else is new. What the device hands out is good all the same.
#[test]
fn a_clock_that_was_set_back_makes_no_token_last_longer() {
    let set_back = Step::SetClock { device: 0, error_ms: -7_200_000 };
    let check = Step::Resume { at: FIRST };
    holds(true, &[call(FIRST, AppCall::Create { who: 0 }), check, LONG, check, LONG, set_back, check, LONG]);
}
