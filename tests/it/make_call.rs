//! The 8x8 door, with an agent's browser in front: the links of its documentation as they stand there,
//! with host, numbers and addresses of the demo world; sessions over restarts; questions and answers.

use std::time::Duration;

use anyhow::Context as _;
use reqwest::{Response, StatusCode};
use serde_json::Value;

use crate::rig::{CALL, Rig, on_both_versions};

/// What a browser says of a link that somebody typed.
const TYPED: [(&str, &str); 4] = [
    ("sec-fetch-site", "none"),
    ("sec-fetch-mode", "navigate"),
    ("sec-fetch-dest", "document"),
    ("sec-fetch-user", "?1"),
];

/// Signs in; gives the `Cookie` header of a browser that has done so.
pub(crate) async fn sign_in(rig: &Rig, user: &str) -> anyhow::Result<String> {
    let body = serde_json::json!({"user": user, "password": "demo-pass"});
    let answer = rig.http.post(rig.daemon.url("/login")).json(&body).send().await?;
    anyhow::ensure!(answer.status() == 200, "{user}: {}", answer.status());
    let set = answer.headers().get_all("set-cookie").iter().filter_map(|line| line.to_str().ok());
    let pairs: Vec<&str> = set.filter_map(|line| line.split(';').next()).collect();
    anyhow::ensure!(pairs.len() == 2, "{pairs:?}");
    Ok(pairs.join("; "))
}

/// Follows a link as a browser does: spaces escaped, line breaks taken out.
async fn follow(rig: &Rig, cookie: &str, link: &str, headers: &[(&str, &str)]) -> anyhow::Result<Response> {
    let path = link.strip_prefix("https://vcc-na4.8x8.com").unwrap_or(link);
    let request = rig.http.get(rig.daemon.url(path)).header("cookie", cookie);
    let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
    Ok(request.send().await?)
}

/// Types a link into the address bar; the call that it places.
async fn typed(rig: &Rig, cookie: &str, link: &str) -> anyhow::Result<String> {
    let headers: Vec<_> = TYPED.into_iter().chain([("accept", "application/json")]).collect();
    let answer = follow(rig, cookie, link, &headers).await?;
    let (status, body) = (answer.status(), answer.text().await?);
    let json: Value = serde_json::from_str(&body).with_context(|| body.clone())?;
    anyhow::ensure!(status == 200 && json["status"] == "calling", "{link}: {status} {body}");
    Ok(json["call_id"].as_str().context("no call id")?.to_owned())
}

/// The pairs of a callback's user data, and its result.
fn told(callback: &crate::lab::sink::Callback) -> anyhow::Result<(String, String, String)> {
    let pairs = callback.pairs();
    let field = |name: &str| pairs.iter().find(|(key, _)| key == name).map(|(_, value)| value.clone());
    let names: Vec<&str> = pairs.iter().map(|(name, _)| name.as_str()).collect();
    anyhow::ensure!(names == ["ctl_userdata", "resultCode", "errorString"], "{names:?}");
    let read = || Some((field("ctl_userdata")?, field("resultCode")?, field("errorString")?));
    read().context("no fields")
}

/// Value of the first pair of this name.
fn value<'a>(userdata: &'a str, name: &str) -> anyhow::Result<&'a str> {
    let (_, rest) = userdata.split_once(&format!("[{name}|")).with_context(|| format!("no {name} in {userdata}"))?;
    Ok(rest.split(']').next().unwrap_or_default())
}

