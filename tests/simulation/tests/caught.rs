//! The simulation finds bugs: each variant that is broken on purpose is caught, and by the invariant that it breaks.

use simulation::{Broken, Invariant, catch};

/// More seeds than any variant survives.
const LIMIT: u64 = 1_000;

#[test]
fn each_broken_variant_is_caught_by_the_invariant_that_it_breaks() {
    let mut survivors = Vec::new();
    for (broken, by) in Broken::ALL {
        match catch(broken, by, LIMIT) {
            Ok((seeds, failure)) => {
                println!("{broken:?}: caught after {seeds} seeds: {}", failure.violation.invariant.text());
            }
            Err(others) => survivors.push(format!(
                "{broken:?}: caught {} times by others: {:?}",
                others.len(),
                others.first()
            )),
        }
    }
    assert!(survivors.is_empty(), "{}", survivors.join("\n"));
}

#[test]
fn each_invariant_has_a_variant_that_breaks_it() {
    for invariant in Invariant::ALL {
        let has_one = Broken::ALL.iter().any(|(_, broken)| broken.contains(&invariant));
        assert!(has_one, "{}", invariant.text());
    }
}
