//! The Sentiance core SDK.
