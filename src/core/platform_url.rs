//! Which platform a user is created on, and which URLs may be one.

/// The original's default.
pub const DEFAULT_PLATFORM_URL: &str = "https://api.sentiance.com";

/// The longest URL that fits the record.
const MAX_LENGTH: usize = 256;

/// A platform's URL: `https:`, or `http:` to a loopback host; no credentials, query or fragment; no trailing slash.
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
            return Err("The platform URL is longer than 256 characters.");
        }
        if text.bytes().any(|byte| byte <= b' ' || byte >= 0x7f || matches!(byte, b'?' | b'#' | b'@' | b'\\'))
        {
            return Err(
                "The platform URL may not hold credentials, a query, a fragment, white space, or anything but ASCII.",
            );
        }
        let lower = text.to_ascii_lowercase();
        if let Some(rest) = lower.strip_prefix("https://") {
            return if host(rest).is_empty() {
                Err("The platform URL has no host.")
            } else {
                Ok(Self(text.into()))
            };
        }
        match lower.strip_prefix("http://") {
            Some(rest) if is_loopback(host(rest)) => Ok(Self(text.into())),
            Some(_) => Err("The platform URL must use https: (http: is for loopback hosts only)."),
            None => Err("The platform URL must start with https://"),
        }
    }

    /// The URL.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The host in what follows the scheme: without path and port.
fn host(rest: &str) -> &str {
    let authority = rest.split('/').next().unwrap_or_default();
    match authority.strip_prefix('[') {
        Some(v6) => v6.split(']').next().unwrap_or_default(),
        None => authority.split(':').next().unwrap_or_default(),
    }
}

fn is_loopback(host: &str) -> bool {
    let is_v4 = || {
        let mut parts = host.split('.');
        parts.next() == Some("127")
            && parts.clone().count() == 3
            && parts.all(|part| !part.is_empty() && part.parse::<u8>().is_ok())
    };
    host == "localhost" || host == "::1" || host.ends_with(".localhost") || is_v4()
}

#[cfg(test)]
mod tests {
    use super::PlatformUrl;

    #[test]
    fn https_and_loopback_are_platforms() {
        for (text, kept) in [
            ("https://api.example.com", "https://api.example.com"),
            ("https://api.example.com/base/", "https://api.example.com/base"),
            (" HTTPS://api.example.com:8443 ", "HTTPS://api.example.com:8443"),
            ("http://localhost:8080", "http://localhost:8080"),
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
            "http://api.example.com",
            "http://127.0.0.1.example.com",
            "http://127.0.0",
            "http://localhost.example.com",
            "http://10.0.0.1",
            "https://user@api.example.com",
            "http://localhost@evil.example.com",
            "http://localhost\\@evil.example.com",
            "https://api.example.com?x=1",
            "https://api.example.com#x",
            "https://api.exa mple.com",
            "javascript:alert(1)",
        ] {
            assert!(PlatformUrl::parse(text).is_err(), "{text} passed");
        }
        assert!(PlatformUrl::parse(&("https://".to_owned() + &"a".repeat(300))).is_err());
    }
}
