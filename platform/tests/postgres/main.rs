//! The platform on PostgreSQL, by several processes: what only holds or fails there.

#![expect(
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a test that cannot go on has failed, and one that ran says what it tried"
)]

mod contents;
mod crashes;
mod helpers;
mod import;
#[path = "../durability/load.rs"]
#[expect(dead_code, reason = "another test binary uses the rest")]
mod load;
mod migrations;
mod outages;
mod pooler;
mod races;
mod replicas;
mod tls;

#[path = "../api/support/mod.rs"]
mod support;
#[path = "../durability/volume.rs"]
#[expect(dead_code, reason = "another test binary uses the rest")]
mod volume;