async fn a_link_with_prefix_and_number_calls_it(rig: &Rig) -> anyhow::Result<()> {
    let cookie = sign_in(rig, "alice@demo.example").await?;
    let link = "https://vcc-na4.8x8.com/AGUI/make_call.php?prefix=1&phone=2125550105";
    let page = follow(rig, &cookie, link, &TYPED).await?.text().await?;
    anyhow::ensure!(page.contains("+1 212 555 0105") && page.contains("+1 212 555 0100"), "{page}");
    anyhow::ensure!(page.contains("You may close this window"), "{page}");
    // The same click again, within five seconds: the same call.
    let call = typed(rig, &cookie, link).await?;
    let record = rig.wait_ended(&call).await?;
    anyhow::ensure!((&record["phone"], &record["target"]) == (&"101".into(), &"+12125550105".into()), "{record}");
    anyhow::ensure!(record["door"] == "8x8" && record["credential"] == "session:101", "{record}");
    anyhow::ensure!(rig.world.invites_at_phones().len() == 1 && rig.world.invites_at_carrier().len() == 1);
    Ok(())
}

async fn a_link_that_creates_a_crm_record_calls_and_says_that_it_did_not(rig: &Rig) -> anyhow::Result<()> {
    let cookie = sign_in(rig, "101").await?;
    let link = "https://vcc-na4.8x8.com/AGUI/make_call.php?prefix=&phone=(212) 555-0105&callerId=2125550101&ctl_userdata= [ctl_action|create][subject|outbound%20call%20log%20($transaction_id$)][Transactionid__c|$interaction_guid$]
 [ObjectType|Task][WhatId|0015000000XyZ][status|completed][Description|My%20Own%20Description%0Acall%20
 answered%20at$equal$%20$call_answered_time$%0Acall%20hangup%20at:%20$call_hangup_time$%0ATransaction%20
 Codes%20$equal$%20$transaction_codes$][ctl_parentid|0015000000XyZ][ctl_launchopt|true][ctl_launchext|edit][ctl_intType|sfdc][ActivityDate|$year$-$month$-$date$]";
    let call = typed(rig, &cookie, link).await?;
    rig.wait_ended(&call).await?;
    let invite = rig.world.carrier.wait_for_invite(CALL, |_| true).await?;
    anyhow::ensure!(invite.from.trim_start_matches('+') == "12125550101", "{invite:?}");
    anyhow::ensure!(rig.sink.received().is_empty(), "no callback was asked for");
    // The same with a callback, to hear what became of the record.
    let link = link.replace("555-0105", "555-1105") + &format!("[ctl_callbackUrl|{}/sfdc]", rig.sink.url());
    let call = typed(rig, &cookie, &link).await?;
    let callbacks = rig.sink.wait_for(1, CALL).await?;
    let (userdata, result, error) = told(&callbacks[0])?;
    anyhow::ensure!(result == "FAIL" && !error.is_empty(), "{result} {error}");
    anyhow::ensure!(value(&userdata, "subject")? == format!("outbound call log ({call})"), "{userdata}");
    let guid = uuid::Uuid::parse_str(value(&userdata, "Transactionid__c")?)?;
    anyhow::ensure!(guid.simple().to_string() == call, "{guid}");
    let description = value(&userdata, "Description")?;
    anyhow::ensure!(
        description.starts_with("My Own Description\ncall") && description.contains("at= 1"),
        "{description}"
    );
    anyhow::ensure!(description.ends_with("Codes = "), "{description}");
    let date = value(&userdata, "ActivityDate")?;
    anyhow::ensure!(date.len() == 10 && date.parse::<jiff::civil::Date>().is_ok(), "{date}");
    Ok(())
}

async fn a_link_that_opens_a_screen_pop_calls(rig: &Rig) -> anyhow::Result<()> {
    let cookie = sign_in(rig, "101").await?;
    let link =
        "https://vcc-na4.8x8.com/AGUI/make_call.php? prefix=1&phone=2125550105&ctl_userdata=[foreign_key|12345678]
  [Transactionid|$interaction_guid$][start_time|$call_answered_time][end_time|$call_hangup_time$]
  [transaction_codes|$transaction_codes$][ctl_launchopt|true][customer_id|123456567]";
    let call = typed(rig, &cookie, link).await?;
    let record = rig.wait_ended(&call).await?;
    anyhow::ensure!(record["end_reason"] == "normal", "{record}");
    anyhow::ensure!(rig.sink.received().is_empty(), "no callback was asked for");
    Ok(())
}

