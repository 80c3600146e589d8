//! An agent on a call for a queue is paused in the real queue: from the target's answer until wrap-up is over,
//! whatever becomes of the daemon meanwhile. Asterisk's own list and Asterisk's own events are the witnesses.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::Context as _;
use jiff::Timestamp;
use serde_json::{Value, json};
use tokio::io::{AsyncWriteExt as _, BufReader, Lines};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};

use crate::lab::asterisk::{AMI_PASSWORD, USER};
use crate::lab::wait_until;
use crate::lab::world::World;
use crate::observer::{field, log_in, message};
use crate::operation::dialbridge;
use crate::rig::{CALL, Rig, SOON, on_both_versions};

const ALICE: &str = "PJSIP/101";

/// What Asterisk said of one pause.
#[derive(Clone, Debug)]
struct Pause {
    at: Timestamp,
    interface: String,
    /// Why, where it is one and not the end of one.
    reason: Option<String>,
}

/// Hears every pause in any queue.
struct Witness {
    heard: Arc<Mutex<Vec<Pause>>>,
    /// Kept open: the connection lives as long as both its halves.
    _connection: OwnedWriteHalf,
}

impl Witness {
    async fn start(world: &World) -> anyhow::Result<Self> {
        let (lines, write) = log_in(world, ("observer", "observer"), "agent").await?;
        let heard = Arc::default();
        tokio::spawn(hear(lines, Arc::clone(&heard)));
        Ok(Self { heard, _connection: write })
    }

