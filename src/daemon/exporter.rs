//! What Prometheus gets: the metrics, and what everybody has counted for themselves.

use std::sync::Arc;

use async_trait::async_trait;
use tokio::sync::watch;

use super::Common;
use crate::asterisk::{ami::Ami, ari::Ari};
use crate::callback::CallbackCounters;
use crate::http::{HttpCounters, MetricsText};
use crate::link::{LinkCounters, LinkState};
use crate::metrics::{Link, Observed};
use crate::telemetry::LineCounts;

/// Everything that is looked at when somebody scrapes.
pub(super) struct Exporter {
    common: Common,
    links: [(&'static str, watch::Receiver<LinkState>, Arc<LinkCounters>); 2],
    http: Arc<HttpCounters>,
    callbacks: Arc<CallbackCounters>,
    log: Arc<LineCounts>,
}

impl Exporter {
    pub(super) fn new(
        common: &Common,
        (ari, ami): (&Ari, &Ami),
        (callbacks, log): (Arc<CallbackCounters>, Arc<LineCounts>),
    ) -> Self {
        let links = [("ari", ari.state(), ari.counters()), ("ami", ami.state(), ami.counters())];
        Self { common: common.clone(), links, http: Arc::new(HttpCounters::default()), callbacks, log }
    }

    pub(super) fn http(&self) -> Arc<HttpCounters> {
        Arc::clone(&self.http)
    }
}

#[async_trait]
impl MetricsText for Exporter {
    async fn text(&self) -> String {
        let outbox = self.common.store.outbox_stats().await.ok().map(|stats| (stats, self.common.clock.now()));
        let states: Vec<_> = self.links.iter().map(|(_, state, _)| state.borrow().clone()).collect();
        let links = self.links.iter().zip(&states);
        let links = links.map(|((name, _, counters), state)| Link { name, state, counters }).collect();
        let (requests, refusals) = (self.http.read().collect(), self.http.refusals().collect());
        let (callbacks, log) = (Some(&*self.callbacks), Some(&*self.log));
        let suspensions = self.http.suspensions();
        let observed = Observed { links, requests, refusals, suspensions, callbacks, outbox, log };
        self.common.metrics.render(&observed)
    }
}
