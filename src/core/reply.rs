//! What an answer's body is: the reply that was expected, the platform's error, or nothing that the platform says.

use super::effect::Body;
use super::event::Reply;
use sentiance_protocol::{Message, Source};

impl Reply {
    /// Reads the JSON object of an answer to a request with the body `expected`.
    pub fn read<S: Source>(expected: &Body, status: u16, object: &S) -> Reply {
        let reply = match (status, expected) {
            (200..=299, Body::CreateUser(_)) => Message::read(object).map(|user| Reply::User(Box::new(user))),
            (200..=299, Body::Refresh(_)) => Message::read(object).map(Reply::Token),
            // A stream's words come one by one, and each is what a check would bring.
            (200..=299, Body::Config | Body::Events) => Message::read(object).map(Reply::Config),
            (200..=299, Body::Link(_) | Body::ConfirmLink) => Message::read(object).map(Reply::Linked),
            // A page that says 200 to everything must not make the queue forget.
            (200..=299, Body::Detections(_)) => object.number("accepted").map(|_| Reply::Empty),
            (200..=299, Body::Metadata(_)) => Message::read(object).map(Reply::Metadata),
            (200..=299, Body::Goodbye) => Some(Reply::Empty),
            _ => Message::read(object).map(Reply::Error),
        };
        reply.unwrap_or(Reply::Unreadable)
    }
}
