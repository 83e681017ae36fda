//! What each caller has used of a limit: the generic cell rate algorithm, with one number per caller.
//!
//! Written here and not taken from a crate, because three things come together: a caller's standing is looked at without
//! being charged (what is charged for is known only afterwards), memory is bounded whatever strangers do, and the clock
//! is the platform's, which may be set back.

use super::{
    rate::{Limit, Rate},
    share::Share,
};
use crate::clock::Timestamp;
use std::{
    collections::HashMap,
    hash::Hash,
    sync::{Mutex, MutexGuard, PoisonError},
};

/// How long a request may be under way before it is charged: longer than its deadline.
const OVERTAKEN_NS: i64 = 60_000_000_000;
/// How many callers are remembered, for each limit.
const CAPACITY: usize = 100_000;

/// Where a caller stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::http) struct Standing {
    pub(super) rate: Rate,
    /// How many more are allowed at once.
    pub(super) remaining: u32,
    /// How long it takes until one more is allowed than now; nothing where all are.
    pub(super) next_ns: i64,
}

/// Nothing more is allowed at present.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Exhausted(pub(super) Standing);

/// One limit, and what callers have used of it.
#[derive(Debug)]
pub(super) struct Table<K> {
    limit: Limit,
    share: Share,
    capacity: usize,
    /// Until when each caller's use reaches: by then everything is allowed again. (The "theoretical arrival time".)
    /// Who is missing has used nothing.
    reaches: Mutex<HashMap<K, i64>>,
}

impl<K: Eq + Hash> Table<K> {
    pub(super) fn new(limit: Limit, share: &Share) -> Self {
        Table { limit, share: share.clone(), capacity: CAPACITY, reaches: Mutex::default() }
    }

    /// Whether a charge would be allowed. `None` where there is no limit.
    pub(super) fn look(&self, caller: &K, now: Timestamp) -> Option<Result<Standing, Exhausted>> {
        let Limit::To(rate) = self.share.of(self.limit) else { return None };
        let now = nanoseconds(now);
        let used = used(rate, self.lock().get(caller).copied(), now);
        Some(if used + rate.interval_ns <= rate.window_ns() {
            Ok(standing(rate, used))
        } else {
            Err(Exhausted(standing(rate, used)))
        })
    }

    /// Charges for one, if that is allowed. `None` where there is no limit.
    pub(super) fn charge(&self, caller: K, now: Timestamp) -> Option<Result<Standing, Exhausted>> {
        self.charge_units(caller, 1, now)
    }

    /// Charges for so many, if all of them are allowed at once; for more than the burst, as for the burst.
    pub(super) fn charge_units(
        &self,
        caller: K,
        units: u32,
        now: Timestamp,
    ) -> Option<Result<Standing, Exhausted>> {
        let Limit::To(rate) = self.share.of(self.limit) else { return None };
        let now = nanoseconds(now);
        let mut reaches = self.lock();
        let known = reaches.get(&caller).copied();
        let used = used(rate, known, now);
        let after = used + rate.interval_ns * i64::from(units.min(rate.burst));
        if after > rate.window_ns() {
            let next_ns = after - rate.window_ns();
            return Some(Err(Exhausted(Standing { next_ns, ..standing(rate, used) })));
        }
        if known.is_none() && reaches.len() >= self.capacity {
            make_room(&mut reaches, self.capacity, now);
        }
        reaches.insert(caller, now.saturating_add(after));
        Some(Ok(standing(rate, after)))
    }

