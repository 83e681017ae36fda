//! The steps of which a schedule is made.

use crate::app::{Answer, Choice};
use crate::device::{Device, Fate};
use proptest::prelude::*;
use sentiance_core::core::{Event, LinkerKind, LocationAccess, Topic};

/// One step of a schedule: what happens, to which tab, and how.
#[derive(Clone, Debug)]
pub(crate) enum Step {
    /// The app creates a user with one of three codes: two of one person, one of another.
    Create { tab: usize, code: usize },
    /// The app asks for a token.
    Token { tab: usize },
    /// The app resets.
    Reset { tab: usize },
    /// The app asks whether there is a user.
    Exists { tab: usize },
    /// A tab's storage works off its oldest job; the write may fail.
    Storage { tab: usize, fails: bool },
    /// A tab's request meets its fate.
    Network { tab: usize, which: usize, fate: Fate },
    /// A tab learns whether it got a lock.
    Lock { tab: usize, which: usize },
    /// A tab hears that another one committed.
    Hear { tab: usize },
    /// Time passes until a tab's next timer.
    Timer { tab: usize },
    /// Time passes, so that tokens grow old.
    Wait { minutes: u8 },
    /// The page comes back to the front.
    Resume { tab: usize },
    /// A tab is closed, and opened again.
    Die { tab: usize },
    /// Another device restores the first person.
    Elsewhere,
    /// The app creates a user by the application's credentials, with a linker or none.
    CreateByCredentials { tab: usize, linker: LinkerKind },
    /// The app links the user: through its linker.
    LinkUser { tab: usize },
    /// Or by a code.
    LinkByCode { tab: usize, code: usize },
    /// A linker that was called does what it does.
    Linker { tab: usize, which: usize, answer: Answer },
    /// The app sets or removes one of three entries of metadata.
    Metadata { tab: usize, key: usize, is_set: bool },
    /// The app wants detections, perhaps for a while only.
    Enable { tab: usize, expires: bool },
    /// The app wants them no more.
    Disable { tab: usize },
    /// The app has them sent.
    Submit { tab: usize },
    /// The app starts a trip.
    StartTrip { tab: usize },
    /// The app says something of it.
    TripMetadata { tab: usize },
    /// The app stops it.
    StopTrip { tab: usize },
    /// The app chooses what may be sent.
    Choose { tab: usize, choice: Choice },
    /// The app listens, or no more.
    Listen { tab: usize, topic: Topic, on: bool },
    /// The app asks for the status.
    Status { tab: usize },
    /// The device moves on.
    Drive { tab: usize, at: u8 },
    /// Its motion is summed up.
    Shake { tab: usize },
    /// No position can be had.
    Unlocated { tab: usize },
    /// The page comes to the front, or leaves it.
    Visible { tab: usize, on: bool },
    /// What the page may do changes, or what the device has.
    Surroundings { what: Change, on: bool },
    /// A tab gets a role that no other has.
    Lead { tab: usize },
    /// What is new arrives at a tab that follows.
    Push { tab: usize },
    /// What it follows breaks.
    Cut { tab: usize },
    /// The page is put to sleep.
    Suspend { tab: usize },
    /// A tab's oldest chore beside the record is done; that may fail.
    Chore { tab: usize, fails: bool },
    /// Of everything that is under way, each tab's oldest goes on.
    Round,
}

/// What changes in the surroundings.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Change {
    Permission,
    Connection,
    MobileNetwork,
    Room,
}

/// Any step.
pub(crate) fn step() -> impl Strategy<Value = Step> {
    prop_oneof![12 => step_of_the_world(), 4 => step_of_the_user(), 6 => step_of_the_drive()]
}

