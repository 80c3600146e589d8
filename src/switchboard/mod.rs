//! All calls of one node: routes what happens by call id, keeps the deadlines, guards the agents.
//!
//! Pure, like the calls in it. Inputs go in one by one, one [`Step`] comes out: what is to be written,
//! and only then done. The engine may put many inputs into one step, so that they share a commit.
//!
//! A reconnect and a restart are no states of their own. The link takes a [`Census`] of what there is
//! at Asterisk, and the switchboard turns the differences into ordinary events: a line that is not
//! listed is gone, one that is listed as up has answered, and what no call claims is swept away.

mod census;
mod clicks;
mod memory;
mod meter;
mod step;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

pub use meter::Usage;
pub use step::{Milestone, Step};

use clicks::{Clicks, Known};
use meter::Meter;

use crate::call::{Call, CallId, CallRequest, Event, Gone, Journal, Leg, Line, LineEvent, Phase, WrapUp};
use crate::dial::number::Party;
use crate::dial::policy::{Admission, Cap, Exceeded, Limit, subjects};
use crate::ledger::{AuditLine, Mark, Snapshot};
use crate::link::{Census, Notice, QueueMember};
use crate::timestamp::Timestamp;

/// What became of a click that reached the switchboard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Receipt {
    /// A new call.
    Accepted(CallId),
    /// The same click as a moment ago: the first one's call.
    Duplicate(CallId),
    /// The key of an order that asked for something else.
    KeyReused,
    /// Beyond a limit.
    TooMany(Exceeded),
}

/// What became of a wrap-up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wrapped {
    /// It stands.
    Done,
    /// Too early: the call is still up.
    NotYet,
    /// Nobody waits for it: there is none, it is done, its time is over, or there is no such call.
    Over,
}

/// Which calls a request wants ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Termination {
    /// One call of a tenant.
    Call {
        /// Whose.
        tenant: String,
        /// Which.
        call: CallId,
    },
    /// All calls of a tenant that this extension, or this outside number on leg A, takes part in.
    Party {
        /// Whose.
        tenant: String,
        /// Who.
        party: Party,
    },
}

impl Termination {
    fn concerns(&self, request: &CallRequest) -> bool {
        match self {
            Self::Call { tenant, call } => request.tenant == *tenant && request.id == *call,
            Self::Party { tenant, party } => {
                let on_b = matches!(party, Party::Extension(_)) && request.b.party == *party;
                request.tenant == *tenant && (request.a.party == *party || on_b)
            }
        }
    }
}

/// All calls of one node.
#[derive(Debug, Default)]
pub struct Switchboard {
    calls: BTreeMap<CallId, Call>,
    deadlines: BTreeSet<(Timestamp, CallId)>,
    clicks: Clicks,
    meter: Meter,
    boot: Option<String>,
    /// Lines that the last census did not list.
    missing: BTreeSet<(CallId, Leg)>,
    /// Calls of the last process: nothing that it asked for is still on its way.
    restored: BTreeSet<CallId>,
}

impl Switchboard {
    /// A switchboard with the calls that were under way when the last process ended.
    pub fn restore(active: Vec<Snapshot>) -> Self {
        let mut board = Self::default();
        for Snapshot { request, journal } in active {
            let call = Call::restore(request, journal);
            board.restored.insert(call.request().id);
            board.put(call);
        }
        board
    }

    /// Remembers a click of the last process: until `until` the same click gives this call.
    pub fn remember_click(&mut self, request: &CallRequest, until: Timestamp) {
        self.clicks.remember(request, (request.id, until), request.accepted_at);
    }

    /// Counts a call of the last process against its limits, from the moment at which it was accepted.
    pub fn remember_call(&mut self, request: &CallRequest, accepted: Timestamp, now: Timestamp) {
        self.meter.count(request, accepted.min(now), now);
    }

