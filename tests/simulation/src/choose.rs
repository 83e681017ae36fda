//! Chooses what happens next: something that can happen, more of this in one seed and more of that in another, so that
//! rare things meet.

use crate::{
    device::Make,
    network::{Arrival, Return},
    random::Random,
    spoil::Spoil,
    step::{AppCall, At, LinkerAnswer, Operator, PEOPLE, Step, Stop},
    world::{Circumstances, World},
};
use sentiance_core::core::LinkerKind;
use sentiance_protocol::DeviceClass;

const HOUR_MS: f64 = 3_600_000.0;

/// What is likely in a seed, in per cent or as weights.
#[derive(Clone, Debug)]
pub(crate) struct Mood {
    pub(crate) steps: usize,
    network: usize,
    storage: usize,
    tabs: usize,
    power: usize,
    clocks: usize,
    stores: usize,
    server: usize,
    operators: usize,
    thieves: usize,
    unlinked: usize,
    uploads: usize,
    resets: usize,
    /// Whether the devices mostly share a user.
    shared: usize,
}

/// The circumstances of a seed, and its mood.
pub(crate) fn begin(random: &mut Random, seed: u64) -> (Circumstances, Mood) {
    let classes = [DeviceClass::Phone, DeviceClass::Tablet, DeviceClass::Desktop];
    let count = random.weighted(&[(3, 1), (5, 2), (3, 3)]);
    let devices = (0..count).map(|_| Make {
        class: random.pick(&classes),
        tabs: random.weighted(&[(3, 1), (4, 2), (1, 3)]),
        with_locks: random.percent(60),
        clock_error: if random.percent(50) { 0.0 } else { clock_error(random) },
    });
    let circumstances = Circumstances { seed, devices: devices.collect(), broken: None };
    // Each kind of trouble is left out of some seeds: what is rare among everything else is common there.
    let mut some = |weights: &[usize]| random.pick(weights);
    let mood = Mood {
        steps: some(&[40, 70, 100, 140]),
        network: some(&[0, 10, 25, 45]),
        storage: some(&[0, 0, 8]),
        tabs: some(&[0, 2, 6]),
        power: some(&[0, 0, 1]),
        clocks: some(&[0, 1]),
        stores: some(&[0, 0, 0, 2]),
        // Seldom: a start costs as much as all the rest of a seed.
        server: some(&[0, 0, 0, 0, 0, 0, 0, 1]),
        operators: some(&[0, 1, 3]),
        thieves: some(&[0, 2]),
        unlinked: some(&[0, 0, 4]),
        uploads: some(&[0, 0, 6]),
        resets: some(&[1, 4]),
        shared: some(&[50, 90]),
    };
    (circumstances, mood)
}

fn clock_error(random: &mut Random) -> f64 {
    ((random.below(4_001) as f64 / 1_000.0 - 2.0) * HOUR_MS).round()
}

/// The next step.
pub(crate) fn step(world: &World<'_>, random: &mut Random, mood: &Mood) -> Step {
    let mut likely: Vec<(usize, Step)> = Vec::with_capacity(64);
    for at in world.all_tabs() {
        of_tab(world, at, random, mood, &mut likely);
    }
    of_network(world, random, mood, &mut likely);
    of_world(world, random, mood, &mut likely);
    random.weighted(&likely)
}

fn of_tab(world: &World<'_>, at: At, random: &mut Random, mood: &Mood, likely: &mut Vec<(usize, Step)>) {
    let device = &world.devices[at.device];
    let tab = &device.tabs[at.tab];
    if !tab.jobs.is_empty() {
        likely.push((12, Step::Storage { at, fails: random.percent(mood.storage) }));
    }
    if !tab.chores.is_empty() {
        likely.push((6, Step::Chore { at, fails: random.percent(mood.storage) }));
    }
    if !tab.lock_requests.is_empty() {
        likely.push((12, Step::Lock { at }));
    }
    if device.unheard[at.tab] > 0 {
        likely.push((4, Step::Hear { at }));
    }
    if device.may_get_lead(at.tab) {
        likely.push((4, Step::Lead { at }));
    }
    if world.has_news(at) {
        likely.push((6, Step::Push { at }));
    }
    if !tab.streams.is_empty() {
        likely.push((1, Step::Cut { at }));
    }
    if device.is_busy(at.tab) {
        likely.push((4, Step::CatchUp { device: at.device }));
    }
    if !tab.linkings.is_empty() {
        let answers = [
            (4, LinkerAnswer::Links { who: random.below(PEOPLE.len()) }),
            (1, LinkerAnswer::Fails),
            (1, LinkerAnswer::Never),
        ];
        likely.push((6, Step::Linker { at, answer: random.weighted(&answers) }));
    }
    if tab.next_timer().is_some() {
        likely.push((1, Step::Timer { at }));
    }
    likely.push((mood.tabs, Step::TabDies { at }));
    likely.push((1, Step::Resume { at }));
    likely.push((6, Step::Call { at, call: call(world, at, random, mood) }));
}

