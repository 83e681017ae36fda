//! Time as a parameter: the domain is told what time it is, so that a test can move it.

use humantime::{format_rfc3339_millis, parse_rfc3339};
use sentiance_protocol::EpochMs;
use std::{
    sync::OnceLock,
    time::{Duration, Instant, SystemTime},
};

/// A point in time: whole milliseconds since the Unix epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Timestamp(pub i64);

impl Timestamp {
    /// This point moved into the future by `span`.
    pub fn plus(self, span: Duration) -> Timestamp {
        Timestamp(self.0.saturating_add(as_millis(span)))
    }

    /// This point moved into the past by `span`.
    pub fn minus(self, span: Duration) -> Timestamp {
        Timestamp(self.0.saturating_sub(as_millis(span)))
    }

    /// ISO 8601, UTC, with milliseconds: `2030-01-31T12:00:00.000Z`.
    /// The format has years of four digits: whatever is later is written as the end of the last of them.
    pub fn to_iso8601(self) -> String {
        const LAST: u64 = 253_402_300_799_999;
        let span = Duration::from_millis(u64::try_from(self.0).unwrap_or(0).min(LAST));
        format_rfc3339_millis(SystemTime::UNIX_EPOCH + span).to_string()
    }

    /// The time that `text` tells in ISO 8601, in UTC, with or without a part of a second.
    pub fn parse_iso8601(text: &str) -> Option<Timestamp> {
        let time = parse_rfc3339(text).ok()?;
        let span = time.duration_since(SystemTime::UNIX_EPOCH).ok()?;
        Some(Timestamp(as_millis(span)))
    }
}

impl From<Timestamp> for EpochMs {
    fn from(time: Timestamp) -> EpochMs {
        // Exact: every time of this protocol is far inside the 53 bits of a float.
        EpochMs(time.0 as f64)
    }
}

impl From<EpochMs> for Timestamp {
    fn from(time: EpochMs) -> Timestamp {
        // `as` saturates.
        Timestamp(time.0 as i64)
    }
}

fn as_millis(span: Duration) -> i64 {
    i64::try_from(span.as_millis()).unwrap_or(i64::MAX)
}

/// Tells the time.
pub trait Clock: Send + Sync + 'static {
    /// The present.
    fn now(&self) -> Timestamp;
    /// How much time has passed since some moment of this process, by a clock that is never set.
    fn elapsed(&self) -> Duration;
}

/// The machine's clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "the one place that reads the machine's clock")]
    fn now(&self) -> Timestamp {
        // A clock before 1970 is a broken one; the epoch itself is then as good an answer as any.
        let span = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        Timestamp(as_millis(span))
    }

    #[expect(clippy::disallowed_methods, reason = "the one place that reads the machine's clock")]
    fn elapsed(&self) -> Duration {
        static START: OnceLock<Instant> = OnceLock::new();
        START.get_or_init(Instant::now).elapsed()
    }
}

#[cfg(test)]
mod tests {
    use super::Timestamp;
    use std::time::Duration;

    #[test]
    fn a_time_is_written_in_utc_with_milliseconds() {
        assert_eq!(Timestamp(1_700_000_000_120).to_iso8601(), "2023-11-14T22:13:20.120Z");
        assert_eq!(Timestamp(i64::MAX).to_iso8601(), "9999-12-31T23:59:59.999Z");
    }

    #[test]
    fn moving_a_time_never_wraps() {
        assert_eq!(Timestamp(i64::MAX).plus(Duration::from_secs(1)), Timestamp(i64::MAX));
        assert_eq!(Timestamp(5).minus(Duration::from_millis(7)), Timestamp(-2));
    }
}
