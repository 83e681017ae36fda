//! Secrets as types: a plain one is shown once and cannot be stored, a hashed one is stored and cannot be reversed.
//!
//! The text of a prefixed secret is `<prefix><random hex><8 hex digits of CRC-32>`. The checksum tells a damaged or
//! invented secret before the database is asked; it protects nothing else.
//!
//! Codes and tokens name their application before what is random, so that the database is asked for rows of that
//! application: where the tables are distributed by application, one node has them. Those of earlier versions name none.

use crate::{
    model::{AppId, InstallId},
    random::{Randomness, bytes, hex, is_hex},
};
use sentiance_protocol as protocol;
use sha2::{Digest, Sha256};
use std::{fmt, marker::PhantomData};

const CHECKSUM_LENGTH: usize = 8;
/// The hex digits of an application's id.
const APP_LENGTH: usize = 24;

/// What a secret is for: its prefix and its number of random bytes.
pub trait Kind {
    /// What its text starts with.
    const PREFIX: &'static str;
    /// How many random bytes it holds; at least 20, so that guessing is hopeless and a fast hash is enough.
    const BYTES: usize;
    /// Whether the id of its application may stand before them.
    const NAMES_APPLICATION: bool;
}

macro_rules! kinds {
    ($( $(#[doc = $doc:literal])+ $name:ident = ($prefix:expr, $bytes:literal, $named:literal), )+) => { $(
        $(#[doc = $doc])+
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum $name {}

        impl Kind for $name {
            const PREFIX: &'static str = $prefix;
            const BYTES: usize = $bytes;
            const NAMES_APPLICATION: bool = $named;
        }
    )+ };
}

kinds! {
    /// Authorizes a server of the application.
    ApiKey = (protocol::API_KEY_PREFIX, 20, false),
    /// With the application's id, creates users who are not linked.
    AppSecret = (protocol::APP_SECRET_PREFIX, 20, false),
    /// Authorizes calls for one user.
    AccessToken = (protocol::ACCESS_TOKEN_PREFIX, 20, true),
    /// Buys the next pair of tokens: 20 bytes name the [family](Plain::family), 20 this token.
    RefreshToken = (protocol::REFRESH_TOKEN_PREFIX, 40, true),
}

/// A secret in clear text.
pub struct Plain<K> {
    text: String,
    app: Option<AppId>,
    kind: PhantomData<K>,
}

impl<K> Clone for Plain<K> {
    fn clone(&self) -> Self {
        Plain { text: self.text.clone(), app: self.app.clone(), kind: PhantomData }
    }
}

impl<K> Plain<K> {
    fn new(text: String, app: Option<AppId>) -> Self {
        Plain { text, app, kind: PhantomData }
    }

    /// The form that may be stored.
    pub fn hash(&self) -> Hashed<K> {
        let app = self.app.as_ref().and_then(|app| app.as_str().as_bytes().try_into().ok());
        Hashed { digest: digest(&self.text), app, kind: PhantomData }
    }

    /// The text itself: for the one answer that hands it out.
    pub fn reveal(&self) -> &str {
        &self.text
    }
}

impl<K: Kind> Plain<K> {
    /// A new secret, which names no application.
    pub fn generate(random: &dyn Randomness) -> Self {
        let mut own = vec![0; K::BYTES];
        random.fill(&mut own);
        Self::of(None, &hex(&own))
    }

    /// The secret that `text` is, if it is well formed.
    pub fn parse(text: &str) -> Option<Self> {
        let rest = text.strip_prefix(K::PREFIX)?;
        let body_length = rest.len().checked_sub(CHECKSUM_LENGTH)?;
        let name_length = body_length.checked_sub(K::BYTES * 2)?;
        if !is_hex(rest, rest.len())
            || !(name_length == 0 || K::NAMES_APPLICATION && name_length == APP_LENGTH)
        {
            return None;
        }
        let (name, own) = rest[..body_length].split_at(name_length);
        let secret = Self::of(AppId::parse(name), own);
        (secret.text == text).then_some(secret)
    }

    /// The same secret where it names its application.
    pub fn named(&self, app: &AppId) -> Self {
        Self::of(Some(app.clone()), self.own())
    }

    /// The last characters, by which a person recognizes it in a list.
    pub fn hint(&self) -> String {
        self.text[self.text.len() - 4..].to_owned()
    }

    /// What is random in it.
    fn own(&self) -> &str {
        let end = self.text.len() - CHECKSUM_LENGTH;
        &self.text[end - K::BYTES * 2..end]
    }

    fn of(app: Option<AppId>, own: &str) -> Self {
        let checked = format!("{}{}{own}", K::PREFIX, app.as_ref().map_or("", AppId::as_str));
        let checksum = crc32fast::hash(checked.as_bytes());
        Self::new(format!("{checked}{checksum:08x}"), app)
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
        Self::new(hex(&digest[..FAMILY_BYTES]), None)
    }
}

impl Plain<RefreshToken> {
    /// A new refresh token of this family, which names the application that the family does.
    pub fn in_family(family: &Plain<Family>, random: &dyn Randomness) -> Self {
        let own = hex(&bytes::<{ RefreshToken::BYTES - FAMILY_BYTES }>(random));
        Self::of(family.app.clone(), &format!("{}{own}", family.text))
    }

    /// This token, if it were of that family.
    pub fn moved_to(&self, family: &Plain<Family>) -> Self {
        Self::of(self.app.clone(), &format!("{}{}", family.text, &self.own()[FAMILY_BYTES * 2..]))
    }

    /// The session that this token belongs to.
    pub fn family(&self) -> Plain<Family> {
        Plain::new(self.own()[..FAMILY_BYTES * 2].to_owned(), self.app.clone())
    }
}

/// An authentication code: its public shape has neither prefix nor checksum. It begins with its application and the CRC-32
/// of that, by which a code of an earlier version, all of which is random, is told from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Code {}

/// How much of a code is random, in bytes.
const CODE_BYTES: usize = (protocol::AUTHENTICATION_CODE_LENGTH - APP_LENGTH - CHECKSUM_LENGTH) / 2;

impl Plain<Code> {
    /// A new code for a user of this application.
    pub fn new_code(app: &AppId, random: &dyn Randomness) -> Self {
        let own = hex(&bytes::<CODE_BYTES>(random));
        Self::new(format!("{app}{:08x}{own}", crc32fast::hash(app.as_str().as_bytes())), Some(app.clone()))
    }

    /// The code that `text` is, if it is well formed.
    pub fn parse_code(text: &str) -> Option<Self> {
        if !is_hex(text, protocol::AUTHENTICATION_CODE_LENGTH) {
            return None;
        }
        let (name, rest) = text.split_at(APP_LENGTH);
        let names_app = rest.starts_with(&format!("{:08x}", crc32fast::hash(name.as_bytes())));
        Some(Self::new(text.to_owned(), AppId::parse(name).filter(|_| names_app)))
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

/// The SHA-256 of a secret: enough, since every secret has at least 128 random bits. With the application that the secret
/// names, where the secret was at hand.
pub struct Hashed<K> {
    digest: [u8; 32],
    /// The text of its id.
    app: Option<[u8; APP_LENGTH]>,
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
        Hashed { digest: digest(text), app: None, kind: PhantomData }
    }

    /// The application that the secret names.
    pub fn app(&self) -> Option<AppId> {
        AppId::parse(str::from_utf8(self.app.as_ref()?).ok()?)
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
        Some(Hashed { digest: digest.try_into().ok()?, app: None, kind: PhantomData })
    }
}

fn digest(text: &str) -> [u8; 32] {
    Sha256::digest(text.as_bytes()).into()
}

impl<K> fmt::Debug for Hashed<K> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("[hashed]")
    }
}

#[cfg(test)]
mod tests {
    use super::{AccessToken, ApiKey, Plain, RefreshToken};
    use crate::{
        model::{AppId, InstallId},
        random::OsRandomness,
    };
    use sentiance_protocol::AUTHENTICATION_CODE_LENGTH;

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
    fn a_token_that_names_its_application_is_read_back_with_it() {
        let (app, token) = (AppId::generate(&OsRandomness), Plain::<RefreshToken>::generate(&OsRandomness));
        assert_eq!(token.hash().app(), None);
        let named = token.named(&app);
        let read = Plain::<RefreshToken>::parse(named.reveal()).unwrap();
        assert_eq!((read.hash().app(), read.family().hash().app()), (Some(app.clone()), Some(app)));
        assert_eq!(read.family().hash(), token.family().hash(), "the family is the same");
        assert_ne!(named.hash(), token.hash());

        let key = Plain::<ApiKey>::generate(&OsRandomness);
        assert!(Plain::<ApiKey>::parse(key.named(&AppId::generate(&OsRandomness)).reveal()).is_none());
    }

    #[test]
    fn a_code_names_its_application_and_one_of_an_earlier_version_none() {
        let app = AppId::generate(&OsRandomness);
        let code = Plain::new_code(&app, &OsRandomness);
        assert_eq!(code.reveal().len(), AUTHENTICATION_CODE_LENGTH);
        assert_eq!(Plain::parse_code(code.reveal()).unwrap().hash().app(), Some(app));
        let earlier = Plain::parse_code(&"ab".repeat(AUTHENTICATION_CODE_LENGTH / 2)).unwrap();
        assert_eq!(earlier.hash().app(), None);
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
