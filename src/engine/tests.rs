//! The order of the engine's turn: commit, then answer and act; and what it does when it cannot.

mod wrap_up;

use std::sync::Arc;
use std::sync::Mutex;
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::{Notify, mpsc, watch};
use tokio_util::sync::CancellationToken;

use super::turn::{Loop, Ports};
use super::{Engine, Receipt, Termination, Unavailable};
use crate::call::tests::request;
use crate::call::{CallId, Command, EndReason, Leg, LineEvent};
use crate::clock::Clock;
use crate::dial::policy::{Admission, Cap, Exceeded, Hours, Limit};
use crate::link::{Action, Notice};
use crate::store::{
    Attempt, AuditLine, Batch, CallEvent, CallFilter, CallKey, CallbackFilter, Due, Entry, EventFilter, Expired,
    Marked, OutboxRow, OutboxStats, Session, SessionToken, Settlement, Snapshot, Store, StoreError, TenantDocument,
};
use crate::switchboard::Switchboard;
use crate::timestamp::Timestamp;

/// What the world saw, in order.
#[derive(Debug, PartialEq, Eq)]
enum Seen {
    Committed(usize),
    Sent(Command),
}

#[derive(Default)]
struct Memory {
    seen: Mutex<Vec<Seen>>,
    batches: Mutex<Vec<Batch>>,
    failures: Mutex<u32>,
    slowness: Mutex<Duration>,
}

impl Memory {
    fn fail(&self, times: u32) {
        *self.failures.lock().expect("lock") = times;
    }

    fn slow(&self, by: Duration) {
        *self.slowness.lock().expect("lock") = by;
    }

    fn take_seen(&self) -> Vec<Seen> {
        std::mem::take(&mut self.seen.lock().expect("lock"))
    }

    fn last_verdict(&self) -> Option<EndReason> {
        let batches = self.batches.lock().expect("lock");
        batches.iter().flat_map(|batch| &batch.snapshots).last()?.journal.verdict().map(|verdict| verdict.reason)
    }
}

const OTHER: &str = "not part of these tests";

#[async_trait]
impl Store for Memory {
    async fn commit(&self, batch: &Batch) -> Result<(), StoreError> {
        let slowness = *self.slowness.lock().expect("lock");
        tokio::time::sleep(slowness).await;
        let mut failures = self.failures.lock().expect("lock");
        if *failures > 0 {
            *failures -= 1;
            return Err(StoreError::Unavailable("disk full".to_owned()));
        }
        self.seen.lock().expect("lock").push(Seen::Committed(batch.ledger.len()));
        self.batches.lock().expect("lock").push(batch.clone());
        Ok(())
    }

    async fn active_calls(&self) -> Result<Vec<Snapshot>, StoreError> {
        let batches = self.batches.lock().expect("lock");
        Ok(batches.iter().flat_map(|batch| batch.snapshots.clone()).collect())
    }

    async fn calls_since(&self, _since: Timestamp) -> Result<Vec<Snapshot>, StoreError> {
        self.active_calls().await
    }

    async fn calls_page(&self, _: &CallFilter, _: Option<CallKey>, _: u32) -> Result<Vec<Snapshot>, StoreError> {
        unreachable!("{OTHER}")
    }
    async fn calls_abroad_since(&self, _since: Timestamp) -> Result<Vec<Snapshot>, StoreError> {
        Ok(Vec::new())
    }

    async fn call(&self, _tenant: &str, _id: CallId) -> Result<Option<Snapshot>, StoreError> {
        unreachable!("{OTHER}")
    }

    async fn marked(&self, _: (&str, &str), _: &str, _: Timestamp) -> Result<Option<Marked>, StoreError> {
        unreachable!("{OTHER}")
    }

    async fn ledger(&self, _id: CallId) -> Result<Vec<Entry>, StoreError> {
        unreachable!("{OTHER}")
    }

    async fn events_after(
        &self,
        _filter: &EventFilter,
        _after: u64,
        _limit: u32,
    ) -> Result<Vec<(u64, CallEvent)>, StoreError> {
        unreachable!("{OTHER}")
    }

    async fn newest_event(&self) -> Result<u64, StoreError> {
        unreachable!("{OTHER}")
    }

    async fn claim(&self, _now: Timestamp, _lease: Duration, _limit: u32) -> Result<Vec<Due>, StoreError> {
        unreachable!("{OTHER}")
    }