    /// How much of each of a tenant's caps is used up.
    pub fn usage(&self, now: Timestamp, tenant: &str, caps: Vec<Cap>) -> Vec<Usage> {
        let usage = |cap: Cap| match cap.limit.window() {
            Some(window) => self.meter.used(tenant, (cap, window), now),
            None => Usage::active(self.active(tenant, (cap.limit, &cap.subject)), cap),
        };
        caps.into_iter().map(usage).collect()
    }

    /// When the next call wants to be woken.
    pub fn deadline(&self) -> Option<Timestamp> {
        self.deadlines.first().map(|(at, _)| *at)
    }

    /// How many calls are under way.
    pub fn len(&self) -> usize {
        self.calls.len()
    }

    /// Whether no call is under way.
    pub fn is_empty(&self) -> bool {
        self.calls.is_empty()
    }

    /// The journals of all calls under way.
    pub fn journals(&self) -> impl Iterator<Item = &Journal> {
        self.calls.values().map(Call::journal)
    }

    /// Who is to be left in peace by their queues: agents from the target's answer until nothing more is
    /// awaited from them.
    pub fn paused(&self) -> BTreeSet<QueueMember> {
        self.calls.values().filter_map(pauses).collect()
    }

    /// Takes a click in. A new call begins only where the answer is [`Receipt::Accepted`].
    pub fn submit(&mut self, now: Timestamp, admission: Admission, step: &mut Step) -> Receipt {
        let Admission { request, duplicate_window, caps, audit } = admission;
        match self.clicks.known(now, &request) {
            Some(Known::Otherwise) => return Receipt::KeyReused,
            Some(Known::Again(first)) => return Receipt::Duplicate(first),
            Some(Known::Alike(first)) => {
                self.mark(now, (&request, first), step);
                return Receipt::Duplicate(first);
            }
            None => {}
        }
        let exceeded = self.usage(now, &request.tenant, caps).into_iter().filter_map(|usage| usage.exceeded());
        if let Some(exceeded) = exceeded.max_by_key(|exceeded| exceeded.retry_after) {
            return Receipt::TooMany(exceeded);
        }
        let id = request.id;
        step.audit.extend(audit.into_iter().map(|action| AuditLine {
            at: now,
            tenant: request.tenant.clone(),
            actor: request.credential.clone(),
            action,
        }));
        self.clicks.remember(&request, (id, now + duplicate_window), now);
        self.mark(now, (&request, id), step);
        self.meter.count(&request, now, now);
        self.put(Call::new(Arc::new(request)));
        step.milestones.push(Milestone::Accepted);
        self.tell(now, id, &Event::Accepted, step);
        Receipt::Accepted(id)
    }

    /// Ends calls; returns the newest of them.
    pub fn terminate(&mut self, now: Timestamp, which: &Termination, step: &mut Step) -> Option<CallId> {
        let concerned: Vec<CallId> = self
            .calls
            .values()
            .filter(|call| call.journal().verdict().is_none() && which.concerns(call.request()))
            .map(|call| call.request().id)
            .collect();
        for id in &concerned {
            self.tell(now, *id, &Event::Terminate, step);
        }
        concerned.last().copied()
    }

    /// Takes in what the agent noted after a call of this tenant.
    pub fn wrap_up(&mut self, now: Timestamp, (tenant, id): (&str, CallId), noted: WrapUp, step: &mut Step) -> Wrapped {
        let Some(call) = self.calls.get(&id).filter(|call| call.request().tenant == tenant) else {
            return Wrapped::Over;
        };
        match call.journal().phase {
            Phase::WrappingUp { .. } => {
                self.tell(now, id, &Event::WrapUp(noted), step);
                Wrapped::Done
            }
            _ if call.may_be_wrapped_up() => Wrapped::NotYet,
            _ => Wrapped::Over,
        }
    }

    /// Takes in what a link has to tell.
    pub fn notice(&mut self, now: Timestamp, notice: Notice, step: &mut Step) {
        match notice {
            Notice::Line(id, leg, event) => self.tell(now, id, &Event::Line(leg, event), step),
            Notice::Recording(id, event) => self.tell(now, id, &Event::Recording(event), step),
            Notice::Census(census) => self.take_census(now, &census, step),
        }
    }

