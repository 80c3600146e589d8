//! A small Asterisk with phones that do as they please, and a daemon that may crash.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use super::promises::Promises;
use super::*;
use crate::call::{Cause, Command, Gone, LineEvent, Order, RecordingEvent};
use crate::ledger::Entry;
use crate::link::{Action, ChannelState, ListedChannel, Place, Stray};

const AGENTS: [&str; 3] = ["101", "104", "105"];
const MOST_CALLS: u128 = 4;

pub(super) struct World {
    pub(super) now: Timestamp,
    pub(super) board: Switchboard,
    pub(super) requests: BTreeMap<CallId, Arc<CallRequest>>,
    pub(super) ledger: Vec<Entry>,
    durable: BTreeMap<CallId, Snapshot>,
    actions: VecDeque<Action>,
    notices: Vec<Notice>,
    channels: BTreeMap<(CallId, Leg), ChannelState>,
    dialled: BTreeSet<(CallId, Leg)>,
    bridges: BTreeSet<CallId>,
    recordings: BTreeSet<CallId>,
    /// Parties that somebody has moved to another conversation.
    moved: BTreeSet<(CallId, Leg)>,
    promises: Promises,
    boots: u32,
    clicks: u128,
}

impl World {
    pub(super) fn new() -> Self {
        Self {
            now: at(1_000_000),
            board: Switchboard::default(),
            requests: BTreeMap::new(),
            ledger: Vec::new(),
            durable: BTreeMap::new(),
            actions: VecDeque::new(),
            notices: Vec::new(),
            channels: BTreeMap::new(),
            dialled: BTreeSet::new(),
            bridges: BTreeSet::new(),
            recordings: BTreeSet::new(),
            moved: BTreeSet::new(),
            promises: Promises::default(),
            boots: 1,
            clicks: 0,
        }
    }

    /// One thing happens. `what` chooses the kind, `which` the object.
    pub(super) fn act(&mut self, what: u8, which: usize) {
        match what {
            0..=9 => self.click(which),
            10..=79 => self.execute_next(),
            80..=159 => self.deliver(which % 3),
            160..=209 => self.far_end(which),
            210..=219 => self.pass(Duration::from_millis(50 * (which as u64 + 1))),
            220..=229 => self.pass_to_deadline(),
            230..=232 => self.terminate(which),
            233..=234 => self.wrap_up(which),
            235..=239 => self.take_census(),
            240..=242 => drop(self.take_notice(which)),
            243..=245 => self.repeat(which),
            246..=248 => self.fail_next(),
            249..=251 => self.crash(),
            252..=253 => drop(self.actions.pop_front()),
            254..=255 => self.reboot(),
        }
    }

    /// From here on the world is fair: everything is executed and delivered, and time goes on.
    pub(super) fn settle(&mut self) {
        for _ in 0..2 {
            self.drain();
            self.pass(Duration::from_secs(6));
            self.take_census();
        }
        self.drain();
        self.knows_the_truth();
        for _ in 0..2_000 {
            self.drain();
            if self.board.is_empty() {
                break;
            }
            self.pass_to_deadline();
            self.drain();
            self.take_census();
        }
        assert!(self.board.is_empty(), "calls that never end: {:?}", self.board.journals().collect::<Vec<_>>());
        self.take_census();
        self.drain();
        self.channels.retain(|line, _| !self.moved.contains(line));
        assert!(self.channels.is_empty(), "channels left behind: {:?}", self.channels);
        assert!(self.bridges.is_empty(), "bridges left behind: {:?}", self.bridges);
        self.promises.all_kept();
    }

    /// One census after the last event, no call believes in a line that is not there.
    fn knows_the_truth(&self) {
        for call in self.board.calls.values().filter(|call| call.journal().verdict().is_none()) {
            for leg in Leg::BOTH.into_iter().filter(|leg| call.journal().leg(*leg).is_there()) {
                let channel = (call.request().id, leg);
                assert!(
                    self.channels.contains_key(&channel),
                    "leg {leg} is believed to be there: {:?}",
                    call.journal()
                );
            }
        }
    }

    fn drain(&mut self) {
        while !self.actions.is_empty() || !self.notices.is_empty() {
            self.execute_next();
            self.deliver(0);
        }
    }

