//! One call: a pure state machine from events to commands.
//!
//! [`Call::on_event`] is total and infallible: every event is legal in every phase, and what makes no
//! sense there changes nothing. It reads no clock and asks no questions; facts travel with events.
//!
//! ```text
//!            Accepted              A answers              B answers
//!   (new) ───────────▶ CallingAgent ────────▶ CallingTarget ────────▶ Talking
//!                           │                      │                     │
//!                           └── terminate, deadline, a line gone ────────┤
//!                                                                        ▼
//!                           ┌───────────────────── no line left ── Clearing
//!                           ▼                                         │
//!                         Ended ◀── wrapped up, deadline ── WrappingUp ◀── both talked, for a queue with codes
//! ```
//!
//! Invariants, each held by a property test: B is created only after A has answered and while it is
//! there; a leg is created and dialled at most once; after the verdict nothing starts; a line that
//! comes alive after the verdict is hung up; the verdict never changes; a call is wrapped up at most
//! once; every call that is not [over](Journal::is_over) has a [deadline](Call::deadline), so it ends
//! even when neither Asterisk nor its agent ever speaks again.

mod command;
mod disposition;
mod event;
mod id;
mod request;
mod state;
#[cfg(test)]
pub(crate) mod tests;
mod wrapup;

use std::sync::Arc;
use std::time::Duration;

pub use command::{Command, Order};
pub use disposition::{EndBy, EndReason, Status};
pub use event::{Cause, DialEnd, Event, Gone, LineEvent, RecordingEvent};
pub use id::{CallId, NotACallId};
pub use request::{AgentRef, CallRequest, Idempotency, Identity, Leg, LegPlan, ReportPlan};
pub use state::{Journal, LegRecord, LegStatus, Line, Phase, Recording, Times, Verdict};
#[cfg(test)]
pub(crate) use wrapup::tests as wrapup_tests;
pub use wrapup::{QueuePlan, TransactionCode, WrapUp, WrapUpError};

use crate::timestamp::Timestamp;

/// How long a channel may take to exist once it was asked for. Asterisk needs milliseconds.
const CREATE_GRACE: Duration = Duration::from_secs(5);
/// How long after a hang-up a line that is still there is hung up again.
const HANGUP_RETRY: Duration = Duration::from_secs(2);
/// After so long in clearing a call ends although lines may be left; a later census sweeps them.
const CLEARING_LIMIT: Duration = Duration::from_secs(15);
/// How long Asterisk may take to say what became of a recording. It needs milliseconds; where the bridge
/// was not deleted at once, a census finds and deletes it.
const RECORDING_LIMIT: Duration = Duration::from_mins(1);

/// One call.
#[derive(Clone, Debug)]
pub struct Call {
    request: Arc<CallRequest>,
    journal: Journal,
}

impl Call {
    /// A call that has just been asked for. Its first event is [`Event::Accepted`].
    pub fn new(request: Arc<CallRequest>) -> Self {
        let since = request.accepted_at;
        let journal = Journal {
            phase: Phase::CallingAgent { line: Line::Created, since },
            times: Times::default(),
            a: LegRecord::default(),
            b: LegRecord::default(),
            recording: Recording::default(),
            wrap_up: None,
            sequence: 0,
        };
        Self { request, journal }
    }

    /// A call out of the journal.
    pub const fn restore(request: Arc<CallRequest>, journal: Journal) -> Self {
        Self { request, journal }
    }

    /// The order.
    pub const fn request(&self) -> &Arc<CallRequest> {
        &self.request
    }

    /// All that changes.
    pub const fn journal(&self) -> &Journal {
        &self.journal
    }

    /// Whether there will be a wrap-up, as things stand: the queue has codes, and both have talked or may
    /// still come to it.
    pub fn may_be_wrapped_up(&self) -> bool {
        let journal = &self.journal;
        let talks = journal.times.connected.is_some() || journal.verdict().is_none();
        !journal.has_cleared() && talks && self.wrap_up_time().is_some()
    }

