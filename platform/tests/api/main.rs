//! The platform through its public doors: real HTTP on a real SQLite file, and the `platform` command.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on has failed")]

mod abuse;
mod audit;
mod auth_code;
mod bodies;
mod browsers;
mod clean_up;
mod cli;
mod client_address;
mod config;
mod create_user;
mod detection_history;
mod detections;
mod devices;
mod earlier_secrets;
mod errors;
mod events;
mod forgetting;
mod health;
mod hostile_texts;
mod limits;
mod linking;
mod logs;
mod lookups;
mod lost_answers;
mod matrix;
mod metadata;
mod metrics;
mod migrations;
mod process;
mod quotas;
mod rate_limits;
mod refresh;
mod reset;
mod revocation;
mod secrets;
mod support;
mod under_way;
mod unlinked;
mod users;
