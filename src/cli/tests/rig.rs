//! A daemon that gives prepared answers, and keeps what it was asked.

use std::collections::{BTreeMap, VecDeque};
use std::io::{self, Write};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::header::{CONTENT_TYPE, RETRY_AFTER};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use clap::Parser as _;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::net::{TcpListener, UnixListener};
use tokio_util::sync::CancellationToken;

use crate::callback::sign::{self, Key};
use crate::cli::look::Look;
use crate::cli::session::Screen;
use crate::cli::{CommandLine, Deliver, Delivered, Exit, Outcome, Program, run};
use crate::http::{Crowd, Listener, serve};

pub(super) const CALL: &str = "0190aa00000070008000000000000001";

/// What a command said, and how it ended.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Said {
    pub(super) output: String,
    pub(super) complaint: String,
    pub(super) exit: Exit,
}

/// One prepared answer.
#[derive(Clone, Debug)]
pub(super) struct Prepared {
    status: u16,
    content_type: &'static str,
    body: String,
    retry_after: Option<u64>,
}

pub(super) fn json_of(status: u16, body: &Value) -> Prepared {
    Prepared { status, content_type: "application/json", body: body.to_string(), retry_after: None }
}

pub(super) fn problem(status: u16, title: &str, detail: &str) -> Prepared {
    json_of(status, &json!({ "type": "urn:dialbridge:x", "title": title, "status": status, "detail": detail }))
}

pub(super) fn events(body: &str) -> Prepared {
    Prepared { status: 200, content_type: "text/event-stream", body: body.to_owned(), retry_after: None }
}

impl Prepared {
    pub(super) fn again_after(self, seconds: u64) -> Self {
        Self { retry_after: Some(seconds), ..self }
    }
}

/// What was asked: a line, and the headers.
#[derive(Clone, Debug)]
pub(super) struct Asked {
    pub(super) line: String,
    pub(super) headers: HeaderMap,
}

#[derive(Default)]
struct Memory {
    /// By method and path; the last of each stays.
    prepared: Mutex<BTreeMap<String, VecDeque<Prepared>>>,
    asked: Mutex<Vec<Asked>>,
}

pub(super) struct Rig {
    memory: Arc<Memory>,
    directory: TempDir,
    url: String,
}

impl Rig {
    /// A daemon at a socket and at a port of its own, which answers each method and path in this order.
    pub(super) async fn new(prepared: &[(&str, Prepared)]) -> Self {
        let memory = Arc::new(Memory::default());
        for (what, answer) in prepared {
            memory.prepared.lock().unwrap().entry((*what).to_owned()).or_default().push_back(answer.clone());
        }
        let router = Router::new().fallback(answer).with_state(Arc::clone(&memory));
        let directory = tempfile::tempdir().unwrap();
        let socket = UnixListener::bind(directory.path().join("admin.sock")).unwrap();
        let port = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", port.local_addr().unwrap());
        for (listener, router) in [(Listener::Unix(socket), router.clone()), (Listener::Tcp(port), router)] {
            tokio::spawn(serve(listener, router, Crowd::new(64, Vec::new()), CancellationToken::new()));
        }
        Self { memory, directory, url }
    }

    /// Runs a command over the admin socket.
    pub(super) async fn run(&self, arguments: &[&str]) -> Said {
        let socket = self.directory.path().join("admin.sock");
        self.run_as_it_is(&[arguments, &["--socket", socket.to_str().unwrap()]].concat()).await
    }

    /// Runs a command with nothing added.
    pub(super) async fn run_as_it_is(&self, arguments: &[&str]) -> Said {
        let command = match CommandLine::try_parse_from([&["dialbridge"], arguments].concat()) {
            Ok(line) => line.command,
            Err(error) => panic!("{error}"),
        };
        let words = Words::default();
        let screen = Screen { look: Look::default(), out: Box::new(words.clone()), notify: |_, _| () };
        let (Ok(outcome) | Err(outcome)) = run(program(), command, screen).await;
        let Outcome { output, complaint, exit } = outcome;
        Said { output: words.text() + &output, complaint, exit }
    }

    /// A file for `--client`.
    pub(super) fn client_file(&self, token: &str) -> String {
        let text = format!("url = '{}/prefix/'\ntoken = '{token}'\n", self.url);
        self.file("client.toml", &text)
    }

