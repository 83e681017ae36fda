//! How much is allowed, and how it is written: `50/s`, or `50/s:200` with a burst.

use std::str::FromStr;

const SECOND_NS: i64 = 1_000_000_000;
/// Keeps every product of a rate inside the nanoseconds that fit a number.
const LONGEST_WINDOW_NS: i64 = 366 * 24 * 3600 * SECOND_NS;

/// So many at once, and so many more in each stretch of time: what was used comes back continuously, one by one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// How long it takes until one more is allowed.
    pub(super) interval_ns: i64,
    /// How many are allowed at once.
    pub(super) burst: u32,
}

impl Rate {
    /// How long it takes until everything is allowed again.
    pub(super) const fn window_ns(self) -> i64 {
        self.interval_ns * self.burst as i64
    }

    /// So many per second.
    pub const fn per_second(count: u32, burst: u32) -> Rate {
        Rate { interval_ns: SECOND_NS / count as i64, burst }
    }

    /// So many per minute.
    pub const fn per_minute(count: u32, burst: u32) -> Rate {
        Rate { interval_ns: 60 * SECOND_NS / count as i64, burst }
    }
}

/// A limit, or none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Limit {
    /// Everything is allowed.
    Off,
    /// As much as this.
    To(Rate),
}

impl Limit {
    /// So many times as much.
    pub(super) fn times(self, factor: u32) -> Limit {
        match self {
            Limit::Off => Limit::Off,
            // At least a nanosecond: the window is never empty.
            Limit::To(Rate { interval_ns, burst }) => Limit::To(Rate {
                interval_ns: (interval_ns / i64::from(factor)).max(1),
                burst: burst.saturating_mul(factor),
            }),
        }
    }
}

impl Limit {
    /// One of so many equal parts, which allows one at least.
    pub(super) fn divided_by(self, parts: u32) -> Limit {
        match self {
            Limit::To(Rate { interval_ns, burst }) if parts > 1 => {
                let burst = (burst / parts).max(1);
                let longest = LONGEST_WINDOW_NS / i64::from(burst);
                Limit::To(Rate { interval_ns: interval_ns.saturating_mul(parts.into()).min(longest), burst })
            }
            _ => self,
        }
    }
}

/// What was given is no limit.
#[derive(Debug, thiserror::Error)]
#[error("must be off, or a rate such as 50/s, 600/m or 100/h, with a burst if there shall be one: 50/s:200")]
pub struct NotALimit;

impl FromStr for Limit {
    type Err = NotALimit;

    fn from_str(text: &str) -> Result<Self, NotALimit> {
        if text == "off" {
            return Ok(Limit::Off);
        }
        let (rate, burst) = text.split_once(':').map_or((text, None), |(rate, burst)| (rate, Some(burst)));
        let (count, unit) = rate.split_once('/').ok_or(NotALimit)?;
        let unit_ns = match unit {
            "s" => SECOND_NS,
            "m" => 60 * SECOND_NS,
            "h" => 3600 * SECOND_NS,
            _ => return Err(NotALimit),
        };
        let number = |text: &str| text.parse::<u32>().ok().filter(|number| *number > 0).ok_or(NotALimit);
        let (count, burst) = (number(count)?, number(burst.unwrap_or(count))?);
        let interval_ns = unit_ns / i64::from(count);
        let fits = interval_ns.checked_mul(burst.into()).is_some_and(|window| window <= LONGEST_WINDOW_NS);
        if interval_ns > 0 && fits { Ok(Limit::To(Rate { interval_ns, burst })) } else { Err(NotALimit) }
    }
}

#[cfg(test)]
mod tests {
    use super::{Limit, Rate};

    #[test]
    fn a_limit_is_a_rate_with_or_without_a_burst_or_off() {
        for (text, expected) in [
            ("off", Limit::Off),
            ("50/s", Limit::To(Rate::per_second(50, 50))),
            ("50/s:200", Limit::To(Rate::per_second(50, 200))),
            ("30/m:60", Limit::To(Rate::per_minute(30, 60))),
            ("1/h", Limit::To(Rate { interval_ns: 3_600_000_000_000, burst: 1 })),
        ] {
            assert_eq!(text.parse::<Limit>().unwrap(), expected, "{text}");
        }
        for text in
            ["", "50", "50/d", "0/s", "50/s:0", "-1/s", "50/s:", "4294967296/s", "1/h:4294967295", "Off"]
        {
            assert!(text.parse::<Limit>().is_err(), "{text}");
        }
    }
}
