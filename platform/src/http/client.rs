//! Who is at the other end: the address that limits and records go by.
//!
//! It is the socket's, which nobody can forge. Where the peer is one of the operator's own proxies, it is what that
//! proxy says: the last address in its header that is no trusted proxy itself. Whatever stands before that address was
//! written by the caller, and is never read.

use super::Platform;
use axum::{
    extract::{ConnectInfo, FromRequestParts, Request, State},
    http::{HeaderMap, HeaderName, header::FORWARDED, request::Parts},
    middleware::Next,
    response::Response,
};
use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use std::{
    convert::Infallible,
    fmt,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    str::FromStr,
    sync::Arc,
};

/// A proxy, or a network of them, whose word about the caller's address counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TrustedProxy(IpNet);

impl TrustedProxy {
    pub(super) fn contains(self, address: IpAddr) -> bool {
        self.0.contains(&address)
    }

    /// The proxies in this network, unless it is so wide that strangers are in it: those could say who they are.
    fn within(network: IpNet) -> Result<Self, NotAProxy> {
        let is_too_wide = match network {
            // The widest private network is 10.0.0.0/8.
            IpNet::V4(network) => network.prefix_len() < 8,
            // No provider has as much as a /16 of the public addresses.
            IpNet::V6(network) => network.prefix_len() < 16 && !NOT_PUBLIC.contains(&network),
        };
        if is_too_wide { Err(NotAProxy::TooWide(network)) } else { Ok(TrustedProxy(network)) }
    }
}

/// Unique local (RFC 4193) and link-local addresses (RFC 4291), and multicast.
const NOT_PUBLIC: Ipv6Net = Ipv6Net::new_assert(Ipv6Addr::new(0xfc00, 0, 0, 0, 0, 0, 0, 0), 6);

/// What was given names no proxies.
#[derive(Debug, thiserror::Error)]
pub enum NotAProxy {
    /// It is neither an address nor a network.
    #[error("must be an address or a network, such as 10.0.0.0/8, 192.0.2.1 or fd00::/8")]
    NotANetwork,
    /// Everybody is in it, or a good part of everybody.
    #[error(
        "{0} covers the public internet, so that every caller could name its own address: name your proxies' network"
    )]
    TooWide(IpNet),
}

impl FromStr for TrustedProxy {
    type Err = NotAProxy;

    fn from_str(text: &str) -> Result<Self, NotAProxy> {
        let text = text.trim();
        let network = text.parse().or_else(|_| text.parse::<IpAddr>().map(IpNet::from));
        TrustedProxy::within(match network.map_err(|_| NotAProxy::NotANetwork)? {
            // Addresses are compared in their IPv4 form wherever they have one.
            IpNet::V6(network) if network.prefix_len() >= 96 => match network.addr().to_ipv4_mapped() {
                Some(address) => {
                    let network = Ipv4Net::new(address, network.prefix_len() - 96);
                    network.map_err(|_| NotAProxy::NotANetwork)?.into()
                }
                None => network.into(),
            },
            network => network,
        })
    }
}

/// In which header the trusted proxies write. One of the two only: a proxy passes on the header that it does not
/// write, so that anybody could send it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum ProxyHeader {
    /// `X-Forwarded-For`, which nearly every proxy writes.
    #[default]
    XForwardedFor,
    /// `Forwarded`, of RFC 7239.
    Forwarded,
}

/// The address of whoever sent a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClientAddress(IpAddr);

/// The first bits of an address: what limits go by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct AddressPrefix {
    address: IpAddr,
    /// How many bits of it count.
    bits: u8,
}

impl ClientAddress {
    /// The address itself.
    pub fn ip(self) -> IpAddr {
        self.0
    }

    /// The address of a socket's other end.
    pub(super) fn of_peer(peer: IpAddr) -> Self {
        ClientAddress(peer.to_canonical())
    }

    /// What one person or household has. IPv4: the whole address. Neighbours in a network are strangers, and one address
    /// is often shared by many already. IPv6: the first 64 bits, since everybody gets at least that many addresses.
    /// Addresses of IPv6 that are made of one of IPv4 count as that one.
    pub fn prefix(self) -> AddressPrefix {
        match as_ipv4(self.0) {
            IpAddr::V6(address) => AddressPrefix::of(address, 64),
            address => AddressPrefix { address, bits: 32 },
        }
    }

