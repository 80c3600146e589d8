//! From the outbox to the receiver and back: schedule, sameness, crashes, the end.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

use super::outbox::{Outbox, Row};
use super::sink::{LONG, Reply, Sink, nobody};
use super::{DEMO_SECRET, client, secrets};
use crate::callback::sign::{Key, signature};
use crate::callback::{CallbackCounters, Courier, Worker};
use crate::clock::Clock;
use crate::config::CallbackConfig;
use crate::store::{Settlement, Store};

/// A worker at work.
pub(super) struct Running {
    pub(super) outbox: Arc<Outbox>,
    pub(super) clock: Clock,
    pub(super) wake: Arc<Notify>,
    pub(super) counters: Arc<CallbackCounters>,
    pub(super) cancel: CancellationToken,
    pub(super) task: JoinHandle<()>,
}

pub(super) fn start(outbox: Arc<Outbox>) -> Running {
    let clock = Clock::start();
    let worker = worker(outbox.clone(), clock);
    let (wake, counters) = (worker.wake_handle(), worker.counters());
    let cancel = CancellationToken::new();
    let task = tokio::spawn(worker.run(cancel.clone()));
    Running { outbox, clock, wake, counters, cancel, task }
}

fn worker(store: Arc<dyn Store>, clock: Clock) -> Worker {
    let config = CallbackConfig {
        allow_networks: Vec::new(),
        allow_ports: Vec::new(),
        in_flight: 64,
        in_flight_per_endpoint: 4,
        timeout: Duration::from_secs(15),
    };
    Worker::new(store, Courier::new(client(), secrets(), clock), &config)
}

/// Owes one callback to a receiver with this script, and waits for its end.
async fn deliver(script: Vec<Reply>) -> (Sink, Row, Running) {
    let sink = Sink::new(script).await;
    let running = start(Arc::default());
    running.outbox.owe(1, &sink.url());
    running.wake.notify_one();
    let rows = timeout(LONG, running.outbox.done()).await.unwrap();
    (sink, rows[0].clone(), running)
}

/// Whole seconds between the end of each attempt and the beginning of the next.
fn gaps(row: &Row) -> Vec<u64> {
    row.attempts.windows(2).map(|pair| pair[1].at.since(pair[0].at + pair[0].took).as_secs()).collect()
}

#[tokio::test(start_paused = true)]
async fn two_failures_and_a_success_are_three_identical_bodies_under_one_id() {
    let script = vec![Reply::status(500), Reply::status(500), Reply::status(200)];
    let (sink, row, running) = deliver(script).await;
    let received = sink.received();
    assert_eq!(received.len(), 3);
    for one in &received {
        assert_eq!(one.body, row.callback.body);
        assert_eq!(one.header("webhook-id"), Some(row.callback.id.as_str()));
        assert_eq!(one.header("content-type"), Some("application/x-www-form-urlencoded"));
    }
    assert_eq!(row.settled, Some(Settlement::Delivered));
    let statuses: Vec<_> = row.attempts.iter().map(|attempt| attempt.status).collect();
    assert_eq!(statuses, [Some(500), Some(500), Some(200)]);
    let counted = [&running.counters.accepted, &running.counters.retried, &running.counters.abandoned];
    assert_eq!(counted.map(|counter| counter.load(Ordering::Relaxed)), [1, 2, 0]);
    assert_eq!(running.counters.lag.snapshot().count, 1);
}

#[tokio::test(start_paused = true)]
async fn each_attempt_is_signed_for_its_own_moment() {
    let (sink, row, _running) = deliver(vec![Reply::status(503)]).await;
    let keys = [Key::parse(DEMO_SECRET).unwrap()];
    let mut moments = Vec::new();
    for one in sink.received() {
        let seconds: i64 = one.header("webhook-timestamp").unwrap().parse().unwrap();
        let expected = signature(&keys, &row.callback.id, seconds, one.body.as_bytes());
        assert_eq!(one.header("webhook-signature"), expected.as_deref());
        moments.push(seconds);
    }
    assert!(moments[1] > moments[0], "{moments:?}");
}

