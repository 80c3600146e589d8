//! The flight recorder: what the engine makes durable, turn by turn.
//!
//! A [`Batch`] is written in one transaction before anything in it is acted upon, so a restart needs
//! nothing but the last snapshots and Asterisk's own lists; and the ledger of a call, run through the
//! pure machine again, gives the same commands.

use std::sync::Arc;

use std::time::Duration;

use crate::call::{CallId, CallRequest, Command, EndReason, Event, Idempotency, Journal};
use crate::report::Callback;
use crate::report::event::EventKind;
use crate::timestamp::Timestamp;

/// A call as it stands after a step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Snapshot {
    /// The order; stored once, with the first snapshot.
    pub request: Arc<CallRequest>,
    /// All that changes.
    pub journal: Journal,
}

impl Snapshot {
    /// Whether nothing of it ever rang, because it could not be placed: the same click is a new one.
    pub fn was_abandoned(&self) -> bool {
        let was_lost = self.journal.verdict().is_some_and(|verdict| verdict.reason == EndReason::PbxLost);
        was_lost && self.journal.times.a_ringing.is_none()
    }
}

/// An idempotency key, and the call that it stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mark {
    /// Whose.
    pub tenant: String,
    /// Under which credential.
    pub credential: String,
    /// The key, and what was asked for under it.
    pub idempotency: Idempotency,
    /// The call.
    pub call: CallId,
    /// Since when.
    pub at: Timestamp,
}

impl Mark {
    /// How long a key stands for its call.
    pub const LIFE: Duration = Duration::from_hours(24);
}

/// One line of the ledger: what happened to a call, and what it wanted done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The call.
    pub call: CallId,
    /// 1, 2, 3 … within the call.
    pub sequence: u32,
    /// When.
    pub at: Timestamp,
    /// What happened.
    pub event: Event,
    /// What the call wanted done.
    pub commands: Vec<Command>,
}

/// Something told of a call, complete to the last byte of its body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallEvent {
    /// `evt_<call>_<sequence>`, derived, so that it can never be told twice.
    pub id: String,
    /// Whose.
    pub tenant: String,
    /// The call.
    pub call: CallId,
    /// Extension of the agent on whose behalf it was placed.
    pub agent: Option<String>,
    /// What.
    pub kind: EventKind,
    /// When.
    pub at: Timestamp,
    /// JSON, as clients read it.
    pub body: String,
}

/// A line for the audit: an override used, a change of the directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditLine {
    /// When.
    pub at: Timestamp,
    /// Whose.
    pub tenant: String,
    /// Which credential, or `admin socket`.
    pub actor: String,
    /// What was done.
    pub action: String,
}

/// All that one turn of the engine makes durable together.
#[derive(Clone, Debug, Default)]
pub struct Batch {
    /// Calls that changed; the last snapshot of each.
    pub snapshots: Vec<Snapshot>,
    /// What happened.
    pub ledger: Vec<Entry>,
    /// What is owed to the outside.
    pub callbacks: Vec<Callback>,
    /// What is told of calls.
    pub events: Vec<CallEvent>,
    /// Idempotency keys, and what they stand for.
    pub marks: Vec<Mark>,
    /// What the audit must know.
    pub audit: Vec<AuditLine>,
}

impl Batch {
    /// Whether there is nothing to write.
    pub fn is_empty(&self) -> bool {
        let Self { snapshots, ledger, callbacks, events, marks, audit } = self;
        let is_told = !callbacks.is_empty() || !events.is_empty();
        snapshots.is_empty() && ledger.is_empty() && !is_told && marks.is_empty() && audit.is_empty()
    }
}
