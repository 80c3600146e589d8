//! The lab as a command: `lab provision`, `lab up`, `lab demo`, `lab check`.

#![expect(
    clippy::disallowed_methods,
    reason = "a program at the edge: it meets the real clock, threads and environment"
)]

#[path = "mod.rs"]
mod lab;

mod check;
mod demo;
mod up;

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use lab::ports::Ports;
use lab::provision::Version;
use lab::world::{World, WorldOptions};

/// A real Asterisk, SIP phones and a carrier for dialbridge, on loopback.
#[derive(Parser)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Fetches both Asterisks, the SIP programs and the browser.
    Provision,
    /// Runs the demo world until Ctrl-C.
    Up,
    /// Places one call in the demo world and shows all that comes of it.
    Demo,
    /// Checks phones and carrier with plain ARI, without dialbridge.
    Check,
}

#[tokio::main]
async fn main() -> ExitCode {
    match run(Arguments::parse().command).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("lab: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn run(command: Command) -> anyhow::Result<()> {
    match command {
        Command::Provision => lab::provision::run_script(&["22", "16", "tools", "browser"]),
        Command::Up => up::run().await,
        Command::Demo => demo::run().await,
        Command::Check => check::run(&start_world().await?).await,
    }
}

/// The demo world: ports, directory and Asterisk as the environment says.
async fn start_world() -> anyhow::Result<World> {
    let dir = std::env::var_os("LAB_DIR").map_or_else(|| lab::repository().join(".lab"), Into::into);
    std::fs::create_dir_all(&dir)?;
    World::start(WorldOptions::new(Version::from_env()?, Ports::from_env()?, dir)).await
}
