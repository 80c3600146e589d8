//! A daemon that dies while people talk, and one that comes back.

use std::time::Duration;

use anyhow::Context as _;

use crate::lab::sink::Callback;
use crate::rig::{CALL, Rig, millis_between, on_both_versions};

/// A value out of the user data that came back.
fn value(callback: &Callback, name: &str) -> anyhow::Result<String> {
    let pairs = callback.pairs();
    let (_, userdata) = pairs.iter().find(|(key, _)| key == "ctl_userdata").context("no ctl_userdata")?;
    let (_, rest) = userdata.split_once(&format!("[{name}|")).with_context(|| format!("no {name} in {userdata}"))?;
    Ok(rest.split(']').next().unwrap_or("").to_owned())
}

fn packets(rig: &Rig) -> anyhow::Result<[u64; 2]> {
    let agent = rig.world.phones.invites().first().cloned().context("no INVITE at the phone")?;
    let target = rig.world.carrier.invites().first().cloned().context("no INVITE at the carrier")?;
    let at_agent = rig.world.phones.stream(&agent.sip_call_id).context("no audio at the phone")?;
    let at_target = rig.world.carrier.stream(&target.sip_call_id).context("no audio at the carrier")?;
    Ok([at_agent.packets_received, at_target.packets_received])
}

async fn talk_survives(rig: &Rig, die: impl AsyncFn() -> anyhow::Result<()>) -> anyhow::Result<()> {
    let userdata = format!(
        "[duration|$callDuration$][answered|$call_answered_time$][hangup|$call_hangup_time$][ctl_callbackUrl|{}/done]",
        rig.sink.url()
    );
    let call = rig.call("101", "12125550101", &[("maxduration", "8"), ("ctl_userdata", &userdata)]).await?;
    rig.wait_talking(&call).await?;
    die().await?;
    let before = packets(rig)?;
    tokio::time::sleep(Duration::from_secs(2)).await;
    let without = packets(rig)?;
    rig.daemon.restart()?;
    rig.daemon.wait_ready(Duration::from_secs(15)).await?;
    let record = rig.record(&call).await?;
    anyhow::ensure!(record["phase"] == "talking", "it was not adopted: {record}");
    tokio::time::sleep(Duration::from_secs(1)).await;
    let after = packets(rig)?;
    // 50 packets a second each way; half of them would be a conversation with holes.
    for leg in 0..2 {
        anyhow::ensure!(without[leg] - before[leg] > 80, "leg {leg} fell silent: {before:?} {without:?}");
        anyhow::ensure!(after[leg] - without[leg] > 40, "leg {leg} fell silent: {without:?} {after:?}");
    }
    let record = rig.wait_ended(&call).await?;
    anyhow::ensure!(record["end_reason"] == "max_duration", "{record}");
    let talked = millis_between(&record, "connected", "ended")?;
    anyhow::ensure!((7_000..=9_000).contains(&talked), "talked for {talked} ms");
    let callbacks = rig.sink.wait_for(1, CALL).await?;
    let duration = value(&callbacks[0], "duration")?;
    anyhow::ensure!(["00:00:07", "00:00:08", "00:00:09"].contains(&duration.as_str()), "{duration}");
    let seconds = value(&callbacks[0], "hangup")?.parse::<i64>()? - value(&callbacks[0], "answered")?.parse::<i64>()?;
    anyhow::ensure!((7..=9).contains(&seconds), "{seconds}");
    Ok(())
}

async fn talk_survives_sigkill(rig: &Rig) -> anyhow::Result<()> {
    talk_survives(rig, async || {
        rig.daemon.kill_hard();
        Ok(())
    })
    .await
}

async fn talk_survives_sigterm(rig: &Rig) -> anyhow::Result<()> {
    talk_survives(rig, async || {
        let status = rig.daemon.terminate().await?;
        anyhow::ensure!(status.success(), "{status}");
        Ok(())
    })
    .await
}

