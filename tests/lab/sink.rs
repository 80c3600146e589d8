//! A receiver of callbacks: keeps every request as it came, and answers by script.
//!
//! The script is a list of answers, one per request, then 200 for ever, or what a test says instead: so it serves a page
//! as well. Each request is also one JSON line in `callbacks.log`.

use std::collections::VecDeque;
use std::fs::File;
use std::io::Write as _;
use std::net::Ipv4Addr;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::Context as _;
use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use serde::Serialize;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// One request, as it was received.
#[derive(Clone, Debug, Serialize)]
pub struct Callback {
    /// RFC 3339 with milliseconds.
    pub at: String,
    pub method: String,
    /// With the query, as sent.
    pub path: String,
    /// Names in lower case, in the order of arrival.
    pub headers: Vec<(String, String)>,
    /// The exact bytes, where they are UTF-8.
    pub body: String,
    #[serde(skip)]
    pub bytes: Bytes,
    /// What it was answered with; none when it was left hanging.
    pub answered: Option<u16>,
}

impl Callback {
    pub fn header(&self, name: &str) -> Option<&str> {
        let (_, value) = self.headers.iter().find(|(key, _)| key.eq_ignore_ascii_case(name))?;
        Some(value)
    }

    /// The body's pairs, decoded, in their order: of a form, or of a JSON object.
    pub fn pairs(&self) -> Vec<(String, String)> {
        if let Ok(serde_json::Value::Object(fields)) = serde_json::from_slice(&self.bytes) {
            let text = |value: serde_json::Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            return fields.into_iter().map(|(name, value)| (name, text(value))).collect();
        }
        form_urlencoded::parse(&self.bytes).into_owned().collect()
    }
}

/// What to do with one request.
#[derive(Clone, Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Bytes,
    /// Waits so long first.
    pub delay: Duration,
    /// Never answers at all.
    pub hang: bool,
}

impl Answer {
    pub fn status(status: u16) -> Self {
        Self { status, headers: Vec::new(), body: Bytes::new(), delay: Duration::ZERO, hang: false }
    }

    pub fn hang() -> Self {
        Self { hang: true, ..Self::status(200) }
    }

    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    #[must_use]
    pub fn body(mut self, body: impl Into<Bytes>) -> Self {
        self.body = body.into();
        self
    }

    #[must_use]
    pub fn after(mut self, delay: Duration) -> Self {
        self.delay = delay;
        self
    }
}

#[derive(Debug)]
struct State {
    received: Mutex<Vec<Callback>>,
    script: Mutex<VecDeque<Answer>>,
    afterwards: Mutex<Answer>,
    log: Mutex<File>,
}

/// A running receiver; dropping it closes its port and its connections.
#[derive(Debug)]
pub struct Sink {
    port: u16,
    state: Arc<State>,
    task: JoinHandle<()>,
}

impl Sink {
    /// Listens on the port, logs to `callbacks.log` in the directory.
    pub async fn start(port: u16, dir: &Path) -> anyhow::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port))
            .await
            .with_context(|| format!("the callback sink's port {port}"))?;
        let log = File::options().create(true).append(true).open(dir.join("callbacks.log"))?;
        let state = Arc::new(State {
            received: Mutex::default(),
            script: Mutex::default(),
            afterwards: Mutex::new(Answer::status(200)),
            log: Mutex::new(log),
        });
        let task = tokio::spawn(serve(listener, Arc::clone(&state)));
        Ok(Self { port, state, task })
    }

    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// The next requests are answered like this, one after the other; all later ones as before.
    pub fn script(&self, answers: impl IntoIterator<Item = Answer>) {
        lock(&self.state.script).extend(answers);
    }

    /// Requests are answered like this for ever, once the script is done.
    pub fn always(&self, answer: Answer) {
        *lock(&self.state.afterwards) = answer;
    }

    /// All requests so far.
    pub fn received(&self) -> Vec<Callback> {
        lock(&self.state.received).clone()
    }

    /// The requests after the first `count`.
    pub fn received_after(&self, count: usize) -> Vec<Callback> {
        lock(&self.state.received).iter().skip(count).cloned().collect()
    }

    /// Waits until `count` requests have come in all, and returns them.
    pub async fn wait_for(&self, count: usize, limit: Duration) -> anyhow::Result<Vec<Callback>> {
        let what = format!("{count} callbacks");
        super::wait_until(limit, &what, || {
            let received = lock(&self.state.received);
            (received.len() >= count).then(|| received.clone())
        })
        .await
        .with_context(|| format!("{} came", lock(&self.state.received).len()))
    }
}

impl Drop for Sink {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(listener: TcpListener, state: Arc<State>) {
    // Connections end with this task: a sink that is gone leaves none half open.
    let mut connections = tokio::task::JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        let state = Arc::clone(&state);
        connections.spawn(async move {
            let service = service_fn(move |request| answer(request, Arc::clone(&state)));
            // A client that goes away in the middle is no matter for the sink.
            let _ = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
        });
        while connections.try_join_next().is_some() {}
    }
}

async fn answer(request: Request<Incoming>, state: Arc<State>) -> anyhow::Result<Response<Full<Bytes>>> {
    let (head, body) = request.into_parts();
    let bytes = body.collect().await?.to_bytes();
    let answer = lock(&state.script).pop_front().unwrap_or_else(|| lock(&state.afterwards).clone());
    let headers = head
        .headers
        .iter()
        .map(|(name, value)| (name.to_string(), String::from_utf8_lossy(value.as_bytes()).into_owned()));
    let callback = Callback {
        at: super::sip::now(),
        method: head.method.to_string(),
        path: head.uri.to_string(),
        headers: headers.collect(),
        body: String::from_utf8_lossy(&bytes).into_owned(),
        bytes,
        answered: (!answer.hang).then_some(answer.status),
    };
    writeln!(lock(&state.log), "{}", serde_json::to_string(&callback)?)?;
    lock(&state.received).push(callback);
    if answer.hang {
        std::future::pending::<()>().await;
    }
    tokio::time::sleep(answer.delay).await;
    let response = answer
        .headers
        .iter()
        .fold(Response::builder().status(answer.status), |response, (name, value)| response.header(name, value));
    Ok(response.body(Full::new(answer.body))?)
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
