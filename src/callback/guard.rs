//! Where callbacks may go: the guard against requests to our own network (SSRF).
//!
//! Judged twice. At accept, on the URL: scheme, user info, port, and an address wherever one is
//! written, in whatever spelling (the url crate reads decimal, hex, octal and short forms as browsers
//! do). At connect, on the address of the socket: there a name has become one, and neither DNS nor a
//! redirect can say another thing than what is connected to.
//!
//! An allow-list goes first: it names networks (and ports) that the user trusts although they are private.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::ops::RangeInclusive;

use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use url::{Host, Url};

/// Special-purpose IPv4 networks (IANA registry), none of which is a receiver of callbacks.
const BLOCKED_V4: [Ipv4Net; 15] = [
    v4([0, 0, 0, 0], 8),
    v4([10, 0, 0, 0], 8),
    v4([100, 64, 0, 0], 10),
    v4([127, 0, 0, 0], 8),
    v4([169, 254, 0, 0], 16),
    v4([172, 16, 0, 0], 12),
    v4([192, 0, 0, 0], 24),
    v4([192, 0, 2, 0], 24),
    v4([192, 88, 99, 0], 24),
    v4([192, 168, 0, 0], 16),
    v4([198, 18, 0, 0], 15),
    v4([198, 51, 100, 0], 24),
    v4([203, 0, 113, 0], 24),
    v4([224, 0, 0, 0], 4),
    v4([240, 0, 0, 0], 4),
];

/// Special-purpose IPv6 networks. `::/96` covers `::`, `::1` and the long-dead IPv4-compatible form;
/// `::ffff:0:0/96` and `2002::/16` are judged by the IPv4 address in them.
const BLOCKED_V6: [Ipv6Net; 12] = [
    v6([0, 0, 0, 0], 96),
    v6([0x64, 0xff9b, 0, 0], 96),
    v6([0x64, 0xff9b, 1, 0], 48),
    v6([0x100, 0, 0, 0], 64),
    v6([0x2001, 0, 0, 0], 23),
    v6([0x2001, 0xdb8, 0, 0], 32),
    v6([0x3fff, 0, 0, 0], 20),
    v6([0x5f00, 0, 0, 0], 16),
    v6([0xfc00, 0, 0, 0], 7),
    v6([0xfe80, 0, 0, 0], 10),
    v6([0xfec0, 0, 0, 0], 10),
    v6([0xff00, 0, 0, 0], 8),
];

/// Asterisk's own ports (AMI, AMI over TLS, SIP, HTTP and HTTPS): never a receiver of callbacks.
const BLOCKED_PORTS: [u16; 6] = [5038, 5039, 5060, 5061, 8088, 8089];

const fn v4(octets: [u8; 4], prefix: u8) -> Ipv4Net {
    Ipv4Net::new_assert(Ipv4Addr::new(octets[0], octets[1], octets[2], octets[3]), prefix)
}

const fn v6(head: [u16; 4], prefix: u8) -> Ipv6Net {
    Ipv6Net::new_assert(Ipv6Addr::new(head[0], head[1], head[2], head[3], 0, 0, 0, 0), prefix)
}

/// Why a callback may not go there.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Blocked {
    /// It cannot be read as a URL with a host.
    #[error("not a URL: {0}")]
    NotAUrl(String),
    /// Neither http nor https.
    #[error("the scheme {0:?} is not allowed: only http and https are")]
    Scheme(String),
    /// `user:password@` before the host.
    #[error("a URL with a user name or password is not allowed")]
    UserInfo,
    /// A host name with characters that no host has, such as a token's `$`.
    #[error("{0:?} is not a host name")]
    HostName(String),
    /// A port at which no receiver of callbacks lives.
    #[error("port {0} is not allowed")]
    Port(u16),
    /// An address in a network that is not the public Internet.
    #[error("the address {address} is in {network}, which callbacks may not reach")]
    Network {
        /// The address.
        address: IpAddr,
        /// Where it lies.
        network: IpNet,
    },
}

/// An entry of `callback.allow_ports` that is neither a port nor a range of ports.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("callback.allow_ports: {0:?} is neither a port (8090) nor a range of ports (8090-8099)")]
pub struct NotAPort(pub String);

/// What may be called.
#[derive(Clone, Debug, Default)]
pub struct Guard {
    networks: Vec<IpNet>,
    ports: Vec<RangeInclusive<u16>>,
}