    /// When [`Event::Deadline`] is due; none once the call is over.
    pub fn deadline(&self) -> Option<Timestamp> {
        let dialling = |line, since, leg| match line {
            Line::Created => since + CREATE_GRACE,
            Line::Dialled | Line::Ringing => since + self.request.leg(leg).max_dial_time,
        };
        match self.journal.phase {
            Phase::CallingAgent { line, since } => Some(dialling(line, since, Leg::A)),
            Phase::CallingTarget { line, since } => Some(dialling(line, since, Leg::B)),
            Phase::Talking { since } => Some(since + self.request.max_duration),
            Phase::Clearing { retry_at, .. } => Some(retry_at),
            Phase::WrappingUp { until, .. } => Some(until),
            Phase::Ended { .. } if self.journal.is_over() => None,
            Phase::Ended { verdict } => Some(self.journal.times.ended.unwrap_or(verdict.at) + RECORDING_LIMIT),
        }
    }

    /// Takes one event in; returns what is to be done about it, in order.
    ///
    /// An event that changed something has raised [`Journal::sequence`]; any other left no trace.
    pub fn on_event(&mut self, now: Timestamp, event: &Event) -> Vec<Command> {
        let before = self.journal.clone();
        let commands = self.react(now, event);
        if self.journal != before || !commands.is_empty() {
            self.journal.sequence += 1;
        }
        commands
    }

    fn react(&mut self, now: Timestamp, event: &Event) -> Vec<Command> {
        match event {
            Event::Accepted => self.on_accepted(now),
            Event::Terminate => self.on_terminate(now),
            Event::WrapUp(wrap_up) => self.on_wrap_up(wrap_up),
            Event::Deadline => self.on_deadline(now),
            Event::Line(leg, line) => self.on_line(now, *leg, line),
            Event::Recording(RecordingEvent::Finished) => self.on_recording(Recording::Kept),
            Event::Recording(RecordingEvent::Failed) => self.on_recording(Recording::Failed),
        }
    }

    fn on_accepted(&mut self, now: Timestamp) -> Vec<Command> {
        if self.journal.a.created.is_some() || self.journal.verdict().is_some() {
            return Vec::new();
        }
        self.journal.phase = Phase::CallingAgent { line: Line::Created, since: now };
        self.leg_mut(Leg::A).create(now);
        vec![Command::CreateBridge, Command::Create(Leg::A)]
    }

    fn on_terminate(&mut self, now: Timestamp) -> Vec<Command> {
        self.clear(now, (EndReason::Terminated, EndBy::Client))
    }

    fn on_deadline(&mut self, now: Timestamp) -> Vec<Command> {
        if self.deadline().is_none_or(|due| now < due) {
            return Vec::new();
        }
        match self.journal.phase {
            Phase::CallingAgent { line: Line::Created, .. } | Phase::CallingTarget { line: Line::Created, .. } => {
                self.clear(now, (EndReason::PbxLost, EndBy::Pbx))
            }
            Phase::CallingAgent { .. } => self.clear(now, (EndReason::AgentNoAnswer, EndBy::Timer)),
            Phase::CallingTarget { .. } => self.clear(now, (EndReason::TargetNoAnswer, EndBy::Timer)),
            Phase::Talking { .. } => self.clear(now, (EndReason::MaxDuration, EndBy::Timer)),
            Phase::Clearing { since, .. } if now.since(since) >= CLEARING_LIMIT => self.end(now),
            Phase::Clearing { verdict, since, .. } => {
                self.journal.phase = Phase::Clearing { verdict, since, retry_at: now + HANGUP_RETRY };
                self.hang_up_what_is_left()
            }
            Phase::WrappingUp { verdict, .. } => {
                self.journal.phase = Phase::Ended { verdict };
                Vec::new()
            }
            Phase::Ended { .. } => self.on_recording(Recording::Unknown),
        }
    }

