//! Web origins, as a browser writes them in the `Origin` header.

use std::{fmt, str::FromStr};

/// A scheme, a host and possibly a port: `https://app.example.com`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin(String);

/// The text is not an origin.
#[derive(Debug, thiserror::Error)]
#[error(
    "an origin is a scheme, a host and a port unless it is the usual one, such as https://app.example.com"
)]
pub struct InvalidOrigin;

impl Origin {
    /// Its text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether the page was served by this machine itself.
    pub fn is_loopback(&self) -> bool {
        let Some((_, authority)) = self.0.split_once("://") else { return false };
        let host = match authority.rsplit_once(':') {
            Some((host, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => host,
            _ => authority,
        };
        matches!(host, "localhost" | "127.0.0.1" | "[::1]") || host.ends_with(".localhost")
    }
}

impl FromStr for Origin {
    type Err = InvalidOrigin;

    fn from_str(text: &str) -> Result<Self, InvalidOrigin> {
        let (scheme, authority) = text.split_once("://").ok_or(InvalidOrigin)?;
        let scheme_is_right = scheme.starts_with(|first: char| first.is_ascii_lowercase())
            && scheme.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || "+-.".contains(c));
        let authority_is_right = !authority.is_empty()
            && authority
                .chars()
                .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || "-._:[]".contains(c));
        // A browser never names the usual port, so an origin with it would match nothing.
        let names_usual_port = (scheme == "https" && authority.ends_with(":443"))
            || (scheme == "http" && authority.ends_with(":80"));
        (scheme_is_right && authority_is_right && !names_usual_port)
            .then(|| Origin(text.to_owned()))
            .ok_or(InvalidOrigin)
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::Origin;

    #[test]
    fn only_what_a_browser_would_send_is_an_origin() {
        for text in
            ["https://app.example.com", "http://localhost:3000", "capacitor://localhost", "http://[::1]:8"]
        {
            assert!(text.parse::<Origin>().is_ok(), "{text}");
        }
        for text in [
            "",
            "null",
            "https://",
            "https://a.example/",
            "https://A.example",
            "https://a:443",
            "http://a:80",
            "*",
        ] {
            assert!(text.parse::<Origin>().is_err(), "{text}");
        }
    }

    #[test]
    fn loopback_is_told_by_the_whole_host() {
        let is_loopback = |text: &str| text.parse::<Origin>().unwrap().is_loopback();
        for text in
            ["http://localhost", "http://127.0.0.1:5173", "https://[::1]:1", "http://app.localhost:8080"]
        {
            assert!(is_loopback(text), "{text}");
        }
        for text in ["http://localhost.example.com", "http://127.0.0.1.example.com", "http://notlocalhost"] {
            assert!(!is_loopback(text), "{text}");
        }
    }
}