    /// Takes one charge back.
    pub(super) fn give_back(&self, caller: &K) {
        let Limit::To(rate) = self.share.of(self.limit) else { return };
        if let Some(reaches) = self.lock().get_mut(caller) {
            *reaches -= rate.interval_ns;
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<K, i64>> {
        // No code that holds it can panic half way.
        self.reaches.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn nanoseconds(time: Timestamp) -> i64 {
    time.0.saturating_mul(1_000_000)
}

/// How much is used, in time. More than the whole window is what a request sees that was overtaken: it took its time,
/// and others after it were charged first. Where it is more than any request can take, the clock was set back, and what
/// it measured before means nothing any more.
fn used(rate: Rate, reaches: Option<i64>, now: i64) -> i64 {
    let used = reaches.map_or(0, |reaches| reaches.saturating_sub(now)).max(0);
    if used > rate.window_ns().saturating_add(OVERTAKEN_NS) { 0 } else { used.min(rate.window_ns()) }
}

fn standing(rate: Rate, used: i64) -> Standing {
    let free = rate.window_ns() - used;
    let remaining = free / rate.interval_ns;
    let next_ns = if used == 0 { 0 } else { (remaining + 1) * rate.interval_ns - free };
    // At most the burst, so it fits.
    Standing { rate, remaining: u32::try_from(remaining).unwrap_or(rate.burst), next_ns }
}

/// Forgets who has used nothing, and then those who have used least, until an eighth is free: nobody is refused for want
/// of memory, and who is forgotten may start anew. Doing it seldom and thoroughly keeps the mean cost of a charge small.
fn make_room<K: Eq + Hash>(reaches: &mut HashMap<K, i64>, capacity: usize, now: i64) {
    reaches.retain(|_, reaches| *reaches > now);
    let surplus = (reaches.len() + capacity / 8).saturating_sub(capacity);
    if surplus > 0 {
        let mut all: Vec<i64> = reaches.values().copied().collect();
        let (_, least, _) = all.select_nth_unstable(surplus - 1);
        let least = *least;
        reaches.retain(|_, reaches| *reaches > least);
    }
}

#[cfg(test)]
mod tests {
    use super::{Exhausted, Limit, Rate, Share, Standing, Table};
    use crate::clock::Timestamp;

    const RATE: Rate = Rate::per_second(2, 4);
    const START: Timestamp = Timestamp(1_700_000_000_000);

    fn at(ms: i64) -> Timestamp {
        Timestamp(START.0 + ms)
    }

    fn remaining(standing: Option<Result<Standing, Exhausted>>) -> Option<u32> {
        standing.unwrap().ok().map(|standing| standing.remaining)
    }

    #[test]
    fn platforms_that_share_a_limit_allow_about_as_much_as_one() {
        for (replicas, expected) in [(1, 4), (2, 2), (3, 1), (4, 1), (100, 1)] {
            let share = Share::default();
            let table = Table::new(Limit::To(RATE), &share);
            share.set(replicas);
            let allowed =
                |time: i64| (0..10).filter(|_| table.charge("a", at(time)).unwrap().is_ok()).count();
            assert_eq!(allowed(0), expected, "{replicas}");
            assert_eq!(allowed(500 * i64::from(replicas) - 1), 0, "{replicas}");
            assert_eq!(allowed(500 * i64::from(replicas)), 1, "{replicas}");
        }
    }

    #[test]
    fn a_request_that_was_overtaken_gets_no_more_than_others() {
        let table = Table::new(Limit::To(RATE), &Share::default());
        for _ in 0..4 {
            table.charge("a", at(30));
        }
        assert_eq!(remaining(table.charge("a", at(0))), None, "it came earlier, and is charged later");
        assert_eq!(remaining(table.look(&"a", at(0))), None);
    }

    #[test]
    fn a_burst_is_allowed_and_then_one_by_one_as_time_passes() {
        let table = Table::new(Limit::To(RATE), &Share::default());
        for left in [3, 2, 1, 0] {
            assert_eq!(remaining(table.charge("a", at(0))), Some(left));
        }
        let Some(Err(Exhausted(standing))) = table.charge("a", at(0)) else {
            panic!("too many were allowed")
        };
        assert_eq!((standing.remaining, standing.next_ns), (0, 500_000_000));
        assert_eq!(remaining(table.charge("a", at(499))), None);
        assert_eq!(
            remaining(table.charge("a", at(500))),
            Some(0),
            "the first comes back after half a second"
        );
        assert_eq!(remaining(table.charge("a", at(999))), None, "a refusal costs nothing, and gives nothing");
        assert_eq!(remaining(table.charge("a", at(1_000))), Some(0));
        assert_eq!(remaining(table.charge("a", at(60_000))), Some(3), "never more than the burst");
        assert_eq!(remaining(table.charge("b", at(0))), Some(3), "callers do not share");
    }

    #[test]
    fn many_at_once_are_charged_together_or_not_at_all() {
        let table = Table::new(Limit::To(RATE), &Share::default());
        assert_eq!(remaining(table.charge_units("a", 3, at(0))), Some(1));
        let Some(Err(Exhausted(standing))) = table.charge_units("a", 3, at(0)) else {
            panic!("too many were allowed")
        };
        assert_eq!((standing.remaining, standing.next_ns), (1, 1_000_000_000), "two must come back");
        assert_eq!(remaining(table.charge_units("a", 3, at(1_000))), Some(0));
        assert_eq!(remaining(table.charge_units("b", 9, at(0))), Some(0), "more than there can be cost all");
    }

    #[test]
    fn what_is_given_back_was_not_used() {
        let table = Table::new(Limit::To(RATE), &Share::default());
        for _ in 0..20 {
            assert_eq!(remaining(table.charge("a", at(0))), Some(3));
            table.give_back(&"a");
        }
        table.give_back(&"a");
        table.give_back(&"nobody");
        assert_eq!(remaining(table.look(&"a", at(0))), Some(4));
    }

    #[test]
    fn looking_costs_nothing() {
        let table = Table::new(Limit::To(RATE), &Share::default());
        for _ in 0..10 {
            assert_eq!(remaining(table.look(&"a", at(0))), Some(4));
        }
        for _ in 0..4 {
            assert!(table.charge("a", at(0)).unwrap().is_ok());
        }
        assert_eq!(remaining(table.look(&"a", at(0))), None);
    }

    #[test]
    fn a_clock_that_is_set_back_locks_nobody_out() {
        let table = Table::new(Limit::To(RATE), &Share::default());
        for _ in 0..4 {
            table.charge("a", at(0));
        }
        assert!(table.look(&"a", at(-3_600_000)).unwrap().is_ok());
        assert_eq!(remaining(table.charge("a", at(-3_600_000))), Some(3));
        assert!(table.look(&"a", Timestamp(i64::MIN)).unwrap().is_ok());
        assert!(table.charge("a", Timestamp(i64::MAX)).unwrap().is_ok());
    }

    #[test]
    fn memory_is_bounded_and_who_used_most_is_remembered() {
        let mut table = Table::new(Limit::To(RATE), &Share::default());
        table.capacity = 80;
        for _ in 0..4 {
            assert!(table.charge(0, at(0)).unwrap().is_ok());
        }
        for stranger in 1..1_000 {
            assert!(table.charge(stranger, at(0)).unwrap().is_ok(), "nobody is refused for want of memory");
            assert!(table.lock().len() <= 80);
        }
        assert!(table.charge(0, at(0)).unwrap().is_err(), "strangers do not wash a limit away");
    }

    #[test]
    fn without_a_limit_nothing_is_kept() {
        let table = Table::new(Limit::Off, &Share::default());
        assert_eq!(table.charge("a", at(0)), None);
        assert!(table.lock().is_empty());
    }
}