    fn step(&mut self, cause: Option<&Notice>, turn: impl FnOnce(&mut Switchboard, Timestamp, &mut Step)) {
        let mut step = Step::default();
        turn(&mut self.board, self.now, &mut step);
        self.promises.watch(self.now, cause, &step);
        self.ledger.extend(step.ledger.iter().cloned());
        self.requests.extend(step.snapshots.values().map(|s| (s.request.id, s.request.clone())));
        let (batch, actions) = step.into_parts();
        for snapshot in batch.snapshots {
            self.durable.insert(snapshot.request.id, snapshot);
        }
        self.actions.extend(actions);
        Promises::timers_hold(self.now, &self.board);
    }

    fn click(&mut self, which: usize) {
        if self.clicks == MOST_CALLS {
            return;
        }
        self.clicks += 1;
        let admission = admission(self.clicks, AGENTS[which % AGENTS.len()], self.now);
        self.step(None, |board, now, step| {
            board.submit(now, admission, step);
        });
    }

    fn terminate(&mut self, which: usize) {
        let call = CallId::from_bits(which as u128 % MOST_CALLS + 1);
        let order = Termination::Call { tenant: "demo".to_owned(), call };
        let mut hit = None;
        self.step(None, |board, now, step| hit = board.terminate(now, &order, step));
        self.promises.terminated.extend(hit);
    }

    /// The agent takes notes, whether or not anybody waits for them.
    fn wrap_up(&mut self, which: usize) {
        let call = CallId::from_bits(which as u128 % MOST_CALLS + 1);
        let noted = WrapUp { notes: which.to_string(), ..WrapUp::default() };
        self.step(None, |board, now, step| {
            board.wrap_up(now, ("demo", call), noted, step);
        });
    }

    fn pass(&mut self, time: Duration) {
        let then = self.now + time;
        while let Some(due) = self.board.deadline().filter(|due| *due <= then) {
            self.now = due.max(self.now);
            self.step(None, Switchboard::wake);
        }
        self.now = then;
        Promises::timers_hold(self.now, &self.board);
    }

    fn pass_to_deadline(&mut self) {
        let due = self.board.deadline().unwrap_or(self.now);
        self.pass(due.since(self.now));
    }

    fn take_notice(&mut self, which: usize) -> Option<Notice> {
        (which < self.notices.len()).then(|| self.notices.remove(which))
    }

    fn deliver(&mut self, which: usize) {
        let which = which.min(self.notices.len().saturating_sub(1));
        let Some(notice) = self.take_notice(which) else { return };
        self.step(Some(&notice.clone()), |board, now, step| board.notice(now, notice, step));
    }

    fn repeat(&mut self, which: usize) {
        if let Some(notice) = self.notices.get(which).cloned() {
            self.notices.push(notice);
        }
    }

    fn take_census(&mut self) {
        let listed = |((call, leg), state): (&(CallId, Leg), &ChannelState)| {
            let place = if self.moved.contains(&(*call, *leg)) { Place::Elsewhere } else { Place::Ours };
            ListedChannel { call: *call, leg: *leg, state: *state, place }
        };
        let channels = self.channels.iter().map(listed).collect();
        let bridges = self.bridges.iter().copied().collect();
        let boot = self.boots.to_string();
        self.notices.push(Notice::Census(Census { asked_at: self.now, boot, channels, bridges }));
    }

    /// The daemon dies and comes back with what it had written; what was on the wire is lost.
    fn crash(&mut self) {
        self.actions.clear();
        self.notices.clear();
        let active = self.durable.values().filter(|snapshot| !snapshot.journal.is_over()).cloned().collect();
        self.board = Switchboard::restore(active);
        self.step(None, Switchboard::wake);
        self.take_census();
    }

    /// Asterisk dies without a word.
    fn reboot(&mut self) {
        self.boots += 1;
        self.actions.clear();
        self.notices.clear();
        self.channels.clear();
        self.moved.clear();
        self.bridges.clear();
        self.recordings.clear();
        self.take_census();
    }

    fn notify(&mut self, call: CallId, leg: Leg, event: LineEvent) {
        self.notices.push(Notice::Line(call, leg, event));
    }

