//! What systemd is told: ready, reloading, stopping, alive.
//!
//! Outside systemd (no `$NOTIFY_SOCKET`) every word falls silent. The watchdog is fed only while every
//! core task beats its heart: a task that hangs, not just a process that died, gets the daemon started
//! again. A PBX that is away stops no heart.
//!
//! `RELOADING=1` goes out with the monotonic clock's time beside it, and is answered by `READY=1`:
//! the protocol that `Type=notify` understands as far back as systemd 252.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use sd_notify::NotifyState;
use tokio::time::MissedTickBehavior;

use crate::clock::Clock;
use crate::timestamp::Timestamp;

/// A heart that has not beaten for so long is taken for dead.
const STALLED_AFTER: Duration = Duration::from_secs(10);

/// A moment in the daemon's life, as systemd wants to know it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Milestone {
    /// Up: doors open, or open again after a reload.
    Ready,
    /// The configuration is being read again.
    Reloading,
    /// On the way out.
    Stopping,
}

/// Tells systemd about a moment, with a line for `systemctl status`.
pub fn notify(milestone: Milestone, status: &str) {
    let said = match milestone {
        Milestone::Ready => sd_notify::notify(&[NotifyState::Ready, NotifyState::Status(status)]),
        Milestone::Stopping => sd_notify::notify(&[NotifyState::Stopping, NotifyState::Status(status)]),
        Milestone::Reloading => NotifyState::monotonic_usec_now()
            .and_then(|now| sd_notify::notify(&[NotifyState::Reloading, now, NotifyState::Status(status)])),
    };
    if let Err(error) = said {
        tracing::warn!(%error, ?milestone, "systemd cannot be told");
    }
}

/// The hearts of all core tasks. Copies share them.
#[derive(Clone, Debug)]
pub struct Heartbeats {
    clock: Clock,
    hearts: Arc<Mutex<Vec<(&'static str, Timestamp)>>>,
}

/// One core task's heart.
#[derive(Clone, Debug)]
pub struct Heart {
    all: Heartbeats,
    index: usize,
}

impl Heartbeats {
    /// None yet.
    pub fn new(clock: Clock) -> Self {
        Self { clock, hearts: Arc::default() }
    }

    /// A heart for the task of this name; it has just beaten.
    pub fn heart(&self, task: &'static str) -> Heart {
        let mut hearts = self.hearts.lock().unwrap_or_else(PoisonError::into_inner);
        hearts.push((task, self.clock.now()));
        Heart { all: self.clone(), index: hearts.len() - 1 }
    }

    /// Tasks whose hearts have not beaten for ten seconds.
    pub fn stalled(&self) -> Vec<&'static str> {
        let now = self.clock.now();
        let hearts = self.hearts.lock().unwrap_or_else(PoisonError::into_inner);
        hearts.iter().filter(|(_, beaten)| now.since(*beaten) >= STALLED_AFTER).map(|(task, _)| *task).collect()
    }
}

impl Heart {
    /// To be called at least every five seconds, by the task's own loop.
    pub fn beat(&self) {
        let now = self.all.clock.now();
        let mut hearts = self.all.hearts.lock().unwrap_or_else(PoisonError::into_inner);
        hearts[self.index].1 = now;
    }
}

/// Feeds the watchdog four times in its interval for as long as all hearts beat; never returns.
/// Without a watchdog, waits for ever.
pub async fn watchdog(hearts: Heartbeats) {
    let Some(interval) = sd_notify::watchdog_enabled() else { return std::future::pending().await };
    feed(hearts, interval, || {
        if let Err(error) = sd_notify::notify(&[NotifyState::Watchdog]) {
            tracing::warn!(%error, "the watchdog cannot be fed");
        }
    })
    .await;
}

async fn feed(hearts: Heartbeats, interval: Duration, mut ping: impl FnMut()) {
    let mut ticks = tokio::time::interval(interval / 4);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        match hearts.stalled().as_slice() {
            [] => ping(),
            tasks => tracing::error!(?tasks, "tasks hang: the watchdog is not fed"),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_heart_counts_as_stalled_after_ten_seconds_and_recovers_with_a_beat() {
        let hearts = Heartbeats::new(Clock::start());
        let (reader, _writer) = (hearts.heart("reader"), hearts.heart("writer"));
        tokio::time::advance(Duration::from_secs(9)).await;
        assert_eq!(hearts.stalled(), Vec::<&str>::new());
        reader.beat();
        tokio::time::advance(Duration::from_secs(1)).await;
        assert_eq!(hearts.stalled(), ["writer"]);
    }

    #[tokio::test(start_paused = true)]
    async fn the_watchdog_starves_when_one_heart_stops() {
        let hearts = Heartbeats::new(Clock::start());
        let heart = hearts.heart("reader");
        let pings = Arc::new(AtomicU32::new(0));
        let count = Arc::clone(&pings);
        let feeding = feed(hearts, Duration::from_secs(20), move || {
            count.fetch_add(1, Ordering::Relaxed);
        });
        let life = async {
            for _ in 0..10 {
                heart.beat();
                tokio::time::sleep(Duration::from_secs(5)).await;
            }
            let fed = pings.load(Ordering::Relaxed);
            assert!(fed >= 10, "{fed}");
            tokio::time::sleep(Duration::from_mins(1)).await;
            assert!(pings.load(Ordering::Relaxed) <= fed + 1);
        };
        tokio::select! {
            () = feeding => unreachable!("the watchdog is fed for ever"),
            () = life => {}
        }
    }

    #[test]
    fn outside_systemd_nothing_is_said_and_nothing_fails() {
        notify(Milestone::Ready, "up");
        notify(Milestone::Reloading, "reading the configuration");
        notify(Milestone::Stopping, "ending");
    }
}
