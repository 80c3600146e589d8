//! What becomes of a call, for every phone and every number of the demo world.

use serde_json::Value;

use crate::rig::{CALL, Rig, on_both_versions};

/// Target, what else the click says, and the status, reason and author of the end.
type Row = (&'static str, &'static [(&'static str, &'static str)], &'static str, &'static str, &'static str);

/// From 101, to each of the carrier's numbers. Those that would go on are limited or hung up.
const TARGETS: [Row; 14] = [
    ("12125550101", &[("maxduration", "2")], "completed", "max_duration", "timer"),
    ("12125550102", &[], "busy", "target_busy", "target"),
    ("12125550103", &[("targetmaxdialtime", "2")], "no-answer", "target_no_answer", "timer"),
    ("12125550104", &[], "busy", "target_declined", "target"),
    ("12125550105", &[], "completed", "normal", "target"),
    ("12125550106", &[], "failed", "target_invalid", "network"),
    ("12125550107", &[], "failed", "target_rejected", "network"),
    ("12125550108", &[], "failed", "congestion", "network"),
    ("12125550109", &[("maxduration", "2")], "completed", "max_duration", "timer"),
    ("12125550110", &[], "completed", "normal", "target"),
    ("12125550111", &[("targetmaxdialtime", "2")], "no-answer", "target_no_answer", "timer"),
    ("972501234502", &[], "busy", "target_busy", "target"),
    ("700", &[], "completed", "normal", "target"),
    ("109", &[("maxduration", "2")], "completed", "max_duration", "timer"),
];

/// Each phone, to a number that answers.
const PHONES: [(&str, &[(&str, &str)], &str, &str, &str); 7] = [
    ("101", &[("maxduration", "2")], "completed", "max_duration", "timer"),
    ("102", &[], "failed", "agent_unreachable", "pbx"),
    ("104", &[("phonemaxdialtime", "2")], "no-answer", "agent_no_answer", "timer"),
    ("105", &[], "busy", "agent_busy", "agent"),
    ("106", &[], "completed", "normal", "agent"),
    ("109", &[("maxduration", "2")], "completed", "max_duration", "timer"),
    ("SIPTRUNK", &[("maxduration", "2")], "completed", "max_duration", "timer"),
];

async fn every_number_ends_as_it_should(rig: &Rig) -> anyhow::Result<()> {
    let calls = TARGETS.map(|(target, more, ..)| async move { rig.call("101", target, more).await });
    check(rig, TARGETS.map(|(target, _, status, reason, by)| (target, status, reason, by)), calls).await
}

async fn every_phone_ends_as_it_should(rig: &Rig) -> anyhow::Result<()> {
    let calls = PHONES.map(|(phone, more, ..)| async move { rig.call(phone, "12125550101", more).await });
    check(rig, PHONES.map(|(phone, _, status, reason, by)| (phone, status, reason, by)), calls).await
}

async fn check<const N: usize>(
    rig: &Rig,
    expected: [(&str, &str, &str, &str); N],
    calls: [impl Future<Output = anyhow::Result<String>>; N],
) -> anyhow::Result<()> {
    let mut wrong = Vec::new();
    let mut placed = Vec::new();
    for call in calls {
        placed.push(call.await?);
    }
    for (call, (party, status, reason, by)) in placed.iter().zip(expected) {
        let record = rig.wait_ended(call).await?;
        let is =
            [&record["status"], &record["end_reason"], &record["end_by"]].map(|value| value.as_str().unwrap_or(""));
        if is != [status, reason, by] && !is_16_alike(rig, &record, reason) {
            wrong.push(format!("{party}: expected {status} {reason} {by}, got {is:?}: {record}"));
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
    let rows: [(&str, &str, &[(&str, &str)], i64); 8] = [
        ("103", "12125550101", &[], 4),
        ("102", "12125550101", &[("checkphonedevicestate", "true")], 3),
        ("101", "102", &[("checktargetdevicestate", "1")], 3),
        ("107", "12125550101", &[], 3),
        ("108", "12125550101", &[], 1),
        ("201", "12125550101", &[], 1),
        ("101", "12125550199", &[], 1),
        ("101", "4420794601", &[], 1),
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
