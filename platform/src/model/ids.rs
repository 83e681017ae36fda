//! Ids as types, so that one cannot be taken for another.

use crate::random::{Randomness, bytes, hex, is_hex};
use sentiance_protocol::{CLIENT_ID_LENGTH, EXTERNAL_ID_MAX_CHARS};
use std::fmt;

macro_rules! hex_ids {
    ($( $(#[doc = $doc:literal])+ $name:ident = $digits:expr, )+) => { $(
        $(#[doc = $doc])+
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(String);

        impl $name {
            /// The id that `text` is, if it is well formed.
            pub fn parse(text: &str) -> Option<Self> {
                is_hex(text, $digits).then(|| $name(text.to_owned()))
            }

            /// Its text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str(&self.0)
            }
        }
    )+ };
}

macro_rules! generated_here {
    ($( $name:ident: $bytes:literal bytes, )+) => { $(
        impl $name {
            /// A new id.
            pub fn generate(random: &dyn Randomness) -> Self {
                $name(hex(&bytes::<$bytes>(random)))
            }
        }
    )+ };
}

hex_ids! {
    /// An application: 24 lower-case hex digits.
    AppId = 24,
    /// A Sentiance user: 24 lower-case hex digits.
    UserId = 24,
    /// An API key's public name: 16 lower-case hex digits.
    KeyId = 16,
    /// An installation of the SDK: 32 lower-case hex digits, made by the SDK.
    InstallId = CLIENT_ID_LENGTH,
    /// Something that was recorded on a device: 32 lower-case hex digits, made by the SDK.
    DetectionId = CLIENT_ID_LENGTH,
}

generated_here! {
    AppId: 12 bytes,
    UserId: 12 bytes,
    KeyId: 8 bytes,
}

impl DetectionId {
    /// The id that these bytes are.
    pub fn from_bytes(bytes: [u8; 16]) -> Self {
        DetectionId(hex(&bytes))
    }

    /// It as bytes, in the same order.
    pub fn to_bytes(&self) -> [u8; 16] {
        let number = u128::from_str_radix(&self.0, 16);
        number.unwrap_or_else(|error| unreachable!("an id of 32 hex digits: {error}")).to_be_bytes()
    }
}

/// The app's own id of its user: personal data, so `Debug` does not show it.
#[derive(Clone, PartialEq, Eq)]
pub struct ExternalId(String);

impl ExternalId {
    /// The id that `text` is: 1 to 256 characters. NUL is refused, since not every database can store it in a text.
    pub fn parse(text: String) -> Option<Self> {
        let length_is_right = !text.is_empty() && text.chars().count() <= EXTERNAL_ID_MAX_CHARS;
        (length_is_right && !text.contains('\0')).then_some(ExternalId(text))
    }

    /// Its text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for ExternalId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("[external id]")
    }
}

#[cfg(test)]
mod tests {
    use super::{ExternalId, UserId};
    use crate::random::OsRandomness;

    #[test]
    fn a_user_id_is_24_lower_case_hex_digits() {
        let id = UserId::generate(&OsRandomness);
        assert_eq!(UserId::parse(id.as_str()), Some(id));
        assert_eq!(UserId::parse("0123456789ABCDEF01234567"), None);
        assert_eq!(UserId::parse("me"), None);
    }

    #[test]
    fn an_external_id_has_1_to_256_characters_not_bytes() {
        assert!(ExternalId::parse("é".repeat(256)).is_some());
        for refused in [String::new(), "a".repeat(257), "a\0b".to_owned()] {
            assert!(ExternalId::parse(refused).is_none());
        }
    }
}
