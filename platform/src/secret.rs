//! Secrets as types: a plain one is shown once and cannot be stored, a hashed one is stored and cannot be reversed.
//!
//! The text of a prefixed secret is `<prefix><random hex><8 hex digits of CRC-32>`. The checksum tells a damaged or
//! invented secret before the database is asked; it protects nothing else.

use crate::{
    model::{AppId, InstallId},
    random::{Randomness, bytes, hex, is_hex},
};
use sentiance_protocol as protocol;
use sha2::{Digest, Sha256};
use std::{fmt, marker::PhantomData};

const CHECKSUM_LENGTH: usize = 8;

/// What a secret is for: its prefix and its number of random bytes.
pub trait Kind {
    /// What its text starts with.
    const PREFIX: &'static str;
    /// How many random bytes it holds; at least 20, so that guessing is hopeless and a fast hash is enough.
    const BYTES: usize;
}

macro_rules! kinds {
    ($( $(#[doc = $doc:literal])+ $name:ident = ($prefix:expr, $bytes:literal), )+) => { $(
        $(#[doc = $doc])+
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum $name {}

        impl Kind for $name {
            const PREFIX: &'static str = $prefix;
            const BYTES: usize = $bytes;
        }
    )+ };
}

kinds! {
    /// Authorizes a server of the application.
    ApiKey = (protocol::API_KEY_PREFIX, 20),
    /// With the application's id, creates users who are not linked.
    AppSecret = (protocol::APP_SECRET_PREFIX, 20),
    /// Authorizes calls for one user.
    AccessToken = (protocol::ACCESS_TOKEN_PREFIX, 20),
    /// Buys the next pair of tokens: 20 bytes name the [family](Plain::family), 20 this token.
    RefreshToken = (protocol::REFRESH_TOKEN_PREFIX, 40),
}

/// A secret in clear text.
pub struct Plain<K> {
    text: String,
    kind: PhantomData<K>,
}

impl<K> Clone for Plain<K> {
    fn clone(&self) -> Self {
        Plain { text: self.text.clone(), kind: PhantomData }
    }
}

impl<K> Plain<K> {
    /// The form that may be stored.
    pub fn hash(&self) -> Hashed<K> {
        Hashed::of(&self.text)
    }

    /// The text itself: for the one answer that hands it out.
    pub fn reveal(&self) -> &str {
        &self.text
    }
}

impl<K: Kind> Plain<K> {
    /// A new secret.
    pub fn generate(random: &dyn Randomness) -> Self {
        let mut body = vec![0; K::BYTES];
        random.fill(&mut body);
        Self::from_body(&hex(&body))
    }

    /// The secret that `text` is, if it is well formed.
    pub fn parse(text: &str) -> Option<Self> {
        let body_length = K::BYTES * 2;
        let rest = text.strip_prefix(K::PREFIX)?;
        if !is_hex(rest, body_length + CHECKSUM_LENGTH) {
            return None;
        }
        let secret = Self::from_body(&rest[..body_length]);
        (secret.text == text).then_some(secret)
    }

    /// The last characters, by which a person recognizes it in a list.
    pub fn hint(&self) -> String {
        self.text[self.text.len() - 4..].to_owned()
    }

    fn from_body(body: &str) -> Self {
        let checked = format!("{}{body}", K::PREFIX);
        let checksum = crc32fast::hash(checked.as_bytes());
        Plain { text: format!("{checked}{checksum:08x}"), kind: PhantomData }
    }
}

/// What all refresh tokens of one session have in common. Whoever shows a known family once held one of its tokens,
/// so that the reuse of *any* earlier token is recognized without keeping them all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {}

const FAMILY_BYTES: usize = 20;

impl Plain<Family> {
    /// The family of the session that a creation starts: the same for every try, so that it does not matter which of the
    /// answers arrives. As secret as the key is.
    pub fn of_creation(install: &InstallId, idempotency_key: &str) -> Self {
        Self::of_parts(&["family", install.as_str(), idempotency_key])
    }

    /// The family that one application has for that creation: another one than any other application has.
    pub fn of_application(&self, app: &AppId) -> Self {
        Self::of_parts(&["family of an application", app.as_str(), &self.text])
    }

    /// All parts but the first have one length each, so that no two lists of parts give one text.
    fn of_parts(parts: &[&str]) -> Self {
        let digest = parts.iter().fold(Sha256::new(), |digest, part| digest.chain_update(part)).finalize();
        Plain { text: hex(&digest[..FAMILY_BYTES]), kind: PhantomData }
    }
}

impl Plain<RefreshToken> {
    /// A new refresh token of this family.
    pub fn in_family(family: &Plain<Family>, random: &dyn Randomness) -> Self {
        let own = hex(&bytes::<{ RefreshToken::BYTES - FAMILY_BYTES }>(random));
        Self::from_body(&format!("{}{own}", family.text))
    }

    /// This token, if it were of that family.
    pub fn moved_to(&self, family: &Plain<Family>) -> Self {
        let body = &self.text[RefreshToken::PREFIX.len()..self.text.len() - CHECKSUM_LENGTH];
        Self::from_body(&format!("{}{}", family.text, &body[FAMILY_BYTES * 2..]))
    }

    /// The session that this token belongs to.
    pub fn family(&self) -> Plain<Family> {
        let start = RefreshToken::PREFIX.len();
        Plain { text: self.text[start..start + FAMILY_BYTES * 2].to_owned(), kind: PhantomData }
    }
}

/// An authentication code: its public shape has neither prefix nor checksum.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Code {}

impl Plain<Code> {
    /// A new code.
    pub fn new_code(random: &dyn Randomness) -> Self {
        let text = hex(&bytes::<{ protocol::AUTHENTICATION_CODE_LENGTH / 2 }>(random));
        Plain { text, kind: PhantomData }
    }

    /// The code that `text` is, if it is well formed.
    pub fn parse_code(text: &str) -> Option<Self> {
        is_hex(text, protocol::AUTHENTICATION_CODE_LENGTH)
            .then(|| Plain { text: text.to_owned(), kind: PhantomData })
    }
}

/// A client's idempotency key. Not a secret of the platform, but whoever knows it can replay a call: hashed as well.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IdempotencyKey {}

impl Hashed<IdempotencyKey> {
    /// The stored form of the key that `text` is, if it is well formed.
    pub fn of_key(text: &str) -> Option<Self> {
        is_hex(text, protocol::CLIENT_ID_LENGTH).then(|| Hashed::of(text))
    }
}

impl Hashed<InstallId> {
    /// What is kept of an install whose user was deleted.
    pub fn of_install(install: &InstallId) -> Self {
        Hashed::of(install.as_str())
    }
}

impl<K> fmt::Debug for Plain<K> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("[redacted]")
    }
}

