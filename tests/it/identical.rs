//! The same click fifty times at once is one call, whatever the door, and whether the daemon dies in between or not.

use std::collections::BTreeSet;
use std::time::Duration;

use anyhow::Context as _;
use futures_util::future::join_all;
use reqwest::RequestBuilder;
use serde_json::Value;

use crate::make_call::sign_in;
use crate::operation::dialbridge;
use crate::rig::{Rig, on_22};

const AT_ONCE: usize = 50;
const ROUNDS: usize = 200;
/// The demo's token may be used a thousand times a second.
const PACE: Duration = Duration::from_millis(60);
/// Before the daemon is killed, and after it.
const RESTARTS: usize = 5;

/// A door, as a client knocks at it.
struct Door<'a> {
    /// A click at Dave's phone (104), which rings and is never answered, for this target.
    click: &'a dyn Fn(&str) -> RequestBuilder,
    /// The call's id in an answer.
    id: fn(&Value) -> Option<&str>,
}

impl Door<'_> {
    /// The only call that so many clicks at once are told of.
    async fn at_once(&self, clicks: usize, target: &str) -> anyhow::Result<String> {
        let click = async || anyhow::Ok((self.click)(target).send().await?.text().await?);
        let mut calls = BTreeSet::new();
        for answer in join_all((0..clicks).map(|_| click())).await {
            let answer = answer?;
            let json: Value = serde_json::from_str(&answer).with_context(|| answer.clone())?;
            calls.insert((self.id)(&json).with_context(|| format!("no call: {answer}"))?.to_owned());
        }
        anyhow::ensure!(calls.len() == 1, "{} calls for one click: {calls:?}", calls.len());
        calls.pop_first().context("no answer")
    }

    /// Fifty at once, two hundred times: two hundred calls.
    async fn gives_one_call(&self, rig: &Rig) -> anyhow::Result<()> {
        let mut calls = BTreeSet::new();
        let mut pace = tokio::time::interval(PACE);
        for round in 0..ROUNDS {
            pace.tick().await;
            calls.insert(self.at_once(AT_ONCE, &target(round)).await?);
            rig.terminate("104").await?;
        }
        anyhow::ensure!(calls.len() == ROUNDS, "{} calls", calls.len());
        anyhow::ensure!(accepted(rig).await? == ROUNDS, "{} calls were accepted", accepted(rig).await?);
        let rang: Vec<_> = rig.world.invites_at_phones().into_iter().map(|invite| invite.sip_call_id).collect();
        let each: BTreeSet<_> = rang.iter().collect();
        anyhow::ensure!(rang.len() <= ROUNDS && each.len() == rang.len(), "it rang {} times", rang.len());
        Ok(())
    }

    /// Half of the clicks before the daemon is killed, half of them after it; a minute long they are the same.
    async fn gives_one_call_across_a_restart(&self, rig: &Rig) -> anyhow::Result<()> {
        let exported = String::from_utf8(dialbridge(rig, &["directory", "export"])?.stdout)?;
        let file = rig.world.dir.join("patient.toml");
        std::fs::write(&file, exported.replace("duplicate_window = 5", "duplicate_window = 60"))?;
        let applied = dialbridge(rig, &["directory", "apply", &file.display().to_string()])?;
        anyhow::ensure!(applied.status.success(), "{}", String::from_utf8_lossy(&applied.stderr));
        for round in 0..RESTARTS {
            let before = self.at_once(AT_ONCE / 2, &target(round)).await?;
            rig.daemon.kill_hard();
            rig.daemon.restart()?;
            rig.daemon.wait_ready(Duration::from_secs(15)).await?;
            let after = self.at_once(AT_ONCE / 2, &target(round)).await?;
            anyhow::ensure!(before == after, "{before} before, {after} after the restart");
            anyhow::ensure!(accepted(rig).await? == 0, "the new process has placed a call");
            rig.terminate("104").await?;
        }
        Ok(())
    }
}

/// A number for each round, none of them on the do-not-call list.
fn target(round: usize) -> String {
    format!("1212555{:04}", 1000 + round)
}

async fn accepted(rig: &Rig) -> anyhow::Result<usize> {
    let url = format!("http://127.0.0.1:{}/metrics", rig.world.ports.metrics);
    let text = rig.http.get(url).send().await?.text().await?;
    let line = text.lines().find_map(|line| line.strip_prefix("dialbridge_calls_accepted_total "));
    Ok(line.context("no such metric")?.parse()?)
}

fn voicenter(rig: &Rig, target: &str) -> RequestBuilder {
    let query = [("phone", "104"), ("target", target), ("code", "demo-code"), ("action", "call"), ("format", "json")];
    rig.http.get(rig.daemon.url("/ForwardDialer/click2call.aspx")).query(&query)
}

