//! The running daemon's native API, over its admin socket: HTTP/1 on a Unix socket.

use std::path::Path;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1;
use hyper::header::{CONTENT_TYPE, HOST};
use hyper::{Method, Request, StatusCode};
use hyper_util::rt::TokioIo;
use serde::Deserialize;
use tokio::net::UnixStream;
use tokio::time::timeout;

use super::{Exit, Outcome};

/// From connecting to the last byte of the answer.
const PATIENCE: Duration = Duration::from_secs(30);

/// An order for the daemon.
#[derive(Debug)]
pub(super) struct Ask {
    pub(super) method: Method,
    pub(super) path: String,
    /// TOML.
    pub(super) body: String,
}

/// RFC 9457.
#[derive(Deserialize)]
struct Problem {
    title: String,
    #[serde(default)]
    detail: String,
}

/// Asks, and gives the body of a good answer back; anything else is an outcome to show.
pub(super) async fn ask(socket: &Path, ask: Ask) -> Result<Bytes, Outcome> {
    match timeout(PATIENCE, exchange(socket, ask)).await {
        Ok(Ok((status, body))) if status.is_success() => Ok(body),
        Ok(Ok((status, body))) => Err(refusal(status, &body)),
        Ok(Err(why)) => Err(unreachable(socket, &format!("{why:#}"))),
        Err(_) => Err(unreachable(socket, "no answer in time")),
    }
}

async fn exchange(socket: &Path, ask: Ask) -> anyhow::Result<(StatusCode, Bytes)> {
    let stream = UnixStream::connect(socket).await?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    let request = Request::builder()
        .method(ask.method)
        .uri(ask.path)
        .header(HOST, "localhost")
        .header(CONTENT_TYPE, "application/toml")
        .body(Full::new(Bytes::from(ask.body)))?;
    let answer = async {
        let answer = sender.send_request(request).await?;
        let status = answer.status();
        Ok((status, answer.into_body().collect().await?.to_bytes()))
    };
    tokio::pin!(answer);
    tokio::select! {
        answer = &mut answer => answer,
        // The connection may end first: what has arrived by then is the answer.
        ended = connection => {
            ended?;
            answer.await
        }
    }
}

fn refusal(status: StatusCode, body: &[u8]) -> Outcome {
    let said = match serde_json::from_slice::<Problem>(body) {
        Ok(problem) if problem.detail.is_empty() => problem.title,
        Ok(problem) => format!("{}: {}", problem.title, problem.detail),
        Err(_) => format!("the daemon answered {status}"),
    };
    let exit = match status {
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN | StatusCode::TOO_MANY_REQUESTS => Exit::Refused,
        StatusCode::SERVICE_UNAVAILABLE => Exit::NotReady,
        _ => Exit::Failed,
    };
    Outcome::failed(exit, said)
}

fn unreachable(socket: &Path, why: &str) -> Outcome {
    Outcome::failed(Exit::Unreachable, format!("no daemon at {}: {why}", socket.display()))
}
