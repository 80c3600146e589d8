//! What Prometheus itself says of our metrics.

use std::io::Write;
use std::process::{Command, Stdio};
use std::time::Duration;

use dialbridge::call::{EndReason, Status};
use dialbridge::callback::CallbackCounters;
use dialbridge::engine::turn::Turn;
use dialbridge::link::{LinkCounters, LinkState};
use dialbridge::metrics::{Link, Metrics, Observed};
use dialbridge::store::OutboxStats;
use dialbridge::switchboard::{Milestone, Switchboard};
use dialbridge::telemetry::LineCounts;
use dialbridge::timestamp::Timestamp;

use crate::lab::provision::Roots;

/// Every metric there is, each with a sample.
pub(crate) fn everything() -> String {
    let metrics = Metrics::new(Timestamp::from_millis(0)).expect("names differ");
    let second = Duration::from_secs(1);
    let milestones = [
        Milestone::Accepted,
        Milestone::AgentRings(second),
        Milestone::TargetRings(second),
        Milestone::Connected(second),
        Milestone::Ended(Status::Completed, EndReason::Normal),
    ];
    let board = Switchboard::restore(Vec::new());
    metrics.turn(&Turn { milestones: &milestones, commit: Some(second), board: &board, waiting: 1 });
    let up = LinkState::Up { version: "22.10.1".to_owned(), transport: "websocket" };
    let counters = LinkCounters::default();
    metrics.render(&Observed {
        links: vec![Link { name: "ari", state: &up, counters: &counters }],
        requests: vec![("voicenter", "2xx", 1)],
        refusals: vec![("offline", 1)],
        suspensions: 1,
        callbacks: Some(&CallbackCounters::default()),
        outbox: Some((OutboxStats::default(), Timestamp::from_millis(0))),
        log: Some(&LineCounts::default()),
    })
}

#[test]
fn promtool_finds_nothing_to_say() {
    let (run, promtool) = Roots::tool("promtool");
    let spawned = Command::new(run)
        .args([promtool.as_str(), "check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let mut promtool = spawned.expect("tests/lab/provision.sh has fetched promtool");
    promtool.stdin.take().expect("piped").write_all(everything().as_bytes()).expect("it reads");
    let output = promtool.wait_with_output().expect("it ends");
    let said = [output.stdout, output.stderr].concat();
    assert!(output.status.success() && said.is_empty(), "{}", String::from_utf8_lossy(&said));
}
