//! The loop: drain what has come in, step the switchboard, commit, act.
//!
//! Nothing is answered or sent before the commit that holds it stands. While one commit is under way
//! the loop goes on: events and time limits are taken in, and what follows from them gathers for the
//! next commit, so a slow disk delays the ledger and never the calls.
//!
//! When a commit takes longer than `PATIENCE`, the doors that wait for it are refused, new clicks are
//! refused at once, and the commands that *end* something go ahead: a phone that rings for nobody is
//! worse than a ledger that learns of it late. Commands that *start* something wait without exception,
//! and are dropped when their call has got its verdict meanwhile; a click whose door was refused starts
//! nothing.

use std::mem;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Notify, mpsc, oneshot, watch};
use tokio_util::sync::CancellationToken;

use super::reply::Replies;
use super::{DoorOrder, Unavailable};
use crate::call::{Command, Gone, LineEvent};
use crate::clock::Clock;
use crate::dial::number;
use crate::ledger::{Batch, Snapshot};
use crate::link::{Action, Notice};
use crate::report::event::EventKind;
use crate::store::{Store, StoreError};
use crate::switchboard::{Milestone, Step, Switchboard};
use crate::timestamp::Timestamp;

/// Most orders, and most notices, that are taken in one after the other.
const MOST_INPUTS: usize = 512;
/// How long a commit may take before lines are freed without it, and clicks refused.
const PATIENCE: Duration = Duration::from_secs(2);
/// Between two attempts at a commit.
const COMMIT_RETRY: Duration = Duration::from_millis(200);
/// How long the end waits for what was ordered last.
const LAST_ORDERS: Duration = Duration::from_secs(2);
/// How long Asterisk may take to act upon a dial that it has taken: up to 200 ms on version 16.
const DIALLING: Duration = Duration::from_millis(500);
/// Between two looks whether it is done.
const STOPPING_LOOK: Duration = Duration::from_millis(20);
/// The loop turns at least this often, if only to show that it lives.
const IDLE: Duration = Duration::from_secs(2);

/// What one turn led to, for those who measure.
#[derive(Debug)]
pub struct Turn<'a> {
    /// What happened.
    pub milestones: &'a [Milestone],
    /// How long a commit took that was finished in this turn.
    pub commit: Option<Duration>,
    /// The switchboard after it.
    pub board: &'a Switchboard,
    /// Orders and notices that wait.
    pub waiting: usize,
}

/// The ports of the loop; tests hold their other ends.
pub struct Ports {
    /// Orders from the doors.
    pub orders: mpsc::Receiver<DoorOrder>,
    /// Notices from the link.
    pub notices: mpsc::Receiver<Notice>,
    /// What Asterisk is to do. Never blocks.
    pub actions: Box<dyn Fn(Action) + Send + Sync>,
    /// Rung when a callback was written.
    pub callbacks: Arc<Notify>,
    /// Counts the commits that brought events.
    pub events: watch::Sender<u64>,
    /// Called after every turn.
    pub observe: Box<dyn Fn(&Turn<'_>) + Send + Sync>,
}

/// The engine.
pub struct Loop {
    board: Switchboard,
    store: Arc<dyn Store>,
    clock: Clock,
    ports: Ports,
    /// What the next commit will hold.
    next: Step,
    /// Doors that wait for it.
    replies: Replies,
    /// The commit that is under way.
    writing: Option<Writing>,
    /// When something was last started at Asterisk.
    last_start: Timestamp,
    /// Told to end: at the latest then.
    stop_by: Option<Timestamp>,
}

/// A commit under way, and what it holds back.
struct Writing {
    commit: Pin<Box<dyn Future<Output = Result<(), StoreError>> + Send>>,
    batch: Arc<Batch>,
    actions: Vec<Action>,
    replies: Replies,
    began: Timestamp,
    /// It has taken longer than `PATIENCE`.
    is_late: bool,
}

enum Happening {
    Order(DoorOrder),
    Notice(Notice),
    Written(Result<(), StoreError>),
    Late,
    Time,
    Stop,
}

impl Loop {
    /// An engine that goes on where `board` stands.
    pub fn new(board: Switchboard, store: Arc<dyn Store>, clock: Clock, ports: Ports) -> Self {
        let (next, replies) = (Step::default(), Replies::default());
        let last_start = Timestamp::from_millis(0);
        Self { board, store, clock, ports, next, replies, writing: None, last_start, stop_by: None }
    }

    /// Turns until it is cancelled and everything taken in so far is written and done, or until the
    /// store refuses what no repetition will mend.
    pub async fn run(mut self, cancel: CancellationToken) -> Result<(), StoreError> {
        while !self.may_stop() {
            let mut commit = None;
            match self.happening(&cancel).await {
                Happening::Order(order) => self.drain(Some(order), None),
                Happening::Notice(notice) => self.drain(None, Some(notice)),
                Happening::Written(result) => commit = Some(self.written(result)?),
                Happening::Late => self.lose_patience(),
                Happening::Time => {}
                Happening::Stop => {
                    self.stop_by = Some(self.clock.now() + LAST_ORDERS);
                    self.drain(None, None);
                }
            }
            self.finish_turn(commit);
        }
        Ok(())
    }

