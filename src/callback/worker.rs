//! The loop: claim, send, settle.
//!
//! A callback is claimed for the length of a lease, sent, and settled. When anything fails between
//! sending and settling (the store, or this process), the lease ends and the same words go out again
//! under the same id: at least once, never lost.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::sync::Notify;
use tokio::task::{Id, JoinError, JoinSet};
use tokio_util::sync::CancellationToken;

use crate::callback::counters::CallbackCounters;
use crate::callback::courier::Courier;
use crate::callback::endpoints::{Circuit, Endpoints, Health, Limits};
use crate::callback::flight::fly;
use crate::config::CallbackConfig;
use crate::store::{Due, Store, endpoint};

const LEASE: Duration = Duration::from_mins(1);
/// Between two looks into the outbox: at least, at most, and while the store is away.
const SOONEST: Duration = Duration::from_millis(250);
const LATEST: Duration = Duration::from_secs(5);
const STORE_AWAY: Duration = Duration::from_secs(1);
/// What is on its way at the end may take this long.
const GRACE: Duration = Duration::from_secs(5);

/// Sends what the outbox owes.
pub struct Worker {
    store: Arc<dyn Store>,
    courier: Courier,
    lease: Duration,
    wake: Arc<Notify>,
    counters: Arc<CallbackCounters>,
    endpoints: Endpoints,
    flights: JoinSet<Health>,
    /// What is on its way: the callback's id, and where it goes.
    manifest: HashMap<Id, (String, String)>,
    store_is: StoreIs,
    /// Called at every turn, which is at least every five seconds.
    beat: Box<dyn Fn() + Send>,
}

/// Whether the store answered the last time, so that only a change is logged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum StoreIs {
    There,
    Away,
}

impl Worker {
    /// A worker that has not begun.
    pub fn new(store: Arc<dyn Store>, courier: Courier, config: &CallbackConfig) -> Self {
        let most = |places: usize| u32::try_from(places).unwrap_or(u32::MAX / 4);
        let limits = Limits { total: most(config.in_flight), each: most(config.in_flight_per_endpoint) };
        Self {
            store,
            courier,
            lease: LEASE.max(config.timeout * 4),
            wake: Arc::default(),
            counters: Arc::default(),
            endpoints: Endpoints::new(limits),
            flights: JoinSet::new(),
            manifest: HashMap::new(),
            store_is: StoreIs::There,
            beat: Box::new(|| {}),
        }
    }

    /// Has it show at every turn that it lives.
    #[must_use]
    pub fn beating(self, beat: impl Fn() + Send + 'static) -> Self {
        Self { beat: Box::new(beat), ..self }
    }

    /// Notify it (`notify_one`) after a commit that owes callbacks: they go out at once.
    pub fn wake_handle(&self) -> Arc<Notify> {
        Arc::clone(&self.wake)
    }

    /// What it counts.
    pub fn counters(&self) -> Arc<CallbackCounters> {
        Arc::clone(&self.counters)
    }

    /// Works until `cancel`; then what is on its way may finish within five seconds, and the rest
    /// goes back to the outbox.
    pub async fn run(mut self, cancel: CancellationToken) {
        while !cancel.is_cancelled() {
            let pause = self.fill().await;
            (self.beat)();
            let wake = Arc::clone(&self.wake);
            tokio::select! {
                biased;
                () = cancel.cancelled() => break,
                Some(landed) = self.flights.join_next_with_id() => self.land(landed),
                () = wake.notified() => {}
                () = tokio::time::sleep(pause) => {}
            }
        }
        self.finish().await;
    }

    /// Sends as much as there is room for, and says how long there is nothing to do.
    async fn fill(&mut self) -> Duration {
        loop {
            while let Some(landed) = self.flights.try_join_next_with_id() {
                self.land(landed);
            }
            let now = self.courier.clock.now();
            let room = self.endpoints.room(now);
            if room.total == 0 {
                return LATEST;
            }
            let claimed = match self.store.claim_within(now, self.lease, &room).await {
                Ok(claimed) => claimed,
                Err(error) => return self.store_failed(&error),
            };
            self.store_answered();
            let count = claimed.len();
            let surplus = self.launch_all(claimed);
            if surplus.is_empty() {
                return if count == 0 { self.until_due().await } else { SOONEST };
            }
            if let Err(error) = self.store.release(&surplus).await {
                return self.store_failed(&error);
            }
            if surplus.len() == count {
                return SOONEST;
            }
        }
    }

    /// Launches what there is room for; the ids of the rest.
    fn launch_all(&mut self, claimed: Vec<Due>) -> Vec<String> {
        let now = self.courier.clock.now();
        let mut surplus = Vec::new();
        for due in claimed {
            let name = endpoint(&due.callback.url);
            if self.endpoints.admit(&name, now).is_err() {
                surplus.push(due.callback.id);
                continue;
            }
            let id = due.callback.id.clone();
            let flight = fly(Arc::clone(&self.store), self.courier.clone(), Arc::clone(&self.counters), due);
            let task = self.flights.spawn(flight);
            self.manifest.insert(task.id(), (id, name));
        }
        self.count_flights();
        surplus
    }

    fn land(&mut self, landed: Result<(Id, Health), JoinError>) {
        let (task, health) = match landed {
            Ok(landed) => landed,
            Err(error) => {
                tracing::warn!(error = %error, "an attempt broke off: its callback is sent again after its lease");
                (error.id(), Health::Unknown)
            }
        };
        let Some((_, name)) = self.manifest.remove(&task) else { return };
        self.count_flights();
        match self.endpoints.land(&name, health, self.courier.clock.now()) {
            Circuit::Opened => {
                self.counters.circuits_opened.fetch_add(1, Ordering::Relaxed);
                tracing::warn!(endpoint = %name, "most callbacks to this endpoint fail: it is left alone for 30 s");
            }
            Circuit::Closed => tracing::info!(endpoint = %name, "this endpoint answers again"),
            Circuit::Unchanged => {}
        }
    }

    async fn until_due(&mut self) -> Duration {
        match self.store.next_due().await {
            Ok(None) => LATEST,
            Ok(Some(due)) => due.since(self.courier.clock.now()).clamp(SOONEST, LATEST),
            Err(error) => self.store_failed(&error),
        }
    }

    async fn finish(mut self) {
        let landing = async {
            while let Some(landed) = self.flights.join_next_with_id().await {
                self.land(landed);
            }
        };
        if tokio::time::timeout(GRACE, landing).await.is_ok() {
            return;
        }
        self.flights.shutdown().await;
        let rest: Vec<String> = self.manifest.into_values().map(|(id, _)| id).collect();
        tracing::info!(callbacks = rest.len(), "attempts broken off at the end: they are sent again");
        if let Err(error) = self.store.release(&rest).await {
            tracing::warn!(error = %error, "callbacks could not be given back: they are sent again after their lease");
        }
    }

    fn store_failed(&mut self, error: &crate::store::StoreError) -> Duration {
        if self.store_is == StoreIs::There {
            tracing::warn!(error = %error, "the outbox cannot be read: callbacks wait");
        }
        self.store_is = StoreIs::Away;
        STORE_AWAY
    }

    fn store_answered(&mut self) {
        if self.store_is == StoreIs::Away {
            tracing::info!("the outbox can be read again");
        }
        self.store_is = StoreIs::There;
    }

    fn count_flights(&self) {
        self.counters.in_flight.store(self.manifest.len() as u64, Ordering::Relaxed);
    }
}