    fn heard(&self) -> Vec<Pause> {
        self.heard.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Waits until so many changes have been heard of; gives the last.
    async fn wait_for(&self, changes: usize) -> anyhow::Result<Pause> {
        let last = || self.heard().get(changes - 1).cloned();
        let last = wait_until(SOON, &format!("change {changes} of a pause"), last).await?;
        anyhow::ensure!(self.heard().len() == changes, "more than {changes}: {:?}", self.heard());
        anyhow::ensure!(last.interface == ALICE, "another member was touched: {last:?}");
        Ok(last)
    }
}

async fn hear(mut lines: Lines<BufReader<OwnedReadHalf>>, heard: Arc<Mutex<Vec<Pause>>>) {
    while let Ok(Some(event)) = message(&mut lines).await {
        if field(&event, "Event") != Some("QueueMemberPause") {
            continue;
        }
        let of = |name| field(&event, name).unwrap_or_default().to_owned();
        let reason = (of("Paused") == "1").then(|| of("PausedReason"));
        let pause = Pause { at: Timestamp::now(), interface: of("Interface"), reason };
        heard.lock().unwrap_or_else(PoisonError::into_inner).push(pause);
    }
}

/// Why Alice is paused in the queue `support`, if she is, as Asterisk lists it.
async fn alice_is_paused(rig: &Rig) -> anyhow::Result<Option<String>> {
    let (mut lines, mut write) = log_in(&rig.world, ("observer", "observer"), "off").await?;
    write.write_all(b"Action: QueueStatus\r\nQueue: support\r\n\r\n").await?;
    while let Some(event) = message(&mut lines).await? {
        if field(&event, "Location") == Some(ALICE) {
            let paused = field(&event, "Paused") == Some("1");
            return Ok(paused.then(|| field(&event, "PausedReason").unwrap_or_default().to_owned()));
        }
        anyhow::ensure!(field(&event, "Event") != Some("QueueStatusComplete"), "Alice is no member");
    }
    anyhow::bail!("the list has no end")
}

/// Somebody else pauses Alice, or takes that back.
async fn somebody_pauses_alice(rig: &Rig, reason: Option<&str>) -> anyhow::Result<()> {
    let (mut lines, mut write) = log_in(&rig.world, (USER, AMI_PASSWORD), "off").await?;
    let (paused, reason) = (reason.is_some(), reason.unwrap_or_default());
    let action = format!(
        "Action: QueuePause\r\nActionID: x\r\nQueue: support\r\nInterface: {ALICE}\r\nPaused: {paused}\r\n\
         Reason: {reason}\r\n\r\n"
    );
    write.write_all(action.as_bytes()).await?;
    loop {
        let answer = message(&mut lines).await?.context("no answer")?;
        if field(&answer, "ActionID") == Some("x") {
            anyhow::ensure!(field(&answer, "Response") == Some("Success"), "{answer:?}");
            return Ok(());
        }
    }
}

/// Alice calls this number for queue 7.
async fn call_for_the_queue(rig: &Rig, target: &str) -> anyhow::Result<String> {
    let order = json!({ "agent": "101", "target": target, "queue_id": 7 });
    let placed = post(rig, "/v1/calls", &order).await?;
    Ok(placed["id"].as_str().with_context(|| format!("not placed: {placed}"))?.to_owned())
}

async fn post(rig: &Rig, path: &str, body: &Value) -> anyhow::Result<Value> {
    let request = rig.http.post(rig.daemon.url(path)).bearer_auth("demo-code");
    let request = request.header("content-type", "application/json").body(body.to_string());
    Ok(serde_json::from_str(&request.send().await?.text().await?)?)
}

async fn wrap_up(rig: &Rig, call: &str) -> anyhow::Result<Value> {
    let noted = json!({ "codes": [{ "list": "Outcome", "short": "cb" }], "notes": "after nine" });
    post(rig, &format!("/v1/calls/{call}/wrapup"), &noted).await
}

/// How long after a moment of the record this happened.
fn after(record: &Value, name: &str, at: Timestamp) -> anyhow::Result<i64> {
    let told: Timestamp = record["timestamps"][name].as_str().context("no such moment")?.parse()?;
    Ok(at.as_millisecond() - told.as_millisecond())
}

async fn hang_up(rig: &Rig, call: &str) -> anyhow::Result<Value> {
    rig.terminate("101").await?;
    rig.wait_for(call, SOON, |record| record["phase"] == "wrapping_up").await
}

async fn from_the_targets_answer_to_the_end_of_wrap_up(rig: &Rig) -> anyhow::Result<()> {
    let witness = Witness::start(&rig.world).await?;
    let call = call_for_the_queue(rig, "+12125550101").await?;
    let record = rig.wait_talking(&call).await?;
    let pause = witness.wait_for(1).await?;
    anyhow::ensure!(pause.reason.as_deref() == Some("dialbridge"), "{pause:?}");
    let late = after(&record, "connected", pause.at)?;
    anyhow::ensure!((0..1_000).contains(&late), "paused {late} ms after the target's answer");
    hang_up(rig, &call).await?;
    // One look of the link's own, and nothing has changed.
    tokio::time::sleep(Duration::from_secs(16)).await;
    anyhow::ensure!(alice_is_paused(rig).await?.is_some(), "not paused although she takes notes");
    let asked = Timestamp::now();
    let wrapped = wrap_up(rig, &call).await?;
    anyhow::ensure!(wrapped["phase"] == "ended" && wrapped["wrap_up"]["notes"] == "after nine", "{wrapped}");
    let end = witness.wait_for(2).await?;
    let late = end.at.as_millisecond() - asked.as_millisecond();
    anyhow::ensure!(end.reason.is_none() && (0..1_000).contains(&late), "{end:?}, {late} ms after the wrap-up");
    anyhow::ensure!(alice_is_paused(rig).await?.is_none());
    Ok(())
}

async fn a_daemon_that_is_killed_and_started_again_changes_nothing(rig: &Rig) -> anyhow::Result<()> {
    let witness = Witness::start(&rig.world).await?;
    let call = call_for_the_queue(rig, "+12125550101").await?;
    rig.wait_talking(&call).await?;
    witness.wait_for(1).await?;
    kill_and_restart(rig).await?;
    anyhow::ensure!(rig.record(&call).await?["phase"] == "talking", "it was not adopted");
    hang_up(rig, &call).await?;
    kill_and_restart(rig).await?;
    anyhow::ensure!(rig.record(&call).await?["phase"] == "wrapping_up", "its wrap-up was forgotten");
    anyhow::ensure!(alice_is_paused(rig).await?.as_deref() == Some("dialbridge"));
    anyhow::ensure!(witness.heard().len() == 1, "{:?}", witness.heard());
    let wrapped = wrap_up(rig, &call).await?;
    anyhow::ensure!(wrapped["phase"] == "ended", "{wrapped}");
    witness.wait_for(2).await?;
    anyhow::ensure!(alice_is_paused(rig).await?.is_none());
    Ok(())
}

async fn kill_and_restart(rig: &Rig) -> anyhow::Result<()> {
    rig.daemon.kill_hard();
    tokio::time::sleep(Duration::from_secs(2)).await;
    anyhow::ensure!(alice_is_paused(rig).await?.is_some(), "not paused while nobody watches");
    rig.daemon.restart()?;
    rig.daemon.wait_ready(Duration::from_secs(15)).await
}

/// The daemon dies while Alice is paused, and her call ends before there is another one.
async fn who_was_left_paused_is_let_go_by_the_next_daemon(rig: &Rig) -> anyhow::Result<()> {
    wrap_up_takes(rig, "1")?;
    let witness = Witness::start(&rig.world).await?;
    let call = call_for_the_queue(rig, "+12125550105").await?;
    rig.wait_talking(&call).await?;
    witness.wait_for(1).await?;
    rig.daemon.kill_hard();
    tokio::time::sleep(Duration::from_secs(5)).await;
    rig.daemon.restart()?;
    rig.daemon.wait_ready(Duration::from_secs(15)).await?;
    rig.wait_ended(&call).await?;
    witness.wait_for(2).await?;
    Ok(())
}

async fn a_wrap_up_that_nobody_gives_ends_with_its_time(rig: &Rig) -> anyhow::Result<()> {
    wrap_up_takes(rig, "2")?;
    let witness = Witness::start(&rig.world).await?;
    let call = call_for_the_queue(rig, "+12125550105").await?;
    let record = rig.wait_for(&call, CALL, |record| record["phase"] == "wrapping_up").await?;
    let end = witness.wait_for(2).await?;
    let late = after(&record, "cleared", end.at)?;
    anyhow::ensure!((2_000..3_000).contains(&late), "let go {late} ms after the lines were free");
    let record = rig.wait_ended(&call).await?;
    anyhow::ensure!(record["wrap_up"].is_null(), "{record}");
    let late = wrap_up(rig, &call).await?;
    anyhow::ensure!(late["status"] == 409, "{late}");
    Ok(())
}

async fn a_call_that_nobody_answers_pauses_nobody(rig: &Rig) -> anyhow::Result<()> {
    let witness = Witness::start(&rig.world).await?;
    let call = call_for_the_queue(rig, "+12125550102").await?;
    let record = rig.wait_ended(&call).await?;
    anyhow::ensure!(record["end_reason"] == "target_busy" && record["queue_id"] == 7, "{record}");
    anyhow::ensure!(witness.heard().is_empty(), "{:?}", witness.heard());
    Ok(())
}

async fn a_pause_by_somebody_else_survives(rig: &Rig) -> anyhow::Result<()> {
    somebody_pauses_alice(rig, Some("lunch")).await?;
    let witness = Witness::start(&rig.world).await?;
    let call = call_for_the_queue(rig, "+12125550101").await?;
    rig.wait_talking(&call).await?;
    rig.daemon.kill_hard();
    rig.daemon.restart()?;
    rig.daemon.wait_ready(Duration::from_secs(15)).await?;
    hang_up(rig, &call).await?;
    wrap_up(rig, &call).await?;
    // A look is taken at once, and again when the change was made.
    tokio::time::sleep(Duration::from_secs(2)).await;
    anyhow::ensure!(alice_is_paused(rig).await?.as_deref() == Some("lunch"));
    anyhow::ensure!(witness.heard().is_empty(), "{:?}", witness.heard());
    somebody_pauses_alice(rig, None).await
}

/// From now on agents have so many seconds for their wrap-up.
fn wrap_up_takes(rig: &Rig, seconds: &str) -> anyhow::Result<()> {
    let exported = String::from_utf8(dialbridge(rig, &["directory", "export"])?.stdout)?;
    let file = rig.world.dir.join("directory.toml");
    std::fs::write(&file, exported.replace("wrap_up_time = 120", &format!("wrap_up_time = {seconds}")))?;
    let applied = dialbridge(rig, &["directory", "apply", &file.display().to_string()])?;
    anyhow::ensure!(applied.status.success(), "{}", String::from_utf8_lossy(&applied.stderr));
    Ok(())
}

on_both_versions! {
    paused => super::from_the_targets_answer_to_the_end_of_wrap_up;
    sigkill => super::a_daemon_that_is_killed_and_started_again_changes_nothing;
    left_paused => super::who_was_left_paused_is_let_go_by_the_next_daemon;
    time_is_over => super::a_wrap_up_that_nobody_gives_ends_with_its_time;
    unanswered => super::a_call_that_nobody_answers_pauses_nobody;
    by_somebody_else => super::a_pause_by_somebody_else_survives;
}
