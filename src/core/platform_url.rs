//! Which platform a user is created on, and which URLs may be one.

/// The original's default.
pub const DEFAULT_PLATFORM_URL: &str = "https://api.sentiance.com";

/// The longest URL that fits the record.
const MAX_LENGTH: usize = 256;

/// What to do where `http:` is refused, since that is the first thing that a developer of an Android app meets.
const INSECURE: &str = "platformUrl: the URL must use https:, or http: to this machine. An Android emulator or phone \
                        reaches it at http://localhost:8080 after `adb reverse tcp:8080 tcp:8080`; others need an \
                        https: tunnel.";

/// A platform's URL: `https:`, or `http:` to a loopback host; no credentials, query or fragment; no trailing slash.
/// Scheme and host are in lower case and a default port is left out, so that equal platforms have equal texts.
///
/// Stricter than the URL Standard, whose parser runs in no core: what passes here it reads as the same origin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlatformUrl(String);

impl PlatformUrl {
    /// Checks `text`. Fails with a sentence that says what is wrong with it.
    pub fn parse(text: &str) -> Result<PlatformUrl, &'static str> {
        let mut text = text.trim_ascii();
        while let Some(shorter) = text.strip_suffix('/') {
            text = shorter;
        }
        if text.len() > MAX_LENGTH {
            return Err("platformUrl: the URL is longer than 256 characters.");
        }
        let lower = text.to_ascii_lowercase();
        let (scheme, default_port) = if lower.starts_with("https://") {
            ("https://", ":443")
        } else if lower.starts_with("http://") {
            ("http://", ":80")
        } else {
            return Err("platformUrl: the URL must start with https://");
        };
        let rest = lower.get(scheme.len()..).unwrap_or_default();
        let end = rest.bytes().position(|byte| byte == b'/').unwrap_or(rest.len());
        let authority = rest.get(..end).unwrap_or_default();
        let path = text.get(scheme.len() + end..).unwrap_or_default();
        let host = host_of(authority.as_bytes()).ok_or(
            "platformUrl: the URL needs a host, perhaps a port from 1 to 65535, and no credentials.",
        )?;
        let mut parts = path.as_bytes().split(|byte| *byte == b'/');
        if !path.bytes().all(is_path_byte) || parts.any(|part| part == b"." || part == b"..") {
            return Err(
                "platformUrl: the URL may hold no query, fragment, dot segments or unusual characters.",
            );
        }
        if default_port == ":80" && !is_loopback(host) {
            return Err(INSECURE);
        }
        Ok(Self([scheme, authority.strip_suffix(default_port).unwrap_or(authority), path].concat()))
    }

    /// The URL.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The host of a valid authority in lower case: a name, an address, or a bracketed one.
fn host_of(authority: &[u8]) -> Option<&[u8]> {
    let colon = authority.iter().rposition(|byte| matches!(byte, b':' | b']'));
    let mut host = authority;
    if let Some(at) = colon.filter(|at| authority.get(*at) == Some(&b':')) {
        host = authority.get(..at)?;
        number(authority.get(at + 1..)?, 65_535).filter(|port| *port > 0)?;
    }
    let valid = match host {
        [b'[', address @ .., b']'] => is_ipv6(address),
        _ => is_name(host),
    };
    valid.then_some(host)
}

/// A decimal number as it is written: without leading zeros.
fn number(digits: &[u8], most: u32) -> Option<u32> {
    match digits {
        [] | [b'0', _, ..] => None,
        _ => digits.iter().try_fold(0, |number, digit| {
            let number = number * 10 + u32::from(digit.wrapping_sub(b'0'));
            (digit.is_ascii_digit() && number <= most).then_some(number)
        }),
    }
}

fn is_name(host: &[u8]) -> bool {
    let mut labels = host.strip_suffix(b".").unwrap_or(host).split(|byte| *byte == b'.');
    let is_label = |label: &[u8]| {
        let fits = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
        !label.is_empty() && label.iter().all(fits)
    };
    // The standard reads a host that ends in a number as an address, in octal and hexadecimal too:
    // https://url.spec.whatwg.org/#ends-in-a-number-checker
    let last = labels.clone().next_back().unwrap_or_default();
    let is_number = last.iter().all(u8::is_ascii_digit) || last.starts_with(b"0x");
    labels.all(is_label) && (!is_number || is_ipv4(host))
}

fn is_ipv4(host: &[u8]) -> bool {
    let mut parts = host.split(|byte| *byte == b'.');
    parts.clone().count() == 4 && parts.all(|part| number(part, 255).is_some())
}