    /// Wakes every call whose deadline has come.
    pub fn wake(&mut self, now: Timestamp, step: &mut Step) {
        while let Some((at, id)) = self.deadlines.first().copied() {
            if now < at {
                return;
            }
            self.tell(now, id, &Event::Deadline, step);
            // A deadline that stands although it has come would be served for ever.
            debug_assert_ne!(self.deadlines.first(), Some(&(at, id)));
            self.deadlines.remove(&(at, id));
        }
    }

    /// Whether some call waits for a channel that it has asked for.
    pub fn awaits_channels(&self) -> bool {
        self.calls.values().any(|call| match call.journal().phase {
            Phase::CallingAgent { line, .. } | Phase::CallingTarget { line, .. } => line == Line::Created,
            Phase::Talking { .. } | Phase::Clearing { .. } | Phase::WrappingUp { .. } | Phase::Ended { .. } => false,
        })
    }

    /// Whether a call is under way and has no verdict yet.
    pub fn is_open(&self, id: CallId) -> bool {
        self.calls.get(&id).is_some_and(|call| call.journal().verdict().is_none())
    }

    /// A call that whoever asked for it was told would not be: nothing of it was sent, and nobody is
    /// told of its end. The same click is a new one.
    pub fn abandon(&mut self, now: Timestamp, id: CallId, step: &mut Step) {
        self.clicks.forget(id);
        self.meter.forget(id);
        self.tell(now, id, &Event::Line(Leg::A, LineEvent::Gone(Gone::NotSent)), step);
        step.callbacks.retain(|callback| callback.call != Some(id));
    }

    /// The click's idempotency key stands for this call, here and in the store.
    fn mark(&mut self, now: Timestamp, (request, call): (&CallRequest, CallId), step: &mut Step) {
        self.clicks.mark(request, call, now);
        step.marks.extend(request.idempotency.clone().map(|idempotency| Mark {
            tenant: request.tenant.clone(),
            credential: request.credential.clone(),
            idempotency,
            call,
            at: now,
        }));
    }

    /// How many calls of a tenant under way count against a limit.
    fn active(&self, tenant: &str, against: (Limit, &str)) -> u32 {
        let of_tenant = self.calls.values().filter(|call| call.request().tenant == tenant);
        let active = of_tenant.filter(|call| !call.journal().has_cleared());
        let counted = active.filter(|call| subjects(call.request()).any(|subject| subject == against)).count();
        u32::try_from(counted).unwrap_or(u32::MAX)
    }

    fn tell(&mut self, now: Timestamp, id: CallId, event: &Event, step: &mut Step) {
        let Some(mut call) = self.take(id) else { return };
        let before = call.journal().clone();
        let commands = call.on_event(now, event);
        if *call.journal() != before {
            step.record(now, &call, &before, (event, commands));
            // What it asks for from now on is asked for by this process.
            self.restored.remove(&id);
        }
        if !call.journal().is_over() {
            self.put(call);
        }
    }

    fn take(&mut self, id: CallId) -> Option<Call> {
        let call = self.calls.remove(&id)?;
        if let Some(at) = call.deadline() {
            self.deadlines.remove(&(at, id));
        }
        Some(call)
    }

    fn put(&mut self, call: Call) {
        let id = call.request().id;
        if let Some(at) = call.deadline() {
            self.deadlines.insert((at, id));
        }
        self.calls.insert(id, call);
    }
}

fn pauses(call: &Call) -> Option<QueueMember> {
    let (request, journal) = (call.request(), call.journal());
    let is_done = journal.times.connected.is_none() || matches!(journal.phase, Phase::Ended { .. });
    let queue = request.queue.as_ref().filter(|_| !is_done)?;
    Some(QueueMember { queue: queue.queue.clone(), device: request.a.device.clone()? })
}
