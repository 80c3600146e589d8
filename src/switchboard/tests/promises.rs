//! What must hold after every step, whatever happened.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::*;
use crate::call::{Command, EndReason, Line, LineEvent, Order, Phase, Status, Verdict};
use crate::link::{Action, Place, Stray};

/// What is known of every call, from the outside.
#[derive(Default)]
pub(super) struct Promises {
    accepted: BTreeMap<CallId, Timestamp>,
    entered: BTreeSet<(CallId, Leg)>,
    started: BTreeSet<(CallId, &'static str, Leg)>,
    answered: BTreeSet<CallId>,
    agent_gone: BTreeSet<CallId>,
    verdicts: BTreeMap<CallId, Verdict>,
    /// Those whose lines were free once.
    cleared: BTreeSet<CallId>,
    ended: BTreeSet<CallId>,
    idle: BTreeSet<(CallId, Leg)>,
    /// Until when a call may be wrapped up.
    limits: BTreeMap<CallId, Timestamp>,
    wrapped_up: BTreeSet<CallId>,
    told: BTreeMap<CallId, Vec<EventKind>>,
    owed: BTreeMap<CallId, Vec<String>>,
    /// Calls that a request has ended.
    pub(super) terminated: BTreeSet<CallId>,
}

impl Promises {
    /// Looks at one step and at what caused it.
    pub(super) fn watch(&mut self, now: Timestamp, cause: Option<&Notice>, step: &Step) {
        if let Some(Notice::Line(call, leg, event)) = cause {
            self.a_lone_line_is_hung_up(*call, *leg, event, step);
            self.late_life_is_hung_up(*call, *leg, event, step);
        }
        if let Some(Notice::Census(census)) = cause {
            only_ours_is_swept(census, step);
        }
        for entry in &step.ledger {
            match &entry.event {
                Event::Line(leg, event) => self.learn(entry.call, *leg, event),
                Event::WrapUp(noted) => {
                    assert!(self.wrapped_up.insert(entry.call), "wrapped up twice");
                    assert_eq!(step.snapshots[&entry.call].journal.wrap_up.as_ref(), Some(noted));
                }
                _ => {}
            }
        }
        for action in &step.actions {
            if let Action::Order(order) = action {
                self.may_start(order.request.id, order.command);
            }
        }
        for snapshot in step.snapshots.values() {
            self.verdict_stands(now, snapshot);
        }
        self.outside_is_told(step);
    }

    /// Nobody waits without a time limit, no dialling line outlives its time, and no wrap-up.
    pub(super) fn timers_hold(now: Timestamp, board: &Switchboard) {
        for call in board.calls.values() {
            let due = call.deadline().expect("a call without a deadline");
            assert!(now <= due || call.journal().verdict().is_none(), "waits after its time: {:?}", call.journal());
            let (leg, line, since) = match call.journal().phase {
                Phase::WrappingUp { until, .. } => {
                    assert!(now <= until, "a wrap-up without end");
                    continue;
                }
                Phase::CallingAgent { line, since } => (Leg::A, line, since),
                Phase::CallingTarget { line, since } => (Leg::B, line, since),
                _ => continue,
            };
            let most =
                if line == Line::Created { Duration::from_secs(5) } else { call.request().leg(leg).max_dial_time };
            assert!(now.since(since) <= most, "leg {leg} still dials after its time: {:?}", call.journal());
        }
    }

    /// Every call has ended once, with one record owed, and a terminated one as terminated.
    pub(super) fn all_kept(&self) {
        assert!(self.accepted.keys().eq(self.ended.iter()), "not every accepted call has ended");
        for call in &self.ended {
            self.everything_was_told_once(*call);
        }
        for call in &self.terminated {
            let verdict = self.verdicts[call];
            assert_eq!(verdict.reason, EndReason::Terminated);
            assert!(matches!(verdict.status, Status::Canceled | Status::Completed));
        }
    }

    /// The record comes when the lines are free, the user data when nothing more is awaited, and every
    /// event goes both ways in the same words.
    fn outside_is_told(&mut self, step: &Step) {
        for callback in &step.callbacks {
            let call = callback.call.expect("it tells of a call");
            let journal = &step.snapshots[&call].journal;
            match callback.kind.as_str() {
                "cdr" => assert!(journal.has_cleared(), "a record of a call that is up"),
                "userdata" => assert!(matches!(journal.phase, Phase::Ended { .. }), "user data before wrap-up"),
                _ => assert!(step.events.iter().any(|event| event.id == callback.id && event.body == callback.body)),
            }
            self.owed.entry(call).or_default().push(callback.kind.clone());
        }
        for event in &step.events {
            self.told.entry(event.call).or_default().push(event.kind);
        }
        let ended = step.milestones.iter().filter(|milestone| matches!(milestone, Milestone::Ended(..))).count();
        let told = step.events.iter().filter(|event| event.kind == EventKind::Ended).count();
        assert_eq!(ended, told, "what is measured is what is told");
    }