async fn a_link_with_a_callback_url_is_told_how_the_call_went(rig: &Rig) -> anyhow::Result<()> {
    let cookie = sign_in(rig, "101").await?;
    let link = format!(
        "https://vcc-na4.8x8.com/AGUI/make_call.php? prefix=&phone=2125550105&ctl_userdata=[foreign_key|12345678]
  [Transactionid|$interaction_guid$][start_time|$call_answered_time][end_time|$call_hangup_time$]
  [transaction_codes|$transaction_codes$][ctl_callbackUrl|{}/clicktodial/callback?
  transaction=$transaction_id$]",
        rig.sink.url()
    );
    let call = typed(rig, &cookie, &link).await?;
    let callbacks = rig.sink.wait_for(1, CALL).await?;
    anyhow::ensure!(callbacks[0].path == format!("/clicktodial/callback?transaction={call}"), "{}", callbacks[0].path);
    anyhow::ensure!(callbacks[0].method == "POST" && callbacks[0].header("webhook-signature").is_some());
    let (userdata, result, error) = told(&callbacks[0])?;
    anyhow::ensure!((result.as_str(), error.as_str()) == ("IGNORE", ""), "{result} {error}");
    anyhow::ensure!(value(&userdata, "foreign_key")? == "12345678", "{userdata}");
    let guid = uuid::Uuid::parse_str(value(&userdata, "Transactionid")?)?;
    anyhow::ensure!(guid.simple().to_string() == call, "{guid}");
    anyhow::ensure!(value(&userdata, "start_time")? == "$call_answered_time", "a broken token stays: {userdata}");
    anyhow::ensure!(value(&userdata, "end_time")?.parse::<u64>().is_ok_and(|at| at > 0), "{userdata}");
    anyhow::ensure!(value(&userdata, "transaction_codes")?.is_empty(), "{userdata}");
    Ok(())
}

async fn user_data_may_come_in_the_body_with_a_queue_and_a_dial_plan(rig: &Rig) -> anyhow::Result<()> {
    let cookie = sign_in(rig, "101").await?;
    let userdata = format!("[lead|4711][codes|$transaction_codes$][ctl_callbackUrl|{}/posted]", rig.sink.url());
    let form = [("ctl_userdata", userdata.as_str()), ("extTransactionData", "[extRecordId|0015][extRecordType|Lead]")];
    let url = rig.daemon.url("/AGUI/make_call.php?prefix=9&phone=2125550102&dialplan_id=2&queue_id=7");
    let request = rig.http.post(url).header("cookie", &cookie).header("accept", "application/json").form(&form);
    let request = TYPED.into_iter().fold(request, |request, (name, value)| request.header(name, value));
    let answer: Value = serde_json::from_str(&request.send().await?.text().await?)?;
    let call = answer["call_id"].as_str().with_context(|| answer.to_string())?;
    let record = rig.wait_ended(call).await?;
    anyhow::ensure!((&record["target"], &record["queue_id"]) == (&"+12125550102".into(), &7.into()), "{record}");
    anyhow::ensure!(record["ext_transaction_data"]["extRecordType"] == "Lead", "{record}");
    let callbacks = rig.sink.wait_for(1, CALL).await?;
    let (userdata, ..) = told(&callbacks[0])?;
    anyhow::ensure!(value(&userdata, "lead")? == "4711", "{userdata}");
    Ok(())
}

