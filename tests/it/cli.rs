//! The command line beside a running daemon, as people and scripts use it.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;

use anyhow::Context as _;
use arc_swap::ArcSwap;
use axum::Router;
use axum::http::HeaderMap;
use axum::routing::get;
use serde_json::Value;
use tokio::io::{AsyncBufReadExt as _, BufReader, Lines};
use tokio::net::TcpListener;
use tokio::process::{Child, ChildStdout, Command};
use tokio_util::sync::CancellationToken;

use dialbridge::callback::sign::{Key, signature};
use dialbridge::config::TlsConfig;
use dialbridge::http::{Crowd, Listener, serve, tls};

use crate::lab::sink::Callback;
use crate::rig::{CALL, Rig, SOON, on_both_versions};

/// The carrier answers after a second and hangs up three seconds later; is busy; talks until hung up.
const HANGS_UP: &str = "+12125550105";
const BUSY: &str = "+12125550102";
const TALKS: &str = "+12125550101";
const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

/// What a command said, and its exit code.
#[derive(Debug)]
struct Said {
    code: Option<i32>,
    output: String,
    complaint: String,
}

fn dialbridge(rig: &Rig, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_dialbridge"));
    command.args(arguments).env("DIALBRIDGE_SOCKET", rig.world.dir.join("dialbridge.sock"));
    command.env("DIALBRIDGE_TENANT", "demo").stdin(Stdio::null()).kill_on_drop(true);
    command
}

async fn ended(mut command: Command) -> anyhow::Result<Said> {
    let output = tokio::time::timeout(CALL, command.output()).await.context("a command did not end")??;
    let text = |bytes| String::from_utf8(bytes).context("no text");
    Ok(Said { code: output.status.code(), output: text(output.stdout)?, complaint: text(output.stderr)? })
}

async fn run(rig: &Rig, arguments: &[&str]) -> anyhow::Result<Said> {
    ended(dialbridge(rig, arguments)).await
}

/// A command that is to work; its output.
async fn good(rig: &Rig, arguments: &[&str]) -> anyhow::Result<String> {
    let said = run(rig, arguments).await?;
    anyhow::ensure!(said.code == Some(0), "{arguments:?}: {said:?}");
    Ok(said.output)
}

async fn exits(rig: &Rig, arguments: &[&str], code: i32) -> anyhow::Result<()> {
    let said = run(rig, arguments).await?;
    anyhow::ensure!(said.code == Some(code), "{arguments:?}, not {code}: {said:?}");
    anyhow::ensure!(said.output.is_empty() && !said.complaint.is_empty(), "{arguments:?}: {said:?}");
    Ok(())
}

