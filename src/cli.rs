//! The command line: serve, check a set-up, and talk to the running daemon.
//!
//! Commands answer with an [`Outcome`], written in one place; exit codes are a promise to scripts and
//! never change. The parts that reach into the adapters come in as a [`Program`], so that only the
//! composition root knows them.

mod access;
mod call;
mod callbacks;
mod calls;
mod check;
mod client;
mod devices;
mod directory;
mod listen;
mod look;
mod open;
mod reference;
mod session;
mod stream;
#[cfg(test)]
mod tests;
mod wire;

use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, CommandFactory as _, Parser, Subcommand};
use futures_util::future::BoxFuture;

use self::session::{Ended, OneOf, Remote, Screen};
use crate::callback::sign::Key;
use crate::config::client::Usual;
use crate::config::{AmiConfig, AriConfig, Config, REFERENCE, Source};
use crate::report::Callback;
use crate::telemetry::Telemetry;

/// How a command ended, for scripts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// Done.
    Done = 0,
    /// It did not work.
    Failed = 1,
    /// The command line made no sense.
    Usage = 2,
    /// A rule forbids it.
    Refused = 3,
    /// The daemon, or Asterisk, cannot be reached.
    Unreachable = 4,
    /// The daemon is there and not ready.
    NotReady = 5,
    /// The configuration is wrong (`EX_CONFIG` of sysexits.h).
    Configuration = 78,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// What a command has to say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// For standard output.
    pub output: String,
    /// For standard error; empty: nothing.
    pub complaint: String,
    /// How it ended.
    pub exit: Exit,
}

impl Outcome {
    fn done(output: impl Into<String>) -> Self {
        Self { output: output.into(), complaint: String::new(), exit: Exit::Done }
    }

    fn failed(exit: Exit, complaint: impl Into<String>) -> Self {
        Self { output: String::new(), complaint: complaint.into(), exit }
    }
}

/// What the daemon is started with.
pub struct Start {
    /// The configuration.
    pub config: Config,
    /// Where it came from, to be read again on SIGHUP.
    pub source: Source,
    /// The log, already set up.
    pub telemetry: Telemetry,
}

/// An Asterisk that answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reached {
    /// Its version, as it says it.
    pub version: String,
    /// How requests would travel: `websocket`, `http` or `ami`.
    pub transport: &'static str,
    /// What is unwise over there, a sentence each.
    pub cautions: Vec<String>,
}

/// What a receiver of callbacks answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivered {
    /// Its HTTP status; none: it was not reached.
    pub status: Option<u16>,
    /// The start of its answer, or why there is none.
    pub note: String,
}

/// Delivers a callback, once.
pub type Deliver = Box<dyn Fn(Callback) -> BoxFuture<'static, Delivered> + Send + Sync>;

/// What the composition root lends to the command line.
#[derive(Clone, Copy)]
pub struct Program {
    /// Runs the daemon until it is told to stop.
    pub serve: fn(Start) -> BoxFuture<'static, anyhow::Result<()>>,
    /// Logs in to ARI and asks what it is; an error is a sentence.
    pub probe_ari: fn(AriConfig) -> BoxFuture<'static, Result<Reached, String>>,
    /// The same for AMI.
    pub probe_ami: fn(AmiConfig) -> BoxFuture<'static, Result<Reached, String>>,
    /// What delivers callbacks, signed with this key, wherever they go.
    pub courier: fn(Key) -> Result<Deliver, String>,
}

/// Click-to-call for Asterisk: rings the agent, then the target, joins them, and tells the CRM how it ended.
#[derive(Debug, Parser)]
#[command(name = "dialbridge", version, max_term_width = 100)]
struct CommandLine {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the daemon
    Serve(Settings),
    /// Read the configuration, reach Asterisk, and say what is wrong or unwise
    Check {
        #[command(flatten)]
        settings: Settings,
        /// Refuse what is merely unwise
        #[arg(long)]
        strict: bool,
    },
    /// Print every setting with its default and what it means
    Config,
    /// Place a call: first one phone rings, then the target's
    Call(Remote<call::Call>),
    /// List calls, or watch them live
    Calls(Remote<calls::List>),
    /// Show a call and what happened to it, step by step
    CallInfo(Remote<calls::One>),
    /// End a call, whoever talks
    Hangup(Remote<calls::One>),
    /// Call whom a votel:, tel: or callto: link names, or be what opens them on your desktop
    Open(open::Open),
    /// Show the numbers that you may call as
    CallerIds(Remote<open::CallerIds>),
    /// Show the phones and what they are doing
    Devices(Remote<devices::Devices>),
    /// Show what was told to whom, and whether it arrived
    Callbacks(Remote<callbacks::Callbacks>),
    /// Send a callback once more
    Resend(Remote<callbacks::One>),
    /// Send a signed sample of an event
    Trigger(Remote<callbacks::Trigger>),
    /// Pass live events on to a program on this machine, signed like callbacks
    Listen(Remote<listen::Listen>),
    /// Change or show who may call whom, as whom, through what
    Directory(Remote<OneOf<directory::Command>>),
    /// Make, revoke or list tokens
    Token(Remote<OneOf<access::Token>>),
    /// Set an agent's password, or the desk at which its calls ring
    Agent(Remote<OneOf<access::Agent>>),
    /// Print a script that completes commands in a shell
    Completions(reference::Completions),
    /// Print the manual page, or write all of them
    Man(reference::Man),
}

