//! Time limits, with this process and without it.

use std::time::{Duration, Instant};

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
    let limits = [("maxduration", "5"), ("phonemaxdialtime", "2"), ("targetmaxdialtime", "2")];
    let accepted = Instant::now();
    let call = rig.call("101", "12125550101", &limits).await?;
    rig.wait_talking(&call).await?;
    rig.daemon.kill_hard();
    let bound = Duration::from_secs(2 + 2 + 5 + 60);
    while !rig.world.live().await?.iter().all(|what| !what.contains("-a1") && !what.contains("-b1")) {
        anyhow::ensure!(accepted.elapsed() < bound + Duration::from_secs(2), "left: {:?}", rig.world.live().await?);
        tokio::time::sleep(Duration::from_millis(250)).await;
    }
    anyhow::ensure!(accepted.elapsed() > Duration::from_secs(5), "it ended long before its time");
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
