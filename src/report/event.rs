//! Events of a call, as programs hear of them: over the event stream, and as callbacks where asked for.
//!
//! An event is told of what has changed in a call's journal, never of what was heard: news that changes
//! nothing is no news, and one entry of the ledger is at most one event, whose id is made of the entry's
//! number. The body is rendered once; both ways out carry the same bytes.

use std::collections::BTreeSet;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::call::{CallRequest, Journal, Phase, Recording};
use crate::ledger::CallEvent;
use crate::report::record::CallRecord;
use crate::timestamp::Timestamp;

/// What can be told of a call. The words are a promise to clients.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, utoipa::ToSchema)]
pub enum EventKind {
    /// The order was taken.
    #[serde(rename = "call.accepted")]
    Accepted,
    /// A phone rings: the agent's, later the target's; the legs say which.
    #[serde(rename = "call.ringing")]
    Ringing,
    /// The agent answered.
    #[serde(rename = "call.answered")]
    Answered,
    /// The target answered: both talk.
    #[serde(rename = "call.connected")]
    Connected,
    /// It is over: no line is left.
    #[serde(rename = "call.ended")]
    Ended,
    /// Codes and notes are in, or their time is over.
    #[serde(rename = "call.wrapped_up")]
    WrappedUp,
    /// The recording can be fetched.
    #[serde(rename = "recording.ready")]
    RecordingReady,
}

impl EventKind {
    /// All of them, in the order of a call.
    pub const ALL: [Self; 7] = [
        Self::Accepted,
        Self::Ringing,
        Self::Answered,
        Self::Connected,
        Self::Ended,
        Self::WrappedUp,
        Self::RecordingReady,
    ];

    /// As clients know it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Accepted => "call.accepted",
            Self::Ringing => "call.ringing",
            Self::Answered => "call.answered",
            Self::Connected => "call.connected",
            Self::Ended => "call.ended",
            Self::WrappedUp => "call.wrapped_up",
            Self::RecordingReady => "recording.ready",
        }
    }
}

/// No such event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there is no such event")]
pub struct NotAnEvent;

impl FromStr for EventKind {
    type Err = NotAnEvent;

    fn from_str(text: &str) -> Result<Self, NotAnEvent> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text).ok_or(NotAnEvent)
    }
}

/// Which events of a call go where.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EventPlan {
    /// Where.
    pub url: String,
    /// Which.
    pub events: BTreeSet<EventKind>,
}

/// What a change of a call is to be told as, if it is.
pub fn kind(before: &Journal, after: &Journal) -> Option<EventKind> {
    let (was, is) = (&before.times, &after.times);
    let rings = was.a_ringing != is.a_ringing || was.b_ringing != is.b_ringing;
    let wrapped_up = matches!((before.phase, after.phase), (Phase::WrappingUp { .. }, Phase::Ended { .. }));
    let recorded = before.recording != after.recording && after.recording == Recording::Kept;
    let kinds = [
        (before.a.created != after.a.created, EventKind::Accepted),
        (rings, EventKind::Ringing),
        (was.a_answered != is.a_answered, EventKind::Answered),
        (was.connected != is.connected, EventKind::Connected),
        (was.ended != is.ended, EventKind::Ended),
        (wrapped_up, EventKind::WrappedUp),
        (recorded, EventKind::RecordingReady),
    ];
    kinds.into_iter().find_map(|(happened, kind)| happened.then_some(kind))
}

/// The event that a change of a call is, complete to the last byte of its body.
pub fn told(request: &CallRequest, (before, after): (&Journal, &Journal), at: Timestamp) -> Option<CallEvent> {
    let kind = kind(before, after)?;
    let id = format!("evt_{}_{}", request.id, after.sequence);
    Some(CallEvent {
        body: body(&id, (kind, at), (request, after))?,
        id,
        tenant: request.tenant.clone(),
        call: request.id,
        agent: request.agent.as_ref().map(|agent| agent.extension.clone()),
        kind,
        at,
    })
}

/// The longest body that an event of this call can have, given its widest journal.
pub(super) fn widest_body(request: &CallRequest, widest: &Journal) -> Option<String> {
    let id = format!("evt_{}_{}", request.id, widest.sequence);
    body(&id, (EventKind::RecordingReady, request.accepted_at), (request, widest))
}

#[derive(Serialize)]
struct Body<'a> {
    id: &'a str,
    #[serde(rename = "type")]
    kind: EventKind,
    /// Grows within a call; numbers are left out where nothing was to be told.
    sequence: u32,
    occurred_at: String,
    data: CallRecord,
}

fn body(id: &str, (kind, at): (EventKind, Timestamp), (request, journal): (&CallRequest, &Journal)) -> Option<String> {
    let data = CallRecord::new(request, journal);
    let body = Body { id, kind, sequence: journal.sequence, occurred_at: at.to_string(), data };
    serde_json::to_string(&body).ok()
}
