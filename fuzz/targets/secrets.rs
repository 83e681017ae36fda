//! Secrets as text: what is taken for one is one, whole and unchanged, and never shows in debug output.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sentiance_platform::secret::{AccessToken, ApiKey, AppSecret, Hashed, Kind, Plain, RefreshToken};
use sentiance_protocol::{AUTHENTICATION_CODE_LENGTH, CLIENT_ID_LENGTH};

fuzz_target!(|text: &str| {
    let kinds = [of_kind::<ApiKey>(text), of_kind::<AppSecret>(text), of_kind::<AccessToken>(text)];
    let accepted = kinds.into_iter().chain([of_kind::<RefreshToken>(text)]).filter(|accepted| *accepted);
    assert!(accepted.count() <= 1, "a secret of two kinds");

    if let Some(token) = Plain::<RefreshToken>::parse(text) {
        assert!(text.contains(token.family().reveal()));
    }
    if let Some(code) = Plain::parse_code(text) {
        assert_eq!(code.reveal(), text);
        assert!(is_hex(text, AUTHENTICATION_CODE_LENGTH));
    }
    assert_eq!(Hashed::of_key(text).is_some(), is_hex(text, CLIENT_ID_LENGTH));
});

fn of_kind<K: Kind>(text: &str) -> bool {
    let Some(secret) = Plain::<K>::parse(text) else { return false };
    assert_eq!(secret.reveal(), text, "a secret that is not what was sent");
    let rest = text.strip_prefix(K::PREFIX).expect("a prefix");
    let own = K::BYTES * 2 + 8;
    assert!(is_hex(rest, own) || K::NAMES_APPLICATION && is_hex(rest, own + 24));
    assert_eq!(secret.hash().app().is_some(), rest.len() > own);
    assert!(Plain::<K>::parse(secret.reveal()).is_some_and(|again| again.hash() == secret.hash()));
    assert_eq!(format!("{secret:?} {:?}", secret.hash()), "[redacted] [hashed]");
    true
}

fn is_hex(text: &str, length: usize) -> bool {
    text.len() == length && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}