#[derive(Debug, Args)]
struct Settings {
    /// Configuration file
    #[arg(long, value_name = "FILE", env = "DIALBRIDGE_CONFIG")]
    config: Option<PathBuf>,
}

/// Reads the command line and does what it says.
pub fn main(program: Program) -> ExitCode {
    let command = CommandLine::parse().command;
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return write(&Outcome::failed(Exit::Failed, format!("no runtime: {error}"))),
    };
    match runtime.block_on(run(program, command, Screen::of_stdout())) {
        Ok(outcome) | Err(outcome) => write(&outcome),
    }
}

async fn run(program: Program, command: Command, screen: Screen) -> Ended {
    match command {
        Command::Serve(settings) => Ok(serve(program, Source::new(settings.config)).await),
        Command::Check { settings, strict } => {
            let tolerance = if strict { check::Tolerance::Strict } else { check::Tolerance::Patient };
            Ok(check::run(program, &Source::new(settings.config), tolerance).await)
        }
        Command::Config => Ok(Outcome::done(REFERENCE)),
        Command::Call(remote) => remote.run(screen, call::run).await,
        Command::Calls(remote) => remote.run(screen, calls::list).await,
        Command::CallInfo(remote) => remote.run(screen, calls::info).await,
        Command::Hangup(remote) => remote.run(screen, calls::hangup).await,
        Command::Open(open) => open::run(open, screen).await,
        Command::CallerIds(remote) => remote.run_by(Usual::File, screen, open::caller_ids).await,
        Command::Devices(remote) => remote.run(screen, devices::run).await,
        Command::Callbacks(remote) => remote.run(screen, callbacks::run).await,
        Command::Resend(remote) => remote.run(screen, callbacks::resend).await,
        Command::Trigger(remote) => remote.run(screen, callbacks::trigger).await,
        Command::Listen(remote) => {
            remote.run(screen, async |session, listen| listen::run(session, program, listen).await).await
        }
        Command::Directory(remote) => remote.run(screen, directory::run).await,
        Command::Token(remote) => remote.run(screen, access::token).await,
        Command::Agent(remote) => remote.run(screen, access::agent).await,
        Command::Completions(shell) => Ok(reference::completions(CommandLine::command(), &shell)),
        Command::Man(man) => reference::man(CommandLine::command(), &man),
    }
}

async fn serve(program: Program, source: Source) -> Outcome {
    let config = match source.load() {
        Ok(config) => config,
        Err(error) => return Outcome::failed(Exit::Configuration, error.to_string()),
    };
    let telemetry = match Telemetry::start(&config.log, source.journal_stream()) {
        Ok(telemetry) => telemetry,
        Err(error) => return Outcome::failed(Exit::Configuration, error.to_string()),
    };
    for caution in &config.cautions {
        tracing::warn!(caution, "unwise setting");
    }
    match (program.serve)(Start { config, source, telemetry }).await {
        Ok(()) => Outcome::done(""),
        Err(error) => {
            tracing::error!(error = format!("{error:#}"), "the daemon ends");
            Outcome::failed(Exit::Failed, format!("{error:#}"))
        }
    }
}

/// The one writer. A reader that has gone away (`| head`) is no error.
fn write(outcome: &Outcome) -> ExitCode {
    let written = io::stdout().lock().write_all(outcome.output.as_bytes());
    if !outcome.complaint.is_empty() {
        let complaint = format!("dialbridge: {}\n", outcome.complaint);
        drop(io::stderr().lock().write_all(complaint.as_bytes()));
    }
    match written {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Exit::Failed.into(),
        _ => outcome.exit.into(),
    }
}
