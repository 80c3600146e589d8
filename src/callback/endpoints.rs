//! Which endpoints are well, which are not, and how much may be sent to each: so that a hundred
//! receivers that never answer cannot keep the others waiting.
//!
//! An endpoint (scheme, host, port) of which nothing is known, and one whose last attempt failed, gets
//! one request at a time; one that answers gets its full share. Ailing endpoints together hold at
//! most half of the places, and those that have not shown that they answer at most three quarters:
//! whoever answers always finds a place.
//!
//! ```text
//!            10 attempts or more in 5 min, 70 % of them failed
//!   closed ──────────────────────────────────────────────────► open ── 30 s ──► one probe
//!      ▲                                                          ▲                │   │
//!      └────────────────────────── it answers ────────────────────┼────────────────┘   │
//!                                                                 └──── it does not ───┘
//! ```
//! Pure: time comes in with each call.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use crate::store::Room;
use crate::timestamp::Timestamp;

const WINDOW: Duration = Duration::from_mins(5);
const OPEN: Duration = Duration::from_secs(30);
/// Fewer attempts say nothing.
const ENOUGH: usize = 10;
/// Attempts remembered of one endpoint.
const MEMORY: usize = 200;
/// Endpoints remembered; above, those that were quiet for as long as the window are forgotten.
const CROWD: usize = 1024;

/// How an endpoint took an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Health {
    /// It answered, if only to refuse this one callback.
    Well,
    /// It did not answer, or with 429 or 500 and above.
    Ailing,
    /// Nothing was sent.
    Unknown,
}

/// How many requests may be in flight.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// In all.
    pub total: u32,
    /// To one endpoint.
    pub each: u32,
}

/// All endpoints that were heard of lately.
#[derive(Debug)]
pub struct Endpoints {
    limits: Limits,
    known: BTreeMap<String, Endpoint>,
}

#[derive(Debug)]
struct Endpoint {
    in_flight: u32,
    health: Health,
    /// Attempts of the last five minutes: when, and whether it ailed.
    past: VecDeque<(Timestamp, bool)>,
    /// Nothing is sent before this, and after it one probe.
    open_until: Option<Timestamp>,
}

impl Endpoints {
    /// Knows nobody.
    pub fn new(limits: Limits) -> Self {
        let limits = Limits { total: limits.total.max(1), each: limits.each.max(1) };
        Self { limits, known: BTreeMap::new() }
    }

    /// What may be claimed now.
    pub fn room(&self, now: Timestamp) -> Room {
        let unproven = self.unproven_left();
        let named = self.known.iter().map(|(name, endpoint)| (name.clone(), self.room_of(endpoint, now))).collect();
        Room { total: self.limits.total.saturating_sub(self.in_flight()), each: unproven.min(1), named }
    }

    /// Takes a request on its way, if there is room for it; what has no room goes back to the store.
    pub fn admit(&mut self, name: &str, now: Timestamp) -> Result<(), NoRoom> {
        let room = match self.known.get(name) {
            Some(endpoint) => self.room_of(endpoint, now),
            None => self.unproven_left(),
        };
        if room == 0 || self.in_flight() >= self.limits.total {
            return Err(NoRoom);
        }
        self.known.entry(name.to_owned()).or_insert_with(Endpoint::new).in_flight += 1;
        Ok(())
    }

    /// A request has ended; says whether the endpoint's circuit opened by it.
    pub fn land(&mut self, name: &str, health: Health, now: Timestamp) -> Circuit {
        let Some(endpoint) = self.known.get_mut(name) else { return Circuit::Unchanged };
        endpoint.in_flight = endpoint.in_flight.saturating_sub(1);
        let circuit = endpoint.note(health, now);
        if self.known.len() > CROWD {
            self.known.retain(|_, endpoint| !endpoint.is_forgettable(now));
        }
        circuit
    }

    /// Requests in flight.
    pub fn in_flight(&self) -> u32 {
        self.known.values().map(|endpoint| endpoint.in_flight).sum()
    }

    fn room_of(&self, endpoint: &Endpoint, now: Timestamp) -> u32 {
        let alone = u32::from(endpoint.in_flight == 0);
        match (endpoint.open_until, endpoint.health) {
            (Some(until), _) if now < until => 0,
            (Some(_), _) | (None, Health::Ailing) => alone.min(self.ailing_left()).min(self.unproven_left()),
            (None, Health::Unknown) => alone.min(self.unproven_left()),
            (None, Health::Well) => self.limits.each.saturating_sub(endpoint.in_flight),
        }
    }

    fn ailing_left(&self) -> u32 {
        (self.limits.total / 2).max(1).saturating_sub(self.flying(|health| health == Health::Ailing))
    }

    fn unproven_left(&self) -> u32 {
        (self.limits.total * 3 / 4).max(1).saturating_sub(self.flying(|health| health != Health::Well))
    }

    fn flying(&self, of: impl Fn(Health) -> bool) -> u32 {
        self.known.values().filter(|endpoint| of(endpoint.health)).map(|endpoint| endpoint.in_flight).sum()
    }
}

/// There is no room for a request to this endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoRoom;

/// What an attempt did to an endpoint's circuit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Circuit {
    /// Nothing.
    Unchanged,
    /// It opened: nothing is sent for a while.
    Opened,
    /// It closed: all is well again.
    Closed,
}

impl Endpoint {
    const fn new() -> Self {
        Self { in_flight: 0, health: Health::Unknown, past: VecDeque::new(), open_until: None }
    }

