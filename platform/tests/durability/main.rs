//! What the platform's disk, its operators and the power supply do to it: the real command on real files. Nothing that
//! was acknowledged is lost, and what is wrong is said in one line.
//!
//! `DURABILITY_KILLS=500` makes the longest of the tests longer, `DURABILITY_SEED=7` repeats its schedule.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test that cannot go on has failed, and a long one tells what it has tried"
)]

mod attacks;
mod backups;
mod crashes;
mod damaged_files;
mod database;
mod full_disk;
mod load;
mod lost_files;
mod migrations;
mod operator;
mod service;
mod volume;

#[path = "../api/support/mod.rs"]
mod support;