    /// A file of mode 0600.
    pub(super) fn file(&self, name: &str, text: &str) -> String {
        use std::os::unix::fs::PermissionsExt as _;
        let path: PathBuf = self.directory.path().join(name);
        std::fs::write(&path, text).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
        path.display().to_string()
    }

    /// What was asked since the last time.
    pub(super) fn asked(&self) -> Vec<Asked> {
        std::mem::take(&mut *self.memory.asked.lock().unwrap())
    }

    /// The same, the lines alone.
    pub(super) fn lines(&self) -> Vec<String> {
        self.asked().into_iter().map(|asked| asked.line).collect()
    }
}

async fn answer(State(memory): State<Arc<Memory>>, request: Request) -> Response {
    let (head, body) = request.into_parts();
    let body = String::from_utf8(to_bytes(body, 1 << 20).await.unwrap().to_vec()).unwrap();
    let line = format!("{} {} {body}", head.method, head.uri);
    memory.asked.lock().unwrap().push(Asked { line: line.trim_end().to_owned(), headers: head.headers });
    let key = format!("{} {}", head.method, head.uri.path());
    let mut prepared = memory.prepared.lock().unwrap();
    let answer = match prepared.get_mut(&key) {
        Some(answers) if answers.len() > 1 => answers.pop_front().unwrap(),
        Some(answers) => answers[0].clone(),
        None => problem(404, "Not found", &format!("nothing is prepared for {key}")),
    };
    let mut response = Response::builder().status(StatusCode::from_u16(answer.status).unwrap());
    if let Some(seconds) = answer.retry_after {
        response = response.header(RETRY_AFTER, seconds);
    }
    response.header(CONTENT_TYPE, answer.content_type).body(Body::from(answer.body)).unwrap()
}

/// A screen that remembers.
#[derive(Clone, Default)]
struct Words(Arc<Mutex<Vec<u8>>>);

impl Words {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

impl Write for Words {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn program() -> Program {
    Program {
        serve: |_| Box::pin(async { Ok(()) }),
        probe_ari: |_| Box::pin(async { Err("no ARI".to_owned()) }),
        probe_ami: |_| Box::pin(async { Err("no AMI".to_owned()) }),
        courier: |key| Ok(courier(key)),
    }
}

/// A receiver that takes `call.ended` and nothing else, and repeats what it got.
fn courier(key: Key) -> Deliver {
    Box::new(move |callback| {
        let signature = sign::signature(std::slice::from_ref(&key), &callback.id, 1, callback.body.as_bytes());
        assert!(signature.is_some() && callback.content_type == "application/json");
        let status = (callback.kind == "call.ended").then_some(204);
        Box::pin(async move { Delivered { status, note: format!("{} is away", callback.url) } })
    })
}

/// A call as the API shows it.
pub(super) fn call(phase: &str) -> Value {
    let is_over = phase == "ended";
    json!({
        "id": CALL, "status": if is_over { "completed" } else { "in-progress" }, "phase": phase,
        "end_reason": is_over.then_some("normal"), "end_by": is_over.then_some("target"),
        "agent": { "extension": "101", "email": "alice@demo.example", "name": "Alice" },
        "phone": "101", "target": "+12125550101", "caller_id": "12125550100",
        "timestamps": {
            "accepted": "2023-11-14T22:13:10.000Z", "connected": "2023-11-14T22:13:20.000Z",
            "ended": is_over.then_some("2023-11-14T22:13:25.250Z"), "cleared": is_over.then_some("2023-11-14T22:13:25.300Z"),
        },
        "durations": { "ringing": 5, "talk": is_over.then_some(5), "total": is_over.then_some(15) },
        "recording_url": null, "warnings": ["foo: unknown, ignored"],
    })
}

/// One event as the stream brings it.
pub(super) fn event(number: u32, kind: &str, phase: &str) -> String {
    let body = json!({
        "id": format!("evt_{CALL}_{number}"), "type": kind, "sequence": number,
        "occurred_at": "2023-11-14T22:13:25.250Z", "data": call(phase),
    });
    format!("id: {number}\nevent: {kind}\ndata: {body}\n\n")
}