/// A command that goes on until Ctrl-C.
struct Stream {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Stream {
    /// Starts it, and waits until it says that from now on nothing is missed.
    async fn start(rig: &Rig, arguments: &[&str]) -> anyhow::Result<Self> {
        let mut child = dialbridge(rig, arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
        let mut notes = BufReader::new(child.stderr.take().context("no standard error")?).lines();
        let note = tokio::time::timeout(SOON, notes.next_line()).await??.context("it ended")?;
        anyhow::ensure!(note.contains("Ctrl-C"), "{note}");
        let lines = BufReader::new(child.stdout.take().context("no output")?).lines();
        Ok(Self { child, lines })
    }

    async fn line(&mut self) -> anyhow::Result<Value> {
        let line = tokio::time::timeout(CALL, self.lines.next_line()).await.context("nothing came")??;
        Ok(serde_json::from_str(&line.context("it ended")?)?)
    }

    /// Ctrl-C.
    async fn interrupt(mut self) -> anyhow::Result<()> {
        let pid = self.child.id().context("it has ended")?.to_string();
        let sent = Command::new("kill").args(["-INT", &pid]).status().await?;
        anyhow::ensure!(sent.success(), "no signal was sent");
        let status = tokio::time::timeout(SOON, self.child.wait()).await.context("Ctrl-C did not end it")??;
        anyhow::ensure!(status.code() == Some(0), "Ctrl-C ended it with {status}");
        Ok(())
    }
}

async fn calls_are_placed_followed_told_and_hung_up(rig: &Rig) -> anyhow::Result<()> {
    let mut stream = Stream::start(rig, &["calls", "--follow", "--json"]).await?;
    let waited = good(rig, &["call", "101", HANGS_UP, "--wait"]).await?;
    anyhow::ensure!(waited.contains("call.connected") && waited.contains("the target hung up"), "{waited}");
    let mut kinds = Vec::new();
    let call = loop {
        let event = stream.line().await?;
        let kind = event["type"].as_str().context("no type")?.to_owned();
        let call = event["data"]["id"].as_str().context("no call")?.to_owned();
        kinds.push(kind);
        if kinds.last().is_some_and(|kind| kind == "call.ended") {
            break call;
        }
    };
    for kind in ["call.accepted", "call.ringing", "call.answered", "call.connected"] {
        anyhow::ensure!(kinds.iter().any(|known| known == kind), "no {kind} in {kinds:?}");
    }
    stream.interrupt().await?;
    let told = good(rig, &["call-info", &call]).await?;
    for words in ["completed", "was accepted", "rings", "answered", "the target hung up"] {
        anyhow::ensure!(told.contains(words), "no {words:?} in {told}");
    }
    let listed = good(rig, &["calls", "--agent", "101"]).await?;
    anyhow::ensure!(listed.contains(&call) && listed.contains("Alice"), "{listed}");
    let talking = good(rig, &["call", "109", TALKS]).await?;
    let talking = talking.trim();
    rig.wait_talking(talking).await?;
    anyhow::ensure!(good(rig, &["calls", "--active"]).await?.contains(talking), "it is not listed as active");
    good(rig, &["hangup", talking]).await?;
    let record = rig.wait_ended(talking).await?;
    anyhow::ensure!(record["end_reason"] == "terminated", "{record}");
    exits(rig, &["hangup", talking], 1).await
}

async fn exit_codes_tell_scripts_what_happened(rig: &Rig) -> anyhow::Result<()> {
    exits(rig, &["call", "103", TALKS], 3).await?;
    exits(rig, &["call", "101", "not-a-number"], 2).await?;
    exits(rig, &["call", "101"], 2).await?;
    exits(rig, &["call", "101", TALKS, "--caller-id", "+12125550102"], 3).await?;
    exits(rig, &["devices", "--tenant", "nobody"], 1).await?;
    exits(rig, &["devices", "--socket", "/nonexistent.sock"], 4).await?;
    exits(rig, &["devices", "--url", "http://127.0.0.1:1"], 78).await?;
    let busy = run(rig, &["call", "101", BUSY, "--wait"]).await?;
    anyhow::ensure!(busy.code == Some(1) && busy.output.contains("busy"), "{busy:?}");
    let dry = run(rig, &["call", "103", TALKS, "--dry-run"]).await?;
    anyhow::ensure!(dry.code == Some(3) && dry.output.contains("refused"), "{dry:?}");
    let dry = good(rig, &["call", "101", TALKS, "--dry-run"]).await?;
    anyhow::ensure!(dry.contains("PJSIP/101") && dry.contains("+12125550101@"), "{dry}");
    rig.world.asterisk.kill();
    let away = async {
        while run(rig, &["call", "101", TALKS]).await?.code != Some(5) {
            tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        }
        anyhow::Ok(())
    };
    tokio::time::timeout(CALL, away).await.context("an Asterisk that is away is not told")??;
    rig.world.asterisk.start()?;
    rig.world.wait_ready().await?;
    rig.daemon.wait_ready(CALL).await
}

/// Whether a request is signed with the secret.
fn is_signed(callback: &Callback) -> anyhow::Result<bool> {
    let header = |name| callback.header(name).with_context(|| format!("no {name} in {callback:?}"));
    let key = Key::parse(SECRET)?;
    let signed = signature(&[key], header("webhook-id")?, header("webhook-timestamp")?.parse()?, &callback.bytes);
    Ok(signed.as_deref() == Some(header("webhook-signature")?))
}

async fn live_events_reach_a_program_signed(rig: &Rig) -> anyhow::Result<()> {
    let url = format!("http://127.0.0.1:{}/dev", rig.world.ports.sink);
    let order = ["listen", "--forward-to", &url, "--types", "call.connected,call.ended", "--secret", SECRET, "--json"];
    let mut stream = Stream::start(rig, &order).await?;
    let call = good(rig, &["call", "101", HANGS_UP]).await?;
    for kind in ["call.connected", "call.ended"] {
        let line = stream.line().await?;
        anyhow::ensure!(line["type"] == kind && line["status"] == 200 && line["error"].is_null(), "{line}");
    }
    stream.interrupt().await?;
    let received = rig.sink.wait_for(2, SOON).await?;
    for callback in &received {
        anyhow::ensure!(callback.path == "/dev" && is_signed(callback)?, "{callback:?}");
    }
    let last: Value = serde_json::from_slice(&received[1].bytes)?;
    anyhow::ensure!(last["data"]["id"] == call.trim() && last["data"]["status"] == "completed", "{last}");
    Ok(())
}

async fn a_sample_is_sent_and_sent_again(rig: &Rig) -> anyhow::Result<()> {
    let url = format!("http://127.0.0.1:{}/sample", rig.world.ports.sink);
    let sent = good(rig, &["trigger", "call.ended", "--to", &url]).await?;
    let id = sent.split(':').next().context("no id")?;
    anyhow::ensure!(sent.contains("delivered, 200"), "{sent}");
    let again = good(rig, &["resend", id]).await?;
    anyhow::ensure!(again.contains("delivered, 200"), "{again}");
    let received = rig.sink.wait_for(2, SOON).await?;
    anyhow::ensure!(
        received[0].body == received[1].body && received[0].header("webhook-id") == Some(id),
        "{received:?}"
    );
    anyhow::ensure!(good(rig, &["callbacks", "--state", "delivered"]).await?.contains(id), "it is not listed");
    let shown = good(rig, &["callbacks", "show", id]).await?;
    anyhow::ensure!(shown.matches("  200  ").count() == 2, "not two attempts: {shown}");
    exits(rig, &["trigger", "call.ended", "--to", "http://127.0.0.1:22/"], 3).await
}

async fn tokens_desks_and_lists_are_kept(rig: &Rig) -> anyhow::Result<()> {
    let token = good(rig, &["token", "create", "cli", "--scope", "read"]).await?;
    let over_http = |token: &str, arguments: &[&str]| {
        let mut command = dialbridge(rig, arguments);
        command
            .env("DIALBRIDGE_URL", rig.daemon.url(""))
            .env("DIALBRIDGE_TOKEN", token)
            .env_remove("DIALBRIDGE_TENANT");
        command
    };
    let devices = ended(over_http(token.trim(), &["devices"])).await?;
    anyhow::ensure!(devices.code == Some(0) && devices.output.contains("PJSIP/101"), "{devices:?}");
    let dial = ended(over_http(token.trim(), &["call", "101", TALKS])).await?;
    anyhow::ensure!(dial.code == Some(3), "a token that may only read: {dial:?}");
    anyhow::ensure!(!good(rig, &["token", "list"]).await?.contains(token.trim()), "a token is shown twice");
    good(rig, &["token", "revoke", "cli"]).await?;
    let revoked = ended(over_http(token.trim(), &["devices"])).await?;
    anyhow::ensure!(revoked.code == Some(3), "{revoked:?}");
    let file = rig.world.dir.join("dnc.csv");
    std::fs::write(&file, "number\n(212) 555-0187\n")?;
    let added = good(rig, &["directory", "do-not-call", "import", path(&file)?]).await?;
    anyhow::ensure!(added.starts_with("1 added, 0 removed"), "{added}");
    std::fs::write(&file, good(rig, &["directory", "do-not-call", "export"]).await?)?;
    let same = good(rig, &["directory", "do-not-call", "import", path(&file)?, "--replace"]).await?;
    anyhow::ensure!(same.starts_with("0 added, 0 removed"), "{same}");
    exits(rig, &["call", "101", "+12125550187"], 3).await?;
    good(rig, &["agent", "logout", "107"]).await?;
    good(rig, &["agent", "login", "107", "--at", "109"]).await?;
    let dry = good(rig, &["call", "login:7777", TALKS, "--dry-run"]).await?;
    anyhow::ensure!(dry.contains("PJSIP/109"), "{dry}");
    let mut passwd = dialbridge(rig, &["agent", "passwd", "101", "--password-stdin"]);
    std::fs::write(&file, "another-pass\n")?;
    passwd.stdin(std::fs::File::open(&file)?);
    let changed = ended(passwd).await?;
    anyhow::ensure!(changed.code == Some(0) && !changed.output.contains("another-pass"), "{changed:?}");
    Ok(())
}

/// A daemon behind TLS that has no phones; where it is.
async fn behind_tls() -> anyhow::Result<SocketAddr> {
    let [certificate, key] = ["localhost.pem", "localhost.key"].map(|name| certificates().join(name));
    let tls = tls::server_config(&TlsConfig { certificate, key })?;
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let listener = Listener::Tls(listener, Arc::new(ArcSwap::new(tls)));
    let phones = get(|headers: HeaderMap| async move {
        assert_eq!(headers["authorization"], "Bearer demo-code");
        r#"{"data":[]}"#
    });
    let router = Router::new().route("/v1/devices", phones);
    tokio::spawn(serve(listener, router, Crowd::new(8, Vec::new()), CancellationToken::new()));
    Ok(address)
}

fn certificates() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src/callback/tests/certificates")
}

#[tokio::test]
async fn over_https_the_certificate_counts_and_the_machine_s_authorities_judge_it() -> anyhow::Result<()> {
    let port = behind_tls().await?.port();
    for (host, authority, code) in
        [("localhost", "ca.pem", 0), ("127.0.0.1", "ca.pem", 4), ("localhost", "nobody.pem", 4)]
    {
        let mut command = Command::new(env!("CARGO_BIN_EXE_dialbridge"));
        command.args(["devices", "--url", &format!("https://{host}:{port}")]);
        command.env("DIALBRIDGE_TOKEN", "demo-code").env("SSL_CERT_FILE", certificates().join(authority));
        let said = ended(command).await?;
        anyhow::ensure!(said.code == Some(code), "{host} {authority}: {said:?}");
    }
    Ok(())
}

fn path(path: &Path) -> anyhow::Result<&str> {
    path.to_str().context("no text")
}

on_both_versions! {
    calls => super::calls_are_placed_followed_told_and_hung_up;
    exit_codes => super::exit_codes_tell_scripts_what_happened;
    listen => super::live_events_reach_a_program_signed;
    callbacks => super::a_sample_is_sent_and_sent_again;
    access => super::tokens_desks_and_lists_are_kept;
}