/// Whoever hung up while nobody watched is found out at once after the restart.
async fn a_call_that_ended_unseen_is_told_after_the_restart(rig: &Rig) -> anyhow::Result<()> {
    let userdata = format!("[reason|$end_reason$][ctl_callbackUrl|{}/done]", rig.sink.url());
    let call = rig.call("101", "12125550105", &[("ctl_userdata", &userdata)]).await?;
    rig.wait_talking(&call).await?;
    rig.daemon.kill_hard();
    tokio::time::sleep(Duration::from_secs(5)).await;
    rig.daemon.restart()?;
    rig.daemon.wait_ready(Duration::from_secs(15)).await?;
    let record = rig.wait_for(&call, Duration::from_secs(10), |record| record["phase"] == "ended").await?;
    // Who hung up is known to nobody any more: that, and nothing else, is told.
    anyhow::ensure!(record["end_reason"] == "lost", "{record}");
    let callbacks = rig.sink.wait_for(1, CALL).await?;
    anyhow::ensure!(value(&callbacks[0], "reason")? == record["end_reason"].as_str().unwrap_or(""), "{record}");
    Ok(())
}

/// A restart under clicks: whatever was accepted rings, once, and ends as it should.
async fn no_accepted_click_is_lost_by_a_restart(rig: &Rig) -> anyhow::Result<()> {
    let targets: Vec<_> = (0..24).map(|n| format!("1212555{n:02}01")).collect();
    let clicks = targets.iter().enumerate().map(|(n, target)| async move {
        tokio::time::sleep(Duration::from_millis(10 * n as u64)).await;
        rig.click("109", target, &[("maxduration", "1")]).await
    });
    let restart = async {
        tokio::time::sleep(Duration::from_millis(100)).await;
        let status = rig.daemon.terminate().await?;
        anyhow::ensure!(status.success(), "{status}");
        rig.daemon.restart()?;
        rig.daemon.wait_ready(Duration::from_secs(15)).await
    };
    let (answers, restarted) = tokio::join!(futures_util::future::join_all(clicks), restart);
    restarted?;
    let answers: Vec<_> = answers.into_iter().filter_map(Result::ok).collect();
    let accepted: Vec<_> = answers.iter().filter(|answer| answer["ERRORCODE"] == 0).collect();
    anyhow::ensure!(accepted.len() > 2, "hardly any click was accepted: {answers:?}");
    for answer in &accepted {
        let record = rig.wait_ended(answer["CALLID"].as_str().unwrap_or("")).await?;
        anyhow::ensure!(record["end_reason"] == "max_duration", "{record}");
    }
    let (phone, carrier) = (rig.world.invites_at_phones().len(), rig.world.invites_at_carrier().len());
    anyhow::ensure!(
        phone == accepted.len() && carrier == phone,
        "{} clicks, {phone} and {carrier} INVITEs",
        accepted.len()
    );
    Ok(())
}

/// Asterisk dies under a call: its end is told as soon as Asterisk is back.
async fn an_asterisk_that_restarts_ends_its_calls(rig: &Rig) -> anyhow::Result<()> {
    let call = rig.call("101", "12125550101", &[]).await?;
    rig.wait_talking(&call).await?;
    rig.world.asterisk.kill();
    let refused = async {
        loop {
            let answer = rig.click("109", "12125550101", &[]).await?;
            if answer["ERRORCODE"] == 2 {
                return anyhow::Ok(());
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(15), refused).await.context("clicks were not refused")??;
    rig.world.asterisk.start()?;
    rig.world.wait_ready().await?;
    let record = rig.wait_for(&call, Duration::from_secs(10), |record| record["phase"] == "ended").await?;
    anyhow::ensure!(record["end_reason"] == "pbx_restart" && record["status"] == "failed", "{record}");
    rig.daemon.wait_ready(Duration::from_secs(10)).await?;
    let again = rig.call("101", "12125550105", &[]).await?;
    anyhow::ensure!(rig.wait_ended(&again).await?["end_reason"] == "normal");
    Ok(())
}

on_both_versions! {
    sigkill => super::talk_survives_sigkill;
    sigterm => super::talk_survives_sigterm;
    restart_under_clicks => super::no_accepted_click_is_lost_by_a_restart;
    ended_unseen => super::a_call_that_ended_unseen_is_told_after_the_restart;
    asterisk_restarts => super::an_asterisk_that_restarts_ends_its_calls;
}
