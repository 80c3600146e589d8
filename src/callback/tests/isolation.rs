//! Receivers that never answer do not keep the others waiting.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{sleep, timeout};

use super::delivery::start;
use super::outbox::Outbox;
use super::sink::{LONG, Reply, Sink};
use crate::store::Settlement;

#[tokio::test(start_paused = true)]
async fn one_endpoint_has_one_request_until_it_answers_and_then_four() {
    let slow =
        Sink::new(vec![Reply::status(200)].into_iter().chain(vec![Reply::Stall(Vec::new()); 20]).collect()).await;
    let running = start(Arc::default());
    for n in 0..20 {
        running.outbox.owe(n, &slow.url());
    }
    running.wake.notify_one();
    slow.has(5).await;
    sleep(Duration::from_secs(10)).await;
    assert_eq!((slow.received().len(), slow.most_open()), (5, 4));
}

#[tokio::test(start_paused = true)]
async fn a_hundred_black_holes_do_not_delay_the_living() {
    let outbox: Arc<Outbox> = Arc::default();
    let mut holes = Vec::new();
    let mut n = 0;
    for _ in 0..100 {
        let hole = Sink::new(vec![Reply::Stall(Vec::new()); 5000]).await;
        for _ in 0..50 {
            outbox.owe(n, &hole.url());
            n += 1;
        }
        holes.push(hole);
    }
    let running = start(outbox);
    sleep(Duration::from_mins(1)).await;
    let live = Sink::new(vec![]).await;
    let mut late = Vec::new();
    for _ in 0..100 {
        let (id, owed) = (n, running.clock.now());
        running.outbox.owe(id, &live.url());
        running.wake.notify_one();
        let delivered = |rows: &[super::outbox::Row]| rows[id as usize].settled == Some(Settlement::Delivered);
        let rows = timeout(LONG, running.outbox.until(delivered)).await.unwrap();
        late.push(rows[id as usize].attempts[0].at.since(owed));
        n += 1;
        sleep(Duration::from_secs(3)).await;
    }
    late.sort_unstable();
    assert!(late[98] <= Duration::from_secs(2), "{late:?}");
    for hole in &holes {
        assert!(hole.received().len() < 40, "left alone while its circuit is open: {}", hole.received().len());
    }
}
