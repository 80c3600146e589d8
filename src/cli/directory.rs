//! `dialbridge directory`: what the running daemon knows, and what a file would make of it.
//!
//! The daemon's own store is never opened: its API decides, and says what changes. Files of secrets
//! that a directory file names are read here, by whoever runs the command: the daemon opens none.

use std::fs;
use std::path::{Path, PathBuf};

use clap::Subcommand;
use hyper::Method;
use serde::{Deserialize, Serialize};

use super::client::Ask;
use super::session::{Ended, OneOf, Session};
use super::{Exit, Outcome};
use crate::directory::file::DirectoryFile;
use crate::directory::{self, Tenant};

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
    }
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

#[cfg(test)]
mod tests {
    use axum::Json;
    use axum::Router;
    use axum::extract::Query;
    use axum::http::StatusCode;
    use axum::routing::{get, post, put};
    use hyper::server::conn::http1;
    use hyper_util::rt::TokioIo;
    use hyper_util::service::TowerToHyperService;
    use serde_json::{Value, json};
    use tokio::net::UnixListener;

    use super::*;
    use crate::config::client::Way;

    async fn apply(Query(query): Query<Value>, body: String) -> Json<Value> {
        assert!(body.contains("sha256:") && !body.contains("a-token-of-mine"), "{body}");
        Json(json!({ "changes": ["demo: added"], "warnings": [], "applied": query["dry_run"] == "false" }))
    }

    async fn broken() -> (StatusCode, Json<Value>) {
        (StatusCode::UNPROCESSABLE_ENTITY, Json(json!({ "title": "Impossible", "detail": "line 1: no" })))
    }

    fn at(socket: &Path) -> Client {
        Client::new(Way::Socket(socket.to_owned()), None)
    }

    /// Runs commands against a daemon that answers as ours does.
    async fn against_a_daemon(commands: impl AsyncFnOnce(&Client, PathBuf)) {
        let directory = tempfile::tempdir().unwrap();
        let (socket, file) = (directory.path().join("admin.sock"), directory.path().join("demo.toml"));
        let token = directory.path().join("token");
        fs::write(&token, "a-token-of-mine\n").unwrap();
        let tokens =
            format!("[[tenant.tokens]]\nname = 'crm'\nscopes = ['dial']\nsecret_file = '{}'\n", token.display());
        fs::write(&file, format!("[[tenant]]\nid = 'demo'\nregion = 'US'\n{tokens}")).unwrap();
        let router = Router::new()
            .route("/v1/directory", put(apply).merge(get(|| async { "[[tenant]]\n" })))
            .route("/v1/directory/check", post(broken));
        let listener = UnixListener::bind(&socket).unwrap();
        let daemon = async {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let service = TowerToHyperService::new(router.clone());
                http1::Builder::new().serve_connection(TokioIo::new(stream), service).await.unwrap();
            }
        };
        let client = at(&socket);
        tokio::select! {
            () = daemon => {}
            () = commands(&client, file) => {}
        }
    }

    #[tokio::test]
    async fn a_file_is_applied_and_the_changes_are_told() {
        against_a_daemon(async |client, file| {
            let dry = run(client, Command::Apply { file: file.clone(), dry_run: true }).await;
            assert_eq!(dry, Outcome::done("demo: added\nWould be applied: 1 change.\n"));
            let wet = run(client, Command::Apply { file, dry_run: false }).await;
            assert_eq!(wet, Outcome::done("demo: added\nApplied: 1 change.\n"));
        })
        .await;
    }

    #[tokio::test]
    async fn the_directory_is_printed_as_it_comes() {
        against_a_daemon(async |client, _| {
            assert_eq!(run(client, Command::Export).await, Outcome::done("[[tenant]]\n"));
        })
        .await;
    }

    #[tokio::test]
    async fn the_sample_needs_no_daemon() {
        let outcome = run(&at(Path::new("/nowhere/admin.sock")), Command::Sample).await;
        assert_eq!(outcome, Outcome::done(include_str!("../directory/sample.toml")));
    }

    #[tokio::test]
    async fn a_flaw_is_told_in_the_daemon_s_words() {
        against_a_daemon(async |client, file| {
            let outcome = run(client, Command::Check { file }).await;
            assert_eq!(outcome, Outcome::failed(Exit::Refused, "Impossible: line 1: no"));
        })
        .await;
    }

    #[tokio::test]
    async fn a_flaw_that_shows_here_is_told_without_asking() {
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(file.path(), "[[tenant]]\nid = 'demo'\nregion = 'Atlantis'\n").unwrap();
        let outcome = run(&at(Path::new("/nowhere/admin.sock")), Command::Check { file: file.path().to_owned() }).await;
        assert_eq!(outcome.exit, Exit::Failed);
        assert!(outcome.complaint.contains("demo: region"), "{outcome:?}");
    }

    #[tokio::test]
    async fn without_a_daemon_the_exit_code_says_so() {
        let outcome = run(&at(Path::new("/nowhere/admin.sock")), Command::Export).await;
        assert_eq!(outcome.exit, Exit::Unreachable);
        assert!(outcome.complaint.contains("/nowhere/admin.sock"), "{outcome:?}");
    }
}