fn voicenter_id(answer: &Value) -> Option<&str> {
    answer["CALLID"].as_str().filter(|id| !id.is_empty())
}

fn getdesk(rig: &Rig, target: &str) -> RequestBuilder {
    let query = [("phone_number", target), ("email", "dave@demo.example"), ("token", "demo-code")];
    rig.http.get(rig.daemon.url("/ClickToCallAPI")).query(&query)
}

/// Of the Getdesk door and the 8x8 door.
fn getdesk_id(answer: &Value) -> Option<&str> {
    answer["call_id"].as_str()
}

/// A link that Dave follows from no page, in the way of a program.
fn eight(rig: &Rig, session: &str, target: &str) -> RequestBuilder {
    let link = rig.http.get(rig.daemon.url("/AGUI/make_call.php")).query(&[("phone", target)]);
    let said = [("site", "none"), ("mode", "navigate"), ("dest", "document"), ("user", "?1")];
    let link = said.iter().fold(link, |link, (name, value)| link.header(format!("sec-fetch-{name}"), *value));
    link.header("cookie", session).header("accept", "application/json")
}

fn native(rig: &Rig, target: &str) -> RequestBuilder {
    let order = serde_json::json!({"agent": "104", "target": target});
    rig.http.post(rig.daemon.url("/v1/calls")).bearer_auth("demo-code").json(&order)
}

fn native_id(answer: &Value) -> Option<&str> {
    answer["id"].as_str()
}

async fn at_the_voicenter_door(rig: &Rig) -> anyhow::Result<()> {
    Door { click: &|target| voicenter(rig, target), id: voicenter_id }.gives_one_call(rig).await
}

async fn at_the_voicenter_door_across_a_restart(rig: &Rig) -> anyhow::Result<()> {
    Door { click: &|target| voicenter(rig, target), id: voicenter_id }.gives_one_call_across_a_restart(rig).await
}

/// Each round has a key of its own: whoever knocks with it again, is told of the same call.
async fn under_one_key_across_a_restart(rig: &Rig) -> anyhow::Result<()> {
    let click = |target: &str| voicenter(rig, target).header("Idempotency-Key", format!("order-{target}"));
    Door { click: &click, id: voicenter_id }.gives_one_call_across_a_restart(rig).await?;
    for round in 0..RESTARTS {
        let again: Value = click(&target(round)).send().await?.json().await?;
        let id = voicenter_id(&again).with_context(|| again.to_string())?;
        anyhow::ensure!(rig.record(id).await?["end_reason"] == "terminated", "not the first call: {again}");
        let other = click(&target(round)).query(&[("record", "true")]).send().await?.json::<Value>().await?;
        anyhow::ensure!(other["ERRORCODE"] == 1, "another request under the same key: {other}");
    }
    Ok(())
}

async fn at_the_getdesk_door(rig: &Rig) -> anyhow::Result<()> {
    Door { click: &|target| getdesk(rig, target), id: getdesk_id }.gives_one_call(rig).await
}

async fn at_the_getdesk_door_across_a_restart(rig: &Rig) -> anyhow::Result<()> {
    Door { click: &|target| getdesk(rig, target), id: getdesk_id }.gives_one_call_across_a_restart(rig).await
}

async fn at_the_8x8_door(rig: &Rig) -> anyhow::Result<()> {
    let session = sign_in(rig, "104").await?;
    Door { click: &|target| eight(rig, &session, target), id: getdesk_id }.gives_one_call(rig).await
}

async fn at_the_8x8_door_across_a_restart(rig: &Rig) -> anyhow::Result<()> {
    let session = sign_in(rig, "104").await?;
    Door { click: &|target| eight(rig, &session, target), id: getdesk_id }.gives_one_call_across_a_restart(rig).await
}

async fn at_the_native_api(rig: &Rig) -> anyhow::Result<()> {
    Door { click: &|target| native(rig, target), id: native_id }.gives_one_call(rig).await
}

async fn at_the_native_api_across_a_restart(rig: &Rig) -> anyhow::Result<()> {
    Door { click: &|target| native(rig, target), id: native_id }.gives_one_call_across_a_restart(rig).await
}

on_22! {
    voicenter => super::at_the_voicenter_door;
    voicenter_restart => super::at_the_voicenter_door_across_a_restart;
    key_restart => super::under_one_key_across_a_restart;
    getdesk => super::at_the_getdesk_door;
    getdesk_restart => super::at_the_getdesk_door_across_a_restart;
    eight => super::at_the_8x8_door;
    eight_restart => super::at_the_8x8_door_across_a_restart;
    native => super::at_the_native_api;
    native_restart => super::at_the_native_api_across_a_restart;
}
