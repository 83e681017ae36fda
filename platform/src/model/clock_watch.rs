//! Whether the clock is to be trusted when it says that something is too old: a clock that is wrong for a minute must
//! not end sessions for good.

use crate::clock::Timestamp;
use std::time::Duration;

/// How far the clock may go another way than the monotonic one between two looks: it is set by seconds now and then.
const TOLERANCE: Duration = Duration::from_secs(5 * 60);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);
/// How long a platform may have been down without a doubt about the time at its next start.
const DOWNTIME: Duration = DAY;
/// How long a clock that has jumped ahead must go on steadily, over restarts too, until it is trusted.
const STEADY: Duration = DAY;

/// What is remembered of the clock, in the database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClockWatch {
    /// The last time that was taken for right.
    pub trusted_at: Timestamp,
    /// The last time that was seen.
    pub seen_at: Timestamp,
    /// When a time was first seen that may be wrong; none where it is trusted.
    pub doubted_since: Option<Timestamp>,
}

impl ClockWatch {
    /// The clock as it is trusted.
    fn trusting(now: Timestamp) -> Self {
        ClockWatch { trusted_at: now, seen_at: now, doubted_since: None }
    }

    /// Looks at the clock. `elapsed` is what the monotonic clock says of the time since the last look; at the first look
    /// of a process that is not known.
    ///
    /// A clock that was set back is trusted: by an earlier time less is too old. One that jumped ahead is trusted when it
    /// has come back, or has gone on steadily for a day.
    pub fn look(before: Option<Self>, now: Timestamp, elapsed: Option<Duration>) -> Self {
        let Some(before) = before else { return Self::trusting(now) };
        let expected = before.seen_at.plus(elapsed.unwrap_or_default());
        let is_ahead = now > expected.plus(elapsed.map_or(DOWNTIME, |_| TOLERANCE));
        let is_behind = now < expected.minus(TOLERANCE);
        match before.doubted_since {
            None if !is_ahead => Self::trusting(now),
            Some(since) if !is_ahead && !is_behind && now >= since.plus(STEADY) => Self::trusting(now),
            Some(since) if !is_ahead && !is_behind => {
                ClockWatch { seen_at: now, doubted_since: Some(since), ..before }
            }
            Some(_) if now <= before.trusted_at.plus(STEADY + DOWNTIME) => Self::trusting(now),
            _ => ClockWatch { seen_at: now, doubted_since: Some(now), ..before },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{ClockWatch, DAY};
    use crate::clock::Timestamp;
    use std::time::Duration;

    const MINUTE: Duration = Duration::from_secs(60);
    const YEAR: Duration = Duration::from_secs(365 * 24 * 60 * 60);
    const START: Timestamp = Timestamp(1_800_000_000_000);

    /// A clock and a platform that looks at it.
    struct Run {
        now: Timestamp,
        watch: Option<ClockWatch>,
    }

    impl Run {
        fn new() -> Self {
            let mut run = Run { now: START, watch: None };
            run.look(None);
            run
        }

        fn look(&mut self, elapsed: Option<Duration>) -> bool {
            let watch = ClockWatch::look(self.watch, self.now, elapsed);
            self.watch = Some(watch);
            watch.doubted_since.is_none()
        }

        /// Looks each minute for so long.
        fn pass(&mut self, time: Duration) -> bool {
            let mut is_trusted = true;
            for _ in 0..time.as_secs() / 60 {
                self.now = self.now.plus(MINUTE);
                is_trusted = self.look(Some(MINUTE));
            }
            is_trusted
        }

        fn restart_after(&mut self, time: Duration) -> bool {
            self.now = self.now.plus(time);
            self.look(None)
        }
    }

    #[test]
    fn a_clock_that_goes_on_is_trusted_with_corrections() {
        let mut run = Run::new();
        assert!(run.pass(DAY));
        for correction in [30, 60, 90] {
            run.now = run.now.plus(Duration::from_secs(correction));
            assert!(run.pass(MINUTE));
        }
        assert!(run.restart_after(DAY), "it was down for a day");
    }

    #[test]
    fn a_jump_ahead_is_doubted_until_it_is_over_or_a_day_has_passed() {
        let mut run = Run::new();
        run.now = run.now.plus(YEAR);
        assert!(!run.pass(2 * MINUTE));
        run.now = run.now.minus(YEAR);
        assert!(run.pass(MINUTE), "it was over soon");
        run.now = run.now.plus(YEAR);
        assert!(!run.pass(DAY));
        assert!(run.pass(2 * MINUTE), "a day has passed");
    }

    #[test]
    fn a_jump_while_the_platform_was_down_is_doubted_over_restarts() {
        let mut run = Run::new();
        assert!(!run.restart_after(YEAR));
        for _ in 0..20 {
            assert!(!run.restart_after(60 * MINUTE), "a restart confirms nothing");
        }
        assert!(run.restart_after(5 * 60 * MINUTE), "it went on for a day");
        assert!(!run.restart_after(YEAR));
        assert!(!run.restart_after(YEAR), "another jump is no day that has passed");
        run.now = START.plus(DAY);
        assert!(run.restart_after(MINUTE), "it is back");
    }

    #[test]
    fn a_clock_that_was_set_back_is_trusted_and_doubted_when_it_is_set_right() {
        let mut run = Run::new();
        run.now = Timestamp(0);
        assert!(run.pass(MINUTE));
        assert!(run.restart_after(MINUTE));
        run.now = START;
        assert!(!run.pass(MINUTE));
        assert!(!run.pass(DAY - 10 * MINUTE));
        assert!(run.pass(20 * MINUTE));
    }
}
