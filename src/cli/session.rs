//! What a command works with: a client of the daemon, where its words go, and how they look.

use std::io::{self, Write};
use std::ops::ControlFlow;

use clap::{Args, Subcommand};
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::client::{Answer, Ask, Client};
use super::look::{Column, Look};
use super::open::notify::notify;
use super::{Exit, Outcome};
use crate::config::client::{Named, Usual, Way};

/// How a command ended; an error is an end that came early.
pub(super) type Ended = Result<Outcome, Outcome>;

/// A command to a daemon, and which.
#[derive(Debug, Args)]
pub(super) struct Remote<A: Args> {
    #[command(flatten)]
    command: A,
    /// Print the API's JSON, for programs
    #[arg(long, global = true)]
    json: bool,
    #[command(flatten)]
    daemon: Daemon,
}

/// One of several commands.
#[derive(Debug, Args)]
pub(super) struct OneOf<S: Subcommand> {
    #[command(subcommand)]
    pub(super) command: S,
}

/// Which daemon, and whose things there.
#[derive(Debug, Args)]
#[command(next_help_heading = "Which daemon")]
struct Daemon {
    /// Its admin socket; without it `$DIALBRIDGE_SOCKET`, then `/run/dialbridge/dialbridge.sock`
    #[arg(long, value_name = "PATH", global = true, conflicts_with_all = ["client", "url"])]
    socket: Option<std::path::PathBuf>,
    /// A file of mode 0600 with `url` and `token`
    #[arg(long, value_name = "FILE", global = true, conflicts_with = "url")]
    client: Option<std::path::PathBuf>,
    /// Its address, with the token of `$DIALBRIDGE_TOKEN`; without it `$DIALBRIDGE_URL`
    #[arg(long, value_name = "URL", global = true)]
    url: Option<String>,
    /// The tenant, where the admin socket serves several
    #[arg(long, value_name = "ID", global = true, env = "DIALBRIDGE_TENANT")]
    tenant: Option<String>,
}

impl<A: Args> Remote<A> {
    /// Runs the command in a session with the daemon, shown on this screen.
    pub(super) async fn run(self, screen: Screen, command: impl AsyncFnOnce(&mut Session, A) -> Ended) -> Ended {
        self.run_by(Usual::Socket, screen, command).await
    }

    /// The same, for commands whose users have a token of their own.
    pub(super) async fn run_by(
        self,
        usual: Usual,
        screen: Screen,
        command: impl AsyncFnOnce(&mut Session, A) -> Ended,
    ) -> Ended {
        let Daemon { socket, client, url, tenant } = self.daemon;
        let way = Way::find(Named { socket, client, url }, usual)
            .map_err(|why| Outcome::failed(Exit::Configuration, why.to_string()))?;
        let Screen { look, out, .. } = screen;
        let look = Look { is_json: self.json, ..look };
        let mut session = Session { client: Client::new(way, tenant), look, out };
        command(&mut session, self.command).await
    }
}

/// Where words go.
pub(super) struct Screen {
    pub(super) look: Look,
    pub(super) out: Box<dyn Write + Send>,
    /// Shows a summary with its body to whoever sees no output.
    pub(super) notify: fn(&str, &str),
}

impl Screen {
    pub(super) fn of_stdout() -> Self {
        Self { look: Look::of_stdout(), out: Box::new(io::stdout()), notify }
    }
}

/// A client, where words go while a command runs, and how they look.
pub(super) struct Session {
    pub(super) client: Client,
    pub(super) look: Look,
    pub(super) out: Box<dyn Write + Send>,
}

impl Session {
    /// Asks, and shows the answer: as it is to programs, in words to people.
    pub(super) async fn show<T: DeserializeOwned>(&self, ask: Ask, people: impl FnOnce(T, Look) -> String) -> Ended {
        let answer = self.client.ask(ask).await?;
        match self.programs(&answer) {
            Some(json) => Ok(Outcome::done(json)),
            None => Ok(Outcome::done(people(answer.json()?, self.look))),
        }
    }

    /// Asks for a list, and shows it.
    pub(super) async fn list(&self, ask: Ask, columns: &[Column]) -> Ended {
        self.show(ask, |list: Value, look| page(&list, columns, look)).await
    }

    /// The answer for programs, where they ask.
    pub(super) fn programs(&self, answer: &Answer) -> Option<String> {
        self.look.is_json.then(|| format!("{}\n", answer.text().trim_end()))
    }
}

/// A line at once. A reader that has gone away (`| head`) has enough.
pub(super) fn say(out: &mut dyn Write, line: &str) -> ControlFlow<Outcome> {
    match writeln!(out, "{line}").and_then(|()| out.flush()) {
        Ok(()) => ControlFlow::Continue(()),
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => ControlFlow::Break(Outcome::done("")),
        Err(error) => ControlFlow::Break(Outcome::failed(Exit::Failed, error.to_string())),
    }
}

/// Until Ctrl-C, which ends what goes on by itself as well as anything.
pub(super) async fn until_interrupted(going_on: impl Future<Output = Outcome>) -> Outcome {
    tokio::select! {
        outcome = going_on => outcome,
        _ = tokio::signal::ctrl_c() => Outcome::done(""),
    }
}

fn page(list: &Value, columns: &[Column], look: Look) -> String {
    let table = look.table(columns, list["data"].as_array().map_or(&[], Vec::as_slice));
    match list["next_cursor"].as_str() {
        Some(cursor) => format!("{table}There are more: --cursor {cursor}\n"),
        None => table,
    }
}
