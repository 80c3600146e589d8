//! What Prometheus itself says of our metrics.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use dialbridge::call::{EndReason, Status};
use dialbridge::engine::turn::Turn;
use dialbridge::link::{LinkCounters, LinkState};
use dialbridge::metrics::{Delivery, Link, Metrics, Observed};
use dialbridge::store::OutboxStats;
use dialbridge::switchboard::{Milestone, Switchboard};
use dialbridge::telemetry::LineCounts;
use dialbridge::timestamp::Timestamp;

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
    metrics.callback_attempt(Delivery::Delivered(second));
    let up = LinkState::Up { version: "22.10.1".to_owned(), transport: "websocket" };
    let counters = LinkCounters::default();
    metrics.render(&Observed {
        links: vec![Link { name: "ari", state: &up, counters: &counters }],
        requests: vec![("voicenter", "2xx", 1)],
        refusals: vec![("voicenter", "offline", 1)],
        outbox: Some((OutboxStats::default(), Timestamp::from_millis(0))),
        log: Some(&LineCounts::default()),
    })
}

/// The one in the path, or the one that the lab has fetched.
fn promtool() -> Command {
    let lab = Path::new(env!("CARGO_MANIFEST_DIR")).join(".lab/roots/tools/run");
    let is_installed = Command::new("promtool").arg("--version").stderr(Stdio::null()).stdout(Stdio::null()).status();
    if is_installed.is_ok() || !lab.exists() {
        return Command::new("promtool");
    }
    let mut command = Command::new(lab);
    command.arg("usr/bin/promtool");
    command
}

#[test]
fn promtool_finds_nothing_to_say() {
    let spawned = promtool()
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let mut promtool = spawned.expect("promtool is there (Debian's prometheus, or tests/lab/provision.sh tools)");
    promtool.stdin.take().expect("piped").write_all(everything().as_bytes()).expect("it reads");
    let output = promtool.wait_with_output().expect("it ends");
    let said = [output.stdout, output.stderr].concat();
    assert!(output.status.success() && said.is_empty(), "{}", String::from_utf8_lossy(&said));
}
