//! `dialbridge directory`: what the running daemon knows, and what a file would make of it.
//!
//! The daemon's own store is never opened: its API decides, and says what changes. Files of secrets
//! that a directory file names are read here, by whoever runs the command: the daemon opens none.

use std::fs;
use std::path::{Path, PathBuf};

use clap::Subcommand;
use hyper::Method;
use hyper::header::{ACCEPT, HeaderValue};
use serde::{Deserialize, Serialize};

use super::client::Ask;
use super::session::{Ended, OneOf, Session};
use super::{Exit, Outcome};
use crate::directory::file::DirectoryFile;
use crate::directory::{self, Tenant};

const DO_NOT_CALL: &str = "/v1/do-not-call";
const CSV: &str = "text/csv";

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Make the tenants named in a file what the file says; other tenants stay
    Apply {
        /// TOML
        file: PathBuf,
        /// Only say what would change
        #[arg(long)]
        dry_run: bool,
    },
    /// Print everything as a file; secrets are named without their values
    Export,
    /// Print a commented file to start from
    Sample,
    /// Say what is wrong with a file, or what it would change
    Check {
        /// TOML
        file: PathBuf,
    },
    /// Bring the do-not-call list in or out, as CSV
    DoNotCall {
        #[command(subcommand)]
        command: DoNotCall,
    },
}

#[derive(Debug, Subcommand)]
pub(super) enum DoNotCall {
    /// Add the numbers of a file; all of them, or none when one is wrong
    Import {
        /// CSV: one number a line, or a column named `number`
        file: PathBuf,
        /// Let the list be these numbers and no others
        #[arg(long)]
        replace: bool,
    },
    /// Print the list
    Export,
}

/// What became of the do-not-call list.
#[derive(Debug, Deserialize)]
struct Listed {
    added: usize,
    removed: usize,
    total: usize,
}

/// What the daemon answers to a file. Its warnings are about the text that was sent, not about the file.
#[derive(Debug, Deserialize)]
struct Applied {
    changes: Vec<String>,
    applied: bool,
}

/// The directory file with every secret in its place.
#[derive(Serialize)]
struct Settled {
    tenant: Vec<Tenant>,
}

/// `dialbridge directory`
pub(super) async fn run(session: &mut Session, OneOf { command }: OneOf<Command>) -> Ended {
    match command {
        Command::Export => Ok(Outcome::done(session.client.ask(Ask::get("/v1/directory")).await?.text())),
        Command::Sample => Ok(Outcome::done(directory::file::SAMPLE)),
        Command::Apply { file, dry_run } => {
            let ask = Ask::new(Method::PUT, "/v1/directory").query("dry_run", Some(dry_run));
            send(session, &file, ask).await
        }
        Command::Check { file } => send(session, &file, Ask::post("/v1/directory/check")).await,
        Command::DoNotCall { command } => do_not_call(session, command).await,
    }
}

async fn do_not_call(session: &Session, command: DoNotCall) -> Ended {
    let (file, method) = match command {
        DoNotCall::Export => {
            let ask = Ask::get(DO_NOT_CALL).header(ACCEPT, HeaderValue::from_static(CSV));
            return Ok(Outcome::done(session.client.ask(ask).await?.text()));
        }
        DoNotCall::Import { file, replace: true } => (file, Method::PUT),
        DoNotCall::Import { file, replace: false } => (file, Method::POST),
    };
    let text = fs::read(&file).map_err(|why| Outcome::failed(Exit::Failed, format!("{}: {why}", file.display())))?;
    let say = |Listed { added, removed, total }, _| format!("{added} added, {removed} removed, {total} on the list.\n");
    session.show(Ask::new(method, DO_NOT_CALL).text(CSV, text), say).await
}

async fn send(session: &Session, file: &Path, ask: Ask) -> Ended {
    let (text, warnings) =
        settled(file).map_err(|error| Outcome::failed(Exit::Failed, format!("{}: {error:#}", file.display())))?;
    session.show(ask.text("application/toml", text), |applied, _| told(applied, &warnings)).await
}

fn settled(file: &Path) -> anyhow::Result<(String, Vec<String>)> {
    let DirectoryFile { tenants, warnings } = directory::file::parse(&fs::read_to_string(file)?)?;
    Ok((toml::to_string(&Settled { tenant: tenants })?, warnings))
}

fn told(answer: Applied, warnings: &[String]) -> String {
    let count = match answer.changes.len() {
        1 => "1 change".to_owned(),
        many => format!("{many} changes"),
    };
    let sum = match (answer.changes.is_empty(), answer.applied) {
        (true, _) => "Nothing changes.".to_owned(),
        (false, true) => format!("Applied: {count}."),
        (false, false) => format!("Would be applied: {count}."),
    };
    let warnings = warnings.iter().map(|warning| format!("warning: {warning}"));
    let lines: Vec<String> = warnings.chain(answer.changes).chain([sum, String::new()]).collect();
    lines.join("\n")
}