/// The SHA-256 of a secret: enough, since every secret has at least 128 random bits.
pub struct Hashed<K> {
    digest: [u8; 32],
    kind: PhantomData<K>,
}

impl<K> Clone for Hashed<K> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<K> Copy for Hashed<K> {}

impl<K> PartialEq for Hashed<K> {
    fn eq(&self, other: &Self) -> bool {
        self.digest == other.digest
    }
}

impl<K> Eq for Hashed<K> {}

impl<K> Hashed<K> {
    fn of(text: &str) -> Self {
        Hashed { digest: Sha256::digest(text.as_bytes()).into(), kind: PhantomData }
    }

    /// The digest: names the secret where it must not be known.
    pub fn digest(&self) -> &[u8; 32] {
        &self.digest
    }

    /// The digest, for the database.
    pub fn as_bytes(&self) -> &[u8] {
        &self.digest
    }

    /// The hash with this digest, if it has the right length.
    pub fn from_bytes(digest: &[u8]) -> Option<Self> {
        Some(Hashed { digest: digest.try_into().ok()?, kind: PhantomData })
    }
}

impl<K> fmt::Debug for Hashed<K> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("[hashed]")
    }
}

#[cfg(test)]
mod tests {
    use super::{AccessToken, ApiKey, Plain, RefreshToken};
    use crate::{model::InstallId, random::OsRandomness};

    #[test]
    fn a_secret_is_read_back_and_a_damaged_one_is_not() {
        let key = Plain::<ApiKey>::generate(&OsRandomness);
        let text = key.reveal();
        assert!(Plain::<ApiKey>::parse(text).is_some_and(|read| read.hash() == key.hash()));
        assert!(Plain::<AccessToken>::parse(text).is_none(), "another kind of secret");

        let (last, others) = (&text[text.len() - 1..], &text[..text.len() - 1]);
        let damaged = format!("{others}{}", if last == "0" { "1" } else { "0" });
        assert!(Plain::<ApiKey>::parse(&damaged).is_none());
        assert!(Plain::<ApiKey>::parse(&text.to_uppercase()).is_none());
        assert!(Plain::<ApiKey>::parse("stk_").is_none());
    }

    #[test]
    fn refresh_tokens_of_a_session_share_its_family() {
        let install = InstallId::parse(&"a".repeat(32)).unwrap();
        let family = Plain::of_creation(&install, &"b".repeat(32));
        let first = Plain::<RefreshToken>::in_family(&family, &OsRandomness);
        let second = Plain::<RefreshToken>::in_family(&family, &OsRandomness);
        assert_ne!(first.reveal(), second.reveal());
        assert_eq!(first.family().hash(), second.family().hash());
        assert!(Plain::<RefreshToken>::parse(first.reveal()).is_some());
    }

    #[test]
    fn no_secret_is_printed_for_debugging() {
        let key = Plain::<ApiKey>::generate(&OsRandomness);
        assert_eq!(format!("{key:?} {:?}", key.hash()), "[redacted] [hashed]");
    }
}