impl Guard {
    /// A guard with this allow-list: private networks that may be called, at these ports of theirs
    /// (`8090`, `8090-8099`; none: every port that is allowed elsewhere).
    pub fn new(networks: &[IpNet], ports: &[String]) -> Result<Self, NotAPort> {
        let ports =
            ports.iter().map(|text| range(text).ok_or_else(|| NotAPort(text.clone()))).collect::<Result<_, _>>()?;
        Ok(Self { networks: networks.to_vec(), ports })
    }

    /// Judges a URL as it is accepted. A host name passes here, `localhost` aside: its addresses are judged at connect.
    pub fn check_url(&self, url: &str) -> Result<(), Blocked> {
        let url = Url::parse(url).map_err(|error| Blocked::NotAUrl(error.to_string()))?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(Blocked::Scheme(url.scheme().to_owned()));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(Blocked::UserInfo);
        }
        let (Some(host), Some(port)) = (url.host(), url.port_or_known_default()) else {
            return Err(Blocked::NotAUrl("no host".to_owned()));
        };
        match host {
            Host::Ipv4(ip) => self.check_addr(SocketAddr::from((ip, port))),
            Host::Ipv6(ip) => self.check_addr(SocketAddr::from((ip, port))),
            Host::Domain(name) if is_localhost(name) => {
                let local = |ip: IpAddr| self.check_addr(SocketAddr::from((ip, port)));
                local(Ipv4Addr::LOCALHOST.into())
                    .or_else(|blocked| local(Ipv6Addr::LOCALHOST.into()).map_err(|_| blocked))
            }
            Host::Domain(name) => self.check_name(name, port),
        }
    }

    /// Judges the address of a socket that is about to be connected.
    pub fn check_addr(&self, address: SocketAddr) -> Result<(), Blocked> {
        let (ip, port) = (address.ip().to_canonical(), address.port());
        if self.allows(ip, port) {
            return Ok(());
        }
        if let Some(network) = blocked_network(ip) {
            return Err(Blocked::Network { address: ip, network });
        }
        if is_open(port) { Ok(()) } else { Err(Blocked::Port(port)) }
    }

    fn check_name(&self, name: &str, port: u16) -> Result<(), Blocked> {
        let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_');
        if name.is_empty() || name.len() > 254 || !name.bytes().all(plain) {
            return Err(Blocked::HostName(name.to_owned()));
        }
        let listed = !self.networks.is_empty() && self.ports.iter().any(|range| range.contains(&port));
        if listed || is_open(port) { Ok(()) } else { Err(Blocked::Port(port)) }
    }

    fn allows(&self, ip: IpAddr, port: u16) -> bool {
        let port =
            if self.ports.is_empty() { is_open(port) } else { self.ports.iter().any(|range| range.contains(&port)) };
        port && self.networks.iter().any(|network| network.contains(&ip))
    }
}

/// A name that every resolver must take for this host (RFC 6761); `url` has made it lower-case.
fn is_localhost(name: &str) -> bool {
    let name = name.strip_suffix('.').unwrap_or(name);
    name == "localhost" || name.ends_with(".localhost")
}

fn is_open(port: u16) -> bool {
    matches!(port, 80 | 443 | 1024..) && !BLOCKED_PORTS.contains(&port)
}

/// The blocked network in which an address lies, if any.
fn blocked_network(ip: IpAddr) -> Option<IpNet> {
    let v4 = |ip: Ipv4Addr| BLOCKED_V4.into_iter().find(|network| network.contains(&ip)).map(IpNet::V4);
    match ip {
        IpAddr::V4(ip) => v4(ip),
        IpAddr::V6(ip) => match (ip.to_ipv4_mapped(), ip.octets()) {
            (Some(mapped), _) => v4(mapped),
            (None, [0x20, 0x02, a, b, c, d, ..]) => v4(Ipv4Addr::new(a, b, c, d)),
            (None, _) => BLOCKED_V6.into_iter().find(|network| network.contains(&ip)).map(IpNet::V6),
        },
    }
}

fn range(text: &str) -> Option<RangeInclusive<u16>> {
    let port = |text: &str| text.trim().parse::<u16>().ok().filter(|port| *port > 0);
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    let (first, last) = (port(first)?, port(last)?);
    (first <= last).then_some(first..=last)
}

#[cfg(test)]
mod tests;
