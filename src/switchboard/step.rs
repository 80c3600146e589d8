//! What one turn of the switchboard leads to.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::call::{Call, CallId, Command, EndReason, Event, Journal, Order, Status};
use crate::ledger::{AuditLine, Batch, CallEvent, Entry, Mark, Snapshot};
use crate::link::Action;
use crate::report::{Callback, event, render};
use crate::timestamp::Timestamp;

/// A moment worth measuring.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Milestone {
    /// A call was accepted.
    Accepted,
    /// The agent's phone rings, so long after the click.
    AgentRings(Duration),
    /// The target rings, so long after the agent answered.
    TargetRings(Duration),
    /// Both talk, so long after the click.
    Connected(Duration),
    /// A call has ended: its lines are free.
    Ended(Status, EndReason),
}

/// What is to be written, and then done.
#[derive(Debug, Default)]
pub struct Step {
    /// The last snapshot of every call that changed.
    pub snapshots: BTreeMap<CallId, Snapshot>,
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
    /// What Asterisk is to do, in order.
    pub actions: Vec<Action>,
    /// What there is to measure.
    pub milestones: Vec<Milestone>,
}

impl Step {
    /// Whether nothing is to be written, and nothing to be done.
    pub fn is_empty(&self) -> bool {
        self.ledger.is_empty() && self.actions.is_empty() && self.marks.is_empty() && self.audit.is_empty()
    }

    /// What is to be written, and what remains to be done once it is.
    pub fn into_parts(self) -> (Batch, Vec<Action>) {
        let batch = Batch {
            snapshots: self.snapshots.into_values().collect(),
            ledger: self.ledger,
            callbacks: self.callbacks,
            events: self.events,
            marks: self.marks,
            audit: self.audit,
        };
        (batch, self.actions)
    }

    pub(super) fn record(&mut self, now: Timestamp, call: &Call, before: &Journal, cause: (&Event, Vec<Command>)) {
        let (event, commands) = cause;
        let (request, journal) = (call.request(), call.journal());
        let orders = commands.iter().map(|command| Order { request: request.clone(), command: *command });
        self.actions.extend(orders.map(Action::Order));
        self.ledger.push(Entry {
            call: request.id,
            sequence: journal.sequence,
            at: now,
            event: event.clone(),
            commands,
        });
        self.snapshots.insert(request.id, Snapshot { request: request.clone(), journal: journal.clone() });
        self.callbacks.extend(render::owed(request, (before, journal), now));
        if let Some(event) = event::told(request, (before, journal), now) {
            self.callbacks.extend(render::event_callback(request, &event));
            self.events.push(event);
        }
        self.measure(request.accepted_at, before, journal);
    }

    fn measure(&mut self, accepted_at: Timestamp, before: &Journal, after: &Journal) {
        let (was, is) = (&before.times, &after.times);
        if let (None, Some(at)) = (was.a_ringing, is.a_ringing) {
            self.milestones.push(Milestone::AgentRings(at.since(accepted_at)));
        }
        if let (None, Some(at), Some(answered)) = (was.b_ringing, is.b_ringing, is.a_answered) {
            self.milestones.push(Milestone::TargetRings(at.since(answered)));
        }
        if let (None, Some(at)) = (was.connected, is.connected) {
            self.milestones.push(Milestone::Connected(at.since(accepted_at)));
        }
        if let (None, Some(_), Some(verdict)) = (was.ended, is.ended, after.verdict()) {
            self.milestones.push(Milestone::Ended(verdict.status, verdict.reason));
        }
    }
}
