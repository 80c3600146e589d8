//! Time limits, with this process and without it.

use std::time::Duration;

use anyhow::Context as _;
use tokio::time::timeout;

use crate::rig::{Rig, millis_between, on_both_versions};

async fn a_talking_call_ends_at_its_maximum(rig: &Rig) -> anyhow::Result<()> {
    let call = rig.call("101", "12125550101", &[("maxduration", "5")]).await?;
    let record = rig.wait_ended(&call).await?;
    let talked = millis_between(&record, "connected", "ended")?;
    anyhow::ensure!((4_000..=6_000).contains(&talked), "talked for {talked} ms");
    anyhow::ensure!(record["end_reason"] == "max_duration", "{record}");
    let cleared = millis_between(&record, "ended", "cleared")?;
    anyhow::ensure!(cleared < 1_000, "its lines were free only after {cleared} ms");
    Ok(())
}

/// The longest life that a call may have, and a minute: then Asterisk ends it by itself.
async fn asterisk_ends_the_call_when_this_process_never_comes_back(rig: &Rig) -> anyhow::Result<()> {
    let limits = [("maxduration", "5"), ("phonemaxdialtime", "5"), ("targetmaxdialtime", "5")];
    let call = rig.call("101", "12125550101", &limits).await?;
    rig.wait_talking(&call).await?;
    rig.daemon.kill_hard();
    let is_leg = |what: &String| !what.starts_with("db-");
    let gone = async || {
        while rig.world.live().await?.iter().any(is_leg) {
            tokio::time::sleep(Duration::from_millis(250)).await;
        }
        anyhow::Ok(())
    };
    // Asterisk's own limit has not come when ours is over.
    anyhow::ensure!(timeout(Duration::from_secs(10), gone()).await.is_err(), "it ended long before its time");
    let bound = Duration::from_secs(5 + 5 + 5 + 60);
    timeout(bound, gone()).await.context("the dead-man's time is over, and a line is left")??;
    // Whoever starts it again finds the call over, says so, and sweeps the bridge away.
    rig.daemon.restart()?;
    rig.daemon.wait_ready(Duration::from_secs(15)).await?;
    rig.wait_ended(&call).await?;
    Ok(())
}

on_both_versions! {
    max_duration => super::a_talking_call_ends_at_its_maximum;
    dead_man => super::asterisk_ends_the_call_when_this_process_never_comes_back;
}
