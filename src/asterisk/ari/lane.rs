//! Carries out orders: from the queue of one shard through its post, and the outcome back.
//!
//! The requests of an order are posted the moment it is taken, so the order within a call is the
//! order of the queue; what becomes of them is awaited beside the orders that follow.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use futures_util::stream::FuturesUnordered;
use futures_util::{FutureExt, StreamExt};
use tokio::sync::mpsc;
use tokio::time::sleep;
use tracing::debug;

use super::census::Listed;
use super::inbox::Inbox;
use super::outcome::{Verdict, judge, not_sent};
use super::post::{Pending, Post};
use super::request::{Answer, NoAnswer, look, removal, requests};
use crate::call::{CallId, Gone, Leg, LineEvent, Order};
use crate::link::{Action, LinkCounters, Notice};

/// Orders of one lane whose outcome is awaited; more wait in the queue.
const UNDER_WAY: usize = 64;
/// What may be repeated is tried so often in all.
const TRIES: usize = 3;
/// A channel that is not found may yet show up, or its end may be on its way.
const SECOND_LOOK: Duration = Duration::from_secs(2);

/// What all lanes share.
#[derive(Clone)]
pub(super) struct Yard {
    pub(super) app: Arc<str>,
    pub(super) inbox: Arc<Inbox>,
    pub(super) counters: Arc<LinkCounters>,
}

/// Says what it means that an action was never sent. What is left over is found again by the next census.
pub(super) fn refuse(action: &Action, inbox: &Inbox) {
    if let Action::Order(order) = action {
        tell(order.request.id, not_sent(order.command), inbox);
    }
}

/// An action in a lane; dropped when nothing more is to be done about it.
pub(super) struct Job {
    pub(super) action: Action,
    /// Counts by being there: see [`Ari::settled`](super::Ari::settled).
    pub(super) under_way: Arc<()>,
}

/// Says so of every action that comes. Ends with the queue.
pub(super) async fn refuse_all(jobs: &mut mpsc::Receiver<Job>, inbox: &Inbox) {
    while let Some(job) = jobs.recv().await {
        refuse(&job.action, inbox);
    }
}

/// Carries out every action that comes. Ends with the queue.
pub(super) async fn carry_out(jobs: &mut mpsc::Receiver<Job>, post: &Post, yard: &Yard) {
    let mut under_way = FuturesUnordered::new();
    loop {
        tokio::select! {
            Some(()) = under_way.next() => {}
            job = jobs.recv(), if under_way.len() < UNDER_WAY => {
                let Some(Job { action, under_way: counted }) = job else { return };
                let settled = match action {
                    Action::Order(order) => {
                        let pending = send(&order, post, yard);
                        settle(order, pending, post, yard).left_future()
                    }
                    Action::Sweep(stray) => sweep(post.send(removal(stray))).right_future(),
                };
                under_way.push(settled.map(|()| drop(counted)));
            }
        }
    }
}

fn send(order: &Order, post: &Post, yard: &Yard) -> Vec<Pending> {
    requests(order, &yard.app).into_iter().map(|request| post.send(request)).collect()
}

/// Whatever is not gone by this is found again by the next census.
async fn sweep(pending: Pending) {
    drop(pending.wait().await);
}

async fn settle(order: Order, pending: Vec<Pending>, post: &Post, yard: &Yard) {
    let mut verdict = judge(order.command, &answers(&order, pending, yard).await);
    for _ in 1..TRIES {
        if verdict != Verdict::Again {
            break;
        }
        let pending = send(&order, post, yard);
        verdict = judge(order.command, &answers(&order, pending, yard).await);
    }
    match verdict {
        Verdict::Look(leg, found) => look_up(order.request.id, leg, found, (post, yard)).await,
        verdict => tell(order.request.id, verdict, &yard.inbox),
    }
}

async fn answers(order: &Order, pending: Vec<Pending>, yard: &Yard) -> Vec<Result<Answer, NoAnswer>> {
    let mut answers = Vec::with_capacity(pending.len());
    for pending in pending {
        let answer = pending.wait().await;
        if let Ok(Answer { status: status @ 300.., body }) = &answer {
            // What is to end may well have ended already.
            if *status != 404 || order.command.starts() {
                yard.counters.refused_requests.fetch_add(1, Relaxed);
            }
            let reason = String::from_utf8_lossy(&body[..body.len().min(200)]);
            debug!(call.id = %order.request.id, command = ?order.command, status, %reason, "refused by Asterisk");
        }
        answers.push(answer);
    }
    answers
}

/// Looks whether a channel is there, a second time if it is not. Without an answer the next census
/// tells.
async fn look_up(call: CallId, leg: Leg, found: Option<LineEvent>, (post, yard): (&Post, &Yard)) {
    for last in [false, true] {
        let mut answer = post.send(look(call, leg)).wait().await;
        for _ in 1..TRIES {
            if answer.is_err() {
                answer = post.send(look(call, leg)).wait().await;
            }
        }
        match answer {
            Ok(Answer { status: 200, body }) => return tell_found((call, leg), found, &body, &yard.inbox),
            Ok(Answer { status: 404, .. }) if last => {
                return yard.inbox.put(Notice::Line(call, leg, LineEvent::Gone(Gone::Missing)));
            }
            Ok(Answer { status: 404, .. }) => sleep(SECOND_LOOK).await,
            Ok(_) | Err(_) => return,
        }
    }
}

/// A channel that is there is told to have entered only when it has.
fn tell_found((call, leg): (CallId, Leg), event: Option<LineEvent>, body: &[u8], inbox: &Inbox) {
    let Some(event) = event else { return };
    let waits = serde_json::from_slice::<Listed<'_>>(body).is_ok_and(|channel| channel.waits_in_stasis());
    if event != LineEvent::Entered || waits {
        inbox.put(Notice::Line(call, leg, event));
    }
}

fn tell(call: CallId, verdict: Verdict, inbox: &Inbox) {
    match verdict {
        Verdict::Tell(leg, event) => inbox.put(Notice::Line(call, leg, event)),
        Verdict::Recording(event) => inbox.put(Notice::Recording(call, event)),
        Verdict::Silence | Verdict::Again | Verdict::Look(..) => {}
    }
}
