//! What is measured, for Prometheus.
//!
//! One struct; the doc comment of each metric is its help text. Calls are recorded from the engine's
//! turns and nowhere else; what others count for themselves (doors, links, callbacks, outbox, log) is read when somebody scrapes, see [`Observed`].
//! Labels are closed sets, never an id, a number or a URL.
//!
//! A turn and a scrape exclude each other, so at every scrape
//! `accepted + adopted = ended + active`, calls of all kinds summed up.

mod callbacks;
mod family;
mod observed;
mod process;

use std::sync::{Mutex, MutexGuard, PoisonError};

use prometheus::{Histogram, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Registry, TextEncoder};

use crate::call::{Journal, Phase};
use crate::engine::turn::Turn;
use crate::switchboard::Milestone;
use crate::timestamp::Timestamp;

pub use observed::{Link, Observed, Tally};

/// The content type of [`Metrics::render`].
pub const CONTENT_TYPE: &str = prometheus::TEXT_FORMAT;

/// Buckets for what people wait for, in seconds.
const WAITS: &[f64] = &[0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 3.0, 5.0, 10.0, 30.0, 60.0];
/// Buckets for writes to disk, in seconds.
const WRITES: &[f64] = &[0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0];

/// Where a call can stand, as the label `phase` says it.
const PHASES: [&str; 4] = ["calling_agent", "calling_target", "talking", "clearing"];

family::metrics! {
    /// What this process records as it goes.
    struct Recorded {
        /// Calls taken on.
        calls_accepted: IntCounter() = "dialbridge_calls_accepted_total",
        /// Calls that an earlier process left running and this one went on with.
        calls_adopted: IntCounter() = "dialbridge_calls_adopted_total",
        /// Calls that have ended, by the status and reason that are reported to the outside.
        calls_ended: IntCounterVec(&["status", "end_reason"]) = "dialbridge_calls_ended_total",
        /// Calls that have not ended, by where they stand.
        calls_active: IntGaugeVec(&["phase"]) = "dialbridge_calls_active",
        /// Calls that have ended and whose agent chooses codes and writes notes.
        calls_wrapping_up: IntGauge() = "dialbridge_calls_wrapping_up",
        /// From the click to the agent's phone ringing.
        click_to_ring: Histogram(WAITS) = "dialbridge_call_click_to_ring_seconds",
        /// From the agent's answer to the target's phone ringing.
        answer_to_ring: Histogram(WAITS) = "dialbridge_call_answer_to_ring_seconds",
        /// From the click to both parties talking.
        click_to_connected: Histogram(WAITS) = "dialbridge_call_click_to_connected_seconds",
        /// How long a turn's commit took, retries included.
        commit: Histogram(WRITES) = "dialbridge_commit_duration_seconds",
        /// Orders and events that wait for the engine.
        inbox_depth: IntGauge() = "dialbridge_inbox_depth",
    }
}

/// The process's metrics.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    recorded: Recorded,
    started: Timestamp,
    /// Held by whoever records a turn or renders.
    whole: Mutex<()>,
}

impl Metrics {
    /// All at zero, for a process that started at this moment. Fails only when two metrics share a name.
    pub fn new(started: Timestamp) -> Result<Self, prometheus::Error> {
        let registry = Registry::new();
        let recorded = Recorded::register(&registry)?;
        for phase in PHASES {
            recorded.calls_active.with_label_values(&[phase]);
        }
        Ok(Self { registry, recorded, started, whole: Mutex::default() })
    }