    /// IPv6: the first 48 bits, of which a customer of a provider may have all (RFC 6177), and with them 65,536 networks
    /// of [64 bits](Self::prefix). A mobile provider has as many customers in them. IPv4: nothing wider than the address.
    pub fn site(self) -> Option<AddressPrefix> {
        match as_ipv4(self.0) {
            IpAddr::V6(address) => Some(AddressPrefix::of(address, 48)),
            IpAddr::V4(_) => None,
        }
    }

    /// The [site](Self::site), or where there is none the [address](Self::prefix).
    pub fn network(self) -> AddressPrefix {
        self.site().unwrap_or_else(|| self.prefix())
    }
}

impl AddressPrefix {
    fn of(address: Ipv6Addr, bits: u8) -> Self {
        let mask = u128::MAX << (128 - u32::from(bits));
        AddressPrefix { address: Ipv6Addr::from_bits(address.to_bits() & mask).into(), bits }
    }
}

/// The IPv4 address that an IPv6 address is made of, where the owner of the one has all of the others: mapped addresses,
/// 6to4 (RFC 3056), NAT64's well-known prefix (RFC 6052) and Teredo (RFC 4380, which inverts the bits).
fn as_ipv4(address: IpAddr) -> IpAddr {
    let IpAddr::V6(address) = address.to_canonical() else { return address.to_canonical() };
    let last = address.to_bits() as u32;
    match address.segments() {
        [0x2002, high, low, ..] => Ipv4Addr::from_bits(u32::from(high) << 16 | u32::from(low)).into(),
        [0x64, 0xff9b, 0, 0, 0, 0, ..] => Ipv4Addr::from_bits(last).into(),
        [0x2001, 0, ..] => Ipv4Addr::from_bits(!last).into(),
        _ => address.into(),
    }
}

impl fmt::Display for AddressPrefix {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.address {
            IpAddr::V4(address) => write!(formatter, "{address}"),
            IpAddr::V6(address) => write!(formatter, "{address}/{}", self.bits),
        }
    }
}

impl<S: Sync> FromRequestParts<S> for ClientAddress {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(parts.extensions.get().copied().unwrap_or(UNKNOWN))
    }
}

/// Stands for callers without a socket: they share one limit rather than have none.
const UNKNOWN: ClientAddress = ClientAddress(IpAddr::V4(Ipv4Addr::UNSPECIFIED));

/// Finds out the caller's address, for everything that comes after.
pub(super) async fn identify(
    State(platform): State<Arc<Platform>>,
    mut request: Request,
    next: Next,
) -> Response {
    let peer = request.extensions().get::<ConnectInfo<SocketAddr>>();
    let client = peer.map_or(UNKNOWN, |ConnectInfo(peer)| {
        let settings = &platform.settings;
        client_of(peer.ip(), request.headers(), &settings.trusted_proxies, settings.proxy_header)
    });
    request.extensions_mut().insert(client);
    next.run(request).await
}

/// Goes from the socket towards the caller, for as long as each hop is trusted. Where one is not named, or not
/// understood, the proxy that should have named it stands for whoever is behind it: limits never fall away.
fn client_of(
    peer: IpAddr,
    headers: &HeaderMap,
    trusted: &[TrustedProxy],
    header: ProxyHeader,
) -> ClientAddress {
    let mut client = peer.to_canonical();
    let is_trusted = |address| trusted.iter().any(|proxy| proxy.contains(address));
    if !is_trusted(client) {
        return ClientAddress(client);
    }
    for hop in hops_from_the_last(headers, header) {
        let Some(address) = hop else { break };
        client = address.to_canonical();
        if !is_trusted(client) {
            break;
        }
    }
    ClientAddress(client)
}