/// What the world does with what is under way.
fn step_of_the_world() -> impl Strategy<Value = Step> {
    let tab = 0..2_usize;
    let fate = prop_oneof![
        5 => Just(Fate::Answered),
        1 => Just(Fate::LostBefore),
        2 => Just(Fate::LostAfter),
        1 => Just(Fate::Overloaded),
        1 => Just(Fate::CaptivePortal),
    ];
    let answer = prop_oneof![
        2 => Just(Answer::Links("ada")),
        1 => Just(Answer::Links("bob")),
        1 => Just(Answer::Fails),
        1 => Just(Answer::Never),
    ];
    let work = || (0..2_usize, prop::bool::weighted(0.1));
    prop_oneof![
        12 => work().prop_map(|(tab, fails)| Step::Storage { tab, fails }),
        8 => work().prop_map(|(tab, fails)| Step::Chore { tab, fails }),
        8 => (tab.clone(), 0..3_usize, fate).prop_map(|(tab, which, fate)| Step::Network { tab, which, fate }),
        6 => (tab.clone(), 0..3_usize).prop_map(|(tab, which)| Step::Lock { tab, which }),
        3 => tab.clone().prop_map(|tab| Step::Hear { tab }),
        3 => tab.clone().prop_map(|tab| Step::Timer { tab }),
        1 => any::<u8>().prop_map(|minutes| Step::Wait { minutes }),
        1 => tab.clone().prop_map(|tab| Step::Resume { tab }),
        1 => tab.clone().prop_map(|tab| Step::Die { tab }),
        1 => Just(Step::Elsewhere),
        2 => (tab.clone(), 0..3_usize, answer)
            .prop_map(|(tab, which, answer)| Step::Linker { tab, which, answer }),
        4 => tab.clone().prop_map(|tab| Step::Push { tab }),
        1 => tab.clone().prop_map(|tab| Step::Cut { tab }),
        1 => tab.clone().prop_map(|tab| Step::Suspend { tab }),
        3 => tab.prop_map(|tab| Step::Lead { tab }),
        8 => Just(Step::Round),
    ]
}

/// What the app does to have a user.
fn step_of_the_user() -> impl Strategy<Value = Step> {
    let tab = 0..2_usize;
    let linker = prop_oneof![Just(LinkerKind::NoOp), Just(LinkerKind::Function)];
    prop_oneof![
        4 => (tab.clone(), 0..3_usize).prop_map(|(tab, code)| Step::Create { tab, code }),
        2 => (tab.clone(), linker).prop_map(|(tab, linker)| Step::CreateByCredentials { tab, linker }),
        1 => tab.clone().prop_map(|tab| Step::LinkUser { tab }),
        1 => (tab.clone(), 0..3_usize).prop_map(|(tab, code)| Step::LinkByCode { tab, code }),
        3 => tab.clone().prop_map(|tab| Step::Token { tab }),
        2 => tab.clone().prop_map(|tab| Step::Reset { tab }),
        1 => tab.clone().prop_map(|tab| Step::Exists { tab }),
        1 => tab.prop_map(|tab| Step::Status { tab }),
    ]
}

/// What the app does with its user, and the person with the device.
fn step_of_the_drive() -> impl Strategy<Value = Step> {
    let tab = || 0..2_usize;
    let tab_and = || (0..2_usize, any::<bool>());
    let choice = prop_oneof![
        Just(Choice::NoData),
        Just(Choice::AllData),
        any::<bool>().prop_map(Choice::MobileData),
        any::<bool>().prop_map(Choice::AppSession),
    ];
    let topic = prop_oneof![Just(Topic::Status), Just(Topic::Activity), Just(Topic::TripTimeout)];
    let what = prop_oneof![
        Just(Change::Permission),
        Just(Change::Connection),
        Just(Change::MobileNetwork),
        Just(Change::Room),
    ];
    prop_oneof![
        3 => (tab(), 0..3_usize, prop::bool::weighted(0.7))
            .prop_map(|(tab, key, is_set)| Step::Metadata { tab, key, is_set }),
        3 => tab_and().prop_map(|(tab, expires)| Step::Enable { tab, expires }),
        1 => tab().prop_map(|tab| Step::Disable { tab }),
        2 => tab().prop_map(|tab| Step::Submit { tab }),
        2 => tab().prop_map(|tab| Step::StartTrip { tab }),
        1 => tab().prop_map(|tab| Step::TripMetadata { tab }),
        1 => tab().prop_map(|tab| Step::StopTrip { tab }),
        1 => (tab(), choice).prop_map(|(tab, choice)| Step::Choose { tab, choice }),
        1 => (tab(), topic, any::<bool>()).prop_map(|(tab, topic, on)| Step::Listen { tab, topic, on }),
        5 => (tab(), any::<u8>()).prop_map(|(tab, at)| Step::Drive { tab, at }),
        1 => tab().prop_map(|tab| Step::Shake { tab }),
        1 => tab().prop_map(|tab| Step::Unlocated { tab }),
        1 => tab_and().prop_map(|(tab, on)| Step::Visible { tab, on }),
        1 => (what, any::<bool>()).prop_map(|(what, on)| Step::Surroundings { what, on }),
    ]
}

