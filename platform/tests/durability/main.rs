//! What the platform's disk, its operators and the power supply do to it: the real command on real files. Nothing that
//! was acknowledged is lost, and what is wrong is said in one line.
//!
//! `DURABILITY_KILLS=500` makes the longest of the tests longer, `DURABILITY_SEED=7` repeats its schedule.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on has failed"
)]

mod backups;
mod crashes;
mod database;
mod load;
mod service;

#[path = "../api/support/mod.rs"]
mod support;