fn is_ipv6(address: &[u8]) -> bool {
    let (mut groups, mut digits, mut colons, mut has_gap) = (0, 0, 0, false);
    for byte in address {
        if byte.is_ascii_hexdigit() {
            // Of the colons before the first group there are two or none.
            if digits == 0
                && (groups == 0 && colons == 1 || {
                    groups += 1;
                    groups > 8
                })
            {
                return false;
            }
            (digits, colons) = (digits + 1, 0);
        } else {
            (digits, colons) = (0, colons + 1);
            if *byte != b':' || colons > 2 || colons == 2 && std::mem::replace(&mut has_gap, true) {
                return false;
            }
        }
        if digits > 4 {
            return false;
        }
    }
    colons != 1 && if has_gap { groups < 8 } else { groups == 8 }
}

fn is_path_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"/-._~!$&'()*+,;=:%".contains(&byte)
}

fn is_loopback(host: &[u8]) -> bool {
    host == b"localhost"
        || host == b"[::1]"
        || host.ends_with(b".localhost")
        || (host.starts_with(b"127.") && is_ipv4(host))
}

#[cfg(test)]
mod tests {
    use super::PlatformUrl;

    #[test]
    fn https_and_loopback_are_platforms() {
        for (text, kept) in [
            ("https://api.example.com", "https://api.example.com"),
            ("https://api.example.com/base/", "https://api.example.com/base"),
            ("https://api.example.com/Base", "https://api.example.com/Base"),
            (" HTTPS://API.example.com:8443 ", "https://api.example.com:8443"),
            ("https://api.example.com:443/a", "https://api.example.com/a"),
            ("https://api_1.xn--bcher-kva.example.", "https://api_1.xn--bcher-kva.example."),
            ("https://192.0.2.1", "https://192.0.2.1"),
            ("https://[2001:db8::1]:8443", "https://[2001:db8::1]:8443"),
            ("http://localhost:8080", "http://localhost:8080"),
            ("http://localhost:80", "http://localhost"),
            ("http://app.localhost", "http://app.localhost"),
            ("http://127.0.0.1:1", "http://127.0.0.1:1"),
            ("http://[::1]:8080/", "http://[::1]:8080"),
        ] {
            assert_eq!(PlatformUrl::parse(text).unwrap().as_str(), kept);
        }
    }

    #[test]
    fn anything_else_is_refused() {
        for text in [
            "",
            "api.example.com",
            "ftp://api.example.com",
            "https://",
            "https:///path",
            "https:/api.example.com",
            "https:\\\\api.example.com",
            "http://api.example.com",
            "http://127.0.0.1.example.com",
            "http://127.0.0",
            "http://127.1",
            "http://127.0.0.01",
            "http://localhost.example.com",
            "http://10.0.0.1",
            "http://10.0.2.2:8080",
            "http://192.168.1.20:8080",
            "http://[::2]",
            "http://[::ffff:127.0.0.1]",
            "https://user@api.example.com",
            "https://user:pass@api.example.com",
            "https://api.example.com:pass@evil.example.com",
            "http://localhost@evil.example.com",
            "http://localhost\\@evil.example.com",
            "https://api.example.com?x=1",
            "https://api.example.com#x",
            "https://api.example.com/a?x=1",
            "https://api.example.com/a/../b",
            "https://api.exa mple.com",
            "https://api.exa\tmple.com",
            "https://api.example.com/a\u{0}b",
            "https://api.example.com/a\r\nX: y",
            "https://api.ex\u{e4}mple.com",
            "https://\u{ff0e}example.com",
            "https://%61pi.example.com",
            "https://api.example.com:",
            "https://api.example.com:0",
            "https://api.example.com:99999",
            "https://api.example.com:80a",
            "https://api.example.com:-1",
            "https://api.example.com:0443",
            "https://api..example.com",
            "https://.",
            "https://1.2.3",
            "https://1.2.3.256",
            "https://1.2.3.4.",
            "https://0x7f.1",
            "https://example.0x1f",
            "https://[::1",
            "https://::1",
            "https://[::1]x",
            "https://[]",
            "https://[1:2:3]",
            "https://[1::2::3]",
            "https://[12345::]",
            "https://[1:2:3:4:5:6:7:8:9]",
            "https://[::1%25eth0]",
            "https://[::1]:",
            "javascript:alert(1)",
        ] {
            assert!(PlatformUrl::parse(text).is_err(), "{text} passed");
        }
        assert!(PlatformUrl::parse(&("https://".to_owned() + &"a".repeat(300))).is_err());
    }

    #[test]
    fn a_refused_development_address_names_the_ways_out() {
        for text in ["http://10.0.2.2:8080", "http://192.168.1.20:8080", "http://host.docker.internal:8080"] {
            let why = PlatformUrl::parse(text).unwrap_err();
            assert!(why.contains("adb reverse tcp:8080 tcp:8080") && why.contains("tunnel"), "{why}");
        }
    }
}
