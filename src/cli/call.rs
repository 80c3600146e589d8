//! `dialbridge call`: places a call, says what would happen, or stays until it is over.

use std::ops::ControlFlow;

use clap::Args;
use hyper::StatusCode;
use hyper::header::{HeaderName, HeaderValue};
use serde_json::{Map, Value, json};

use super::calls::{line, lost};
use super::client::{Ask, segment};
use super::look::{Cell, Column, Look, plain};
use super::session::{Ended, Session, say};
use super::stream::Heard;
use super::{Exit, Outcome};

const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

#[derive(Debug, Args)]
pub(super) struct Call {
    /// Whose phone rings first: an agent's extension or e-mail, `login:CODE`, or a number with its plus
    agent: String,
    /// Whom they are joined with: a number, or an extension
    target: String,
    /// The company's number that the target sees
    #[arg(long, value_name = "NUMBER")]
    caller_id: Option<String>,
    /// Record the conversation
    #[arg(long)]
    record: bool,
    /// End it after so many seconds of talk
    #[arg(long, value_name = "SECONDS")]
    max_duration: Option<u32>,
    /// The queue whose outcome codes the agent gives afterwards
    #[arg(long, value_name = "ID")]
    queue: Option<String>,
    /// A channel variable; may be repeated
    #[arg(long = "var", value_name = "NAME=VALUE", value_parser = pair)]
    vars: Vec<(String, String)>,
    /// Tell this address how it ended
    #[arg(long, value_name = "URL")]
    callback: Option<String>,
    /// What to tell it, instead of `call.ended` alone; may be repeated
    #[arg(long = "event", value_name = "TYPE", requires = "callback")]
    events: Vec<String>,
    /// Any other field of the API's request; the value is JSON, else text; may be repeated
    #[arg(long = "set", value_name = "FIELD=VALUE", value_parser = pair)]
    fields: Vec<(String, String)>,
    /// The same key within a day gives the same call
    #[arg(long, value_name = "KEY")]
    idempotency_key: Option<String>,
    /// Only say what would happen; nothing rings
    #[arg(long, conflicts_with = "wait")]
    dry_run: bool,
    /// Stay until it is over; exit code 0 when both talked, 1 when not
    #[arg(long)]
    wait: bool,
}

const FORECAST: [Column; 8] = [
    ("would be", "/would", Cell::State),
    ("because", "/problem/detail", Cell::Text),
    ("phone", "/phone/party", Cell::Text),
    ("its state", "/phone/device_state", Cell::State),
    ("target", "/target/party", Cell::Text),
    ("caller id", "/caller_id", Cell::Text),
    ("route", "/route", Cell::Text),
    ("warnings", "/warnings", Cell::Text),
];

const LEGS: [Column; 5] = [
    ("LEG", "/leg", Cell::Text),
    ("DIALS", "/dial_string", Cell::Whole),
    ("FOR AT MOST", "/max_dial_time", Cell::Text),
    ("SHOWS", "/shows/number", Cell::Text),
    ("NAME", "/shows/name", Cell::Text),
];

/// `dialbridge call`
pub(super) async fn run(session: &mut Session, call: Call) -> Ended {
    let mut ask = Ask::post("/v1/calls").json(&call.body());
    if let Some(key) = &call.idempotency_key {
        let key = HeaderValue::try_from(key)
            .map_err(|_| Outcome::failed(Exit::Usage, "--idempotency-key: has characters that no header has"))?;
        ask = ask.header(IDEMPOTENCY_KEY, key);
    }
    let answer = session.client.ask(ask).await?;
    if call.dry_run {
        let json = session.programs(&answer);
        let forecast = answer.json::<Value>()?;
        return Ok(foretold(&forecast, json.unwrap_or_else(|| forecast_text(&forecast, session.look))));
    }
    let placed = answer.json::<Value>()?;
    let id = plain(&placed["id"]);
    if call.wait {
        return Ok(wait(session, &id).await);
    }
    let output = session.programs(&answer).unwrap_or_else(|| format!("{id}\n"));
    Ok(Outcome { output, complaint: notes(answer.status, &placed), exit: Exit::Done })
}

/// What there is to say beside the id: a script catches that alone.
fn notes(status: StatusCode, placed: &Value) -> String {
    let before = (status == StatusCode::OK).then(|| "this call was placed before".to_owned());
    let warnings = placed["warnings"].as_array().into_iter().flatten();
    let warnings = warnings.map(|warning| format!("warning: {}", plain(warning)));
    before.into_iter().chain(warnings).collect::<Vec<_>>().join("\n")
}

