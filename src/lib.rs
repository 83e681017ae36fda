//! The Sentiance core SDK.

pub mod core;