#[tokio::test(start_paused = true)]
async fn a_receiver_that_is_down_for_days_sees_twelve_attempts_on_schedule_and_then_none() {
    let (sink, row, running) = deliver(vec![Reply::status(500); 20]).await;
    assert_eq!((sink.received().len(), row.settled.clone()), (12, Some(Settlement::Dead)));
    let planned = [5, 30, 120, 600, 1800, 7200, 18_000, 36_000, 50_400, 72_000, 86_400];
    for (gap, planned) in gaps(&row).into_iter().zip(planned) {
        assert!((planned * 3 / 4 - 1..=planned * 5 / 4 + 1).contains(&gap), "{gap} for {planned}");
    }
    assert_eq!(running.counters.abandoned.load(Ordering::Relaxed), 1);
}

#[tokio::test(start_paused = true)]
async fn a_receiver_that_is_down_at_first_gets_it_when_it_comes_up() {
    let address = nobody().await;
    let running = start(Arc::default());
    running.outbox.owe(1, &format!("http://{address}/hook"));
    running.wake.notify_one();
    running.outbox.until(|rows| rows[0].attempts.len() == 2).await;
    let sink = Sink::at(TcpListener::bind(address).await.unwrap(), vec![]);
    let rows = timeout(LONG, running.outbox.done()).await.unwrap();
    assert_eq!((rows[0].settled.clone(), sink.received().len()), (Some(Settlement::Delivered), 1));
    assert!(rows[0].attempts[0].note.starts_with("connect"), "{}", rows[0].attempts[0].note);
}