impl Call {
    /// The request of `POST /v1/calls`.
    fn body(&self) -> Value {
        let first = if self.agent.starts_with('+') { "phone" } else { "agent" };
        let mut body =
            Map::from_iter([(first.to_owned(), json!(self.agent)), ("target".to_owned(), json!(self.target))]);
        let mut set = |name: &str, value: Option<Value>| body.extend(value.map(|value| (name.to_owned(), value)));
        set("caller_id", self.caller_id.as_ref().map(|number| json!(number)));
        set("record", self.record.then_some(json!(true)));
        set("max_duration", self.max_duration.map(|seconds| json!(seconds)));
        set("queue_id", self.queue.as_ref().map(|id| json!(id)));
        set("dry_run", self.dry_run.then_some(json!(true)));
        let vars: Map<_, _> = self.vars.iter().map(|(name, value)| (name.clone(), json!(value))).collect();
        set("vars", (!vars.is_empty()).then_some(Value::Object(vars)));
        set("callback", self.callback.as_ref().map(|url| self.callback(url)));
        for (field, value) in &self.fields {
            set(field, Some(serde_json::from_str(value).unwrap_or_else(|_| json!(value))));
        }
        Value::Object(body)
    }

    fn callback(&self, url: &str) -> Value {
        if self.events.is_empty() { json!({ "url": url }) } else { json!({ "url": url, "events": self.events }) }
    }
}

fn pair(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("must be NAME=VALUE")?;
    Ok((name.to_owned(), value.to_owned()))
}

fn foretold(forecast: &Value, output: String) -> Outcome {
    let is_refused = forecast["would"] == "refused";
    let exit = if is_refused { Exit::Refused } else { Exit::Done };
    Outcome { output, complaint: String::new(), exit }
}

fn forecast_text(forecast: &Value, look: Look) -> String {
    let legs = forecast["legs"].as_array().filter(|legs| !legs.is_empty());
    let legs = legs.map(|legs| format!("\n{}", look.table(&LEGS, legs)));
    look.card(&FORECAST, forecast) + &legs.unwrap_or_default()
}

/// Shows what happens to a call until it is over. What happened before the stream was open is in the call itself.
async fn wait(session: &mut Session, id: &str) -> Outcome {
    let Session { client, look, out } = session;
    let place = format!("/v1/calls/{}", segment(id));
    let hear = async |heard| match heard {
        Heard::Open => match client.ask(Ask::get(&place)).await {
            Ok(answer) => over(&answer.json().unwrap_or_default()),
            Err(outcome) => ControlFlow::Break(outcome),
        },
        Heard::Lost(why) => lost(&why),
        Heard::Event(event) => {
            let json = event.json();
            if json["data"]["id"] != id {
                return ControlFlow::Continue(());
            }
            say(out, &if look.is_json { event.body } else { line(&json, *look) })?;
            over(&json["data"])
        }
    };
    let following = client.follow(&[], hear);
    let ended = tokio::select! {
        ended = following => ended,
        _ = tokio::signal::ctrl_c() => {
            return Outcome::failed(Exit::Failed, format!("the call goes on; dialbridge hangup {id} ends it"));
        }
    };
    match last_word(session, &place).await {
        Ok(output) if ended.complaint.is_empty() => Outcome { output, ..ended },
        _ => ended,
    }
}

/// The call itself to programs, the plain sentence on its end to people.
async fn last_word(session: &Session, place: &str) -> Result<String, Outcome> {
    if session.look.is_json {
        return Ok(format!("{}\n", session.client.ask(Ask::get(place)).await?.text()));
    }
    let events = session.client.ask(Ask::get(format!("{place}/events"))).await?.json::<Value>()?;
    Ok(format!("{}\n", plain(&events["ending"])))
}

/// Ends the waiting once the lines are free.
fn over(call: &Value) -> ControlFlow<Outcome> {
    if call["timestamps"]["cleared"].is_null() {
        return ControlFlow::Continue(());
    }
    let both_talked = !call["timestamps"]["connected"].is_null();
    let exit = if both_talked { Exit::Done } else { Exit::Failed };
    ControlFlow::Break(Outcome { output: String::new(), complaint: String::new(), exit })
}