    /// Calls that the store had under way at the start.
    pub fn calls_adopted<'a>(&self, journals: impl Iterator<Item = &'a Journal>) {
        let _whole = self.whole();
        self.recorded.calls_adopted.inc_by(self.set_active(journals));
    }

    /// What one turn of the engine led to.
    pub fn turn(&self, turn: &Turn<'_>) {
        let _whole = self.whole();
        for milestone in turn.milestones {
            self.milestone(milestone);
        }
        if let Some(took) = turn.commit {
            self.recorded.commit.observe(took.as_secs_f64());
        }
        self.recorded.inbox_depth.set(i64::try_from(turn.waiting).unwrap_or(i64::MAX));
        self.set_active(turn.board.journals());
    }

    /// Everything, in Prometheus' text format. Metrics that cannot be written (a bug) make an answer
    /// that Prometheus refuses, so that its `up` tells of it.
    pub fn render(&self, observed: &Observed<'_>) -> String {
        let _whole = self.whole();
        let mut families = self.registry.gather();
        match observed.families() {
            Ok(more) => families.extend(more),
            Err(error) => return format!("{error}\n"),
        }
        families.extend(process::families(self.started));
        TextEncoder::new().encode_to_string(&families).unwrap_or_else(|error| format!("{error}\n"))
    }

    fn milestone(&self, milestone: &Milestone) {
        match milestone {
            Milestone::Accepted => self.recorded.calls_accepted.inc(),
            Milestone::AgentRings(after) => self.recorded.click_to_ring.observe(after.as_secs_f64()),
            Milestone::TargetRings(after) => self.recorded.answer_to_ring.observe(after.as_secs_f64()),
            Milestone::Connected(after) => self.recorded.click_to_connected.observe(after.as_secs_f64()),
            Milestone::Ended(status, reason) => {
                self.recorded.calls_ended.with_label_values(&[status.as_str(), reason.as_str()]).inc();
            }
        }
    }

    /// Counts calls by phase; returns how many there are.
    fn set_active<'a>(&self, journals: impl Iterator<Item = &'a Journal>) -> u64 {
        let (mut counts, mut wrapping_up) = ([0_u32; PHASES.len()], 0);
        for journal in journals {
            match journal.phase {
                Phase::CallingAgent { .. } => counts[0] += 1,
                Phase::CallingTarget { .. } => counts[1] += 1,
                Phase::Talking { .. } => counts[2] += 1,
                Phase::Clearing { .. } => counts[3] += 1,
                Phase::WrappingUp { .. } => wrapping_up += 1,
                Phase::Ended { .. } => {}
            }
        }
        for (phase, count) in PHASES.iter().zip(counts) {
            self.recorded.calls_active.with_label_values(&[phase]).set(i64::from(count));
        }
        self.recorded.calls_wrapping_up.set(wrapping_up);
        counts.into_iter().map(u64::from).sum()
    }

    fn whole(&self) -> MutexGuard<'_, ()> {
        self.whole.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::call::{EndReason, Status};
    use crate::switchboard::Switchboard;

    fn turn<'a>(milestones: &'a [Milestone], board: &'a Switchboard) -> Turn<'a> {
        Turn { milestones, commit: Some(Duration::from_millis(2)), board, waiting: 3 }
    }

    fn rendered(metrics: &Metrics) -> String {
        metrics.render(&Observed::default())
    }

    #[test]
    fn a_turn_is_counted_by_its_milestones() {
        let metrics = Metrics::new(Timestamp::from_millis(0)).unwrap();
        let board = Switchboard::restore(Vec::new());
        let milestones = [
            Milestone::Accepted,
            Milestone::AgentRings(Duration::from_millis(80)),
            Milestone::Ended(Status::Busy, EndReason::AgentBusy),
        ];
        metrics.turn(&turn(&milestones, &board));
        let text = rendered(&metrics);
        for line in [
            "dialbridge_calls_accepted_total 1",
            r#"dialbridge_calls_ended_total{end_reason="agent_busy",status="busy"} 1"#,
            r#"dialbridge_call_click_to_ring_seconds_bucket{le="0.05"} 0"#,
            r#"dialbridge_call_click_to_ring_seconds_bucket{le="0.1"} 1"#,
            r#"dialbridge_calls_active{phase="talking"} 0"#,
            "dialbridge_commit_duration_seconds_count 1",
            "dialbridge_inbox_depth 3",
        ] {
            assert!(text.lines().any(|there| there == line), "{line} is missing in\n{text}");
        }
    }

    #[test]
    fn every_metric_has_a_help_text_that_is_a_sentence() {
        let metrics = Metrics::new(Timestamp::from_millis(0)).unwrap();
        let text = rendered(&metrics);
        let types = text.lines().filter(|line| line.starts_with("# TYPE "));
        for name in types.filter_map(|line| line.split(' ').nth(2)) {
            let help = text.lines().find_map(|line| line.strip_prefix(&format!("# HELP {name} ")));
            assert!(help.is_some_and(|help| help.ends_with('.')), "{name}: {help:?}");
        }
    }
}
