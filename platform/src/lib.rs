//! The platform: issues authentication codes, creates, restores and deactivates users, and refreshes their tokens.
//!
//! Dependencies point one way: `cli → http → domain → store`, and all of them use `model`.

pub mod cli;
pub mod clock;
pub mod domain;
pub mod http;
pub mod metrics;
pub mod model;
pub mod random;
pub mod secret;
pub mod store;