pub(crate) fn perform(device: &mut Device, step: &Step) {
    match *step {
        Step::Create { tab, code } => device.create(tab, code),
        Step::Token { tab } => device.request_token(tab),
        Step::Reset { tab } => device.reset(tab),
        Step::Exists { tab } => device.user_exists(tab),
        Step::Storage { tab, fails } => device.work_storage(tab, fails),
        Step::Network { tab, which, fate } => device.meet(tab, which, fate),
        Step::Lock { tab, which } => device.answer_lock(tab, which),
        Step::Hear { tab } => device.hear(tab),
        Step::Timer { tab } => device.fire_next_timer(tab),
        Step::Wait { minutes } => device.pass_time(f64::from(minutes) * 60_000.0),
        Step::Resume { tab } => device.resume(tab),
        Step::Die { tab } => device.restart(tab),
        Step::Elsewhere => device.restore_elsewhere(),
        Step::CreateByCredentials { tab, linker } => device.create_by_credentials(tab, linker),
        Step::LinkUser { tab } => device.link_user(tab),
        Step::LinkByCode { tab, code } => device.link_by_code(tab, code),
        Step::Linker { tab, which, answer } => device.answer_linker(tab, which, answer),
        Step::Metadata { tab, key, is_set } => device.change_metadata(tab, key, is_set),
        Step::Enable { tab, expires } => device.enable(tab, expires),
        Step::Disable { tab } => device.disable(tab),
        Step::Submit { tab } => device.submit(tab),
        Step::StartTrip { tab } => device.start_trip(tab),
        Step::TripMetadata { tab } => device.add_trip_metadata(tab),
        Step::StopTrip { tab } => device.stop_trip(tab),
        Step::Choose { tab, choice } => device.choose(tab, choice),
        Step::Listen { tab, topic, on } => device.listen_to(tab, topic, on),
        Step::Status { tab } => device.get_status(tab),
        Step::Drive { tab, at } => device.drive(tab, f64::from(at) / 100.0),
        Step::Shake { tab } => device.shake(tab),
        Step::Unlocated { tab } => device.feed(tab, Event::Unlocated),
        Step::Visible { tab, on } => device.feed(tab, Event::Visible(on)),
        Step::Surroundings { what, on } => device.surround(|surroundings| match what {
            Change::Permission => {
                surroundings.location = if on { LocationAccess::Granted } else { LocationAccess::Denied };
            }
            Change::Connection => surroundings.is_online = on,
            Change::MobileNetwork => surroundings.is_mobile_network = on,
            Change::Room => surroundings.free_bytes = on.then_some(0.0),
        }),
        Step::Push { tab } => device.push(tab),
        Step::Cut { tab } => device.cut(tab),
        Step::Suspend { tab } => device.feed(tab, Event::Suspended),
        Step::Lead { tab } => device.grant_lead(tab),
        Step::Chore { tab, fails } => device.work_chore(tab, fails),
        Step::Round => device.take_a_round(Fate::Answered),
    }
}
