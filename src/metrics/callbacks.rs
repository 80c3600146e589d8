//! What the callback worker has counted, in Prometheus' own form.

use std::sync::atomic::{AtomicU64, Ordering};

use prometheus::proto::{Bucket, Histogram, Metric, MetricFamily, MetricType};
use prometheus::{IntCounter, IntCounterVec, IntGauge, Registry};

use super::family;
use crate::callback::{CallbackCounters, LagSnapshot};

family::metrics! {
    /// The worker's counts.
    struct Worked {
        /// Attempts to deliver a callback, by outcome: delivered, retry, dead.
        attempts: IntCounterVec(&["outcome"]) = "dialbridge_callback_attempts_total",
        /// Attempts whose outcome could not be written down; they are repeated.
        unsettled: IntCounter() = "dialbridge_callback_unsettled_total",
        /// Times that a receiver was left alone for a while because it failed too often.
        circuits_opened: IntCounter() = "dialbridge_callback_circuits_opened_total",
        /// Callbacks that are on their way.
        in_flight: IntGauge() = "dialbridge_callbacks_in_flight",
    }
}

pub(super) fn families(counters: &CallbackCounters) -> Result<Vec<MetricFamily>, prometheus::Error> {
    let registry = Registry::default();
    let worked = Worked::register(&registry)?;
    let read = |count: &AtomicU64| count.load(Ordering::Relaxed);
    let outcomes = [("delivered", &counters.accepted), ("retry", &counters.retried), ("dead", &counters.abandoned)];
    for (outcome, count) in outcomes {
        worked.attempts.with_label_values(&[outcome]).inc_by(read(count));
    }
    worked.unsettled.inc_by(read(&counters.unsettled));
    worked.circuits_opened.inc_by(read(&counters.circuits_opened));
    worked.in_flight.set(i64::try_from(read(&counters.in_flight)).unwrap_or(i64::MAX));
    let mut families = registry.gather();
    families.push(lag(&counters.lag.snapshot()));
    Ok(families)
}

fn lag(snapshot: &LagSnapshot) -> MetricFamily {
    let bucket = |(bound, count): &(f64, u64)| {
        let mut bucket = Bucket::default();
        bucket.set_upper_bound(*bound);
        bucket.set_cumulative_count(*count);
        bucket
    };
    let mut histogram = Histogram::default();
    histogram.set_sample_count(snapshot.count);
    histogram.set_sample_sum(snapshot.sum);
    histogram.set_bucket(snapshot.buckets.iter().filter(|(bound, _)| bound.is_finite()).map(bucket).collect());
    let mut metric = Metric::default();
    metric.set_histogram(histogram);
    let mut family = MetricFamily::default();
    family.set_name("dialbridge_callback_lag_seconds".to_owned());
    family.set_help("From the moment that a callback was owed to its delivery.".to_owned());
    family.set_field_type(MetricType::HISTOGRAM);
    family.set_metric(vec![metric]);
    family
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use crate::callback::CallbackCounters;
    use crate::metrics::{Metrics, Observed};
    use crate::timestamp::Timestamp;

    #[test]
    fn callbacks_are_counted_by_outcome_and_lag() {
        let counters = CallbackCounters::default();
        counters.accepted.store(1, std::sync::atomic::Ordering::Relaxed);
        counters.lag.observe(Duration::from_secs(2));
        let metrics = Metrics::new(Timestamp::from_millis(0)).unwrap();
        let text = metrics.render(&Observed { callbacks: Some(&counters), ..Observed::default() });
        for line in [
            r#"dialbridge_callback_attempts_total{outcome="delivered"} 1"#,
            r#"dialbridge_callback_attempts_total{outcome="retry"} 0"#,
            r#"dialbridge_callback_lag_seconds_bucket{le="1"} 0"#,
            r#"dialbridge_callback_lag_seconds_bucket{le="2.5"} 1"#,
            r#"dialbridge_callback_lag_seconds_bucket{le="+Inf"} 1"#,
        ] {
            assert!(text.lines().any(|there| there == line), "{line} is missing in\n{text}");
        }
    }
}