    /// A channel that was asked for has to enter our application before that is gone, or it is lost,
    /// and a dial that was ordered is not carried out.
    fn may_stop(&self) -> bool {
        let (Some(latest), now) = (self.stop_by, self.clock.now()) else { return false };
        if now >= latest {
            return self.writing.is_none();
        }
        self.is_idle() && !self.board.awaits_channels() && now.since(self.last_start) >= DIALLING
    }

    fn is_idle(&self) -> bool {
        self.writing.is_none() && self.next.is_empty() && self.replies.is_empty()
    }

    fn is_late(&self) -> bool {
        self.writing.as_ref().is_some_and(|writing| writing.is_late)
    }

    async fn happening(&mut self, cancel: &CancellationToken) -> Happening {
        let stopped = self.stop_by.is_some();
        let idle = self.clock.now() + if stopped { STOPPING_LOOK } else { IDLE };
        let due = self.clock.instant(self.board.deadline().map_or(idle, |at| at.min(idle)));
        let Some(writing) = &mut self.writing else {
            return tokio::select! {
                Some(order) = self.ports.orders.recv() => Happening::Order(order),
                Some(notice) = self.ports.notices.recv() => Happening::Notice(notice),
                () = tokio::time::sleep_until(due) => Happening::Time,
                () = cancel.cancelled(), if !stopped => Happening::Stop,
            };
        };
        let patience = self.clock.instant(writing.began + PATIENCE);
        tokio::select! {
            biased;
            result = &mut writing.commit => Happening::Written(result),
            () = cancel.cancelled(), if !stopped => Happening::Stop,
            () = tokio::time::sleep_until(patience), if !writing.is_late => Happening::Late,
            Some(notice) = self.ports.notices.recv() => Happening::Notice(notice),
            Some(order) = self.ports.orders.recv() => Happening::Order(order),
            () = tokio::time::sleep_until(due) => Happening::Time,
        }
    }

    /// Takes in what has come, and what else is there; orders and notices by turns.
    fn drain(&mut self, order: Option<DoorOrder>, notice: Option<Notice>) {
        let (mut order, mut notice) = (order, notice);
        for _ in 0..MOST_INPUTS {
            if order.is_none() && notice.is_none() {
                order = self.ports.orders.try_recv().ok();
                notice = self.ports.notices.try_recv().ok();
            }
            match (order.take(), notice.take()) {
                (None, None) => break,
                (order, notice) => {
                    if let Some(order) = order {
                        self.take_order(order);
                    }
                    if let Some(notice) = notice {
                        self.take_notice(notice);
                    }
                }
            }
        }
    }

    fn take_notice(&mut self, notice: Notice) {
        self.board.notice(self.clock.now(), notice, &mut self.next);
    }

    fn take_order(&mut self, order: DoorOrder) {
        let now = self.clock.now();
        match order {
            // A door that has gone away was answered by its own deadline: nothing may ring for it.
            DoorOrder::Submit(_, reply) if reply.is_closed() => {}
            DoorOrder::Submit(_, reply) if self.is_late() => store_is_away(reply),
            DoorOrder::WrapUp(_, reply) if self.is_late() => store_is_away(reply),
            DoorOrder::Submit(admission, reply) => {
                let receipt = self.board.submit(now, *admission, &mut self.next);
                self.replies.submitted(reply, receipt);
            }
            DoorOrder::Terminate(which, reply) => {
                let newest = self.board.terminate(now, &which, &mut self.next);
                self.replies.terminated(reply, newest);
            }
            DoorOrder::Usage((tenant, caps), reply) => {
                // Whoever has gone away needs no answer.
                let _ = reply.send(Ok(self.board.usage(now, &tenant, caps)));
            }
            DoorOrder::WrapUp((tenant, call, noted), reply) => {
                let wrapped = self.board.wrap_up(now, (&tenant, call), noted, &mut self.next);
                self.replies.wrapped(reply, wrapped);
            }
        }
    }

    /// What is due by now happens; then the next commit begins, if the last one is done.
    fn finish_turn(&mut self, commit: Option<Duration>) {
        self.board.wake(self.clock.now(), &mut self.next);
        if self.is_late() {
            self.send_what_ends();
            self.replies.answer_terminations();
        }
        let milestones = mem::take(&mut self.next.milestones);
        let waiting = self.ports.orders.len() + self.ports.notices.len();
        (self.ports.observe)(&Turn { milestones: &milestones, commit, board: &self.board, waiting });
        if self.writing.is_none() {
            self.begin();
        }
    }

