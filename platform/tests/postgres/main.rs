//! The platform on PostgreSQL, by several processes: what only holds or fails there.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on has failed")]

mod migrations;
mod races;
mod replicas;
mod tls;

#[path = "../api/support/mod.rs"]
mod support;