    fn on_wrap_up(&mut self, wrap_up: &WrapUp) -> Vec<Command> {
        if let Phase::WrappingUp { verdict, .. } = self.journal.phase {
            self.journal.phase = Phase::Ended { verdict };
            self.journal.wrap_up = Some(wrap_up.clone());
        }
        Vec::new()
    }

    fn on_recording(&mut self, recording: Recording) -> Vec<Command> {
        if self.journal.recording == Recording::Running {
            self.journal.recording = recording;
        }
        Vec::new()
    }

    fn on_line(&mut self, now: Timestamp, leg: Leg, event: &LineEvent) -> Vec<Command> {
        if !self.journal.leg(leg).is_there() {
            return Vec::new();
        }
        match event {
            LineEvent::Entered => self.on_entered(now, leg),
            LineEvent::Ringing | LineEvent::EarlyMedia => self.on_ringing(now, leg),
            LineEvent::Answered => self.on_answered(now, leg),
            LineEvent::HangupRequested(cause) => {
                self.leg_mut(leg).learn(*cause);
                Vec::new()
            }
            LineEvent::DialEnded(end) if self.is_dialling(leg) => self.clear(now, disposition::dial_ended(leg, *end)),
            LineEvent::Forwarded if self.is_dialling(leg) => self.clear(now, disposition::forwarded(leg)),
            LineEvent::DialEnded(_) | LineEvent::Forwarded => Vec::new(),
            LineEvent::Gone(gone) => self.on_gone(now, leg, *gone),
            LineEvent::Transferred => self.on_transferred(now, leg),
        }
    }

    fn on_entered(&mut self, now: Timestamp, leg: Leg) -> Vec<Command> {
        match (&mut self.journal.phase, leg) {
            (Phase::CallingAgent { line, since }, Leg::A) | (Phase::CallingTarget { line, since }, Leg::B)
                if *line == Line::Created =>
            {
                *line = Line::Dialled;
                *since = now;
                vec![Command::JoinAndDial(leg)]
            }
            // The hang-up may have overtaken the channel's birth.
            _ => self.hang_up_late_life(leg),
        }
    }

    /// The agent hears it without our doing: both lines are in the bridge, and Asterisk passes on the
    /// network's own audio, or plays ringback where there is none.
    fn on_ringing(&mut self, now: Timestamp, leg: Leg) -> Vec<Command> {
        let (line, rang_at) = match (&mut self.journal.phase, leg) {
            (Phase::CallingAgent { line, .. }, Leg::A) => (line, &mut self.journal.times.a_ringing),
            (Phase::CallingTarget { line, .. }, Leg::B) => (line, &mut self.journal.times.b_ringing),
            _ => return Vec::new(),
        };
        if *line == Line::Dialled {
            *line = Line::Ringing;
            rang_at.get_or_insert(now);
            self.leg_mut(leg).status = LegStatus::Ringing;
        }
        Vec::new()
    }

    fn on_answered(&mut self, now: Timestamp, leg: Leg) -> Vec<Command> {
        match (self.journal.phase, leg) {
            (Phase::CallingAgent { line, .. }, Leg::A) if line != Line::Created => {
                self.journal.phase = Phase::CallingTarget { line: Line::Created, since: now };
                self.journal.times.a_answered = Some(now);
                self.leg_mut(Leg::A).status = LegStatus::Up;
                self.leg_mut(Leg::B).create(now);
                vec![Command::Create(Leg::B)]
            }
            (Phase::CallingTarget { line, .. }, Leg::B) if line != Line::Created => self.on_connected(now),
            _ => self.hang_up_late_life(leg),
        }
    }

    fn on_connected(&mut self, now: Timestamp) -> Vec<Command> {
        self.journal.phase = Phase::Talking { since: now };
        self.journal.times.connected = Some(now);
        self.leg_mut(Leg::B).status = LegStatus::Up;
        if !self.request.record {
            return Vec::new();
        }
        self.journal.recording = Recording::Running;
        vec![Command::Record]
    }

