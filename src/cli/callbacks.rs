//! `dialbridge callbacks`, `resend` and `trigger`: what was owed to whom, and whether it arrived.
//!
//! Both that send something stay until the first attempt is over, because that is what the person at the
//! keyboard wants to know; later attempts are the daemon's business.

use std::time::Duration;

use clap::{Args, Subcommand};
use serde_json::{Value, json};
use tokio::time::{sleep, timeout};

use super::client::{Ask, segment};
use super::look::{Cell, Column, Look, plain, printable};
use super::session::{Ended, Session};
use super::{Exit, Outcome};

/// Between two looks at a callback that is on its way.
const LOOK: Duration = Duration::from_millis(200);
/// One attempt takes 15 s at most by default; more than that is not waited for.
const PATIENCE: Duration = Duration::from_secs(20);

#[derive(Debug, Args)]
pub(super) struct Callbacks {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    list: List,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Everything about one callback: its body, and each attempt
    Show(One),
}

#[derive(Debug, Args)]
struct List {
    /// Only those that are `pending`, `delivered` or `dead`
    #[arg(long)]
    state: Option<String>,
    /// Only those of this call
    #[arg(long, value_name = "ID")]
    call: Option<String>,
    /// Only of this kind, such as `call.ended` or `userdata`
    #[arg(long)]
    kind: Option<String>,
    /// How many, up to 200
    #[arg(long, value_name = "NUMBER")]
    limit: Option<u32>,
    /// Where the last page said that there are more
    #[arg(long)]
    cursor: Option<String>,
}

/// One callback.
#[derive(Debug, Args)]
pub(super) struct One {
    /// The callback's id
    id: String,
}

#[derive(Debug, Args)]
pub(super) struct Trigger {
    /// The event, such as `call.ended`
    event: String,
    /// Where it goes, by the same rules as any callback
    #[arg(long, value_name = "URL")]
    to: String,
}

const LIST: [Column; 7] = [
    ("ID", "/id", Cell::Whole),
    ("CREATED (UTC)", "/created_at", Cell::Time),
    ("KIND", "/kind", Cell::Text),
    ("STATE", "/state", Cell::State),
    ("ATTEMPTS", "/attempts", Cell::Text),
    ("LAST", "/last_status", Cell::Text),
    ("URL", "/url", Cell::Text),
];

const CARD: [Column; 10] = [
    ("callback", "/id", Cell::Whole),
    ("call", "/call", Cell::Whole),
    ("kind", "/kind", Cell::Text),
    ("state", "/state", Cell::State),
    ("url", "/url", Cell::Whole),
    ("created", "/created_at", Cell::Time),
    ("due", "/due_at", Cell::Time),
    ("last error", "/last_error", Cell::Text),
    ("content type", "/content_type", Cell::Text),
    ("body", "/body", Cell::Whole),
];

const ATTEMPTS: [Column; 4] = [
    ("AT (UTC)", "/at", Cell::Time),
    ("STATUS", "/status", Cell::Text),
    ("TOOK, MS", "/duration_ms", Cell::Text),
    ("NOTE", "/note", Cell::Text),
];

/// `dialbridge callbacks`
pub(super) async fn run(session: &mut Session, Callbacks { command, list }: Callbacks) -> Ended {
    if let Some(Command::Show(One { id })) = command {
        return session.show(Ask::get(place(&id)), |callback: Value, look| whole(&callback, look)).await;
    }
    let ask = Ask::get("/v1/callbacks")
        .query("state", list.state)
        .query("call", list.call)
        .query("kind", list.kind)
        .query("limit", list.limit)
        .query("cursor", list.cursor);
    session.list(ask, &LIST).await
}

fn place(id: &str) -> String {
    format!("/v1/callbacks/{}", segment(id))
}

fn whole(callback: &Value, look: Look) -> String {
    let attempts = callback["log"].as_array().map_or(&[][..], Vec::as_slice);
    format!("{}\n{}", look.card(&CARD, callback), look.table(&ATTEMPTS, attempts))
}

/// `dialbridge resend`
pub(super) async fn resend(session: &mut Session, One { id }: One) -> Ended {
    let before = session.client.ask(Ask::get(place(&id))).await?.json::<Value>()?;
    session.client.ask(Ask::post(format!("{}/replay", place(&id)))).await?;
    first_attempt(session, &id, attempts(&before)).await
}

/// `dialbridge trigger`
pub(super) async fn trigger(session: &mut Session, Trigger { event, to }: Trigger) -> Ended {
    let ask = Ask::post("/v1/callbacks/test").json(&json!({ "url": to, "type": event }));
    let placed = session.client.ask(ask).await?.json::<Value>()?;
    first_attempt(session, placed["id"].as_str().unwrap_or_default(), 0).await
}

/// How many attempts are in the log.
fn attempts(callback: &Value) -> usize {
    callback["log"].as_array().map_or(0, Vec::len)
}

/// Waits for the attempt behind so many, and says how it went.
async fn first_attempt(session: &Session, id: &str, before: usize) -> Ended {
    let waiting = async {
        loop {
            let answer = session.client.ask(Ask::get(place(id))).await?;
            let callback = answer.json::<Value>()?;
            if attempts(&callback) > before {
                return Ok((session.programs(&answer), callback));
            }
            sleep(LOOK).await;
        }
    };
    let Ok(attempted) = timeout(PATIENCE, waiting).await else {
        return Err(Outcome::failed(
            Exit::Failed,
            format!("{} has not been sent yet; see dialbridge callbacks show", printable(id)),
        ));
    };
    let (json, callback) = attempted?;
    let output = json.unwrap_or_else(|| told(&callback));
    let is_delivered = callback["state"] == "delivered";
    Ok(Outcome { output, complaint: String::new(), exit: if is_delivered { Exit::Done } else { Exit::Failed } })
}

/// `msg_1: delivered, 200 in 12 ms`
fn told(callback: &Value) -> String {
    let last = &callback["log"][attempts(callback).saturating_sub(1)];
    let status = last["status"].as_u64().map_or_else(|| plain(&last["note"]), |status| status.to_string());
    format!(
        "{}: {}, {status} in {} ms\n",
        plain(&callback["id"]),
        plain(&callback["state"]),
        plain(&last["duration_ms"])
    )
}