#[tokio::test(start_paused = true)]
async fn gone_ends_it_at_once_and_a_wrong_request_after_six_attempts() {
    for (code, attempts) in [(410, 1), (404, 6), (422, 6)] {
        let (sink, row, _running) = deliver(vec![Reply::status(code); 20]).await;
        assert_eq!((sink.received().len(), row.settled), (attempts, Some(Settlement::Dead)), "{code}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_receiver_says_when_to_come_back() {
    let script = vec![Reply::with(429, "Retry-After: 3600\r\n", ""), Reply::with(503, "retry-after: 1\r\n", "")];
    let (_sink, row, _running) = deliver(script).await;
    let gaps = gaps(&row);
    assert!((3600..=3602).contains(&gaps[0]) && (1..=2).contains(&gaps[1]), "{gaps:?}");
}

#[tokio::test(start_paused = true)]
async fn redirects_resets_silence_and_garbage_are_failures_that_are_repeated() {
    let script = vec![
        Reply::with(302, "location: http://127.0.0.1:1/\r\n", ""),
        Reply::Reset,
        Reply::Stall(Vec::new()),
        Reply::Bytes(b"hello".to_vec()),
        Reply::Flood(b"HTTP/1.1 500 X\r\n\r\n0123456789".repeat(1000)),
    ];
    let (sink, row, _running) = deliver(script).await;
    assert_eq!((sink.received().len(), row.settled.clone()), (6, Some(Settlement::Delivered)));
    let statuses: Vec<_> = row.attempts.iter().map(|attempt| attempt.status).collect();
    assert_eq!(statuses, [Some(302), None, None, None, Some(500), Some(200)]);
    assert!(row.attempts.iter().all(|attempt| attempt.note.len() <= 2048));
}

#[tokio::test(start_paused = true)]
async fn a_url_that_may_not_be_called_is_given_up() {
    let running = start(Arc::default());
    running.outbox.owe(1, "http://169.254.169.254/latest/");
    running.wake.notify_one();
    let rows = timeout(LONG, running.outbox.done()).await.unwrap();
    assert_eq!((rows[0].settled.clone(), rows[0].attempts.len()), (Some(Settlement::Dead), 1));
    assert!(rows[0].attempts[0].note.contains("169.254.0.0/16"), "{}", rows[0].attempts[0].note);
}

#[tokio::test(start_paused = true)]
async fn what_was_sent_and_could_not_be_settled_is_sent_again_with_the_same_words() {
    let sink = Sink::new(vec![]).await;
    let running = start(Arc::default());
    running.outbox.deaf.store(true, Ordering::Relaxed);
    running.outbox.owe(1, &sink.url());
    running.wake.notify_one();
    sink.has(1).await;
    sleep(Duration::from_secs(10)).await;
    assert_eq!(running.counters.unsettled.load(Ordering::Relaxed), 1);
    running.outbox.deaf.store(false, Ordering::Relaxed);
    let rows = timeout(LONG, running.outbox.done()).await.unwrap();
    assert_eq!((rows[0].settled.clone(), rows[0].attempts.len()), (Some(Settlement::Delivered), 1));
    let words: Vec<_> =
        sink.received().iter().map(|one| (one.body.clone(), one.header("webhook-id").map(str::to_owned))).collect();
    assert_eq!((words.len(), &words[0]), (2, &words[1]));
}

#[tokio::test(start_paused = true)]
async fn a_worker_that_dies_between_sending_and_settling_leaves_the_callback_to_the_next() {
    let sink = Sink::new(vec![Reply::Stall(Vec::new())]).await;
    let first = start(Arc::default());
    first.outbox.owe(1, &sink.url());
    first.wake.notify_one();
    sink.has(1).await;
    first.task.abort();
    let second = start(first.outbox.clone());
    let rows = timeout(LONG, second.outbox.done()).await.unwrap();
    assert_eq!((rows[0].settled.clone(), rows[0].attempts.len()), (Some(Settlement::Delivered), 1));
    let received = sink.received();
    assert_eq!(received.len(), 2);
    assert_eq!(received[0].body, received[1].body);
    assert!(rows[0].attempts[0].at.since(first.clock.now()) <= Duration::from_secs(66));
}

#[tokio::test(start_paused = true)]
async fn at_the_end_what_is_on_its_way_may_finish_and_the_rest_goes_back() {
    let quick = Sink::new(vec![]).await;
    let silent = Sink::new(vec![Reply::Stall(Vec::new())]).await;
    let running = start(Arc::default());
    running.outbox.owe(1, &silent.url());
    running.outbox.owe(2, &quick.url());
    running.wake.notify_one();
    silent.has(1).await;
    quick.has(1).await;
    let asked = running.clock.now();
    running.cancel.cancel();
    running.task.await.unwrap();
    let now = running.clock.now();
    assert!(now.since(asked) <= Duration::from_secs(6));
    assert_eq!(running.outbox.leased(now), 0, "nothing is left claimed");
    let settled: Vec<_> = running.outbox.rows().into_iter().map(|row| row.settled).collect();
    assert_eq!(settled, [None, Some(Settlement::Delivered)]);
}

#[tokio::test(start_paused = true)]
async fn while_the_store_is_away_the_worker_waits_and_then_goes_on() {
    let sink = Sink::new(vec![]).await;
    let running = start(Arc::default());
    running.outbox.away.store(true, Ordering::Relaxed);
    running.outbox.owe(1, &sink.url());
    running.wake.notify_one();
    sleep(Duration::from_secs(30)).await;
    assert_eq!(sink.received(), []);
    running.outbox.away.store(false, Ordering::Relaxed);
    let back = running.clock.now();
    let rows = timeout(LONG, running.outbox.done()).await.unwrap();
    assert!(rows[0].attempts[0].at.since(back) <= Duration::from_secs(2));
}

#[tokio::test(start_paused = true)]
async fn a_callback_goes_out_when_the_worker_is_woken_and_soon_when_nobody_wakes_it() {
    let sink = Sink::new(vec![]).await;
    let running = start(Arc::default());
    sleep(Duration::from_mins(1)).await;
    let begin = running.clock.now();
    running.outbox.owe(1, &sink.url());
    running.wake.notify_one();
    sink.has(1).await;
    assert!(running.clock.now().since(begin) < Duration::from_millis(50));
    running.outbox.done().await;
    running.outbox.owe(2, &sink.url());
    sink.has(2).await;
    assert!(running.clock.now().since(begin) <= Duration::from_secs(6));
}
