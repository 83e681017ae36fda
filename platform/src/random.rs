//! Randomness as a parameter: the one source of secrets and ids.

/// A source of random bytes, fit for secrets.
pub trait Randomness: Send + Sync + 'static {
    /// Fills `bytes`.
    fn fill(&self, bytes: &mut [u8]);
}

/// The operating system's generator.
#[derive(Clone, Copy, Debug, Default)]
pub struct OsRandomness;

impl Randomness for OsRandomness {
    fn fill(&self, bytes: &mut [u8]) {
        // Without randomness there is no safe answer to any request. The panic becomes a 500 at the edge of the server.
        #[expect(clippy::panic, reason = "a guessable secret would be worse")]
        if let Err(error) = getrandom::fill(bytes) {
            panic!("the operating system gave no random bytes: {error}");
        }
    }
}

/// `N` random bytes.
pub fn bytes<const N: usize>(random: &dyn Randomness) -> [u8; N] {
    let mut bytes = [0; N];
    random.fill(&mut bytes);
    bytes
}

/// A number from 0 to 1, for those who would otherwise all do something at the same moment.
pub fn fraction(random: &dyn Randomness) -> f64 {
    f64::from(u16::from_le_bytes(bytes::<2>(random))) / f64::from(u16::MAX)
}

/// Bytes as lower-case hex digits.
pub fn hex(bytes: &[u8]) -> String {
    let digits = bytes.iter().flat_map(|byte| [byte >> 4, byte & 0xf]);
    digits.map(|digit| char::from(b"0123456789abcdef"[usize::from(digit)])).collect()
}

/// Whether `text` is `length` lower-case hex digits.
pub fn is_hex(text: &str, length: usize) -> bool {
    text.len() == length && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

#[cfg(test)]
mod tests {
    use super::{OsRandomness, bytes, hex, is_hex};

    #[test]
    fn bytes_become_lower_case_hex() {
        assert_eq!(hex(&[0x00, 0xab, 0xff]), "00abff");
    }

    #[test]
    fn only_lower_case_hex_of_the_right_length_is_accepted() {
        assert!(is_hex("00abff", 6));
        for text in ["00abf", "00ABFF", "00abfg", "00abf\u{e9}"] {
            assert!(!is_hex(text, 6), "{text}");
        }
    }

    #[test]
    fn the_operating_system_gives_different_bytes_each_time() {
        assert_ne!(bytes::<32>(&OsRandomness), bytes::<32>(&OsRandomness));
    }
}
