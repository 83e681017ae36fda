//! Every order in which things can happen to one device with two tabs: the real core of each tab, one storage, a
//! reference platform, a network that loses what it likes, writes that fail, tabs that die.
//!
//! A schedule is a list of numbers; each picks one of the things that could happen next. What must hold is checked
//! after every step, and once more when the dust has settled. A failing schedule is shrunk and printed.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "in a test, a panic is the report")]

mod app;
mod chores;
mod device;
mod drives;
#[path = "../world/identity.rs"]
mod identity;
mod ledger;
#[path = "../world/locks.rs"]
mod locks;
#[path = "../world/page.rs"]
mod page;
mod platform;
mod queue_cases;
mod rest;
#[path = "../world/shelf.rs"]
mod shelf;
#[path = "../world/split_mix.rs"]
mod split_mix;
mod step;
mod streams;
#[path = "../world/tab.rs"]
mod tab;
mod uploads;

use device::{Circumstances, Device, Fate};
use proptest::prelude::*;
use sentiance_core::core::Timer;
use step::{perform, step};

/// A thousand schedules, unless `PROPTEST_CASES` says otherwise.
fn config() -> ProptestConfig {
    let cases = std::env::var("PROPTEST_CASES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(1_000);
    ProptestConfig { cases, max_shrink_iters: 20_000, failure_persistence: None, ..ProptestConfig::default() }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn whatever_happens_there_is_one_user_and_every_call_is_settled(
        clocks in prop::array::uniform2((-7_200_000..7_200_000).prop_map(f64::from)),
        with_locks in any::<bool>(),
        disk_quota in prop::option::of(Just(950)),
        is_driving in any::<bool>(),
        steps in prop::collection::vec(step(), 0..120),
    ) {
        let mut device = Device::under(Circumstances { clocks, with_locks, disk_quota });
        if is_driving {
            device.start_driving();
        }
        for step in &steps {
            perform(&mut device, step);
            device.check_always();
        }
        device.settle_down();
        device.check_at_rest();
        device.check_followed();
        device.submit_everything();
        device.check_at_rest();
        device.reset_everything();
        device.check_at_rest();
    }
}

/// The main job, by hand: it also shows that the test's own world works.
#[test]
fn a_user_is_created_found_again_and_removed() {
    let mut device = Device::new(true);
    device.create(0, 0);
    device.settle_down();
    assert_eq!(device.user_of(0), Some("person-0".to_owned()));
    device.restart(0);
    device.user_exists(0);
    device.settle_down();
    assert_eq!(device.user_of(0), Some("person-0".to_owned()));
    assert_eq!(device.user_of(1), device.user_of(0), "the other tab shows the same user");
    device.reset(1);
    device.settle_down();
    assert_eq!((device.user_of(0), device.user_of(1)), (None, None));
    device.check_at_rest();
}

/// A lost answer costs nothing: the same code brings the same user, even after a restart.
#[test]
fn a_creation_whose_answers_are_all_lost_succeeds_later_with_the_same_code() {
    let mut device = Device::new(true);
    device.create(0, 0);
    device.settle_down_with(Fate::LostAfter);
    assert_eq!(device.user_of(0), None);
    device.restart(0);
    device.create(0, 0);
    device.settle_down();
    assert_eq!(device.user_of(0), Some("person-0".to_owned()));
    device.check_at_rest();
}

/// Even where no answer ever comes, and not even the driver gives up, the deadline ends a call.
#[test]
fn a_platform_that_never_answers_costs_a_call_its_deadline() {
    let mut device = Device::new(true);
    device.create(0, 0);
    device.work_storage(0, false);
    device.answer_lock(0, 0);
    device.work_storage(0, false);
    device.fire_next_timer(0);
    assert_eq!(device.last_error(), Some("NETWORK_ERROR"));

    device.settle_down();
    device.create(0, 0);
    device.settle_down();
    device.pass_time(platform::TOKEN_LIFE_MS + 1.0);
    device.request_token(0);
    device.answer_lock(0, 0);
    device.work_storage(0, false);
    device.fire(0, Timer::RefreshDeadline);
    assert_eq!(device.last_error(), Some("NETWORK_ERROR"));
    device.settle_down();
    device.check_at_rest();
}

/// A reset wins over a creation in another tab that had been sent before.
#[test]
fn a_reset_in_one_tab_overtakes_a_creation_in_the_other() {
    let mut device = Device::new(true);
    device.user_exists(1);
    device.work_storage(1, false);
    device.create(0, 0);
    device.work_storage(0, false);
    device.answer_lock(0, 0);
    device.work_storage(0, false);
    device.reset(1);
    device.answer_lock(1, 0);
    device.work_storage(1, false);
    device.work_storage(1, false);
    device.settle_down();
    assert_eq!((device.user_of(0), device.user_of(1)), (None, None));
    device.check_at_rest();
}

/// Two tabs that can't agree restore one person, with a reset of an earlier try in between: the install that the
/// platform keeps active is the one that stays.
#[test]
fn of_two_restorations_at_once_the_later_install_stays() {
    let mut device = Device::new(false);
    device.create(0, 0);
    device.work_storage(0, false);
    device.answer_lock(0, 0);
    device.work_storage(0, false);

    device.reset(1);
    device.work_storage(1, false);
    device.answer_lock(1, 0);
    device.work_storage(1, false);
    device.work_chores(1);
    device.create(1, 1);
    device.answer_lock(1, 0);
    device.work_storage(1, false);
    device.work_chores(1);
    device.meet(1, 0, Fate::Answered);
    device.work_storage(1, false);
    assert_eq!(device.user_of(1), Some("person-0".to_owned()));

    device.pass_time(1_000.0);
    device.meet(0, 0, Fate::Answered);
    device.settle_down();
    assert_eq!(device.user_of(0), Some("person-0".to_owned()));
    device.check_at_rest();
    device.pass_time(platform::TOKEN_LIFE_MS + 1.0);
    device.request_token(1);
    device.settle_down();
    assert_eq!(device.last_error(), None, "the install that stayed is the active one");
}

/// Two tabs that can't agree refresh at once, and the answers come in the wrong order. The first that is stored stays:
/// it may have been used when the other comes.
#[test]
fn of_two_refreshes_at_once_the_session_that_is_stored_first_stays() {
    let mut device = Device::new(false);
    device.create(0, 0);
    device.settle_down();
    device.pass_time(platform::TOKEN_LIFE_MS + 1.0);
    for tab in 0..2 {
        device.request_token(tab);
        device.answer_lock(tab, 0);
        device.work_storage(tab, false);
    }
    // The second finds the first one's key, and sends the same.
    device.work_storage(1, false);
    let first = device.answer_later(0);
    let second = device.answer_later(1);
    device.deliver(1, second);
    device.work_storage(1, false);
    device.deliver(0, first);
    device.settle_down();
    assert_eq!(device.stored_generation(), 3, "the second answer came first");
    assert_eq!(device.last_error(), None);
    device.pass_time(platform::TOKEN_LIFE_MS + 1.0);
    device.request_token(0);
    device.settle_down();
    assert_eq!(device.last_error(), None, "the session goes on");
    device.check_at_rest();
}

/// Two tabs that can't agree refresh at once, and the one with the later answer dies before it stores it: the session
/// goes on with the earlier one.
#[test]
fn of_two_refreshes_at_once_either_may_be_the_one_that_is_stored() {
    let mut device = Device::new(false);
    device.create(0, 0);
    device.settle_down();
    device.pass_time(platform::TOKEN_LIFE_MS + 1.0);
    for tab in 0..2 {
        device.request_token(tab);
        device.answer_lock(tab, 0);
        device.work_storage(tab, false);
    }
    device.work_storage(1, false);
    let first = device.answer_later(0);
    let second = device.answer_later(1);
    device.deliver(1, second);
    device.restart(1);
    device.deliver(0, first);
    device.settle_down();
    assert_eq!(device.last_error(), None);
    assert_eq!(device.stored_generation(), 2, "the first answer is stored");
    device.pass_time(platform::TOKEN_LIFE_MS + 1.0);
    device.request_token(0);
    device.settle_down();
    assert_eq!(device.last_error(), None, "the session goes on");
    device.check_at_rest();
}

/// A refresh whose answer was lost is repeated with the same key, by whichever tab comes first.
#[test]
fn a_refresh_whose_answers_are_all_lost_succeeds_later_in_the_other_tab() {
    let mut device = Device::new(true);
    device.create(0, 0);
    device.settle_down();
    device.pass_time(platform::TOKEN_LIFE_MS + 1.0);
    device.request_token(0);
    device.settle_down_with(Fate::LostAfter);
    assert_eq!(device.last_error(), Some("NETWORK_ERROR"));
    device.request_token(1);
    device.settle_down();
    assert_eq!(device.last_error(), None, "the other tab got a token");
    device.check_at_rest();
}
