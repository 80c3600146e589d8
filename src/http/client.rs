//! Who is at the other end: the peer of the socket, the client behind a trusted proxy, and whether
//! anybody could have listened in on the way.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use axum::http::{Extensions, HeaderMap};
use ipnet::IpNet;

/// The other end of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Peer {
    /// Over TCP, from this address.
    Address(IpAddr),
    /// Over the Unix socket.
    Local,
}

/// How a request's bytes came to this process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wire {
    /// As they are.
    Plain,
    /// Over our own TLS listener.
    Tls,
}

/// Whether a request came over HTTPS, or from this very machine. What a trusted proxy says counts; a
/// proxy of this machine that says `http` speaks of another one.
pub(super) fn is_private(extensions: &Extensions, headers: &HeaderMap, trusted: &[IpNet]) -> bool {
    let Some(Peer::Address(address)) = extensions.get().copied() else { return true };
    let is_tls = extensions.get() == Some(&Wire::Tls);
    // Each proxy may append: the last word is that of the nearest.
    let said = headers.get_all("x-forwarded-proto").iter().next_back().and_then(|value| value.to_str().ok());
    let said = said.and_then(|value| value.rsplit(',').next()).map(str::trim);
    let is_https = said.is_some_and(|scheme| scheme.eq_ignore_ascii_case("https"));
    let is_trusted = trusted.iter().any(|net| net.contains(&address));
    is_tls || is_trusted && is_https || address.is_loopback() && (said.is_none() || is_https)
}

/// The client's own address. `X-Forwarded-For` is believed only as far as trusted proxies wrote it:
/// read from its end, the first address that is no trusted proxy is the client.
pub(super) fn address(peer: Peer, headers: &HeaderMap, trusted: &[IpNet]) -> Peer {
    let Peer::Address(peer) = peer else { return peer };
    let is_trusted = |address: &IpAddr| trusted.iter().any(|net| net.contains(address));
    let mut client = peer;
    let forwarded = headers.get_all("x-forwarded-for").iter().filter_map(|value| value.to_str().ok());
    let chain: Vec<&str> = forwarded.flat_map(|value| value.split(',')).collect();
    for hop in chain.iter().rev() {
        if !is_trusted(&client) {
            break;
        }
        let Some(address) = forwarded_address(hop.trim()) else { break };
        client = address.to_canonical();
    }
    Peer::Address(client)
}

/// An address as proxies write it: `192.0.2.1`, `192.0.2.1:5123`, `2001:db8::1`, `[2001:db8::1]:5123`.
fn forwarded_address(hop: &str) -> Option<IpAddr> {
    let bracketed = || hop.strip_prefix('[')?.strip_suffix(']')?.parse::<Ipv6Addr>().ok().map(IpAddr::V6);
    let with_port = || hop.parse::<SocketAddr>().ok().map(|address| address.ip());
    hop.parse().ok().or_else(with_port).or_else(bracketed)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(peer: &str, forwarded: &[&str]) -> Peer {
        let mut headers = HeaderMap::new();
        for value in forwarded {
            headers.append("x-forwarded-for", value.parse().unwrap());
        }
        address(Peer::Address(peer.parse().unwrap()), &headers, &["10.0.0.0/8".parse().unwrap()])
    }

    fn at(text: &str) -> Peer {
        Peer::Address(text.parse().unwrap())
    }

    #[test]
    fn https_is_what_our_listener_this_machine_or_a_trusted_proxy_says() {
        let is_private = |peer: &str, wire: Wire, said: &[&str]| {
            let mut headers = HeaderMap::new();
            for value in said {
                headers.append("x-forwarded-proto", value.parse().unwrap());
            }
            let mut extensions = Extensions::new();
            extensions.insert(Peer::Address(peer.parse().unwrap()));
            extensions.insert(wire);
            is_private(&extensions, &headers, &["10.0.0.0/8".parse().unwrap()])
        };
        for (peer, wire, said, expected) in [
            ("192.0.2.1", Wire::Plain, &[][..], false),
            ("192.0.2.1", Wire::Plain, &["https"], false),
            ("192.0.2.1", Wire::Tls, &[], true),
            ("10.0.0.1", Wire::Plain, &[], false),
            ("10.0.0.1", Wire::Plain, &["http"], false),
            ("10.0.0.1", Wire::Plain, &["HTTPS"], true),
            ("10.0.0.1", Wire::Plain, &["http, https"], true),
            ("10.0.0.1", Wire::Plain, &["https", "http"], false),
            ("127.0.0.1", Wire::Plain, &[], true),
            ("127.0.0.1", Wire::Plain, &["http"], false),
            ("::1", Wire::Plain, &[], true),
        ] {
            assert_eq!(is_private(peer, wire, said), expected, "{peer} {wire:?} {said:?}");
        }
    }

    #[test]
    fn a_stranger_cannot_say_who_it_is() {
        assert_eq!(seen("198.51.100.7", &["192.0.2.1"]), at("198.51.100.7"));
    }

    #[test]
    fn a_trusted_proxy_says_who_its_client_is() {
        assert_eq!(seen("10.0.0.1", &["192.0.2.1"]), at("192.0.2.1"));
        assert_eq!(seen("10.0.0.1", &["192.0.2.1, 10.0.0.2"]), at("192.0.2.1"));
        assert_eq!(seen("10.0.0.1", &["192.0.2.1", "10.0.0.2"]), at("192.0.2.1"));
    }

    #[test]
    fn an_address_may_come_with_its_port() {
        for (written, address) in [
            ("192.0.2.1:5123", "192.0.2.1"),
            ("[2001:db8::1]:1", "2001:db8::1"),
            ("[2001:db8::1]", "2001:db8::1"),
            ("2001:db8::1", "2001:db8::1"),
            ("[::ffff:192.0.2.1]:1", "192.0.2.1"),
        ] {
            assert_eq!(seen("10.0.0.1", &[written]), at(address), "{written}");
        }
        assert_eq!(seen("10.0.0.1", &["192.0.2.1, 10.0.0.2:80"]), at("192.0.2.1"));
        assert_eq!(seen("10.0.0.1", &["192.0.2.1:x"]), at("10.0.0.1"));
    }

    #[test]
    fn what_the_client_itself_forwarded_is_not_believed() {
        assert_eq!(seen("10.0.0.1", &["203.0.113.9, 192.0.2.1"]), at("192.0.2.1"));
        assert_eq!(seen("10.0.0.1", &["nonsense"]), at("10.0.0.1"));
    }
}
