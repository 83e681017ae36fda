//! How often, and when, the core sends again, and what it makes of clocks: one device, alone with its storage, before a
//! platform that does as it likes. Time is virtual.

#![expect(clippy::unwrap_used, reason = "in a test, a panic is the report")]

#[path = "world/identity.rs"]
mod identity;
#[path = "world/lone.rs"]
#[expect(dead_code, reason = "tests/refusals.rs uses more of it")]
mod lone;
#[path = "world/split_mix.rs"]
mod split_mix;

use lone::{ACTIONS, Action, Answer, Device, TOKEN_LIFE_MS, error, page};
use proptest::prelude::*;
use sentiance_core::core::{Output, Reason, TransportError};
use sentiance_protocol::ErrorCode;

/// How often one call sends at most.
const MAX_TRIES: usize = 4;
/// The longest wait before each further try, if nobody asks for more.
const CEILINGS_MS: [f64; MAX_TRIES - 1] = [1_000.0, 2_000.0, 4_000.0];
/// The longest pause that anybody can ask for.
const LONGEST_PAUSE_MS: f64 = 300_000.0;

fn asked_for(answer: &Answer) -> f64 {
    let asked = answer.as_ref().ok().and_then(|response| response.retry_after_ms);
    asked.filter(|ms| !ms.is_nan()).map_or(0.0, |ms| ms.clamp(0.0, LONGEST_PAUSE_MS))
}

/// Any answer after which trying again makes sense.
fn passing() -> impl Strategy<Value = Answer> {
    let seconds = prop_oneof![
        4 => Just(None),
        3 => (0.0..4_000.0).prop_map(Some),
        1 => (0.0..1e6).prop_map(Some),
        1 => prop::sample::select(vec![f64::NAN, f64::INFINITY, f64::NEG_INFINITY, -1.0, 1e300]).prop_map(Some),
    ];
    seconds.prop_flat_map(|wish| {
        prop_oneof![
            Just(Err(TransportError::Unreachable)),
            Just(Err(TransportError::TimedOut)),
            Just(page(wish)),
            Just(error(ErrorCode::TooManyRequests, wish)),
            Just(error(ErrorCode::Unavailable, wish)),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_call_sends_four_times_at_most_never_earlier_than_it_may_and_ends_by_its_deadline(
        action in prop::sample::select(ACTIONS.to_vec()),
        answers in prop::array::uniform4(passing()),
        seed in any::<u64>(),
    ) {
        let mut device = Device::ready_for(action, seed);
        let course = device.perform(action, |at, _| Some(answers[at].clone()));
        prop_assert!(course.sent.len() <= MAX_TRIES);
        prop_assert!(course.took_ms <= action.deadline_ms(), "{} ms", course.took_ms);
        for (at, times) in course.sent.windows(2).enumerate() {
            let (wait, asked) = (times[1] - times[0], asked_for(&answers[at]));
            prop_assert!(wait >= asked, "{wait} ms of {asked}");
            prop_assert!(wait <= asked + CEILINGS_MS[at], "{wait} ms of {asked}");
        }
        let outcome = device.settled.take().unwrap();
        prop_assert!(outcome.is_err_and(|error| error.retryable && error.reason != Reason::UnexpectedError));
    }

    #[test]
    fn twenty_token_reads_cost_one_refresh_for_each_step_of_the_clock_at_most(
        first_years in -10.0..10.0_f64,
        steps in prop::collection::btree_map(0..20_usize, -10.0..10.0_f64, 0..4),
        hours in 0.0..2.0_f64,
        seed in any::<u64>(),
    ) {
        const YEAR_MS: f64 = 365.25 * 24.0 * 3_600_000.0;
        let mut device = Device::new(seed);
        device.clock_error = first_years * YEAR_MS;
        device.perform(Action::Create, |_, _| None);
        // So much for the tokens that expire in truth.
        let mut due = 0;
        let mut expires_at = device.now + TOKEN_LIFE_MS;
        let mut refreshes = 0;
        for read in 0..20 {
            if let Some(years) = steps.get(&read) {
                device.clock_error = years * YEAR_MS;
            }
            device.now += hours * 3_600_000.0 / 20.0;
            let sent = device.perform(Action::Refresh, |_, _| None).sent.len();
            prop_assert!(matches!(device.settled.take(), Some(Ok(Output::Token(_)))));
            refreshes += sent;
            if sent > 0 {
                // The margin before its end is a minute.
                due += usize::from(device.now >= expires_at - 60_000.0);
                expires_at = device.now + TOKEN_LIFE_MS;
            }
            let is_dead = device.now > expires_at;
            prop_assert!(!is_dead, "a dead token was handed out");
        }
        prop_assert!(refreshes <= due + steps.len(), "{refreshes} refreshes, {due} were due");
    }
}

/// Of many devices that fail in the same instant, no two groups come back together: each wait is spread evenly from
/// nothing to its ceiling, after the pause that was asked for.
#[test]
fn the_waits_of_many_devices_spread_over_the_whole_interval() {
    const DEVICES: u64 = 2_000;
    const BUCKETS: usize = 20;
    for action in ACTIONS {
        for asked in [None, Some(1_500.0)] {
            let mut histograms = [[0_usize; BUCKETS]; MAX_TRIES - 1];
            for seed in 0..DEVICES {
                let mut device = Device::ready_for(action, seed);
                let course = device.perform(action, |_, _| Some(error(ErrorCode::TooManyRequests, asked)));
                assert_eq!(course.sent.len(), MAX_TRIES);
                for (at, times) in course.sent.windows(2).enumerate() {
                    let part = (times[1] - times[0] - asked.unwrap_or(0.0)) / CEILINGS_MS[at];
                    histograms[at][((part * BUCKETS as f64) as usize).min(BUCKETS - 1)] += 1;
                }
            }
            // A hundred each, if it were perfectly even; sixty off would be six standard deviations.
            for count in histograms.into_iter().flatten() {
                assert!((40..=160).contains(&count), "{action:?} after {asked:?}: {histograms:?}");
            }
        }
    }
}

/// A pause that the platform asked for is kept after the call that heard of it, within reason; a proxy's is not.
#[test]
fn the_platforms_pause_outlasts_the_call_for_five_minutes_at_most_and_a_proxys_does_not() {
    let platform = |ms| error(ErrorCode::TooManyRequests, Some(ms));
    for (answer, pause_ms) in
        [(platform(60_000.0), 60_000.0), (platform(1e12), LONGEST_PAUSE_MS), (page(Some(60_000.0)), 0.0)]
    {
        for action in [Action::Refresh, Action::Submit] {
            let mut device = Device::ready_for(action, 1);
            assert_eq!(device.perform(action, |_, _| Some(answer.clone())).sent.len(), 1);
            if pause_ms > 0.0 {
                device.now += pause_ms - 1_000.0;
                assert_eq!(device.perform(action, |_, _| None).sent.len(), 0, "{action:?}");
                device.now += 2_000.0;
            }
            assert_eq!(device.perform(action, |_, _| None).sent.len(), 1, "{action:?}");
            assert!(device.settled.take().unwrap().is_ok(), "{action:?}");
        }
    }
}
