//! `dialbridge calls`, `call-info` and `hangup`: what there is, what became of one, and the end of it.

use std::ops::ControlFlow;

use clap::Args;
use hyper::Method;
use serde_json::Value;

use super::Outcome;
use super::client::{Ask, segment};
use super::look::{Cell, Column, Look, plain, printable, time_of_day};
use super::session::{Ended, Session, say, until_interrupted};
use super::stream::Heard;

#[derive(Debug, Args)]
pub(super) struct List {
    /// Show what happens from now on, line by line, until Ctrl-C
    #[arg(long, conflicts_with_all = ["status", "end_reason", "since", "until", "active", "limit", "cursor"])]
    follow: bool,
    /// Only this agent's: an extension
    #[arg(long, value_name = "EXTENSION")]
    agent: Option<String>,
    /// Only those that ring this phone first
    #[arg(long, value_name = "NUMBER")]
    phone: Option<String>,
    /// Only those to this target
    #[arg(long, value_name = "NUMBER")]
    target: Option<String>,
    /// Only with this status, such as `completed` or `busy`
    #[arg(long)]
    status: Option<String>,
    /// Only those that ended so, such as `target_busy`
    #[arg(long, value_name = "REASON")]
    end_reason: Option<String>,
    /// Only from this moment on (RFC 3339)
    #[arg(long, value_name = "TIME")]
    since: Option<String>,
    /// Only before this moment (RFC 3339)
    #[arg(long, value_name = "TIME")]
    until: Option<String>,
    /// Only those that are up
    #[arg(long)]
    active: bool,
    /// How many, up to 200
    #[arg(long, value_name = "NUMBER")]
    limit: Option<u32>,
    /// Where the last page said that there are more
    #[arg(long)]
    cursor: Option<String>,
}

/// One call.
#[derive(Debug, Args)]
pub(super) struct One {
    /// The call's id
    id: String,
}

const LIST: [Column; 8] = [
    ("ID", "/id", Cell::Whole),
    ("ACCEPTED (UTC)", "/timestamps/accepted", Cell::Time),
    ("STATUS", "/status", Cell::State),
    ("REASON", "/end_reason", Cell::Text),
    ("AGENT", "/agent/name", Cell::Text),
    ("PHONE", "/phone", Cell::Text),
    ("TARGET", "/target", Cell::Text),
    ("TALK, S", "/durations/talk", Cell::Text),
];

const CARD: [Column; 11] = [
    ("call", "/id", Cell::Whole),
    ("status", "/status", Cell::State),
    ("phase", "/phase", Cell::Text),
    ("reason", "/end_reason", Cell::Text),
    ("agent", "/agent/name", Cell::Text),
    ("phone", "/phone", Cell::Text),
    ("target", "/target", Cell::Text),
    ("caller id", "/caller_id", Cell::Text),
    ("talk, seconds", "/durations/talk", Cell::Text),
    ("recording", "/recording_url", Cell::Whole),
    ("warnings", "/warnings", Cell::Text),
];

/// `dialbridge calls`
pub(super) async fn list(session: &mut Session, list: List) -> Ended {
    if list.follow {
        return Ok(until_interrupted(follow(session, &list)).await);
    }
    let ask = Ask::get("/v1/calls")
        .query("agent", list.agent)
        .query("phone", list.phone)
        .query("target", list.target)
        .query("status", list.status)
        .query("end_reason", list.end_reason)
        .query("since", list.since)
        .query("until", list.until)
        .query("active", list.active.then_some(true))
        .query("limit", list.limit)
        .query("cursor", list.cursor);
    session.list(ask, &LIST).await
}

async fn follow(session: &mut Session, list: &List) -> Outcome {
    let Session { client, look, out } = session;
    let mut is_new = true;
    let hear = async |heard| match heard {
        Heard::Open if std::mem::take(&mut is_new) => note("calls are followed from now on; Ctrl-C ends"),
        Heard::Open => ControlFlow::Continue(()),
        Heard::Lost(why) => lost(&why),
        Heard::Event(event) => {
            let json = event.json();
            match (is_wanted(&json["data"], list), look.is_json) {
                (false, _) => ControlFlow::Continue(()),
                (true, true) => say(out, &event.body),
                (true, false) => say(out, &line(&json, *look)),
            }
        }
    };
    client.follow(&[], hear).await
}

/// Says on standard error that the stream is interrupted.
pub(super) fn lost(why: &str) -> ControlFlow<Outcome> {
    note(&format!("{}; trying again", printable(why)))
}

/// Says something beside the output.
pub(super) fn note(text: &str) -> ControlFlow<Outcome> {
    say(&mut std::io::stderr(), &format!("dialbridge: {text}"))
}

fn is_wanted(call: &Value, list: &List) -> bool {
    let fits = |wanted: &Option<String>, value: &Value| {
        wanted.as_deref().is_none_or(|wanted| value.as_str().is_some_and(|value| same_number(wanted, value)))
    };
    fits(&list.agent, &call["agent"]["extension"])
        && fits(&list.phone, &call["phone"])
        && fits(&list.target, &call["target"])
}

/// Numbers with and without their plus are the same.
fn same_number(one: &str, other: &str) -> bool {
    one.trim_start_matches('+') == other.trim_start_matches('+')
}

/// `12:00:01.250  0190…  call.ended  101 -> +12125550101  completed, normal`
pub(super) fn line(event: &Value, look: Look) -> String {
    let call = &event["data"];
    let at = time_of_day(&event["occurred_at"]);
    let (kind, from, to) = (plain(&event["type"]), plain(&call["phone"]), plain(&call["target"]));
    let status = look.state(&plain(&call["status"]));
    let reason = call["end_reason"].as_str().map(|reason| format!(", {}", printable(reason))).unwrap_or_default();
    format!("{at}  {}  {kind:<15}  {from} -> {to}  {status}{reason}", plain(&call["id"]))
}

/// `dialbridge call-info`: for programs two lines of JSON, the call and its timeline.
pub(super) async fn info(session: &mut Session, One { id }: One) -> Ended {
    let place = format!("/v1/calls/{}", segment(&id));
    let call = session.client.ask(Ask::get(&place)).await?;
    let events = session.client.ask(Ask::get(format!("{place}/events"))).await?;
    if let (Some(call), Some(events)) = (session.programs(&call), session.programs(&events)) {
        return Ok(Outcome::done(call + &events));
    }
    let (call, events) = (call.json::<Value>()?, events.json::<Value>()?);
    let steps = events["data"].as_array().into_iter().flatten();
    let steps: Vec<String> =
        steps.map(|step| format!("{}  {}\n", time_of_day(&step["at"]), plain(&step["text"]))).collect();
    let ending = events["ending"].as_str().map(|ending| format!("\n{}\n", printable(ending)));
    Ok(Outcome::done(
        [session.look.card(&CARD, &call), "\n".to_owned(), steps.concat(), ending.unwrap_or_default()].concat(),
    ))
}

/// `dialbridge hangup`
pub(super) async fn hangup(session: &mut Session, One { id }: One) -> Ended {
    let ask = Ask::new(Method::DELETE, format!("/v1/calls/{}", segment(&id)));
    session.show(ask, |_: Value, _| format!("Hanging up {}.\n", printable(&id))).await
}
