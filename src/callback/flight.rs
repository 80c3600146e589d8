//! One callback on its way: sent once, judged, settled, counted, logged.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::callback::client::Answer;
use crate::callback::counters::CallbackCounters;
use crate::callback::courier::Courier;
use crate::callback::endpoints::Health;
use crate::callback::retry::{Attempted, Met, Outcome, judge};
use crate::store::{Attempt, Due, Settlement, Store, StoreError, endpoint};

/// Pauses before an outcome is written down again, when the store is away.
const AGAIN: [Duration; 3] = [Duration::from_millis(250), Duration::from_secs(1), Duration::from_secs(4)];

/// Makes one attempt and writes down what became of it.
pub(super) async fn fly(store: Arc<dyn Store>, courier: Courier, counters: Arc<CallbackCounters>, due: Due) -> Health {
    let began = courier.clock.now();
    let Answer { met, note } = courier.deliver(&due.callback).await;
    let now = courier.clock.now();
    let number = due.attempts.saturating_add(1);
    let outcome = judge(&met, Attempted { number, now, jitter: rand::random_range(-1.0..=1.0) });
    let attempt = Attempt { at: began, took: now.since(began), status: status(&met), note };
    report(&due, &attempt, &outcome);
    let (settlement, counter) = match &outcome {
        Outcome::Accepted => (Settlement::Delivered, &counters.accepted),
        Outcome::Retry { after, .. } => (Settlement::RetryAt(now + *after), &counters.retried),
        Outcome::Abandon(_) => (Settlement::Dead, &counters.abandoned),
    };
    if let Err(error) = settle(&*store, &due.callback.id, &attempt, &settlement).await {
        count(&counters.unsettled);
        tracing::warn!(callback.id = %due.callback.id, error = %error, "an attempt could not be written down");
        return health(&met);
    }
    count(counter);
    if outcome == Outcome::Accepted {
        counters.lag.observe(now.since(due.callback.created_at));
    }
    health(&met)
}

async fn settle(store: &dyn Store, id: &str, attempt: &Attempt, settlement: &Settlement) -> Result<(), StoreError> {
    for pause in AGAIN {
        match store.settle(id, attempt, settlement).await {
            Err(StoreError::Unavailable(_)) => tokio::time::sleep(pause).await,
            outcome => return outcome,
        }
    }
    store.settle(id, attempt, settlement).await
}

fn report(due: &Due, attempt: &Attempt, outcome: &Outcome) {
    let callback = &due.callback;
    let (endpoint, number) = (endpoint(&callback.url), due.attempts.saturating_add(1));
    let (status, took) = (attempt.status.unwrap_or(0), attempt.took.as_millis());
    match outcome {
        Outcome::Accepted => {
            tracing::info!(callback.id, endpoint, attempt = number, status, took_ms = took, "callback delivered");
        }
        Outcome::Retry { after, why } => {
            let after = after.as_secs();
            tracing::info!(
                callback.id,
                endpoint,
                attempt = number,
                status,
                took_ms = took,
                after,
                why,
                "callback failed, to be sent again"
            );
        }
        Outcome::Abandon(why) => {
            tracing::warn!(callback.id, endpoint, attempt = number, status, took_ms = took, why, "callback given up");
        }
    }
}

const fn status(met: &Met) -> Option<u16> {
    match met {
        Met::Status { code, .. } => Some(*code),
        Met::Unreachable(_) | Met::Forbidden(_) => None,
    }
}

/// A receiver that refuses one callback is well; one that is busy or broken is not.
const fn health(met: &Met) -> Health {
    match met {
        Met::Status { code: 429 | 500.., .. } | Met::Unreachable(_) => Health::Ailing,
        Met::Status { .. } => Health::Well,
        Met::Forbidden(_) => Health::Unknown,
    }
}

fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}
