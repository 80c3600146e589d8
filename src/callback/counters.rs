//! What the worker counts; read when metrics are scraped.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Attempts by outcome, and how late deliveries are.
#[derive(Debug, Default)]
pub struct CallbackCounters {
    /// Attempts that were accepted.
    pub accepted: AtomicU64,
    /// Attempts that failed and will be repeated.
    pub retried: AtomicU64,
    /// Callbacks given up.
    pub abandoned: AtomicU64,
    /// Attempts whose outcome could not be written down: they will be repeated.
    pub unsettled: AtomicU64,
    /// Times that an endpoint's circuit opened.
    pub circuits_opened: AtomicU64,
    /// Requests on their way.
    pub in_flight: AtomicU64,
    /// From rendering to acceptance.
    pub lag: LagHistogram,
}

/// Durations, counted by size.
#[derive(Debug, Default)]
pub struct LagHistogram {
    counts: [AtomicU64; Self::BOUNDS.len() + 1],
    millis: AtomicU64,
}

/// A histogram as it stood at one moment, in Prometheus' form.
#[derive(Clone, Debug, PartialEq)]
pub struct LagSnapshot {
    /// Upper bound in seconds, and how many were not above it; the last bound is infinite.
    pub buckets: Vec<(f64, u64)>,
    /// Sum of all, in seconds.
    pub sum: f64,
    /// How many there were.
    pub count: u64,
}

impl LagHistogram {
    /// Upper bounds, in seconds.
    pub const BOUNDS: [f64; 12] = [0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 60.0, 600.0, 3600.0, 36_000.0, 259_200.0];

    /// Counts one.
    pub fn observe(&self, lag: Duration) {
        let seconds = lag.as_secs_f64();
        let index = Self::BOUNDS.iter().position(|bound| seconds <= *bound).unwrap_or(Self::BOUNDS.len());
        self.counts[index].fetch_add(1, Ordering::Relaxed);
        self.millis.fetch_add(u64::try_from(lag.as_millis()).unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    /// All that was counted.
    pub fn snapshot(&self) -> LagSnapshot {
        let bounds = Self::BOUNDS.into_iter().chain([f64::INFINITY]);
        let mut count = 0;
        let buckets = bounds
            .zip(&self.counts)
            .map(|(bound, bucket)| {
                count += bucket.load(Ordering::Relaxed);
                (bound, count)
            })
            .collect();
        let sum = Duration::from_millis(self.millis.load(Ordering::Relaxed)).as_secs_f64();
        LagSnapshot { buckets, sum, count }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_add_up() {
        let lag = LagHistogram::default();
        for millis in [1, 50, 51, 2_500, 999_999_999] {
            lag.observe(Duration::from_millis(millis));
        }
        let snapshot = lag.snapshot();
        assert_eq!(snapshot.count, 5);
        assert_eq!(snapshot.buckets[0], (0.05, 2));
        assert_eq!(snapshot.buckets[5], (2.5, 4));
        assert_eq!(snapshot.buckets.last(), Some(&(f64::INFINITY, 5)));
        assert!((snapshot.sum - 1_000_002.601).abs() < 0.001);
    }
}
