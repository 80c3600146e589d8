//! Clicks that are the same as one before: within the tenant's window, or under the same idempotency key.
//!
//! Keys are kept for a day by the store, where doors look before they submit. Here they are remembered for
//! the moment in which two requests overtake each other: both have looked, and found nothing. A process
//! that has just started needs no such memory, since whatever the last one took in is in the store.

use std::time::Duration;

use super::memory::Memory;
use crate::call::{CallId, CallRequest};
use crate::dial::number::Party;
use crate::timestamp::Timestamp;

/// Longer than any request may take.
const MARKS: Duration = Duration::from_mins(1);

/// Two clicks with the same key within the tenant's window are one click.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct ClickKey {
    tenant: String,
    credential: String,
    agent: Party,
    target: Party,
}

/// An idempotency key is its credential's own.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct MarkKey {
    tenant: String,
    credential: String,
    key: String,
}

/// What is known of a click.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Known {
    /// Its idempotency key stands for this call.
    Again(CallId),
    /// Within the window the same was clicked, and this call placed.
    Alike(CallId),
    /// Its idempotency key stands for another order.
    Otherwise,
}

/// Clicks of the last moments.
#[derive(Debug, Default)]
pub(super) struct Clicks {
    recent: Memory<ClickKey, CallId>,
    marks: Memory<MarkKey, (String, CallId)>,
}

impl Clicks {
    /// What is known of this click.
    pub(super) fn known(&self, now: Timestamp, request: &CallRequest) -> Option<Known> {
        let marked = request.idempotency.as_ref().zip(mark_key(request));
        if let Some((mark, key)) = marked
            && let Some((fingerprint, first)) = self.marks.get(&key, now)
        {
            let same = *fingerprint == mark.fingerprint;
            return Some(if same { Known::Again(*first) } else { Known::Otherwise });
        }
        self.recent.get(&click_key(request), now).copied().map(Known::Alike)
    }

    /// From now on, and until then, the same click gives this call.
    pub(super) fn remember(&mut self, request: &CallRequest, (call, until): (CallId, Timestamp), now: Timestamp) {
        self.recent.put(click_key(request), call, (until, now));
    }

    /// The click's idempotency key stands for this call.
    pub(super) fn mark(&mut self, request: &CallRequest, call: CallId, now: Timestamp) {
        if let Some((mark, key)) = request.idempotency.as_ref().zip(mark_key(request)) {
            self.marks.put(key, (mark.fingerprint.clone(), call), (now + MARKS, now));
        }
    }

    /// The same click is a new one.
    pub(super) fn forget(&mut self, call: CallId) {
        self.recent.retain(|first| *first != call);
        self.marks.retain(|(_, first)| *first != call);
    }
}

fn click_key(request: &CallRequest) -> ClickKey {
    ClickKey {
        tenant: request.tenant.clone(),
        credential: request.credential.clone(),
        agent: request.a.party.clone(),
        target: request.b.party.clone(),
    }
}

fn mark_key(request: &CallRequest) -> Option<MarkKey> {
    let key = request.idempotency.as_ref()?.key.clone();
    Some(MarkKey { tenant: request.tenant.clone(), credential: request.credential.clone(), key })
}
