//! How much the SDK has transferred in the last thirty days, day by day, in a document of its own.

use sentiance_protocol::{EpochMs, message};

const DAY_MS: f64 = 24.0 * 60.0 * 60.0 * 1_000.0;
/// How many days count.
const PERIOD_DAYS: f64 = 30.0;

message! {
    /// What is stored.
    #[derive(Default)]
    pub struct Usage {
        /// The days on which anything was transferred.
        pub days: Vec<DayUsage>,
    }
}

message! {
    /// One day.
    pub struct DayUsage {
        /// Days since the Unix epoch, by this device's clock.
        pub day: f64,
        /// Bytes over Wi-Fi, and over networks of which the kind is not known.
        pub wifi: f64,
        /// Bytes over mobile networks.
        pub mobile: f64,
    }
}

/// What was transferred since the last edit; nothing where the document is only read.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct UsageEdit {
    /// When.
    pub now: EpochMs,
    /// Bytes over Wi-Fi.
    pub wifi: f64,
    /// Bytes over mobile networks.
    pub mobile: f64,
}

impl Usage {
    /// Adds what was transferred. Whether that changed anything.
    pub fn apply(&mut self, edit: &UsageEdit) -> bool {
        if edit.wifi + edit.mobile <= 0.0 {
            return false;
        }
        let today = day_of(edit.now);
        self.days.retain(|day| counts(day, today));
        match self.days.iter_mut().find(|day| day.day == today) {
            Some(day) => {
                day.wifi += edit.wifi;
                day.mobile += edit.mobile;
            }
            None => self.days.push(DayUsage { day: today, wifi: edit.wifi, mobile: edit.mobile }),
        }
        true
    }

    /// Bytes over Wi-Fi in the last thirty days.
    pub(crate) fn wifi(&self, now: EpochMs) -> f64 {
        self.counting(now).map(|day| day.wifi).sum()
    }

    /// Bytes over mobile networks in the last thirty days.
    pub(crate) fn mobile(&self, now: EpochMs) -> f64 {
        self.counting(now).map(|day| day.mobile).sum()
    }

    fn counting(&self, now: EpochMs) -> impl Iterator<Item = &DayUsage> {
        let today = day_of(now);
        self.days.iter().filter(move |day| counts(day, today))
    }
}

fn day_of(now: EpochMs) -> f64 {
    f64::from((now.0 / DAY_MS) as u32)
}

/// A clock that was set back must not make the days after it count for ever.
fn counts(day: &DayUsage, today: f64) -> bool {
    (today - day.day).abs() < PERIOD_DAYS
}

#[cfg(test)]
mod tests {
    use super::{DAY_MS, Usage, UsageEdit};
    use sentiance_protocol::EpochMs;

    #[test]
    fn what_is_thirty_days_old_counts_no_more() {
        let on = |day: f64| EpochMs(day * DAY_MS + 5.0);
        let mut usage = Usage::default();
        usage.apply(&UsageEdit { now: on(100.0), wifi: 10.0, mobile: 1.0 });
        usage.apply(&UsageEdit { now: on(129.0), wifi: 20.0, mobile: 2.0 });
        usage.apply(&UsageEdit { now: on(129.0), wifi: 5.0, mobile: 0.0 });
        assert_eq!((usage.wifi(on(129.0)), usage.mobile(on(129.0))), (35.0, 3.0));
        assert_eq!(usage.wifi(on(130.0)), 25.0);
        usage.apply(&UsageEdit { now: on(130.0), wifi: 1.0, mobile: 0.0 });
        assert_eq!(usage.days.len(), 2);
    }
}
