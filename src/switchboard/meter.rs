//! How many calls count against what: the moments of those accepted, one log for each limit and subject.
//!
//! Windows slide: however one lays such a span over time, no more calls begin in it than the cap says.
//! Only accepted calls are counted, and a cap may change from click to click, since the directory may.

use std::collections::VecDeque;
use std::time::Duration;

use super::memory::Memory;
use crate::call::{CallId, CallRequest};
use crate::dial::policy::{Cap, Exceeded, Limit, subjects};
use crate::timestamp::Timestamp;

/// When it is worth trying again while calls are under way: nobody knows how long they last.
const WHILE_ACTIVE: Duration = Duration::from_secs(5);

/// How much of a cap is used up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Usage {
    /// The cap.
    pub cap: Cap,
    /// How many calls count against it now.
    pub used: u32,
    /// Until there is room for one more; none where there is.
    pub wait: Option<Duration>,
}

impl Usage {
    /// Of a cap on calls under way.
    pub(super) fn active(used: u32, cap: Cap) -> Self {
        let wait = (used >= cap.most).then_some(WHILE_ACTIVE);
        Self { cap, used, wait }
    }

    /// What a further call would go beyond.
    pub fn exceeded(&self) -> Option<Exceeded> {
        let Cap { limit, most, hours, .. } = self.cap;
        self.wait.map(|retry_after| Exceeded { limit, most, hours, retry_after })
    }
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    tenant: String,
    limit: Limit,
    subject: String,
}

/// Counts what was accepted.
#[derive(Debug, Default)]
pub(super) struct Meter {
    logs: Memory<Key, VecDeque<(Timestamp, CallId)>>,
}

impl Meter {
    /// Counts a call that was accepted at this moment.
    pub(super) fn count(&mut self, request: &CallRequest, at: Timestamp, now: Timestamp) {
        for (limit, subject) in subjects(request) {
            let Some(window) = limit.window() else { continue };
            let key = Key { tenant: request.tenant.clone(), limit, subject: subject.to_owned() };
            let log = self.logs.get_or_default(key, (at + window, now));
            let gone = log.partition_point(|(at, _)| *at + window <= now);
            log.drain(..gone);
            let place = log.partition_point(|(other, _)| *other <= at);
            log.insert(place, (at, request.id));
        }
    }

    /// Never mind that call: it was not to be.
    pub(super) fn forget(&mut self, call: CallId) {
        self.logs.values_mut().for_each(|log| log.retain(|(_, id)| *id != call));
    }

    /// How much of a cap on calls within a window is used up.
    pub(super) fn used(&self, tenant: &str, (cap, window): (Cap, Duration), now: Timestamp) -> Usage {
        let key = Key { tenant: tenant.to_owned(), limit: cap.limit, subject: cap.subject.clone() };
        let none = VecDeque::new();
        let log = self.logs.get(&key, now).unwrap_or(&none);
        let used = log.len() - log.partition_point(|(at, _)| *at + window <= now);
        let most = usize::try_from(cap.most).unwrap_or(usize::MAX);
        let wait = (used >= most).then(|| {
            // Once this one leaves the window, there is room; with a cap of zero there never is.
            log.get(log.len() - most).map_or(window, |(at, _)| (*at + window).since(now))
        });
        Usage { cap, used: u32::try_from(used).unwrap_or(u32::MAX), wait }
    }
}