    async fn settle(&self, _id: &str, _attempt: &Attempt, _settlement: &Settlement) -> Result<(), StoreError> {
        unreachable!("{OTHER}")
    }

    async fn release(&self, _ids: &[String]) -> Result<(), StoreError> {
        unreachable!("{OTHER}")
    }

    async fn next_due(&self) -> Result<Option<Timestamp>, StoreError> {
        unreachable!("{OTHER}")
    }

    async fn outbox_stats(&self) -> Result<OutboxStats, StoreError> {
        unreachable!("{OTHER}")
    }

    async fn callbacks(&self, _: &CallbackFilter, _: Option<u64>, _: u32) -> Result<Vec<OutboxRow>, StoreError> {
        unreachable!("{OTHER}")
    }

    async fn callback(&self, _: Option<&str>, _: &str) -> Result<Option<OutboxRow>, StoreError> {
        unreachable!("{OTHER}")
    }

    async fn attempts(&self, _: &str) -> Result<Vec<Attempt>, StoreError> {
        unreachable!("{OTHER}")
    }

    async fn replay(&self, _: &str, _: &AuditLine) -> Result<bool, StoreError> {
        unreachable!("{OTHER}")
    }

    async fn tenants(&self) -> Result<Vec<TenantDocument>, StoreError> {
        unreachable!("{OTHER}")
    }

    async fn put_tenants(&self, _documents: &[TenantDocument], _audit: &[AuditLine]) -> Result<(), StoreError> {
        unreachable!("{OTHER}")
    }

    async fn open_session(&self, _: &Session, _: &Expired) -> Result<(), StoreError> {
        unreachable!("{OTHER}")
    }

    async fn session(&self, _: SessionToken, _: &str) -> Result<Option<Session>, StoreError> {
        unreachable!("{OTHER}")
    }

    async fn session_seen(&self, _: &str, _: Timestamp) -> Result<(), StoreError> {
        unreachable!("{OTHER}")
    }

    async fn end_session(&self, _: &str) -> Result<(), StoreError> {
        unreachable!("{OTHER}")
    }

    async fn ping(&self) -> Result<(), StoreError> {
        Ok(())
    }
}

struct Rig {
    store: Arc<Memory>,
    clock: Clock,
    engine: Engine,
    notices: mpsc::Sender<Notice>,
    events: watch::Receiver<u64>,
    cancel: CancellationToken,
}

