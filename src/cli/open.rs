//! `dialbridge open`: what a desktop runs when somebody clicks on a number, and how it comes to do so.
//!
//! Whoever clicked sees no terminal: what is said here is shown on the desktop as well. The call is the
//! token's own agent's, and the caller id of a link counts for that call alone.

mod entry;
pub(super) mod notify;
mod uri;

use clap::Args;
use serde_json::{Value, json};

use super::client::Ask;
use super::look::{Cell, Column, printable};
use super::session::{Ended, Remote, Screen, Session};
use super::{Exit, Outcome};
use crate::config::client::Usual;
use crate::dial::number::spaced;

/// A link, or the place of this program on the desktop.
#[derive(Debug, Args)]
pub(super) struct Open {
    #[command(flatten)]
    link: Remote<Link>,
    /// Make this program the one that opens such links on your desktop
    #[arg(long, conflicts_with = "uninstall")]
    install: bool,
    /// Take that back
    #[arg(long)]
    uninstall: bool,
}

#[derive(Debug, Args)]
struct Link {
    /// The link, as `votel://+NUMBER/+CALLER-ID` or `tel:+NUMBER`
    #[arg(required_unless_present_any = ["install", "uninstall"], conflicts_with_all = ["install", "uninstall"])]
    uri: Option<String>,
}

/// All numbers that the token's agent may show.
#[derive(Debug, Args)]
pub(super) struct CallerIds {}

const CALLER_IDS: [Column; 3] =
    [("NUMBER", "/number", Cell::Whole), ("NAME", "/name", Cell::Text), ("DEFAULT", "/default", Cell::Text)];

/// `dialbridge open`
pub(super) async fn run(open: Open, screen: Screen) -> Ended {
    let link = match open {
        Open { install: true, .. } => return entry::install(),
        Open { uninstall: true, .. } => return entry::uninstall(),
        Open { link, .. } => link,
    };
    let (notify, mut said) = (screen.notify, Said::default());
    let ended = link
        .run_by(Usual::File, screen, async |session, link| {
            let (ended, words) = call(session, link).await?;
            said = words;
            Ok(ended)
        })
        .await;
    match &ended {
        Ok(_) => notify(&said.calling, &said.shown),
        Err(outcome) => notify("The call was not placed", &outcome.complaint),
    }
    ended
}

/// `dialbridge caller-ids`
pub(super) async fn caller_ids(session: &mut Session, CallerIds {}: CallerIds) -> Ended {
    session.list(Ask::get("/v1/caller-ids"), &CALLER_IDS).await
}

/// What is said of a call.
#[derive(Default)]
struct Said {
    /// `Calling …`
    calling: String,
    /// `as …`, or nothing.
    shown: String,
}

async fn call(session: &mut Session, Link { uri }: Link) -> Result<(Outcome, Said), Outcome> {
    let link = uri::parse(&uri.unwrap_or_default()).map_err(|why| Outcome::failed(Exit::Usage, why.to_string()))?;
    let me: Value = session.client.ask(Ask::get("/v1/me")).await?.json()?;
    let agent = me["agent"]["extension"].as_str();
    let agent = agent.ok_or_else(|| Outcome::failed(Exit::Configuration, "the token is not an agent's own"))?;
    let mut order = json!({ "agent": agent, "target": link.number });
    if let Some(caller_id) = link.caller_id {
        order["caller_id"] = json!(caller_id);
    }
    let answer = session.client.ask(Ask::post("/v1/calls").json(&order)).await?;
    let placed: Value = answer.json()?;
    let calling = format!("Calling {}", printable(&spaced(placed["target"].as_str().unwrap_or_default())));
    let said = Said { calling, shown: shown(session, &placed).await };
    let words = || format!("{} {}", said.calling, said.shown).trim_end().to_owned() + "\n";
    Ok((Outcome::done(session.programs(&answer).unwrap_or_else(words)), said))
}

/// As whom the target sees the call, where that is a number of the company.
async fn shown(session: &Session, call: &Value) -> String {
    let leaves = call["target"].as_str().is_some_and(|target| target.starts_with('+'));
    let number = call["caller_id"].as_str().filter(|number| leaves && !number.is_empty());
    let Some(number) = number.map(|digits| format!("+{}", digits.trim_start_matches('+'))) else {
        return String::new();
    };
    // The call is placed: that its caller id's name is not known changes nothing.
    let known: Value = match session.client.ask(Ask::get("/v1/caller-ids")).await {
        Ok(answer) => answer.json().unwrap_or_default(),
        Err(_) => Value::Null,
    };
    let entry = known["data"].as_array().into_iter().flatten().find(|entry| entry["number"] == number.as_str());
    match entry.and_then(|entry| entry["name"].as_str()).filter(|name| !name.is_empty()) {
        Some(name) => format!("as {} ({})", printable(&spaced(&number)), printable(name)),
        None => format!("as {}", printable(&spaced(&number))),
    }
}