    fn begin(&mut self) {
        let (batch, actions) = mem::take(&mut self.next).into_parts();
        let mut replies = mem::take(&mut self.replies);
        if batch.is_empty() {
            replies.answer();
            actions.into_iter().for_each(&self.ports.actions);
            return;
        }
        let batch = Arc::new(batch);
        let commit = Box::pin(commit(Arc::clone(&self.store), Arc::clone(&batch)));
        let began = self.clock.now();
        self.writing = Some(Writing { commit, batch, actions, replies, began, is_late: false });
    }

    /// The commit stands: now it is answered and acted upon.
    fn written(&mut self, result: Result<(), StoreError>) -> Result<Duration, StoreError> {
        let Some(mut writing) = self.writing.take() else { return Ok(Duration::ZERO) };
        result?;
        let took = self.clock.now().since(writing.began);
        log(&writing.batch);
        if writing.is_late {
            tracing::warn!(took.seconds = took.as_secs(), "the store takes writes again");
        }
        writing.replies.answer();
        for action in writing.actions {
            self.act(action);
        }
        if !writing.batch.callbacks.is_empty() {
            self.ports.callbacks.notify_one();
        }
        if !writing.batch.events.is_empty() {
            self.ports.events.send_modify(|commits| *commits += 1);
        }
        Ok(took)
    }

    /// A start whose call has its verdict by now is not sent: its channel will never be.
    fn act(&mut self, action: Action) {
        let dropped = match &action {
            Action::Order(order) if order.command.starts() && !self.board.is_open(order.request.id) => {
                Some((order.request.id, order.command))
            }
            Action::Order(_) | Action::Sweep(_) => None,
        };
        match dropped {
            None => {
                if !ends(&action) {
                    self.last_start = self.clock.now();
                }
                (self.ports.actions)(action);
            }
            Some((call, Command::Create(leg))) => {
                self.take_notice(Notice::Line(call, leg, LineEvent::Gone(Gone::NotSent)));
            }
            Some(_) => {}
        }
    }

    fn lose_patience(&mut self) {
        let Some(writing) = &mut self.writing else { return };
        tracing::warn!("the store has not taken a write for two seconds; clicks are refused until it has");
        writing.is_late = true;
        let refused = [writing.replies.refuse(), self.replies.refuse()].concat();
        let (ends, starts) = mem::take(&mut writing.actions).into_iter().partition(ends);
        writing.actions = starts;
        Vec::into_iter(ends).for_each(&self.ports.actions);
        for call in refused {
            self.board.abandon(self.clock.now(), call, &mut self.next);
        }
    }

    fn send_what_ends(&mut self) {
        let (ends, starts): (Vec<_>, Vec<_>) = mem::take(&mut self.next.actions).into_iter().partition(ends);
        self.next.actions = starts;
        ends.into_iter().for_each(&self.ports.actions);
    }
}

/// Writes the batch, however often that has to be tried.
async fn commit(store: Arc<dyn Store>, batch: Arc<Batch>) -> Result<(), StoreError> {
    let mut is_first = true;
    loop {
        match store.commit(&batch).await {
            Err(StoreError::Unavailable(why)) if mem::take(&mut is_first) => {
                tracing::error!(error = why, "the store takes no writes; they are repeated until it does");
            }
            Err(StoreError::Unavailable(_)) => {}
            result => return result,
        }
        tokio::time::sleep(COMMIT_RETRY).await;
    }
}

fn store_is_away<T>(reply: oneshot::Sender<Result<T, Unavailable>>) {
    // Whoever has gone away needs no answer.
    let _ = reply.send(Err(Unavailable::StoreAway));
}

const fn ends(action: &Action) -> bool {
    match action {
        Action::Order(order) => !order.command.starts(),
        Action::Sweep(_) => true,
    }
}

fn log(batch: &Batch) {
    for entry in &batch.ledger {
        let (event, commands) = (&entry.event, &entry.commands);
        tracing::debug!(call.id = %entry.call, call.sequence = entry.sequence, ?event, ?commands, "call");
    }
    let ended = batch.events.iter().filter(|event| event.kind == EventKind::Ended).map(|event| event.call);
    for Snapshot { request, journal } in ended.filter_map(|call| batch.snapshots.iter().find(|s| s.request.id == call))
    {
        let Some(verdict) = journal.verdict() else { continue };
        let talked = journal.times.connected.map_or(Duration::ZERO, |since| verdict.at.since(since));
        tracing::info!(
            call.id = %request.id,
            tenant = request.tenant,
            phone = number::mask(request.a.party.digits()),
            target = number::mask(request.b.party.digits()),
            status = verdict.status.as_str(),
            end_reason = verdict.reason.as_str(),
            end_by = verdict.by.as_str(),
            talked.seconds = talked.as_secs(),
            "call ended"
        );
    }
}
