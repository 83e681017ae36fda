//! Text that must never be printed.

use crate::{Field, Sink, Source};
use serde::{Deserialize, Serialize};
use std::fmt;

/// A code or token on its way. Printing it shows that it is there, never what it is.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Secret(String);

impl Secret {
    /// Wraps `text`.
    pub fn new(text: impl Into<String>) -> Self {
        Secret(text.into())
    }

    /// The text itself: for sending, storing and hashing, not for messages.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

impl Field for Secret {
    fn read_field<S: Source>(source: &S, key: &str) -> Self {
        Secret(Field::read_field(source, key))
    }

    fn write_field<S: Sink>(&self, sink: &mut S, key: &str) {
        sink.put_text(key, self.expose());
    }
}

#[cfg(test)]
mod tests {
    use super::Secret;

    #[test]
    fn a_secret_is_not_printed_but_travels_as_plain_text() {
        let secret = Secret::new("sat_visible");
        assert!(!format!("{secret:?}").contains("visible"));
        assert_eq!(serde_json::to_string(&secret).unwrap(), "\"sat_visible\"");
    }
}