/// The hops that a header names, the last one first.
fn hops_from_the_last(headers: &HeaderMap, header: ProxyHeader) -> impl Iterator<Item = Option<IpAddr>> {
    let (name, read): (_, fn(&str) -> Option<IpAddr>) = match header {
        ProxyHeader::XForwardedFor => (HeaderName::from_static("x-forwarded-for"), node),
        ProxyHeader::Forwarded => (FORWARDED, forwarded_for),
    };
    let lines: Vec<_> = headers.get_all(name).iter().collect();
    // A comma ends an element even in a quoted text: an address has none, and a quote that the caller left open must
    // not swallow what the proxy wrote behind it.
    lines.into_iter().rev().flat_map(move |line| {
        let elements: Vec<_> = line.as_bytes().rsplit(|byte| *byte == b',').collect();
        elements.into_iter().map(move |element| std::str::from_utf8(element).ok().and_then(read))
    })
}

/// The address in one element of `Forwarded`.
fn forwarded_for(element: &str) -> Option<IpAddr> {
    let mut pairs = element.split(';').filter_map(|pair| pair.split_once('='));
    let (_, value) = pairs.find(|(name, _)| name.trim().eq_ignore_ascii_case("for"))?;
    node(value.trim().trim_matches('"'))
}

/// The address of a node, which may have a port: `192.0.2.1`, `192.0.2.1:4711`, `2001:db8::1`, `[2001:db8::1]:4711`.
fn node(text: &str) -> Option<IpAddr> {
    let text = text.trim();
    if let Ok(address) = text.parse::<IpAddr>() {
        return Some(address);
    }
    if let Ok(address) = text.parse::<SocketAddr>() {
        return Some(address.ip());
    }
    text.strip_prefix('[')?.strip_suffix(']')?.parse::<Ipv6Addr>().ok().map(IpAddr::from)
}

#[cfg(test)]
mod tests {
    use super::{ClientAddress, ProxyHeader, TrustedProxy, client_of};
    use axum::http::{HeaderMap, HeaderName, HeaderValue};

    const PROXIES: [&str; 3] = ["10.0.0.0/8", "fd00::/8", "192.0.2.7"];

    fn client(peer: &str, header: ProxyHeader, lines: &[&str]) -> String {
        let name = match header {
            ProxyHeader::XForwardedFor => "x-forwarded-for",
            ProxyHeader::Forwarded => "forwarded",
        };
        let mut headers = HeaderMap::new();
        for line in lines {
            let value = HeaderValue::from_bytes(line.as_bytes()).unwrap();
            headers.append(HeaderName::from_static(name), value);
        }
        let trusted = PROXIES.map(|text| text.parse::<TrustedProxy>().unwrap());
        client_of(peer.parse().unwrap(), &headers, &trusted, header).ip().to_string()
    }

    #[test]
    fn a_stranger_cannot_say_who_it_is() {
        for header in [ProxyHeader::XForwardedFor, ProxyHeader::Forwarded] {
            assert_eq!(client("203.0.113.5", header, &["198.51.100.1", "for=198.51.100.1"]), "203.0.113.5");
        }
    }

    #[test]
    fn the_last_address_that_is_no_trusted_proxy_is_the_callers() {
        let header = ProxyHeader::XForwardedFor;
        for (lines, expected) in [
            (vec!["203.0.113.5"], "203.0.113.5"),
            (vec!["198.51.100.1, 203.0.113.5"], "203.0.113.5"),
            (vec!["198.51.100.1,203.0.113.5, 10.1.2.3,192.0.2.7"], "203.0.113.5"),
            (vec!["198.51.100.1", "203.0.113.5", "10.1.2.3"], "203.0.113.5"),
            (vec!["203.0.113.5:4711"], "203.0.113.5"),
            (vec!["2001:db8::5"], "2001:db8::5"),
            (vec!["[2001:db8::5]:4711"], "2001:db8::5"),
            (vec!["[2001:db8::5]"], "2001:db8::5"),
            (vec!["::ffff:203.0.113.5"], "203.0.113.5"),
            (vec!["10.9.9.9, 10.1.2.3"], "10.9.9.9"),
        ] {
            assert_eq!(client("10.0.0.1", header, &lines), expected, "{lines:?}");
            assert_eq!(client("::ffff:10.0.0.1", header, &lines), expected, "{lines:?}");
        }
    }