    fn execute_next(&mut self) {
        match self.actions.pop_front() {
            Some(Action::Order(order)) => self.execute(&order),
            Some(Action::Sweep(Stray::Channel(call, leg))) => self.destroy(call, leg, 16),
            Some(Action::Sweep(Stray::Bridge(call))) => self.delete_bridge(call),
            None => {}
        }
    }

    fn execute(&mut self, order: &Order) {
        let call = order.request.id;
        match order.command {
            Command::CreateBridge => drop(self.bridges.insert(call)),
            Command::Create(leg) => {
                self.channels.insert((call, leg), ChannelState::Down);
                self.notify(call, leg, LineEvent::Entered);
            }
            Command::JoinAndDial(leg) if self.channels.contains_key(&(call, leg)) => {
                self.dialled.insert((call, leg));
            }
            Command::Hangup(leg) if self.channels.contains_key(&(call, leg)) => self.destroy(call, leg, 16),
            Command::Hangup(leg) => self.notify(call, leg, LineEvent::Gone(Gone::Missing)),
            Command::DestroyBridge => self.delete_bridge(call),
            Command::Record if self.bridges.contains(&call) => drop(self.recordings.insert(call)),
            Command::Record => self.notices.push(Notice::Recording(call, RecordingEvent::Failed)),
            Command::JoinAndDial(_) => {}
        }
    }

    /// What was recorded is complete now.
    fn delete_bridge(&mut self, call: CallId) {
        self.bridges.remove(&call);
        if self.recordings.remove(&call) {
            self.notices.push(Notice::Recording(call, RecordingEvent::Finished));
        }
    }

    /// The next thing that was sent is refused, or found never to have been sent.
    fn fail_next(&mut self) {
        let Some(Action::Order(order)) = self.actions.pop_front() else { return };
        let call = order.request.id;
        match order.command {
            Command::Create(leg) => self.notify(call, leg, LineEvent::Gone(Gone::Refused(500))),
            Command::JoinAndDial(leg) => {
                self.notify(call, leg, LineEvent::DialEnded(crate::call::DialEnd::Congestion));
            }
            _ => {}
        }
    }

    fn destroy(&mut self, call: CallId, leg: Leg, q850: u16) {
        if self.channels.remove(&(call, leg)).is_some() {
            let cause = Cause { q850, sip: None };
            self.notify(call, leg, LineEvent::HangupRequested(cause));
            self.notify(call, leg, LineEvent::Gone(Gone::Destroyed(cause)));
        }
    }

    /// The person or network at the end of one line does something.
    fn far_end(&mut self, which: usize) {
        let dialled: Vec<_> = self.channels.keys().filter(|key| self.dialled.contains(key)).copied().collect();
        if dialled.is_empty() {
            return;
        }
        let (call, leg) = dialled[which % dialled.len()];
        let up = self.channels[&(call, leg)] == ChannelState::Up;
        match which / 8 % 8 {
            0 if !up => self.rings(call, leg, LineEvent::Ringing),
            1 if !up => self.rings(call, leg, LineEvent::EarlyMedia),
            2..=4 if !up => {
                self.channels.insert((call, leg), ChannelState::Up);
                self.notify(call, leg, LineEvent::Answered);
            }
            5 if !up => self.destroy(call, leg, 17),
            6 => self.destroy(call, leg, 16),
            7 if up => self.is_moved(call, leg),
            7 => self.notify(call, leg, LineEvent::DialEnded(crate::call::DialEnd::Busy)),
            _ => {}
        }
    }

    /// A transfer at the PBX, for a party that talks to somebody. From now on nobody of ours may touch it.
    fn is_moved(&mut self, call: CallId, leg: Leg) {
        let both_up = Leg::BOTH.iter().all(|leg| self.channels.get(&(call, *leg)) == Some(&ChannelState::Up));
        if both_up && !self.moved.contains(&(call, leg.other())) {
            self.moved.insert((call, leg));
            self.notify(call, leg, LineEvent::Transferred);
        }
    }

    fn rings(&mut self, call: CallId, leg: Leg, event: LineEvent) {
        self.channels.insert((call, leg), ChannelState::Ringing);
        self.notify(call, leg, event);
    }
}