    fn on_gone(&mut self, now: Timestamp, leg: Leg, gone: Gone) -> Vec<Command> {
        let was_dialling = self.is_dialling(leg);
        let first = self.journal.leg(leg).cause;
        self.leg_mut(leg).leave(gone);
        match self.journal.phase {
            Phase::CallingAgent { .. } | Phase::CallingTarget { .. } if was_dialling => {
                self.clear(now, disposition::unanswered(leg, gone, first))
            }
            Phase::CallingAgent { .. } | Phase::CallingTarget { .. } => {
                self.clear(now, disposition::answered(leg, gone, false))
            }
            Phase::Talking { .. } => self.clear(now, disposition::answered(leg, gone, true)),
            Phase::Clearing { .. } if self.is_clear() => self.end(now),
            Phase::Clearing { .. } | Phase::WrappingUp { .. } | Phase::Ended { .. } => Vec::new(),
        }
    }

    /// The party on this leg talks on elsewhere, and is no longer ours to hang up.
    fn on_transferred(&mut self, now: Timestamp, leg: Leg) -> Vec<Command> {
        if !matches!(self.journal.phase, Phase::Talking { .. }) {
            return Vec::new();
        }
        self.leg_mut(leg).status = LegStatus::Gone;
        self.clear(now, (EndReason::Transferred, EndBy::person(leg)))
    }

    /// Passes the verdict, unless it stands already, and hangs up what is left.
    fn clear(&mut self, now: Timestamp, (reason, by): (EndReason, EndBy)) -> Vec<Command> {
        if self.journal.verdict().is_some() {
            return Vec::new();
        }
        let talked = self.journal.times.connected.is_some();
        let verdict = Verdict::new(reason, by, talked, now);
        self.journal.phase = Phase::Clearing { verdict, since: now, retry_at: now + HANGUP_RETRY };
        if self.is_clear() { self.end(now) } else { self.hang_up_what_is_left() }
    }

    const fn is_clear(&self) -> bool {
        !self.journal.a.is_there() && !self.journal.b.is_there()
    }

    fn hang_up_what_is_left(&self) -> Vec<Command> {
        let left = |leg: &Leg| self.journal.leg(*leg).is_there();
        Leg::BOTH.into_iter().rev().filter(left).map(Command::Hangup).collect()
    }

    fn hang_up_late_life(&self, leg: Leg) -> Vec<Command> {
        if self.journal.verdict().is_some() { vec![Command::Hangup(leg)] } else { Vec::new() }
    }

    /// No line is left, or waited for any longer.
    fn end(&mut self, now: Timestamp) -> Vec<Command> {
        let Phase::Clearing { verdict, .. } = self.journal.phase else { return Vec::new() };
        self.journal.times.ended = Some(now);
        let talked = self.journal.times.connected.is_some();
        self.journal.phase = match self.wrap_up_time().filter(|_| talked) {
            Some(time) => Phase::WrappingUp { verdict, until: now + time },
            None => Phase::Ended { verdict },
        };
        vec![Command::DestroyBridge]
    }

    /// How long wrap-up may take, where there is something to choose.
    fn wrap_up_time(&self) -> Option<Duration> {
        self.request.queue.as_ref().filter(|queue| queue.has_wrap_up()).map(|queue| queue.wrap_up)
    }

    const fn is_dialling(&self, leg: Leg) -> bool {
        matches!(
            (self.journal.phase, leg),
            (Phase::CallingAgent { .. }, Leg::A) | (Phase::CallingTarget { .. }, Leg::B)
        )
    }

    const fn leg_mut(&mut self, leg: Leg) -> &mut LegRecord {
        match leg {
            Leg::A => &mut self.journal.a,
            Leg::B => &mut self.journal.b,
        }
    }
}
