//! `dialbridge token` and `agent`: who may ask, and where an agent's calls ring.
//!
//! A new token is printed once, alone on standard output, so that a script can catch it. Passwords come
//! from the terminal without an echo, or from standard input; never from the command line, which others
//! on the machine can read.

use std::io::{self, Read as _};

use clap::{Args, Subcommand};
use hyper::Method;
use serde_json::{Map, Value, json};

use super::client::{Ask, segment};
use super::look::{Cell, Column, plain, printable};
use super::session::{Ended, OneOf, Session};
use super::{Exit, Outcome};

#[derive(Debug, Subcommand)]
pub(super) enum Token {
    /// Make a token; it is printed once
    Create(Create),
    /// Let a token count no more
    Revoke {
        /// Its name
        name: String,
    },
    /// Show all tokens; their values are not kept
    List,
}

#[derive(Debug, Args)]
pub(super) struct Create {
    /// Its name, for lists and logs
    name: String,
    /// What it may do: `dial`, `terminate`, `read`, `dnc_override`, `admin`; may be repeated
    #[arg(long = "scope", value_name = "SCOPE", required = true)]
    scopes: Vec<String>,
    /// Only for this agent's calls
    #[arg(long, value_name = "EXTENSION")]
    agent: Option<String>,
    /// Only from this network, such as `192.0.2.0/24`; may be repeated
    #[arg(long = "network", value_name = "NETWORK")]
    networks: Vec<String>,
}

#[derive(Debug, Subcommand)]
pub(super) enum Agent {
    /// Set an agent's password
    Passwd {
        /// The agent
        extension: String,
        /// Read it from standard input instead of the terminal
        #[arg(long)]
        password_stdin: bool,
    },
    /// Let an agent's calls ring at another desk
    Login {
        /// The agent
        extension: String,
        /// The desk: the extension of its phone
        #[arg(long, value_name = "EXTENSION")]
        at: String,
    },
    /// Let an agent's calls ring at no other desk any more
    Logout {
        /// The agent
        extension: String,
    },
}

const TOKENS: [Column; 4] = [
    ("NAME", "/name", Cell::Whole),
    ("SCOPES", "/scopes", Cell::Text),
    ("AGENT", "/agent", Cell::Text),
    ("NETWORKS", "/networks", Cell::Text),
];

/// `dialbridge token`
pub(super) async fn token(session: &mut Session, OneOf { command }: OneOf<Token>) -> Ended {
    match command {
        Token::Create(create) => {
            let ask = Ask::post("/v1/tokens").json(&create.body());
            session.show(ask, |made: Value, _| format!("{}\n", plain(&made["token"]))).await
        }
        Token::Revoke { name } => {
            let ask = Ask::new(Method::DELETE, format!("/v1/tokens/{}", segment(&name)));
            done(session, ask, &format!("{} counts no more.", printable(&name))).await
        }
        Token::List => session.list(Ask::get("/v1/tokens"), &TOKENS).await,
    }
}

/// `dialbridge agent`
pub(super) async fn agent(session: &mut Session, OneOf { command }: OneOf<Agent>) -> Ended {
    match command {
        Agent::Passwd { extension, password_stdin } => {
            let password = if password_stdin { piped() } else { typed(&extension) };
            let password = password.map_err(|why| Outcome::failed(Exit::Failed, format!("no password: {why}")))?;
            let ask = Ask::new(Method::PUT, format!("/v1/agents/{}/password", segment(&extension)));
            let said = format!("{} has a new password.", printable(&extension));
            done(session, ask.json(&json!({ "password": password })), &said).await
        }
        Agent::Login { extension, at } => {
            let said = format!("{} is logged in at {}.", printable(&extension), printable(&at));
            done(session, Ask::post(desk(&extension)).json(&json!({ "at": at })), &said).await
        }
        Agent::Logout { extension } => {
            let said = format!("{} is logged out.", printable(&extension));
            done(session, Ask::new(Method::DELETE, desk(&extension)), &said).await
        }
    }
}

impl Create {
    /// The request of `POST /v1/tokens`.
    fn body(self) -> Value {
        let mut body =
            Map::from_iter([("name".to_owned(), json!(self.name)), ("scopes".to_owned(), json!(self.scopes))]);
        body.extend(self.agent.map(|agent| ("agent".to_owned(), json!(agent))));
        body.extend((!self.networks.is_empty()).then(|| ("networks".to_owned(), json!(self.networks))));
        Value::Object(body)
    }
}

fn desk(extension: &str) -> String {
    format!("/v1/agents/{}/desk", segment(extension))
}

/// Asks for what has no answer worth showing to people; programs get what there is.
async fn done(session: &Session, ask: Ask, said: &str) -> Ended {
    let answer = session.client.ask(ask).await?;
    let json = session.programs(&answer).filter(|_| !answer.body.is_empty());
    let people = if session.look.is_json { String::new() } else { format!("{said}\n") };
    Ok(Outcome::done(json.unwrap_or(people)))
}

/// The first line of standard input.
fn piped() -> io::Result<String> {
    let mut text = String::new();
    io::stdin().lock().read_to_string(&mut text)?;
    Ok(text.lines().next().unwrap_or_default().to_owned())
}

fn typed(extension: &str) -> io::Result<String> {
    let password = rpassword::prompt_password(format!("New password of {}: ", printable(extension)))?;
    if rpassword::prompt_password("Again: ")? == password {
        Ok(password)
    } else {
        Err(io::Error::other("the two are not the same"))
    }
}