fn call(world: &World<'_>, at: At, random: &mut Random, mood: &Mood) -> AppCall {
    let who = if random.percent(mood.shared) { 0 } else { 1 };
    let other = random.below(world.devices.len());
    let linker = random.pick(&[LinkerKind::NoOp, LinkerKind::Function]);
    let (key, on) = (random.below(3), random.percent(70));
    let has_user = world.devices[at.device].stored_user().is_some();
    let (with, without) = if has_user { (1, 0) } else { (0, 1) };
    random.weighted(&[
        (1 + 14 * without, AppCall::Create { who }),
        (1 + 5 * without, AppCall::CreateAgain),
        (3 * without, AppCall::CreateShared { other }),
        (without, AppCall::CreateInvented),
        (2 * without, AppCall::CreateExpired),
        (mood.unlinked * without, AppCall::CreateUnlinked { linker }),
        (1 + 8 * with, AppCall::Token),
        (mood.resets, AppCall::Reset),
        (1, AppCall::Exists),
        (1, AppCall::Status),
        (1, AppCall::Listen { on }),
        (mood.unlinked * with, AppCall::LinkUser),
        (mood.unlinked * with, AppCall::LinkByCode { who }),
        (mood.uploads, AppCall::Enable),
        (mood.uploads / 4, AppCall::Disable),
        (mood.uploads * with, AppCall::StartTrip),
        (mood.uploads * with, AppCall::StopTrip),
        (2 * mood.uploads * with, AppCall::Drive),
        (mood.uploads / 2, AppCall::Metadata { key }),
        (mood.uploads * with / 2, AppCall::Submit),
    ])
}

fn of_network(world: &World<'_>, random: &mut Random, mood: &Mood, likely: &mut Vec<(usize, Step)>) {
    let waiting = world.flights.iter().filter(|flight| flight.answer.is_none()).count();
    let answered = world.flights.len() - waiting;
    if waiting > 0 {
        let arrivals = [
            (4, Arrival::ActsTwice),
            (4, Arrival::Lost),
            (1, Arrival::TooMany),
            (1, Arrival::TooManyWithPause),
            (1, Arrival::Failure),
            (1, Arrival::Overload),
            (1, Arrival::PageInsteadOf200),
            (1, Arrival::PageInsteadOf503),
        ];
        let arrival = if random.percent(mood.network) { random.weighted(&arrivals) } else { Arrival::Acts };
        likely.push((10 * waiting, Step::Arrive { which: random.below(waiting), arrival }));
    }
    if answered > 0 {
        let ways = [(4, Return::Lost), (1, Return::Half)];
        let how = if random.percent(mood.network) { random.weighted(&ways) } else { Return::Arrives };
        likely.push((10 * answered, Step::Return { which: random.below(answered), how }));
    }
}

fn of_world(world: &World<'_>, random: &mut Random, mood: &Mood, likely: &mut Vec<(usize, Step)>) {
    let spans = [(4, 500), (4, 3_000), (3, 20_000), (2, 700_000), (2, 3_700_000)];
    let online = random.percent(50);
    likely.push((3, Step::Wait { ms: random.weighted(&spans), online }));
    let device = random.below(world.devices.len());
    likely.push((mood.power, Step::PowerCut { device }));
    let spoil = Spoil { store: random.pick(&Spoil::STORES), how: random.pick(&Spoil::WAYS) };
    likely.push((mood.stores, Step::Spoil { device, spoil }));
    likely.push((mood.clocks, Step::SetClock { device, error_ms: clock_error(random) as i32 }));
    if world.is_up {
        let waiting = world.flights.iter().filter(|flight| flight.answer.is_none()).count();
        let which = random.below(waiting);
        let stops = [
            (1, Stop::Properly),
            (1, Stop::CrashIdle),
            (2 * usize::from(waiting > 0), Stop::CrashBeforeCommit { which }),
            (2 * usize::from(waiting > 0), Stop::CrashAfterCommit { which }),
        ];
        likely.push((mood.server, Step::Stop(random.weighted(&stops))));
    } else {
        likely.push((15, Step::Start));
    }
    let who = random.below(PEOPLE.len());
    let operators = [
        (3, Operator::Disable { who }),
        (4, Operator::Enable { who }),
        (2, Operator::Delete { who }),
        (1, Operator::RevokeKey),
    ];
    likely.push((mood.operators, Step::Operator(random.weighted(&operators))));
    let which = random.below(1_000);
    likely.push((mood.thieves, Step::OldToken { which }));
    likely.push((mood.thieves / 2, Step::StolenToken { which }));
}
