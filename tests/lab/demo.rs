//! `lab demo`: one call, from the click to the callback, shown as it happens.

use std::time::Duration;

use anyhow::Context as _;
use serde_json::Value;

use crate::lab::daemon::Daemon;
use crate::lab::sink::{Callback, Sink};
use crate::lab::world::{PHONES, World};
use crate::up::say;

/// The carrier answers this number after a second and hangs up three seconds later.
const TARGET: &str = "12125550105";

/// Every token that a callback may hold, each under its own name.
const TOKENS: [&str; 28] = [
    "call_id",
    "transaction_id",
    "interaction_guid",
    "call_status",
    "end_reason",
    "caller_id",
    "agent",
    "extension",
    "phone",
    "target",
    "call_answered_time",
    "call_hangup_time",
    "callAnsweredTenantTT",
    "callHangupTenantTT",
    "callDuration",
    "recording_url",
    "equal",
    "year",
    "month",
    "date",
    "hours",
    "minutes",
    "seconds",
    "transaction_codes",
    "notes",
    "lastTclListName",
    "lastTclCodeShort",
    "lastTclCodeDesc",
];

pub(crate) async fn run() -> anyhow::Result<()> {
    let binary = crate::up::binary()?;
    let world = crate::start_world().await?;
    let sink = Sink::start(world.ports.sink, &world.dir).await?;
    let daemon = Daemon::start(&binary, &world)?;
    let shown = show(&world, &daemon, &sink).await;
    let ended = daemon.terminate().await;
    shown.with_context(|| format!("the daemon's log is {}/dialbridge.log", world.dir.display()))?;
    anyhow::ensure!(ended?.success(), "dialbridge did not end well");
    let errors = daemon.errors();
    anyhow::ensure!(errors.is_empty(), "dialbridge logged errors:\n{}", errors.join("\n"));
    Ok(())
}

async fn show(world: &World, daemon: &Daemon, sink: &Sink) -> anyhow::Result<()> {
    daemon.wait_ready(Duration::from_secs(15)).await?;
    show_phones(world).await?;

    let answer = click(daemon, sink).await?;
    say(&format!("\nThe click's answer\n  {answer}"));
    let call = answer["CALLID"].as_str().context("the click was refused")?;

    let callbacks = sink.wait_for(1, Duration::from_secs(30)).await?;
    let timeline = timeline(daemon, call).await?;
    say("\nThe timeline");
    for event in timeline["data"].as_array().context("no events")? {
        say(&format!("  {:25} {:12} {}", field(event, "at"), field(event, "event"), field(event, "text")));
    }
    say(&format!("  {:25} {:12} {}", "", "ended", field(&timeline, "ending")));
    anyhow::ensure!(timeline["ending"] == "Both talked, and the target hung up.", "it did not end as it should have");
    show_callback(&callbacks[0])?;
    let live = world.live().await?;
    anyhow::ensure!(live.is_empty(), "still alive in Asterisk: {live:?}");
    say("\nNo channel and no bridge is left.");
    Ok(())
}

async fn show_phones(world: &World) -> anyhow::Result<()> {
    say("Registered phones");
    for phone in PHONES {
        let endpoint = world.asterisk.ari_get(&format!("endpoints/PJSIP/{phone}")).await?;
        say(&format!("  {phone}  {}", field(&endpoint, "state")));
        anyhow::ensure!(endpoint["state"] == "online", "phone {phone} is not registered");
    }
    Ok(())
}

async fn click(daemon: &Daemon, sink: &Sink) -> anyhow::Result<Value> {
    let mut pairs: Vec<_> = TOKENS.iter().map(|token| format!("[{token}|${token}$]")).collect();
    pairs.push(format!("[ctl_callbackUrl|{}/demo]", sink.url()));
    let user_data = pairs.concat();
    let query: String = form_urlencoded::Serializer::new(String::new())
        .extend_pairs([
            ("phone", "101"),
            ("target", TARGET),
            ("code", "demo-code"),
            ("action", "call"),
            ("format", "json"),
            ("ctl_userdata", &user_data),
        ])
        .finish();
    let url = daemon.url(&format!("/ForwardDialer/click2call.aspx?{query}"));
    say(&format!("\nThe click\n  curl '{url}'"));
    let answer = reqwest::get(url).await?.text().await?;
    serde_json::from_str(&answer).with_context(|| format!("the click's answer is no JSON: {answer}"))
}

async fn timeline(daemon: &Daemon, call: &str) -> anyhow::Result<Value> {
    let request = reqwest::Client::new().get(daemon.url(&format!("/v1/calls/{call}/events"))).bearer_auth("demo-code");
    Ok(serde_json::from_str(&request.send().await?.error_for_status()?.text().await?)?)
}

/// Shows the callback, and refuses one in which a token was left as it was.
fn show_callback(callback: &Callback) -> anyhow::Result<()> {
    say("\nThe callback");
    print_callback(callback);
    let pairs = callback.pairs();
    let left = pairs.iter().any(|(name, value)| name == "ctl_userdata" && value.contains('$'));
    anyhow::ensure!(!left, "a token was not expanded");
    Ok(())
}

/// Everything that a receiver of callbacks got.
pub(crate) fn print_callback(callback: &Callback) {
    say(&format!("  {} {}", callback.method, callback.path));
    for name in ["content-type", "webhook-id", "webhook-timestamp", "webhook-signature"] {
        say(&format!("  {name}: {}", callback.header(name).unwrap_or("-")));
    }
    for (name, value) in callback.pairs() {
        if name != "ctl_userdata" {
            say(&format!("  {name}: {value}"));
            continue;
        }
        say("  ctl_userdata:");
        for pair in value.trim_matches(['[', ']']).split("][") {
            let (name, value) = pair.split_once('|').unwrap_or((pair, ""));
            say(&format!("    {name:24} {value}"));
        }
    }
}

fn field<'a>(value: &'a Value, name: &str) -> &'a str {
    value[name].as_str().unwrap_or("")
}
