//! Counts what a suite passed and failed, from its output and its exit code.

use crate::process::Ending;
use std::ops::AddAssign;

/// How a suite tells its result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    /// One check: the exit code is the result.
    ExitCode,
    /// `cargo test`: one `test result:` line for each binary.
    CargoTest,
    /// `node --test`: `pass N`, `fail N` and `cancelled N` after a marker, at the end.
    NodeTest,
}

/// How many tests passed and failed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Count {
    /// Tests that passed. Skipped and ignored ones count nowhere.
    pub(crate) passed: u64,
    /// Tests that failed, were cancelled, or died.
    pub(crate) failed: u64,
}

impl AddAssign for Count {
    fn add_assign(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
    }
}

impl Count {
    /// Adds what one line of output tells.
    pub(crate) fn read(&mut self, format: Format, line: &str) {
        *self += match format {
            Format::ExitCode => Count::default(),
            Format::CargoTest => cargo_test_line(line).unwrap_or_default(),
            Format::NodeTest => node_test_line(line).unwrap_or_default(),
        };
    }

    /// The count once the suite has ended. A suite that ended badly without saying so has one failure at least, and
    /// so has one that ran nothing: silence must never look like success.
    pub(crate) fn finish(mut self, format: Format, ending: Ending) -> Count {
        if format == Format::ExitCode && ending == Ending::Success {
            self.passed += 1;
        }
        let ran_nothing = self == Count::default();
        if self.failed == 0 && (ending != Ending::Success || ran_nothing) {
            self.failed = 1;
        }
        self
    }
}

/// `test result: ok. 5 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.01s`
fn cargo_test_line(line: &str) -> Option<Count> {
    let (_, counts) = line.trim().strip_prefix("test result: ")?.split_once(". ")?;
    let number = |name: &str| {
        counts
            .split("; ")
            .find_map(|part| part.strip_suffix(name))
            .and_then(|number| number.trim().parse().ok())
    };
    Some(Count { passed: number(" passed")?, failed: number(" failed")? })
}

/// `ℹ pass 5` (the readable reporter) or `# pass 5` (TAP). A test's own name is indented or has another marker.
fn node_test_line(line: &str) -> Option<Count> {
    let fact = line.strip_prefix("ℹ ").or_else(|| line.strip_prefix("# "))?;
    let (name, number) = fact.split_once(' ')?;
    let number = number.parse().ok()?;
    match name {
        "pass" => Some(Count { passed: number, failed: 0 }),
        "fail" | "cancelled" => Some(Count { passed: 0, failed: number }),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::{Count, Format};
    use crate::process::Ending;

    fn count(format: Format, output: &str, ending: Ending) -> (u64, u64) {
        let mut count = Count::default();
        output.lines().for_each(|line| count.read(format, line));
        let Count { passed, failed } = count.finish(format, ending);
        (passed, failed)
    }

    #[test]
    fn every_binary_of_cargo_test_is_summed() {
        let output = "running 2 tests\n\
            test result: ok. 2 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.00s\n\
            test result: FAILED. 10 passed; 3 failed; 0 ignored; 0 measured; 0 filtered out; finished in 1.20s\n";
        assert_eq!(count(Format::CargoTest, output, Ending::Failure), (12, 3));
    }

    #[test]
    fn node_reports_are_counted_in_both_of_its_formats() {
        let readable =
            "✔ pass 99 (1ms)\nℹ tests 5\nℹ suites 1\nℹ pass 3\nℹ fail 1\nℹ cancelled 1\nℹ skipped 0\n";
        assert_eq!(count(Format::NodeTest, readable, Ending::Failure), (3, 2));
        let tap = "ok 1 - pass 99\n# tests 4\n# pass 4\n# fail 0\n# cancelled 0\n# skipped 0\n";
        assert_eq!(count(Format::NodeTest, tap, Ending::Success), (4, 0));
    }

    #[test]
    fn a_single_check_counts_as_one() {
        assert_eq!(count(Format::ExitCode, "anything", Ending::Success), (1, 0));
        assert_eq!(count(Format::ExitCode, "anything", Ending::Failure), (0, 1));
        assert_eq!(count(Format::ExitCode, "anything", Ending::TimedOut), (0, 1));
    }

    #[test]
    fn a_suite_that_dies_without_a_summary_has_failed() {
        for format in [Format::CargoTest, Format::NodeTest] {
            assert_eq!(count(format, "error: could not compile", Ending::Failure), (0, 1));
            assert_eq!(count(format, "", Ending::TimedOut), (0, 1));
        }
    }

    #[test]
    fn a_suite_that_dies_after_good_news_has_failed_too() {
        let output =
            "test result: ok. 2 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.0s";
        assert_eq!(count(Format::CargoTest, output, Ending::Failure), (2, 1));
    }

    #[test]
    fn a_suite_that_ran_nothing_has_failed() {
        let output =
            "test result: ok. 0 passed; 0 failed; 0 ignored; 0 measured; 9 filtered out; finished in 0.0s";
        assert_eq!(count(Format::CargoTest, output, Ending::Success), (0, 1));
        assert_eq!(count(Format::NodeTest, "ℹ pass 0\nℹ fail 0\n", Ending::Success), (0, 1));
    }
}
