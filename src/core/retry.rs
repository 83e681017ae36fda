//! When a request is sent again: full jitter, a budget of tries, and `Retry-After`.

use super::event::Response;

/// How often one conversation sends at most.
const MAX_TRIES: u32 = 4;
const FIRST_DELAY_MS: f64 = 500.0;
const LONGEST_DELAY_MS: f64 = 8_000.0;
/// The longest pause that an answer can ask for: a wrong number must not silence a device for days.
pub(crate) const LONGEST_PAUSE_MS: f64 = 5.0 * 60_000.0;

impl Response {
    /// How many milliseconds whoever answered wants to be left alone, within reason. Not only the platform may ask: what
    /// limits the rate in front of it answers with a page of its own.
    pub(super) fn pause(&self) -> Option<f64> {
        self.retry_after_ms.filter(|ms| !ms.is_nan()).map(|ms| ms.clamp(0.0, LONGEST_PAUSE_MS))
    }
}

/// The tries of one conversation.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Tries(u32);

impl Tries {
    /// Counts a try that failed. Returns how many milliseconds to wait before the next, or `None` where the budget
    /// is used up. `fraction` is a random number from 0 to 1; `pause` is the wish of whoever answered, never undercut.
    pub(crate) fn delay(&mut self, fraction: f64, pause: Option<f64>) -> Option<f64> {
        self.0 += 1;
        if self.0 >= MAX_TRIES {
            return None;
        }
        let ceiling = (FIRST_DELAY_MS * f64::from(1u32 << self.0)).min(LONGEST_DELAY_MS);
        Some(pause.unwrap_or(0.0) + ceiling * fraction)
    }
}

#[cfg(test)]
mod tests {
    use super::Tries;

    #[test]
    fn the_budget_ends_and_the_delays_grow_and_the_platforms_wish_is_kept() {
        let mut tries = Tries::default();
        assert_eq!(tries.delay(1.0, None), Some(1_000.0));
        assert_eq!(tries.delay(0.0, None), Some(0.0));
        assert!(tries.delay(0.5, Some(3_000.0)).unwrap() >= 3_000.0);
        assert_eq!(tries.delay(1.0, None), None);
    }
}
