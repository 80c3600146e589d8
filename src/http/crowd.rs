//! How many connections there may be: in all, and from one address.
//!
//! Reverse proxies speak for many clients, so trusted ones are not held to the limit of one address,
//! and neither is the Unix socket. IPv6 clients count by their /64, which is what one subscriber has.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, PoisonError};

use ipnet::IpNet;

use crate::http::client::Peer;

/// Connections from one address.
const PER_ADDRESS: usize = 64;

/// All connections of one listener.
#[derive(Debug)]
pub struct Crowd {
    max: usize,
    trusted_proxies: Vec<IpNet>,
    present: Mutex<Present>,
}

#[derive(Debug, Default)]
struct Present {
    total: usize,
    by_address: HashMap<IpAddr, usize>,
}

impl Crowd {
    /// An empty one: at most `max` connections, at most 64 from one address that is no trusted proxy.
    pub fn new(max: usize, trusted_proxies: Vec<IpNet>) -> Arc<Self> {
        Arc::new(Self { max, trusted_proxies, present: Mutex::default() })
    }

    /// Takes a place, where there is one.
    pub(super) fn enter(self: &Arc<Self>, peer: Peer) -> Option<Place> {
        let address = self.counted_address(peer);
        let mut present = self.present.lock().unwrap_or_else(PoisonError::into_inner);
        if present.total >= self.max {
            return None;
        }
        if let Some(address) = address {
            let here = present.by_address.entry(address).or_default();
            if *here >= PER_ADDRESS {
                return None;
            }
            *here += 1;
        }
        present.total += 1;
        Some(Place { crowd: Arc::clone(self), address })
    }

    fn counted_address(&self, peer: Peer) -> Option<IpAddr> {
        match peer {
            Peer::Address(address) if !self.trusted_proxies.iter().any(|net| net.contains(&address)) => {
                Some(subscriber(address))
            }
            Peer::Address(_) | Peer::Local => None,
        }
    }
}

/// The address that stands for one subscriber: an IPv6 address's /64.
pub(super) fn subscriber(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(v6) => {
            let [a, b, c, d, ..] = v6.segments();
            IpAddr::V6(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0))
        }
    }
}

/// One connection's place; given back when dropped.
#[derive(Debug)]
pub(super) struct Place {
    crowd: Arc<Crowd>,
    address: Option<IpAddr>,
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut present = self.crowd.present.lock().unwrap_or_else(PoisonError::into_inner);
        present.total -= 1;
        let Some(address) = self.address else { return };
        if let Some(here) = present.by_address.get_mut(&address) {
            *here -= 1;
            if *here == 0 {
                present.by_address.remove(&address);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn peer(text: &str) -> Peer {
        Peer::Address(text.parse().unwrap())
    }

    #[test]
    fn one_address_gets_at_most_64_places_and_others_still_get_theirs() {
        let crowd = Crowd::new(1024, Vec::new());
        let places: Vec<_> = (0..64).map(|_| crowd.enter(peer("192.0.2.1")).unwrap()).collect();
        assert!(crowd.enter(peer("192.0.2.1")).is_none());
        assert!(crowd.enter(peer("192.0.2.2")).is_some());
        drop(places);
        assert!(crowd.enter(peer("192.0.2.1")).is_some());
    }

    #[test]
    fn one_subscriber_of_ipv6_is_one_address() {
        let crowd = Crowd::new(1024, Vec::new());
        let _places: Vec<_> = (0..64).map(|i| crowd.enter(peer(&format!("2001:db8:0:1::{i:x}"))).unwrap()).collect();
        assert!(crowd.enter(peer("2001:db8:0:1::ffff")).is_none());
        assert!(crowd.enter(peer("2001:db8:0:2::1")).is_some());
    }

    #[test]
    fn a_trusted_proxy_is_held_to_the_total_only() {
        let crowd = Crowd::new(100, vec!["10.0.0.0/8".parse().unwrap()]);
        let _places: Vec<_> = (0..100).map(|_| crowd.enter(peer("10.0.0.1")).unwrap()).collect();
        assert!(crowd.enter(peer("10.0.0.1")).is_none());
    }
}
