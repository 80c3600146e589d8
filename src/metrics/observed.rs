//! What others count for themselves, read at the moment of a scrape.
//!
//! Made anew for every scrape and thrown away after it: nothing is kept twice, so nothing can differ.

use std::sync::atomic::{AtomicU64, Ordering};

use prometheus::proto::MetricFamily;
use prometheus::{IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Registry};

use super::{callbacks, family};
use crate::callback::CallbackCounters;
use crate::link::{LinkCounters, LinkState};
use crate::store::OutboxStats;
use crate::telemetry::LineCounts;
use crate::timestamp::Timestamp;

/// One link to Asterisk.
#[derive(Clone, Copy, Debug)]
pub struct Link<'a> {
    /// `ari` or `ami`.
    pub name: &'static str,
    /// How it stands.
    pub state: &'a LinkState,
    /// What it has counted.
    pub counters: &'a LinkCounters,
}

/// How often something happened, under two labels of closed sets.
pub type Tally = (&'static str, &'static str, u64);

/// What there is to see at the moment of a scrape.
#[derive(Clone, Debug, Default)]
pub struct Observed<'a> {
    /// The links to Asterisk.
    pub links: Vec<Link<'a>>,
    /// Requests answered: door, class of the HTTP status (`2xx`), how many.
    pub requests: Vec<Tally>,
    /// Clicks refused: kind of refusal or name of the limit, how many.
    pub refusals: Vec<(&'static str, u64)>,
    /// Tokens suspended.
    pub suspensions: u64,
    /// What the callback worker has counted.
    pub callbacks: Option<&'a CallbackCounters>,
    /// The outbox and the moment at which it was looked at; none while the store does not answer.
    pub outbox: Option<(OutboxStats, Timestamp)>,
    /// What the log has counted.
    pub log: Option<&'a LineCounts>,
}

family::metrics! {
    /// What is read when somebody scrapes.
    struct Seen {
        /// Which dialbridge this is.
        build: IntGaugeVec(&["version"]) = "dialbridge_build_info",
        /// Whether a link to Asterisk is connected and in use.
        link_up: IntGaugeVec(&["link"]) = "dialbridge_link_up",
        /// Whether another client has taken our application over and we stand by.
        link_stand_by: IntGaugeVec(&["link"]) = "dialbridge_link_stand_by",
        /// Asterisk's version and how requests travel, while the link is up.
        asterisk: IntGaugeVec(&["link", "version", "transport"]) = "dialbridge_asterisk_info",
        /// Connections made after the first.
        reconnects: IntCounterVec(&["link"]) = "dialbridge_link_reconnects_total",
        /// Events of types that we do not know.
        unknown_events: IntCounterVec(&["link"]) = "dialbridge_link_unknown_events_total",
        /// Events dropped because the inbox was full; Asterisk is asked for what there is after each burst.
        dropped_events: IntCounterVec(&["link"]) = "dialbridge_link_dropped_events_total",
        /// Requests that Asterisk refused.
        refused_requests: IntCounterVec(&["link"]) = "dialbridge_link_refused_requests_total",
        /// Requests without an answer in time.
        timed_out_requests: IntCounterVec(&["link"]) = "dialbridge_link_timed_out_requests_total",
        /// Requests answered, by door and class of the HTTP status.
        requests: IntCounterVec(&["door", "class"]) = "dialbridge_http_requests_total",
        /// Clicks refused, by kind of refusal or by the limit that they ran into.
        refusals: IntCounterVec(&["kind"]) = "dialbridge_refusals_total",
        /// Tokens suspended by the limits against fraud.
        suspensions: IntCounter() = "dialbridge_tokens_suspended_total",
        /// Log lines that somebody should look at, by level.
        log_lines: IntCounterVec(&["level"]) = "dialbridge_log_lines_total",
        /// Whether the store answers.
        store_up: IntGauge() = "dialbridge_store_up",
    }
}

family::metrics! {
    /// The outbox, while the store answers.
    struct Outbox {
        /// Callbacks that are still owed.
        pending: IntGauge() = "dialbridge_outbox_pending",
        /// Callbacks that were given up.
        dead: IntGauge() = "dialbridge_outbox_dead",
        /// Age of the oldest callback that is still owed; 0 when none is.
        oldest: IntGauge() = "dialbridge_outbox_oldest_age_seconds",
    }
}