    fn everything_was_told_once(&self, call: CallId) {
        let (told, owed) = (&self.told[&call], &self.owed[&call]);
        let count = |kind: EventKind| told.iter().filter(|told| **told == kind).count();
        let callbacks = |kind: &str| owed.iter().filter(|owed| *owed == kind).count();
        for kind in EventKind::ALL {
            assert_eq!(count(kind), callbacks(kind.as_str()), "{kind:?} was asked for");
        }
        assert_eq!((count(EventKind::Accepted), count(EventKind::Ended)), (1, 1), "{told:?}");
        assert_eq!((callbacks("cdr"), callbacks("userdata")), (1, 1), "{owed:?}");
        assert_eq!(count(EventKind::WrappedUp), usize::from(self.limits.contains_key(&call)), "{told:?}");
        assert!(count(EventKind::RecordingReady) <= 1, "{told:?}");
        assert!(count(EventKind::Connected) == 1 || !self.limits.contains_key(&call), "B never answered");
    }

    fn learn(&mut self, call: CallId, leg: Leg, event: &LineEvent) {
        match (leg, event) {
            (_, LineEvent::Entered) => drop(self.entered.insert((call, leg))),
            (Leg::A, LineEvent::Answered) => drop(self.answered.insert(call)),
            (Leg::A, LineEvent::Gone(_)) => drop(self.agent_gone.insert(call)),
            _ => {}
        }
    }

    fn may_start(&mut self, call: CallId, command: Command) {
        let (what, leg) = match command {
            Command::Create(leg) => ("create", leg),
            Command::JoinAndDial(leg) => ("dial", leg),
            _ => return,
        };
        assert!(self.started.insert((call, what, leg)), "{what} of leg {leg} was ordered twice");
        assert!(!self.terminated.contains(&call), "{what} of leg {leg} after terminate");
        assert!(!self.verdicts.contains_key(&call), "{what} of leg {leg} after the verdict");
        if what == "dial" {
            assert!(self.entered.contains(&(call, leg)), "leg {leg} was dialled before it had entered");
        }
        if leg == Leg::B {
            assert!(self.answered.contains(&call), "{what} of B before A has answered");
            assert!(!self.agent_gone.contains(&call), "{what} of B after A has gone");
        }
    }

    /// When one line is gone the other is hung up in the same step, if it is there.
    fn a_lone_line_is_hung_up(&self, call: CallId, leg: Leg, event: &LineEvent, step: &Step) {
        let LineEvent::Gone(_) = event else { return };
        let other = leg.other();
        let busy = |leg| self.accepted.contains_key(&call) && !self.idle.contains(&(call, leg));
        if busy(leg) && busy(other) && !self.verdicts.contains_key(&call) {
            assert!(orders(step, call, Command::Hangup(other)), "leg {leg} is gone and leg {other} goes on");
        }
    }

    /// A line that comes alive after the verdict is hung up at once.
    fn late_life_is_hung_up(&self, call: CallId, leg: Leg, event: &LineEvent, step: &Step) {
        if !matches!(event, LineEvent::Answered) || !self.verdicts.contains_key(&call) || self.ended.contains(&call) {
            return;
        }
        let hung_up = orders(step, call, Command::Hangup(leg));
        assert!(hung_up || self.idle.contains(&(call, leg)), "leg {leg} answered too late and was left up");
    }

    fn verdict_stands(&mut self, now: Timestamp, snapshot: &Snapshot) {
        let id = snapshot.request.id;
        let accepted = *self.accepted.entry(id).or_insert(snapshot.request.accepted_at);
        for leg in Leg::BOTH {
            if snapshot.journal.leg(leg).is_there() {
                self.idle.remove(&(id, leg));
            } else {
                self.idle.insert((id, leg));
            }
        }
        if let Some(verdict) = snapshot.journal.verdict() {
            assert_eq!(*self.verdicts.entry(id).or_insert(verdict), verdict, "the verdict changed");
        } else {
            assert!(!self.verdicts.contains_key(&id), "a verdict was taken back");
        }
        if snapshot.journal.is_over() {
            assert!(self.ended.insert(id), "a call ended twice");
        }
        if let Phase::WrappingUp { until, .. } = snapshot.journal.phase {
            assert_eq!(*self.limits.entry(id).or_insert(until), until, "a time limit moved");
        }
        assert_eq!(snapshot.journal.wrap_up.is_some(), self.wrapped_up.contains(&id), "notes out of nothing");
        if snapshot.journal.has_cleared() && self.cleared.insert(id) {
            let request = &snapshot.request;
            let longest = request.a.max_dial_time + request.b.max_dial_time + request.max_duration;
            assert!(now.since(accepted) <= longest + Duration::from_secs(30), "a call lived too long");
        }
    }
}

/// What is elsewhere, moved by somebody or another daemon's, is not ours to end.
fn only_ours_is_swept(census: &Census, step: &Step) {
    for action in &step.actions {
        if let Action::Sweep(Stray::Channel(call, leg)) = action {
            let swept = census.channels.iter().find(|channel| channel.call == *call && channel.leg == *leg);
            assert!(swept.is_some_and(|channel| channel.place == Place::Ours), "swept away: {swept:?}");
        }
    }
}

fn orders(step: &Step, call: CallId, command: Command) -> bool {
    let is_it = |order: &Order| order.request.id == call && order.command == command;
    step.actions.iter().any(|action| matches!(action, Action::Order(order) if is_it(order)))
}