    #[test]
    fn where_a_proxy_does_not_name_the_caller_the_proxy_stands_for_it() {
        for header in [ProxyHeader::XForwardedFor, ProxyHeader::Forwarded] {
            for lines in
                [&[][..], &[""], &["unknown"], &["for=_hidden"], &["for="], &["203.0.113.5, x"], &["\u{e9}"]]
            {
                assert_eq!(client("10.0.0.1", header, lines), "10.0.0.1", "{lines:?}");
            }
        }
        assert_eq!(client("10.0.0.1", ProxyHeader::XForwardedFor, &["203.0.113.5, x, 10.1.1.1"]), "10.1.1.1");
    }

    #[test]
    fn the_standard_header_is_read_too() {
        for (line, expected) in [
            ("for=203.0.113.5", "203.0.113.5"),
            ("For=\"[2001:db8::5]:4711\";proto=https;by=10.0.0.1", "2001:db8::5"),
            ("proto=https; FOR=\"203.0.113.5:80\"", "203.0.113.5"),
            ("for=198.51.100.1, for=203.0.113.5, for=10.1.2.3", "203.0.113.5"),
            ("for=\"198.51.100.1, for=203.0.113.5", "203.0.113.5"),
        ] {
            assert_eq!(client("10.0.0.1", ProxyHeader::Forwarded, &[line]), expected, "{line}");
        }
    }

    #[test]
    fn trusted_proxies_are_addresses_or_networks() {
        assert_eq!("::ffff:10.0.0.0/104".parse::<TrustedProxy>().unwrap(), "10.0.0.0/8".parse().unwrap());
        for text in ["", "10.0.0.0/33", "proxy.example.com", "10.0.0"] {
            assert!(text.parse::<TrustedProxy>().is_err(), "{text}");
        }
    }

    #[test]
    fn networks_that_strangers_are_in_are_no_proxies() {
        for text in
            ["0.0.0.0/0", "::/0", "::ffff:0:0/96", "128.0.0.0/1", "0.0.0.0/7", "2000::/3", "2600::/12"]
        {
            let complaint = text.parse::<TrustedProxy>().unwrap_err().to_string();
            assert!(complaint.contains("covers the public internet"), "{text}: {complaint}");
        }
        for text in
            ["10.0.0.0/8", "172.16.0.0/12", "fc00::/7", "fd00::/8", "fe80::/10", "2001:db8::/32", "::1"]
        {
            assert!(text.parse::<TrustedProxy>().is_ok(), "{text}");
        }
    }

    #[test]
    fn limits_go_by_the_address_of_version_4_and_by_64_bits_of_version_6() {
        let prefix = |text: &str| ClientAddress(text.parse().unwrap()).prefix();
        assert_eq!(prefix("2001:db8:1:2:3::4"), prefix("2001:db8:1:2:ffff::"));
        assert_ne!(prefix("2001:db8:1:2::"), prefix("2001:db8:1:3::"));
        assert_ne!(prefix("203.0.113.5"), prefix("203.0.113.6"));
        assert_eq!(prefix("2001:db8:1:2:3::4").to_string(), "2001:db8:1:2::/64");
        let site = |text: &str| ClientAddress(text.parse().unwrap()).site();
        assert_eq!(site("2001:db8:1:2::4"), site("2001:db8:1:3::4"));
        assert_ne!(site("2001:db8:1::"), site("2001:db8:2::"));
        assert_eq!(site("2001:db8:1:2::4").unwrap().to_string(), "2001:db8:1::/48");
        assert_ne!(Some(prefix("2001:db8:1::")), site("2001:db8:1::"));
    }

    #[test]
    fn addresses_made_of_one_of_version_4_count_as_that_one() {
        for text in [
            "::ffff:203.0.113.5",
            "2002:cb00:7105::1",
            "2002:cb00:7105:ffff::",
            "64:ff9b::203.0.113.5",
            "2001:0:4136:e378:8000:63bf:34ff:8efa",
        ] {
            let client = ClientAddress(text.parse().unwrap());
            assert_eq!(client.prefix().to_string(), "203.0.113.5", "{text}");
            assert_eq!(client.site(), None, "{text}");
        }
    }
}
