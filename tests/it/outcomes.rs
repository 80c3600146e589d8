//! What becomes of a call, for every phone and every number of the demo world.

use serde_json::Value;

use crate::rig::{CALL, Rig, on_both_versions};

type More = &'static [(&'static str, &'static str)];

/// A click, and the status, reason and author of the call's end.
struct Row {
    phone: &'static str,
    target: &'static str,
    more: More,
    end: [&'static str; 3],
}

const fn row(phone: &'static str, target: &'static str, more: More, end: [&'static str; 3]) -> Row {
    Row { phone, target, more, end }
}

const TWO_SECONDS: More = &[("maxduration", "2")];
const NO_PATIENCE: More = &[("phonemaxdialtime", "2"), ("targetmaxdialtime", "2")];
const LIMIT: [&str; 3] = ["completed", "max_duration", "timer"];

/// From 101, to each of the carrier's numbers. Those that would go on are limited or hung up.
const TARGETS: [Row; 14] = [
    row("101", "12125550101", TWO_SECONDS, LIMIT),
    row("101", "12125550102", &[], ["busy", "target_busy", "target"]),
    row("101", "12125550103", NO_PATIENCE, ["no-answer", "target_no_answer", "timer"]),
    row("101", "12125550104", &[], ["busy", "target_declined", "target"]),
    row("101", "12125550105", &[], ["completed", "normal", "target"]),
    row("101", "12125550106", &[], ["failed", "target_invalid", "network"]),
    row("101", "12125550107", &[], ["failed", "target_rejected", "network"]),
    row("101", "12125550108", &[], ["failed", "congestion", "network"]),
    row("101", "12125550109", TWO_SECONDS, LIMIT),
    row("101", "12125550110", &[], ["completed", "normal", "target"]),
    row("101", "12125550111", NO_PATIENCE, ["no-answer", "target_no_answer", "timer"]),
    row("101", "972501234502", &[], ["busy", "target_busy", "target"]),
    row("101", "700", &[], ["completed", "normal", "target"]),
    row("101", "109", TWO_SECONDS, LIMIT),
];

/// Each phone, to a number that answers.
const PHONES: [Row; 7] = [
    row("101", "12125550101", TWO_SECONDS, LIMIT),
    row("102", "12125550101", &[], ["failed", "agent_unreachable", "pbx"]),
    row("104", "12125550101", NO_PATIENCE, ["no-answer", "agent_no_answer", "timer"]),
    row("105", "12125550101", &[], ["busy", "agent_busy", "agent"]),
    row("106", "12125550101", &[], ["completed", "normal", "agent"]),
    row("109", "12125550101", TWO_SECONDS, LIMIT),
    row("SIPTRUNK", "12125550101", TWO_SECONDS, LIMIT),
];

async fn every_number_ends_as_it_should(rig: &Rig) -> anyhow::Result<()> {
    check(rig, &TARGETS).await
}

async fn every_phone_ends_as_it_should(rig: &Rig) -> anyhow::Result<()> {
    check(rig, &PHONES).await
}

async fn check(rig: &Rig, rows: &[Row]) -> anyhow::Result<()> {
    let mut placed = Vec::new();
    for row in rows {
        placed.push(rig.call(row.phone, row.target, row.more).await?);
    }
    let mut wrong = Vec::new();
    for (call, row) in placed.iter().zip(rows) {
        let record = rig.wait_ended(call).await?;
        let end = ["status", "end_reason", "end_by"].map(|field| record[field].as_str().unwrap_or(""));
        if end != row.end && !is_16_alike(rig, &record, row.end[1]) {
            wrong.push(format!("{} to {}: expected {:?}, got {end:?}: {record}", row.phone, row.target, row.end));
        }
    }
    anyhow::ensure!(wrong.is_empty(), "{}", wrong.join("\n"));
    Ok(())
}

/// Asterisk 16 says no SIP status: cause 21 may be a 403 or a 603, and is taken for the person's no.
fn is_16_alike(rig: &Rig, record: &Value, expected: &str) -> bool {
    rig.world.version == crate::lab::provision::Version::Asterisk16
        && expected == "target_rejected"
        && record["end_reason"] == "target_declined"
        && record["legs"][1]["cause"] == 21
}

async fn phones_that_cannot_take_a_call_are_refused_with_the_reason(rig: &Rig) -> anyhow::Result<()> {
    let rows: [(&str, &str, More, i64); 8] = [
        ("103", "12125550101", &[], 4),
        ("102", "12125550101", &[("checkphonedevicestate", "true")], 3),
        ("101", "102", &[("checktargetdevicestate", "1")], 3),
        ("107", "12125550101", &[], 3),
        ("108", "12125550101", &[], 1),
        ("201", "12125550101", &[], 1),
        ("101", "12125550199", &[], 1),
        ("101", "442079460100", &[], 1),
    ];
    for (phone, target, more, code) in rows {
        let answer = rig.click(phone, target, more).await?;
        anyhow::ensure!(answer["ERRORCODE"] == code, "{phone} to {target}: expected {code}, got {answer}");
        anyhow::ensure!(answer["CALLID"] == "", "{answer}");
    }
    anyhow::ensure!(rig.world.invites_at_phones().is_empty(), "a phone rang");
    anyhow::ensure!(rig.world.invites_at_carrier().is_empty(), "the carrier was called");
    Ok(())
}

async fn a_login_code_rings_where_its_agent_is_logged_in(rig: &Rig) -> anyhow::Result<()> {
    let call = rig.call("logincode", "12125550105", &[("phonelogincode", "7777")]).await?;
    rig.world.phones.wait_for_invite(CALL, |invite| invite.to == "101").await?;
    let record = rig.wait_ended(&call).await?;
    anyhow::ensure!(record["end_reason"] == "normal", "{record}");
    let unknown = rig.click("logincode", "12125550105", &[("phonelogincode", "4711")]).await?;
    anyhow::ensure!(unknown["ERRORCODE"] == 1, "{unknown}");
    Ok(())
}

async fn do_not_call_is_overridden_only_with_the_right_to(rig: &Rig) -> anyhow::Result<()> {
    let without = rig.click("101", "12125550199", &[("ignorednostatus", "2")]).await?;
    anyhow::ensure!(without["ERRORCODE"] == 1, "{without}");
    let allowed = [("ignorednostatus", "2"), ("code", "demo-admin"), ("maxduration", "1")];
    let with = rig.click("101", "12125550199", &allowed).await?;
    anyhow::ensure!(with["ERRORCODE"] == 0, "{with}");
    rig.wait_ended(with["CALLID"].as_str().unwrap_or("")).await?;
    Ok(())
}

async fn terminate_ends_a_call_wherever_it_stands(rig: &Rig) -> anyhow::Result<()> {
    let stages: [(&str, &str, &str); 3] =
        [("104", "calling_agent", "canceled"), ("109", "calling_target", "canceled"), ("101", "talking", "completed")];
    for (phone, phase, status) in stages {
        let target = if phase == "calling_target" { "12125550103" } else { "12125550101" };
        let call = rig.call(phone, target, &[]).await?;
        rig.wait_for(&call, CALL, |record| record["phase"] == phase).await?;
        let answer = rig.terminate(phone).await?;
        anyhow::ensure!(answer["ERRORCODE"] == 0 && answer["CALLID"] == call, "{answer}");
        let record = rig.wait_ended(&call).await?;
        anyhow::ensure!(record["status"] == status && record["end_reason"] == "terminated", "{record}");
        anyhow::ensure!(record["end_by"] == "client", "{record}");
        let nothing = rig.terminate(phone).await?;
        anyhow::ensure!(nothing["ERRORCODE"] == 2, "{nothing}");
    }
    Ok(())
}

async fn fifty_identical_clicks_are_one_call(rig: &Rig) -> anyhow::Result<()> {
    let fifty = (0..50).map(|_| rig.click("101", "12125550105", &[]));
    let answers = futures_util::future::try_join_all(fifty).await?;
    anyhow::ensure!(answers.iter().all(|answer| answer["CALLID"] == answers[0]["CALLID"]), "{answers:?}");
    rig.wait_ended(answers[0]["CALLID"].as_str().unwrap_or("")).await?;
    anyhow::ensure!(rig.world.invites_at_phones().len() == 1, "the phone rang more than once");
    anyhow::ensure!(rig.world.invites_at_carrier().len() == 1, "the carrier was called more than once");
    Ok(())
}

on_both_versions! {
    every_number => super::every_number_ends_as_it_should;
    every_phone => super::every_phone_ends_as_it_should;
    refused_phones => super::phones_that_cannot_take_a_call_are_refused_with_the_reason;
    login_code => super::a_login_code_rings_where_its_agent_is_logged_in;
    do_not_call => super::do_not_call_is_overridden_only_with_the_right_to;
    terminate => super::terminate_ends_a_call_wherever_it_stands;
    fifty_identical_clicks => super::fifty_identical_clicks_are_one_call;
}
