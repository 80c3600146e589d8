//! The loop: drain what has come in, step the switchboard, commit, act.
//!
//! Everything that one turn drains shares one commit, and nothing of it is answered or sent before
//! that commit stands. When the store fails, the turn tries again until it succeeds: meanwhile new
//! clicks are refused, and after two seconds the commands that *end* something go ahead, because a
//! phone that rings for nobody is worse than a ledger that learns of it late. Commands that *start*
//! something wait without exception; a click whose commit came too late to be true starts nothing.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Notify, mpsc, oneshot, watch};
use tokio_util::sync::CancellationToken;

use super::{DoorOrder, Receipt, Unavailable};
use crate::call::{CallId, Phase};
use crate::clock::Clock;
use crate::dial::number;
use crate::ledger::{Batch, Snapshot};
use crate::link::{Action, Notice};
use crate::store::{Store, StoreError};
use crate::switchboard::{Milestone, Step, Switchboard};
use crate::timestamp::Timestamp;

/// Most inputs that share one commit.
const MOST_INPUTS: usize = 512;
/// How long the store may fail before lines are freed without it, and clicks refused.
const PATIENCE: Duration = Duration::from_secs(2);
/// Between two attempts at a commit.
const COMMIT_RETRY: Duration = Duration::from_millis(200);
/// The loop turns at least this often, if only to show that it lives.
const IDLE: Duration = Duration::from_secs(2);

/// What one turn led to, for those who measure.
#[derive(Debug)]
pub struct Turn<'a> {
    /// What happened.
    pub milestones: &'a [Milestone],
    /// How long the commit took; none where there was nothing to write.
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
    /// Called after every turn.
    pub observe: Box<dyn Fn(&Turn<'_>) + Send + Sync>,
    /// Whether the store takes writes.
    pub store_is_up: watch::Sender<bool>,
}

/// The engine.
pub struct Loop {
    board: Switchboard,
    store: Arc<dyn Store>,
    clock: Clock,
    ports: Ports,
}

type SubmitReply = oneshot::Sender<Result<Receipt, Unavailable>>;
type TerminateReply = oneshot::Sender<Result<Option<CallId>, Unavailable>>;

/// Answers that wait for the commit.
#[derive(Default)]
struct Replies {
    submitted: Vec<(SubmitReply, Receipt)>,
    terminated: Vec<(TerminateReply, Option<CallId>)>,
}

impl Loop {
    /// An engine that goes on where `board` stands.
    pub fn new(board: Switchboard, store: Arc<dyn Store>, clock: Clock, ports: Ports) -> Self {
        Self { board, store, clock, ports }
    }

    /// Turns until it is cancelled and everything drained so far is done, or until the store refuses
    /// what no repetition will mend.
    pub async fn run(mut self, cancel: CancellationToken) -> Result<(), StoreError> {
        loop {
            let mut inputs = Vec::new();
            let stopping = self.wait(&mut inputs, &cancel).await;
            self.turn(inputs).await?;
            if stopping {
                return Ok(());
            }
        }
    }

    /// Waits for the first input, a deadline or the end, then drains what else is there.
    async fn wait(&mut self, inputs: &mut Vec<Input>, cancel: &CancellationToken) -> bool {
        let now = self.clock.now();
        let due = self.board.deadline().map_or(now + IDLE, |at| at.min(now + IDLE));
        let mut stopping = false;
        tokio::select! {
            Some(order) = self.ports.orders.recv() => inputs.push(Input::Order(order)),
            Some(notice) = self.ports.notices.recv() => inputs.push(Input::Notice(notice)),
            () = tokio::time::sleep_until(self.clock.instant(due)) => {}
            () = cancel.cancelled() => stopping = true,
        }
        while inputs.len() < MOST_INPUTS {
            let order = self.ports.orders.try_recv().map(Input::Order);
            let Ok(input) = order.or_else(|_| self.ports.notices.try_recv().map(Input::Notice)) else { break };
            inputs.push(input);
        }
        stopping
    }

    async fn turn(&mut self, inputs: Vec<Input>) -> Result<(), StoreError> {
        let now = self.clock.now();
        let (mut step, mut replies) = (Step::default(), Replies::default());
        self.board.wake(now, &mut step);
        for input in inputs {
            self.take(now, input, (&mut step, &mut replies));
        }
        let late = self.finish(step, &mut replies).await?;
        if late.is_empty() {
            return Ok(());
        }
        let mut step = Step::default();
        for id in late {
            self.board.abandon(self.clock.now(), id, &mut step);
        }
        self.finish(step, &mut Replies::default()).await.map(drop)
    }