impl Observed<'_> {
    pub(super) fn families(&self) -> Result<Vec<MetricFamily>, prometheus::Error> {
        let registry = Registry::new();
        let seen = Seen::register(&registry)?;
        seen.build.with_label_values(&[env!("CARGO_PKG_VERSION")]).set(1);
        for link in &self.links {
            seen.link(link);
        }
        for (door, class, count) in &self.requests {
            seen.requests.with_label_values(&[door, class]).inc_by(*count);
        }
        for (kind, count) in &self.refusals {
            seen.refusals.with_label_values(&[kind]).inc_by(*count);
        }
        seen.suspensions.inc_by(self.suspensions);
        if let Some(lines) = self.log {
            raise(&seen.log_lines, "warn", &lines.warnings);
            raise(&seen.log_lines, "error", &lines.errors);
        }
        seen.store_up.set(i64::from(self.outbox.is_some()));
        if let Some((stats, now)) = self.outbox {
            let outbox = Outbox::register(&registry)?;
            outbox.pending.set(i64::try_from(stats.pending).unwrap_or(i64::MAX));
            outbox.dead.set(i64::try_from(stats.dead).unwrap_or(i64::MAX));
            let age = stats.oldest.map_or(0, |oldest| now.since(oldest).as_secs());
            outbox.oldest.set(i64::try_from(age).unwrap_or(i64::MAX));
        }
        let mut families = registry.gather();
        if let Some(counters) = self.callbacks {
            families.extend(callbacks::families(counters)?);
        }
        Ok(families)
    }
}

impl Seen {
    fn link(&self, link: &Link<'_>) {
        let name = link.name;
        self.link_up.with_label_values(&[name]).set(i64::from(link.state.is_up()));
        self.link_stand_by.with_label_values(&[name]).set(i64::from(*link.state == LinkState::StandBy));
        if let LinkState::Up { version, transport } = link.state {
            self.asterisk.with_label_values(&[name, version.as_str(), transport]).set(1);
        }
        raise(&self.reconnects, name, &link.counters.reconnects);
        raise(&self.unknown_events, name, &link.counters.unknown_events);
        raise(&self.dropped_events, name, &link.counters.dropped_events);
        raise(&self.refused_requests, name, &link.counters.refused_requests);
        raise(&self.timed_out_requests, name, &link.counters.timed_out_requests);
    }
}

fn raise(family: &IntCounterVec, label: &str, count: &AtomicU64) {
    family.with_label_values(&[label]).inc_by(count.load(Ordering::Relaxed));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::Metrics;

    fn scrape(observed: &Observed<'_>) -> String {
        Metrics::new(Timestamp::from_millis(0)).unwrap().render(observed)
    }

    #[test]
    fn links_are_seen_as_they_stand() {
        let counters = LinkCounters::default();
        counters.reconnects.store(4, Ordering::Relaxed);
        let up = LinkState::Up { version: "22.10.1".to_owned(), transport: "websocket" };
        let links = vec![
            Link { name: "ari", state: &up, counters: &counters },
            Link { name: "ami", state: &LinkState::StandBy, counters: &counters },
        ];
        let text = scrape(&Observed { links, ..Observed::default() });
        for line in [
            r#"dialbridge_link_up{link="ari"} 1"#,
            r#"dialbridge_link_up{link="ami"} 0"#,
            r#"dialbridge_link_stand_by{link="ami"} 1"#,
            r#"dialbridge_link_reconnects_total{link="ari"} 4"#,
            r#"dialbridge_asterisk_info{link="ari",transport="websocket",version="22.10.1"} 1"#,
        ] {
            assert!(text.lines().any(|there| there == line), "{line} is missing in\n{text}");
        }
    }

    #[test]
    fn what_the_doors_have_counted_is_told_by_its_labels() {
        let requests = vec![("voicenter", "2xx", 7), ("voicenter", "4xx", 0)];
        let text = scrape(&Observed { requests, refusals: vec![("offline", 2)], ..Observed::default() });
        for line in [
            r#"dialbridge_http_requests_total{class="2xx",door="voicenter"} 7"#,
            r#"dialbridge_http_requests_total{class="4xx",door="voicenter"} 0"#,
            r#"dialbridge_refusals_total{kind="offline"} 2"#,
        ] {
            assert!(text.lines().any(|there| there == line), "{line} is missing in\n{text}");
        }
    }

    #[test]
    fn an_outbox_that_cannot_be_seen_is_not_reported_as_empty() {
        let text = scrape(&Observed::default());
        assert!(text.contains("dialbridge_store_up 0\n") && !text.contains("dialbridge_outbox_pending"), "{text}");
        let stats = OutboxStats { pending: 2, dead: 1, oldest: Some(Timestamp::from_millis(1_000)) };
        let text = scrape(&Observed { outbox: Some((stats, Timestamp::from_millis(61_000))), ..Observed::default() });
        assert!(text.contains("dialbridge_outbox_pending 2\n"), "{text}");
        assert!(text.contains("dialbridge_outbox_oldest_age_seconds 60\n"), "{text}");
    }
}
