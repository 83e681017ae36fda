//! The wire types and error codes that the SDK and the platform share, each defined once.
//!
//! Everything here is data: no I/O, no clock, no randomness. The SDK compiles it to WebAssembly, where every type
//! costs bytes, so the types are few and flat. All names on the wire are `snake_case`, except the error body, whose
//! shape (`{message, errorCode, ref}`) is the public one of the platform.

mod error;
mod limits;
mod message;
mod sdk;
mod secret;
mod server;
mod time;
mod uploads;

pub use error::{ErrorBody, ErrorCode};
pub use limits::*;
pub use message::{Field, Message, Sink, Source};
pub use sdk::*;
pub use secret::Secret;
pub use server::*;
pub use time::EpochMs;
pub use uploads::*;
