//! How many requests were answered, by door and by class of status: read when metrics are scraped.

use std::sync::atomic::{AtomicU64, Ordering};

use axum::http::StatusCode;

use crate::dial::policy::Limit;

/// The parts of the HTTP side that are counted apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Counted {
    /// The Voicenter door.
    Voicenter,
    /// The Getdesk door.
    Getdesk,
    /// The 8x8 door.
    EightByEight,
    /// Signing in and out.
    Login,
    /// The native API.
    Api,
    /// Health and readiness.
    Health,
    /// Paths that are nobody's.
    Other,
}

const DOORS: [(&str, Counted); 7] = [
    ("voicenter", Counted::Voicenter),
    ("getdesk", Counted::Getdesk),
    ("8x8", Counted::EightByEight),
    ("login", Counted::Login),
    ("api", Counted::Api),
    ("health", Counted::Health),
    ("other", Counted::Other),
];
const CLASSES: [&str; 4] = ["2xx", "3xx", "4xx", "5xx"];

/// Why clicks are refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refused {
    /// A field is missing or malformed.
    Invalid,
    /// A rule of the tenant.
    Forbidden,
    /// No such extension, login code or dial plan.
    Unknown,
    /// The phone is offline.
    Offline,
    /// The extension is blocked.
    Blocked,
    /// The idempotency key of another request.
    KeyReused,
    /// Too many requests.
    TooMany,
    /// Asterisk or the store is away, or there is too much to do.
    Unavailable,
}

const KINDS: [&str; 8] =
    ["invalid", "forbidden", "unknown", "offline", "blocked", "key_reused", "too_many", "unavailable"];

/// Answers and refusals, counted.
#[derive(Debug, Default)]
pub struct HttpCounters {
    answers: [[AtomicU64; CLASSES.len()]; DOORS.len()],
    refusals: [AtomicU64; KINDS.len()],
    limited: [AtomicU64; Limit::ALL.len()],
    suspensions: AtomicU64,
}

impl HttpCounters {
    /// Counts one answer.
    pub(super) fn count(&self, door: Counted, status: StatusCode) {
        let class = usize::from(status.as_u16() / 100).saturating_sub(2).min(CLASSES.len() - 1);
        self.answers[door as usize][class].fetch_add(1, Ordering::Relaxed);
    }

    /// Door, class of status (`2xx` …) and number of answers, for all of them.
    pub fn read(&self) -> impl Iterator<Item = (&'static str, &'static str, u64)> + '_ {
        DOORS.into_iter().flat_map(move |(name, door)| {
            let classes = CLASSES.into_iter().zip(&self.answers[door as usize]);
            classes.map(move |(class, count)| (name, class, count.load(Ordering::Relaxed)))
        })
    }
}

impl HttpCounters {
    /// Counts one click that was refused.
    pub(super) fn refuse(&self, kind: Refused) {
        self.refusals[kind as usize].fetch_add(1, Ordering::Relaxed);
    }

    /// Counts one click that a limit on calls refused.
    pub(super) fn limit(&self, limit: Limit) {
        self.limited[limit as usize].fetch_add(1, Ordering::Relaxed);
    }

    /// Counts one token that was suspended.
    pub(super) fn suspend(&self) {
        self.suspensions.fetch_add(1, Ordering::Relaxed);
    }

    /// How many tokens were suspended.
    pub fn suspensions(&self) -> u64 {
        self.suspensions.load(Ordering::Relaxed)
    }

    /// Kind of refusal, or name of the limit, and number of clicks, for all of them.
    pub fn refusals(&self) -> impl Iterator<Item = (&'static str, u64)> + '_ {
        let limits = Limit::ALL.map(Limit::as_str).into_iter().zip(&self.limited);
        KINDS.into_iter().zip(&self.refusals).chain(limits).map(|(kind, count)| (kind, count.load(Ordering::Relaxed)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_counted_under_its_door_and_class() {
        let counters = HttpCounters::default();
        counters.count(Counted::Voicenter, StatusCode::OK);
        counters.count(Counted::Other, StatusCode::NOT_FOUND);
        let counted: Vec<_> = counters.read().filter(|(_, _, count)| *count > 0).collect();
        assert_eq!(counted, [("voicenter", "2xx", 1), ("other", "4xx", 1)]);
    }
}