    fn note(&mut self, health: Health, now: Timestamp) -> Circuit {
        if health == Health::Unknown {
            return Circuit::Unchanged;
        }
        self.health = health;
        self.past.push_back((now, health == Health::Ailing));
        while self.past.len() > MEMORY || self.past.front().is_some_and(|(at, _)| now.since(*at) > WINDOW) {
            self.past.pop_front();
        }
        match (self.open_until, health) {
            (Some(_), Health::Well) => {
                self.open_until = None;
                self.past.clear();
                Circuit::Closed
            }
            (Some(until), _) if now < until => Circuit::Unchanged,
            (Some(_), _) => self.open(now),
            (None, _) if self.is_hopeless() => self.open(now),
            (None, _) => Circuit::Unchanged,
        }
    }

    fn open(&mut self, now: Timestamp) -> Circuit {
        self.open_until = Some(now + OPEN);
        Circuit::Opened
    }

    fn is_hopeless(&self) -> bool {
        let failed = self.past.iter().filter(|(_, ailed)| *ailed).count();
        self.past.len() >= ENOUGH && failed * 10 >= self.past.len() * 7
    }

    fn is_forgettable(&self, now: Timestamp) -> bool {
        self.in_flight == 0 && self.past.back().is_none_or(|(at, _)| now.since(*at) > WINDOW)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_millis(1_800_000_000_000 + seconds * 1000)
    }

    fn endpoints() -> Endpoints {
        Endpoints::new(Limits { total: 64, each: 4 })
    }

    fn attempt(endpoints: &mut Endpoints, health: Health, now: Timestamp) -> Circuit {
        endpoints.admit("a", now).unwrap();
        endpoints.land("a", health, now)
    }

    #[test]
    fn an_endpoint_gets_its_full_share_once_it_has_answered() {
        let mut endpoints = endpoints();
        assert_eq!(endpoints.room(at(0)).of("a"), 1);
        endpoints.admit("a", at(0)).unwrap();
        assert_eq!(endpoints.room(at(0)).of("a"), 0);
        endpoints.land("a", Health::Well, at(1));
        assert_eq!(endpoints.room(at(1)).of("a"), 4);
        for _ in 0..4 {
            endpoints.admit("a", at(1)).unwrap();
        }
        assert_eq!(endpoints.admit("a", at(1)), Err(NoRoom));
        endpoints.land("a", Health::Ailing, at(1));
        assert_eq!(endpoints.room(at(1)).of("a"), 0, "three are on their way still");
    }

    #[test]
    fn who_answers_finds_a_place_among_any_number_of_black_holes() {
        let mut endpoints = endpoints();
        attempt(&mut endpoints, Health::Well, at(0));
        let holes = |n: u32| format!("hole {n}");
        let taken = (0..100).filter(|n| endpoints.admit(&holes(*n), at(0)).is_ok()).count();
        assert_eq!(taken, 48, "three quarters");
        assert_eq!(endpoints.room(at(0)).of("never heard of"), 0);
        assert_eq!(endpoints.room(at(0)).of("a"), 4);
        for n in 0..48 {
            endpoints.land(&holes(n), Health::Ailing, at(5));
        }
        let taken = (0..48).filter(|n| endpoints.admit(&holes(*n), at(5)).is_ok()).count();
        assert_eq!(taken, 32, "half");
        assert_eq!(endpoints.room(at(5)).of("never heard of"), 1, "the ailing left some places to the unknown");
    }

    #[test]
    fn the_total_is_never_passed() {
        let mut endpoints = Endpoints::new(Limits { total: 3, each: 4 });
        attempt(&mut endpoints, Health::Well, at(0));
        let admitted = (0..9).filter(|_| endpoints.admit("a", at(0)).is_ok()).count();
        assert_eq!((admitted, endpoints.room(at(0)).total), (3, 0));
    }

    #[test]
    fn ten_failures_open_the_circuit_for_half_a_minute_and_a_probe_decides() {
        let mut endpoints = endpoints();
        for n in 0..9 {
            assert_eq!(attempt(&mut endpoints, Health::Ailing, at(n)), Circuit::Unchanged);
        }
        assert_eq!(attempt(&mut endpoints, Health::Ailing, at(9)), Circuit::Opened);
        assert_eq!(endpoints.room(at(38)).of("a"), 0);
        assert_eq!(endpoints.admit("a", at(38)), Err(NoRoom));
        endpoints.admit("a", at(39)).unwrap();
        assert_eq!(endpoints.admit("a", at(39)), Err(NoRoom), "one probe");
        assert_eq!(endpoints.land("a", Health::Ailing, at(40)), Circuit::Opened);
        assert_eq!(endpoints.room(at(69)).of("a"), 0);
        assert_eq!(attempt(&mut endpoints, Health::Well, at(70)), Circuit::Closed);
        assert_eq!(endpoints.room(at(70)).of("a"), 4);
        assert_eq!(attempt(&mut endpoints, Health::Ailing, at(71)), Circuit::Unchanged, "the past is forgiven");
    }

    #[test]
    fn less_than_seventy_in_a_hundred_or_longer_ago_than_five_minutes_opens_nothing() {
        let mut mixed = endpoints();
        for n in 0..60 {
            let health = if n % 3 == 0 { Health::Well } else { Health::Ailing };
            assert_eq!(attempt(&mut mixed, health, at(n)), Circuit::Unchanged);
        }
        let mut rare = endpoints();
        for n in 0..60 {
            assert_eq!(attempt(&mut rare, Health::Ailing, at(n * 34)), Circuit::Unchanged);
        }
    }

    #[test]
    fn quiet_endpoints_are_forgotten_when_there_are_many() {
        let mut endpoints = endpoints();
        for n in 0..3_000 {
            let name = n.to_string();
            endpoints.admit(&name, at(n)).unwrap();
            endpoints.land(&name, Health::Well, at(n));
        }
        assert!(endpoints.known.len() <= CROWD + 1, "{}", endpoints.known.len());
    }
}