impl Rig {
    fn start() -> Self {
        let (store, clock, cancel) = (Arc::new(Memory::default()), Clock::start(), CancellationToken::new());
        let (orders, orders_in) = mpsc::channel(64);
        let (notices, notices_in) = mpsc::channel(64);
        let outside = store.clone();
        let actions = Box::new(move |action| {
            if let Action::Order(order) = action {
                outside.seen.lock().expect("lock").push(Seen::Sent(order.command));
            }
        });
        let (callbacks, observe) = (Arc::new(Notify::new()), Box::new(|_: &super::turn::Turn<'_>| {}));
        let (told, events) = watch::channel(0);
        let ports = Ports { orders: orders_in, notices: notices_in, actions, callbacks, events: told, observe };
        let turning = Loop::new(Switchboard::default(), store.clone(), clock, ports).run(cancel.clone());
        tokio::spawn(async move { turning.await.expect("no fatal store error") });
        Self { store, clock, engine: Engine::new(orders), notices, events, cancel }
    }

    fn admission(&self, id: u128) -> Admission {
        let request = request(id, self.clock.now());
        Admission { request, duplicate_window: Duration::from_secs(5), caps: vec![], audit: vec![] }
    }

    async fn line(&self, leg: Leg, event: LineEvent) {
        self.notices.send(Notice::Line(CallId::from_bits(1), leg, event)).await.expect("the engine listens");
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

#[tokio::test(start_paused = true)]
async fn nothing_is_sent_and_nobody_answered_before_the_commit() {
    let rig = Rig::start();
    assert_eq!(rig.engine.submit(rig.admission(1)).await, Ok(Receipt::Accepted(CallId::from_bits(1))));
    let expected = [Seen::Committed(1), Seen::Sent(Command::CreateBridge), Seen::Sent(Command::Create(Leg::A))];
    assert_eq!(rig.store.take_seen(), expected);
}

#[tokio::test(start_paused = true)]
async fn a_store_that_recovers_quickly_delays_the_click_and_loses_nothing() {
    let rig = Rig::start();
    rig.store.fail(3);
    assert_eq!(rig.engine.submit(rig.admission(1)).await, Ok(Receipt::Accepted(CallId::from_bits(1))));
    assert_eq!(rig.store.take_seen().len(), 3);
}

/// A browser drops the first request when its link is clicked a second time.
#[tokio::test(start_paused = true)]
async fn a_second_click_gets_a_call_that_rings_although_the_first_client_has_gone() {
    let rig = Rig::start();
    rig.store.slow(Duration::from_millis(100));
    let first = tokio::time::timeout(Duration::from_millis(50), rig.engine.submit(rig.admission(1)));
    assert!(first.await.is_err(), "the first client has gone away");
    assert_eq!(rig.engine.submit(rig.admission(2)).await, Ok(Receipt::Duplicate(CallId::from_bits(1))));
    assert!(rig.store.take_seen().contains(&Seen::Sent(Command::Create(Leg::A))));
}

#[tokio::test(start_paused = true)]
async fn a_click_is_refused_when_the_store_stays_away_and_never_rings_afterwards() {
    let rig = Rig::start();
    rig.store.fail(30);
    assert_eq!(rig.engine.submit(rig.admission(1)).await, Err(Unavailable::StoreAway));
    tokio::time::sleep(Duration::from_secs(10)).await;
    let sent: Vec<_> = rig.store.take_seen();
    assert!(!sent.contains(&Seen::Sent(Command::Create(Leg::A))), "{sent:?}");
    assert_eq!(rig.store.last_verdict(), Some(EndReason::PbxLost));
}

#[tokio::test(start_paused = true)]
async fn lines_are_freed_although_the_store_stays_away() {
    let rig = Rig::start();
    rig.engine.submit(rig.admission(1)).await.expect("accepted");
    rig.line(Leg::A, LineEvent::Entered).await;
    rig.store.take_seen();
    rig.store.fail(u32::MAX);
    let terminated = rig.engine.terminate(Termination::Call { tenant: "demo".to_owned(), call: CallId::from_bits(1) });
    assert_eq!(terminated.await, Ok(Some(CallId::from_bits(1))));
    let seen = rig.store.take_seen();
    assert!(!seen.is_empty() && seen.iter().all(|seen| *seen == Seen::Sent(Command::Hangup(Leg::A))), "{seen:?}");
}

#[tokio::test(start_paused = true)]
async fn a_commit_that_succeeds_too_late_makes_nothing_ring() {
    let rig = Rig::start();
    rig.store.slow(Duration::from_secs(5));
    assert_eq!(rig.engine.submit(rig.admission(1)).await, Err(Unavailable::StoreAway));
    rig.store.slow(Duration::ZERO);
    tokio::time::sleep(Duration::from_secs(10)).await;
    let seen = rig.store.take_seen();
    assert!(!seen.contains(&Seen::Sent(Command::Create(Leg::A))), "{seen:?}");
}

#[tokio::test(start_paused = true)]
async fn the_same_click_after_a_refused_one_is_a_new_call() {
    let rig = Rig::start();
    rig.store.fail(12);
    assert_eq!(rig.engine.submit(rig.admission(1)).await, Err(Unavailable::StoreAway));
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(rig.engine.submit(rig.admission(2)).await, Ok(Receipt::Accepted(CallId::from_bits(2))));
}

#[tokio::test(start_paused = true)]
async fn while_the_store_is_away_a_lone_line_is_hung_up_and_time_limits_hold() {
    let rig = Rig::start();
    rig.engine.submit(rig.admission(1)).await.expect("accepted");
    for leg in Leg::BOTH {
        rig.line(leg, LineEvent::Entered).await;
        rig.line(leg, LineEvent::Answered).await;
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    tokio::time::sleep(Duration::from_secs(5)).await;
    rig.store.take_seen();
    rig.store.fail(u32::MAX);
    rig.engine.submit(rig.admission(2)).await.expect_err("the store is away");
    rig.line(Leg::A, LineEvent::Gone(crate::call::Gone::Missing)).await;
    tokio::time::sleep(Duration::from_millis(10)).await;
    assert!(rig.store.take_seen().contains(&Seen::Sent(Command::Hangup(Leg::B))));
}

#[tokio::test(start_paused = true)]
async fn a_start_that_waited_for_the_store_is_dropped_when_its_call_is_over() {
    let rig = Rig::start();
    rig.engine.submit(rig.admission(1)).await.expect("accepted");
    rig.store.take_seen();
    rig.store.slow(Duration::from_secs(1));
    rig.line(Leg::A, LineEvent::Entered).await;
    let terminated = rig.engine.terminate(Termination::Call { tenant: "demo".to_owned(), call: CallId::from_bits(1) });
    terminated.await.expect("terminated");
    let seen = rig.store.take_seen();
    assert!(!seen.contains(&Seen::Sent(Command::JoinAndDial(Leg::A))), "{seen:?}");
    assert!(seen.contains(&Seen::Sent(Command::Hangup(Leg::A))), "{seen:?}");
}

#[tokio::test(start_paused = true)]
async fn the_loop_wakes_calls_when_their_time_has_come() {
    let rig = Rig::start();
    rig.engine.submit(rig.admission(1)).await.expect("accepted");
    rig.line(Leg::A, LineEvent::Entered).await;
    rig.store.take_seen();
    tokio::time::sleep(Duration::from_millis(30_100)).await;
    assert_eq!(rig.store.take_seen(), [Seen::Committed(1), Seen::Sent(Command::Hangup(Leg::A))]);
}

#[tokio::test(start_paused = true)]
async fn an_engine_that_ends_takes_no_more_orders() {
    let rig = Rig::start();
    rig.cancel.cancel();
    tokio::time::sleep(Duration::from_millis(1)).await;
    assert_eq!(rig.engine.submit(rig.admission(1)).await, Err(Unavailable::Stopping));
}

#[tokio::test(start_paused = true)]
async fn an_engine_that_ends_waits_for_the_channel_that_it_asked_for_last() {
    let rig = Rig::start();
    rig.engine.submit(rig.admission(1)).await.expect("accepted");
    rig.cancel.cancel();
    tokio::time::sleep(Duration::from_millis(100)).await;
    rig.store.take_seen();
    rig.line(Leg::A, LineEvent::Entered).await;
    assert_eq!(rig.store.take_seen(), [Seen::Committed(1), Seen::Sent(Command::JoinAndDial(Leg::A))]);
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert!(rig.notices.is_closed(), "the engine has ended");
}

#[tokio::test(start_paused = true)]
async fn a_restart_remembers_calls_and_clicks() {
    let rig = Rig::start();
    rig.engine.submit(rig.admission(1)).await.expect("accepted");
    let store: Arc<dyn Store> = rig.store.clone();
    let window = |_: &str| Duration::from_secs(5);
    let mut board = super::recover::switchboard(&store, rig.clock, window).await.expect("recovered");
    assert_eq!(board.len(), 1);
    let again = board.submit(rig.clock.now(), rig.admission(2), &mut crate::switchboard::Step::default());
    assert_eq!(again, Receipt::Duplicate(CallId::from_bits(1)));
}

#[tokio::test(start_paused = true)]
async fn a_restart_counts_on_where_the_last_process_stopped() {
    let rig = Rig::start();
    let (limit, hours) = (Limit::DestinationPerTenMinutes, Hours::Office);
    let capped = |id| {
        let mut admission = rig.admission(id);
        admission.request.credential = format!("another {id}");
        let subject = admission.request.b.party.digits();
        admission.caps = vec![Cap { limit, subject: format!("+{subject}"), most: 2, hours }];
        admission
    };
    let accepted = rig.clock.now();
    for id in [1, 2] {
        rig.engine.submit(capped(id)).await.expect("accepted");
        tokio::time::sleep(Duration::from_mins(1)).await;
    }
    let store: Arc<dyn Store> = rig.store.clone();
    let mut board = super::recover::switchboard(&store, rig.clock, |_| Duration::ZERO).await.expect("recovered");
    let refused = board.submit(rig.clock.now(), capped(3), &mut crate::switchboard::Step::default());
    let retry_after = (accepted + Duration::from_mins(10)).since(rig.clock.now());
    assert_eq!(refused, Receipt::TooMany(Exceeded { limit, most: 2, hours, retry_after }));
    tokio::time::sleep(retry_after).await;
    let accepted = board.submit(rig.clock.now(), capped(3), &mut crate::switchboard::Step::default());
    assert_eq!(accepted, Receipt::Accepted(CallId::from_bits(3)));
}