async fn a_session_outlives_the_daemon_and_ends_with_its_sign_out(rig: &Rig) -> anyhow::Result<()> {
    let cookie = sign_in(rig, "101").await?;
    rig.daemon.kill_hard();
    rig.daemon.restart()?;
    rig.daemon.wait_ready(Duration::from_secs(15)).await?;
    let call = typed(rig, &cookie, "/AGUI/make_call.php?phone=12125550105").await?;
    rig.wait_ended(&call).await?;
    let out = rig.http.post(rig.daemon.url("/logout")).header("cookie", &cookie).send().await?;
    anyhow::ensure!(out.status() == StatusCode::NO_CONTENT, "{}", out.status());
    let answer = follow(rig, &cookie, "/AGUI/make_call.php?phone=12125551105", &TYPED).await?;
    anyhow::ensure!(answer.status() == StatusCode::UNAUTHORIZED, "{}", answer.status());
    anyhow::ensure!(rig.world.invites_at_phones().len() == 1);
    Ok(())
}

async fn nobody_rings_who_was_not_meant_to(rig: &Rig) -> anyhow::Result<()> {
    let cookie = sign_in(rig, "101").await?;
    let link = "/AGUI/make_call.php?phone=12125550105";
    let image = [("sec-fetch-site", "cross-site"), ("sec-fetch-mode", "no-cors"), ("sec-fetch-dest", "image")];
    let answer = follow(rig, &cookie, link, &image).await?;
    anyhow::ensure!(answer.status() == StatusCode::FORBIDDEN, "{}", answer.status());
    let stranger =
        [("sec-fetch-site", "cross-site"), TYPED[1], TYPED[2], TYPED[3], ("referer", "https://evil.example/")];
    let page = follow(rig, &cookie, link, &stranger).await?.text().await?;
    anyhow::ensure!(page.contains("Place this call?"), "{page}");
    let head = rig.http.head(rig.daemon.url(link)).header("cookie", &cookie).send().await?;
    anyhow::ensure!(head.status() == StatusCode::METHOD_NOT_ALLOWED, "{}", head.status());
    for foreign in ["", "__Host-dbdial=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"] {
        let answer = follow(rig, foreign, link, &TYPED).await?;
        anyhow::ensure!(answer.status() == StatusCode::UNAUTHORIZED, "{foreign}: {}", answer.status());
    }
    let carol = sign_in(rig, "103").await?;
    let answer = follow(rig, &carol, link, &TYPED).await?;
    anyhow::ensure!(answer.status() == StatusCode::FORBIDDEN, "blocked: {}", answer.status());
    let live = rig.world.live().await?;
    anyhow::ensure!(live.is_empty() && rig.world.invites_at_phones().is_empty(), "{live:?}");
    // A person says yes.
    let token = page.split("name=\"confirm\" value=\"").nth(1).and_then(|rest| rest.split('"').next());
    let form = [("phone", "12125550105"), ("confirm", token.context("no token")?)];
    let own = [("sec-fetch-site", "same-origin"), TYPED[1], TYPED[2], TYPED[3]];
    let request = rig.http.post(rig.daemon.url("/AGUI/make_call.php")).header("cookie", &cookie).form(&form);
    let request = own.into_iter().fold(request, |request, (name, value)| request.header(name, value));
    let page = request.send().await?.text().await?;
    anyhow::ensure!(page.contains("<title>Calling</title>"), "{page}");
    rig.world.carrier.wait_for_invite(CALL, |_| true).await?;
    rig.terminate("101").await?;
    Ok(())
}

on_both_versions! {
    prefix_and_number => super::a_link_with_prefix_and_number_calls_it;
    crm_record => super::a_link_that_creates_a_crm_record_calls_and_says_that_it_did_not;
    screen_pop => super::a_link_that_opens_a_screen_pop_calls;
    callback_url => super::a_link_with_a_callback_url_is_told_how_the_call_went;
    body => super::user_data_may_come_in_the_body_with_a_queue_and_a_dial_plan;
    session => super::a_session_outlives_the_daemon_and_ends_with_its_sign_out;
    not_meant => super::nobody_rings_who_was_not_meant_to;
}
