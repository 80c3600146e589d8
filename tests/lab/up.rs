//! `lab up`: the demo world in the foreground, supervised as systemd would.
//!
//! The daemon, Asterisk, the phones and the carrier are looked at ten times a second; whoever of the first two has died is
//! started again after a second. Ctrl-C or SIGTERM ends everything.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context as _;
use tokio::signal::unix::{SignalKind, signal};

use crate::demo::print_callback;
use crate::lab::daemon::Daemon;
use crate::lab::sink::Sink;
use crate::lab::world::World;

/// Phones register for ten minutes.
const REGISTER_AGAIN: Duration = Duration::from_mins(4);
const LOOK: Duration = Duration::from_millis(100);
const RESTART_AFTER: Duration = Duration::from_secs(1);

/// The daemon as `make` builds it.
pub(crate) fn binary() -> anyhow::Result<PathBuf> {
    // This program is target/<profile>/examples/lab.
    let own = std::env::current_exe()?;
    let target = own.ancestors().nth(3).context("this program lies in no target directory")?;
    let found = ["release", "debug"]
        .map(|profile| target.join(profile).join("dialbridge"))
        .into_iter()
        .find(|path| path.is_file());
    found.with_context(|| format!("no dialbridge in {}; build it first: cargo build --release", target.display()))
}

/// Runs until Ctrl-C or SIGTERM.
pub(crate) async fn run() -> anyhow::Result<()> {
    let mut interrupted = signal(SignalKind::interrupt())?;
    let mut terminated = signal(SignalKind::terminate())?;
    tokio::select! {
        ended = supervise() => ended,
        _ = interrupted.recv() => Ok(()),
        _ = terminated.recv() => Ok(()),
    }
}

async fn supervise() -> anyhow::Result<()> {
    let binary = binary()?;
    let world = crate::start_world().await?;
    let sink = Sink::start(world.ports.sink, &world.dir).await?;
    let daemon = Daemon::start(&binary, &world)?;
    daemon.wait_ready(Duration::from_secs(15)).await?;
    say(&table(&world));
    tokio::try_join!(keep_daemon(&daemon), keep_asterisk(&world), keep_registered(&world), tell_callbacks(&sink))?;
    Ok(())
}

async fn keep_daemon(daemon: &Daemon) -> anyhow::Result<()> {
    loop {
        tokio::time::sleep(LOOK).await;
        if !daemon.is_running() {
            say("dialbridge has ended; starting it again");
            tokio::time::sleep(RESTART_AFTER).await;
            daemon.restart()?;
        }
    }
}

async fn keep_asterisk(world: &World) -> anyhow::Result<()> {
    loop {
        tokio::time::sleep(LOOK).await;
        if !world.asterisk.is_running() {
            say("Asterisk has ended; starting it again");
            tokio::time::sleep(RESTART_AFTER).await;
            // It may be ended once more before it is ready: then the next round starts it again.
            if let Err(error) = world.restart_asterisk().await {
                say(&format!("{error:#}"));
            }
        }
        let sip = world.phones.is_running() && world.carrier.is_running();
        anyhow::ensure!(sip, "a SIP program ended; see {}/sip", world.dir.display());
    }
}

async fn keep_registered(world: &World) -> anyhow::Result<()> {
    loop {
        tokio::time::sleep(REGISTER_AGAIN).await;
        if let Err(error) = world.register_phones().await {
            say(&format!("{error:#}"));
        }
    }
}

async fn tell_callbacks(sink: &Sink) -> anyhow::Result<()> {
    let mut told = 0;
    loop {
        for callback in sink.received_after(told) {
            say(&format!("\nA callback, {}", callback.at));
            print_callback(&callback);
            told += 1;
        }
        tokio::time::sleep(LOOK).await;
    }
}

/// Where everything is, and what to try first.
fn table(world: &World) -> String {
    let ports = &world.ports;
    let dir = world.dir.display();
    let http = ports.http;
    format!(
        "
dialbridge      http://127.0.0.1:{http}         metrics  http://127.0.0.1:{metrics}/metrics
Asterisk {version}     ARI http://127.0.0.1:{ari}/ari   AMI 127.0.0.1:{ami}   SIP 127.0.0.1:{sip}   (observer/observer)
carrier         SIP 127.0.0.1:{carrier}            callbacks to http://127.0.0.1:{sink}/
logs            {dir}/dialbridge.log carrier.log phones.log callbacks.log

Call a number from Alice's phone (the last two digits say what the carrier does: 01 answers, 02 busy, 03 rings for ever):
  curl 'http://127.0.0.1:{http}/ForwardDialer/click2call.aspx?phone=101&target=12125550101&code=demo-code&action=call&format=json'
Hang up:
  curl 'http://127.0.0.1:{http}/ForwardDialer/click2call.aspx?phone=101&code=demo-code&action=terminate&format=json'
Connect Heidi with the menu:
  curl 'http://127.0.0.1:{http}/ForwardDialer/click2call.aspx?phone=109&target=700&code=demo-code&action=call&format=json'
What Asterisk has:
  curl -u observer:observer http://127.0.0.1:{ari}/ari/channels

Ctrl-C ends all of it.",
        metrics = ports.metrics,
        version = world.version.root(),
        ari = ports.ari,
        ami = ports.ami,
        sip = ports.sip,
        carrier = ports.carrier,
        sink = ports.sink,
    )
}

/// Prints a line for whoever runs the command.
#[expect(clippy::print_stdout, reason = "this is what the command prints")]
pub(crate) fn say(line: &str) {
    println!("{line}");
}