    fn take(&mut self, now: Timestamp, input: Input, (step, replies): (&mut Step, &mut Replies)) {
        match input {
            Input::Notice(notice) => self.board.notice(now, notice, step),
            // A door that has gone away was answered by its own deadline: nothing may ring for it.
            Input::Order(DoorOrder::Submit(_, reply)) if reply.is_closed() => {}
            Input::Order(DoorOrder::Submit(admission, reply)) => {
                let receipt = self.board.submit(now, *admission, step);
                replies.submitted.push((reply, receipt));
            }
            Input::Order(DoorOrder::Terminate(which, reply)) => {
                let newest = self.board.terminate(now, &which, step);
                replies.terminated.push((reply, newest));
            }
        }
    }

    /// Commits a step, answers the doors, and acts. Returns the calls whose commit came too late.
    async fn finish(&mut self, step: Step, replies: &mut Replies) -> Result<Vec<CallId>, StoreError> {
        let owes_callbacks = !step.callbacks.is_empty();
        let (batch, actions, milestones) = step.into_parts();
        let began = self.clock.now();
        let in_time = self.commit(&batch, (&actions, replies)).await?;
        let commit = (!batch.is_empty()).then(|| self.clock.now().since(began));
        let late = if in_time { Vec::new() } else { newly_accepted(&batch) };
        replies.answer();
        for action in actions {
            if in_time || (!ends(&action) && !concerns(&action, &late)) {
                (self.ports.actions)(action);
            }
        }
        if owes_callbacks {
            self.ports.callbacks.notify_one();
        }
        log(&batch);
        let waiting = self.ports.orders.len() + self.ports.notices.len();
        (self.ports.observe)(&Turn { milestones: &milestones, commit, board: &self.board, waiting });
        Ok(late)
    }

    /// Writes the batch, however long it takes. False when it took longer than [`PATIENCE`]: then the
    /// doors have been refused, and what ends something has been sent.
    async fn commit(
        &mut self,
        batch: &Batch,
        (actions, replies): (&[Action], &mut Replies),
    ) -> Result<bool, StoreError> {
        if batch.is_empty() {
            return Ok(true);
        }
        let began = self.clock.now();
        let mut in_time = true;
        loop {
            match self.store.commit(batch).await {
                Ok(()) => {
                    self.ports.store_is_up.send_if_modified(|up| !std::mem::replace(up, true));
                    return Ok(in_time);
                }
                Err(StoreError::Unavailable(why)) => self.store_failed(&why),
                Err(fatal) => return Err(fatal),
            }
            if in_time && self.clock.now().since(began) >= PATIENCE {
                in_time = false;
                replies.refuse();
                actions.iter().filter(|action| ends(action)).for_each(|action| (self.ports.actions)(action.clone()));
            }
            self.refuse_clicks();
            tokio::time::sleep(COMMIT_RETRY).await;
        }
    }

    fn store_failed(&self, why: &str) {
        let was_up = self.ports.store_is_up.send_if_modified(|up| std::mem::replace(up, false));
        if was_up {
            tracing::error!(error = why, "the store takes no writes; new clicks are refused until it does");
        }
    }

    /// While the store is away doors are told so at once.
    fn refuse_clicks(&mut self) {
        while let Ok(order) = self.ports.orders.try_recv() {
            // A door that has gone away needs no answer.
            let _ = match order {
                DoorOrder::Submit(_, reply) => reply.send(Err(Unavailable::StoreAway)).is_ok(),
                DoorOrder::Terminate(_, reply) => reply.send(Err(Unavailable::StoreAway)).is_ok(),
            };
        }
    }
}

enum Input {
    Order(DoorOrder),
    Notice(Notice),
}

impl Replies {
    fn answer(&mut self) {
        for (reply, receipt) in self.submitted.drain(..) {
            let _ = reply.send(Ok(receipt));
        }
        for (reply, newest) in self.terminated.drain(..) {
            let _ = reply.send(Ok(newest));
        }
    }

    fn refuse(&mut self) {
        for (reply, _) in self.submitted.drain(..) {
            let _ = reply.send(Err(Unavailable::StoreAway));
        }
        for (reply, _) in self.terminated.drain(..) {
            let _ = reply.send(Err(Unavailable::StoreAway));
        }
    }
}

const fn ends(action: &Action) -> bool {
    match action {
        Action::Order(order) => !order.command.starts(),
        Action::Sweep(_) => true,
    }
}

fn concerns(action: &Action, calls: &[CallId]) -> bool {
    match action {
        Action::Order(order) => calls.contains(&order.request.id),
        Action::Sweep(_) => false,
    }
}

fn newly_accepted(batch: &Batch) -> Vec<CallId> {
    batch.ledger.iter().filter(|entry| entry.sequence == 1).map(|entry| entry.call).collect()
}

fn log(batch: &Batch) {
    for entry in &batch.ledger {
        let (event, commands) = (&entry.event, &entry.commands);
        tracing::debug!(call.id = %entry.call, call.sequence = entry.sequence, ?event, ?commands, "call");
    }
    for Snapshot { request, journal } in &batch.snapshots {
        let Phase::Ended { verdict } = journal.phase else { continue };
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
