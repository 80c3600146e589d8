//! Who hears whom, measured in the audio that arrived.

use anyhow::Context as _;

use crate::lab::audio::{AUDIBLE, RATE, energy_at, peak_at, read_wav, seconds_of, tone};
use crate::rig::{CALL, Rig, on_both_versions};

async fn both_hear_each_other(rig: &Rig) -> anyhow::Result<()> {
    let call = rig.call("101", "109", &[("maxduration", "3")]).await?;
    let agent = rig.world.phones.wait_for_invite(CALL, |invite| invite.to == "101").await?;
    let target = rig.world.phones.wait_for_invite(CALL, |invite| invite.to == "109").await?;
    rig.wait_ended(&call).await?;
    let (alice, heidi) = (tone::of_phone("101"), tone::of_phone("109"));
    let (at_agent, at_target) = (rig.world.heard_by(&agent), rig.world.heard_by(&target));
    anyhow::ensure!(seconds_of(&at_agent, RATE, heidi) > 2.0, "the agent did not hear the target");
    anyhow::ensure!(seconds_of(&at_target, RATE, alice) > 2.0, "the target did not hear the agent");
    anyhow::ensure!(peak_at(&at_agent, RATE, alice) < AUDIBLE, "the agent hears herself");
    Ok(())
}

async fn the_agent_hears_ringback(rig: &Rig) -> anyhow::Result<()> {
    let call = rig.call("101", "12125550103", &[("targetmaxdialtime", "5")]).await?;
    let agent = rig.world.phones.wait_for_invite(CALL, |invite| invite.to == "101").await?;
    rig.wait_ended(&call).await?;
    let heard = rig.world.heard_by(&agent);
    for hz in tone::RINGBACK {
        anyhow::ensure!(peak_at(&heard, RATE, hz) > AUDIBLE, "no ringback of {hz} Hz");
    }
    Ok(())
}

async fn ringback_ends_when_the_target_answers(rig: &Rig) -> anyhow::Result<()> {
    let call = rig.call("101", "12125550101", &[("maxduration", "4")]).await?;
    let agent = rig.world.phones.wait_for_invite(CALL, |invite| invite.to == "101").await?;
    rig.wait_ended(&call).await?;
    let heard = rig.world.heard_by(&agent);
    anyhow::ensure!(peak_at(&heard, RATE, tone::RINGBACK[0]) > AUDIBLE, "no ringback before the answer");
    anyhow::ensure!(seconds_of(&heard, RATE, tone::CARRIER) > 3.0, "the target was not heard");
    let end = &heard[heard.len().saturating_sub(2 * RATE as usize)..];
    anyhow::ensure!(energy_at(end, RATE, tone::RINGBACK[0]) < AUDIBLE, "ringback goes on while they talk");
    Ok(())
}

async fn the_agent_hears_the_networks_announcement(rig: &Rig) -> anyhow::Result<()> {
    for target in ["12125550106", "12125550109"] {
        let before = rig.world.invites_at_phones().len();
        let call = rig.call("101", target, &[("maxduration", "2")]).await?;
        rig.wait_ended(&call).await?;
        let agent = rig.world.invites_at_phones().into_iter().nth(before).context("no INVITE")?;
        let heard = rig.world.heard_by(&agent);
        anyhow::ensure!(seconds_of(&heard, RATE, tone::ANNOUNCEMENT) > 0.5, "{target}: no announcement was heard");
        anyhow::ensure!(peak_at(&heard, RATE, tone::RINGBACK[0]) < AUDIBLE, "{target}: ringback over the announcement");
    }
    Ok(())
}

async fn a_recording_holds_both_and_is_served_to_its_tenant(rig: &Rig) -> anyhow::Result<()> {
    let call = rig.call("101", "12125550101", &[("maxduration", "3"), ("record", "true")]).await?;
    let record = rig.wait_ended(&call).await?;
    let url = record["recording_url"].as_str().context("no recording_url")?;
    let fetch = |token: &'static str| async move { rig.http.get(url).bearer_auth(token).send().await };
    let answer = fetch("demo-code").await?.error_for_status()?;
    anyhow::ensure!(answer.headers()["content-type"] == "audio/wav", "{:?}", answer.headers());
    let (samples, rate) = read_wav(&answer.bytes().await?)?;
    for hz in [tone::of_phone("101"), tone::CARRIER] {
        anyhow::ensure!(seconds_of(&samples, rate, hz) > 2.0, "{hz} Hz is not in the recording");
    }
    for (token, status) in [("other-code", 404), ("nobodys", 401)] {
        anyhow::ensure!(fetch(token).await?.status() == status, "{token} may see it");
    }
    let unrecorded = rig.call("109", "12125550101", &[("maxduration", "1")]).await?;
    let record = rig.wait_ended(&unrecorded).await?;
    anyhow::ensure!(record["recording_url"].is_null(), "{record}");
    Ok(())
}

on_both_versions! {
    both_ways => super::both_hear_each_other;
    ringback => super::the_agent_hears_ringback;
    ringback_ends => super::ringback_ends_when_the_target_answers;
    announcement => super::the_agent_hears_the_networks_announcement;
    recording => super::a_recording_holds_both_and_is_served_to_its_tenant;
}
