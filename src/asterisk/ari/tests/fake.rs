//! An Asterisk of a few lines: HTTP, a WebSocket for each who asks, scripted answers, and a list of what was asked.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::broadcast;
use tokio::time::sleep;
use tokio_tungstenite::tungstenite::Message;

use crate::call::{CallId, CallRequest, Command, Identity, LegPlan, Order, ReportPlan};
use crate::dial::number::Party;
use crate::timestamp::Timestamp;

/// What every open WebSocket is to do.
#[derive(Clone, Debug)]
pub(super) enum Put {
    Text(String),
    Silence,
    Close,
}

#[derive(Default)]
struct State {
    answers: BTreeMap<String, (u16, String)>,
    requests: Vec<String>,
    sockets: usize,
    refusing: bool,
}

#[derive(Clone)]
pub(super) struct Fake {
    pub(super) address: SocketAddr,
    state: Arc<Mutex<State>>,
    put: broadcast::Sender<Put>,
}

impl Fake {
    pub(super) async fn start(version: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let fake =
            Self { address: listener.local_addr().unwrap(), state: Arc::default(), put: broadcast::channel(8192).0 };
        let about = json!({"system": {"version": version}, "status": {"startup_time": "boot-1"}});
        fake.answer("GET", "/ari/asterisk/info", 200, &about.to_string());
        fake.answer("GET", "/ari/channels", 200, "[]");
        fake.answer("GET", "/ari/bridges", 200, "[]");
        tokio::spawn(beat());
        let server = fake.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                if !server.state.lock().unwrap().refusing {
                    tokio::spawn(server.clone().serve(stream));
                }
            }
        });
        fake
    }

    /// Scripts an answer; status 0: none at all.
    pub(super) fn answer(&self, method: &str, path: &str, status: u16, body: &str) {
        self.state.lock().unwrap().answers.insert(format!("{method} {path}"), (status, body.to_owned()));
    }

    pub(super) fn put(&self, put: Put) {
        self.put.send(put).unwrap();
    }

    pub(super) fn refuse_connections(&self) {
        self.state.lock().unwrap().refusing = true;
    }

    pub(super) fn requests(&self) -> Vec<String> {
        self.state.lock().unwrap().requests.clone()
    }

    pub(super) fn posts(&self) -> Vec<String> {
        self.requests().into_iter().filter(|line| line.starts_with("POST")).collect()
    }

    pub(super) fn sockets(&self) -> usize {
        self.state.lock().unwrap().sockets
    }

    pub(super) async fn wait_for_posts(&self, count: usize) -> Vec<String> {
        while self.posts().len() < count {
            sleep(Duration::from_millis(1)).await;
        }
        self.posts()
    }

    async fn serve(self, stream: TcpStream) {
        // Else the kernel holds small segments back, in real time.
        stream.set_nodelay(true).unwrap();
        let mut head = [0; 512];
        let length = stream.peek(&mut head).await.unwrap_or(0);
        if head[..length].starts_with(b"GET /ari/events") {
            self.serve_socket(stream).await;
        } else {
            self.serve_http(stream).await;
        }
    }

    fn handle(&self, method: &str, target: &str, body: &str) -> (u16, String) {
        let path = target.split('?').next().unwrap();
        let mut state = self.state.lock().unwrap();
        state.requests.push(format!("{method} {target} {body}").trim_end().to_owned());
        let default = if method == "GET" { (404, String::new()) } else { (204, String::new()) };
        state.answers.get(&format!("{method} {path}")).cloned().unwrap_or(default)
    }

    async fn serve_http(&self, stream: TcpStream) {
        let mut stream = BufReader::new(stream);
        loop {
            let (mut first, mut length) = (String::new(), 0);
            if stream.read_line(&mut first).await.unwrap_or(0) == 0 {
                return;
            }
            loop {
                let mut line = String::new();
                stream.read_line(&mut line).await.unwrap();
                if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
                    length = value.trim().parse().unwrap();
                }
                if line.trim().is_empty() {
                    break;
                }
            }
            let mut body = vec![0; length];
            stream.read_exact(&mut body).await.unwrap();
            let mut words = first.split(' ');
            let (method, target) = (words.next().unwrap(), words.next().unwrap());
            let (status, body) = self.handle(method, target, &String::from_utf8(body).unwrap());
            if status == 0 {
                return std::future::pending().await;
            }
            let length = if status == 204 { String::new() } else { format!("Content-Length: {}\r\n", body.len()) };
            let answer = format!("HTTP/1.1 {status} X\r\n{length}\r\n{body}");
            if stream.write_all(answer.as_bytes()).await.is_err() {
                return;
            }
        }
    }

    async fn serve_socket(&self, stream: TcpStream) {
        let mut put = self.put.subscribe();
        let Ok(mut socket) = tokio_tungstenite::accept_async(stream).await else { return };
        self.state.lock().unwrap().sockets += 1;
        loop {
            tokio::select! {
                put = put.recv() => match put {
                    Ok(Put::Text(text)) => if socket.send(Message::text(text)).await.is_err() { return },
                    Ok(Put::Silence) => return std::future::pending().await,
                    Ok(Put::Close) | Err(_) => return,
                },
                message = socket.next() => match message {
                    Some(Ok(Message::Text(text))) => {
                        if let Some(answer) = self.handle_rest(&text) {
                            socket.send(Message::text(answer)).await.unwrap();
                        }
                    }
                    Some(Ok(_)) => {}
                    Some(Err(_)) | None => return,
                },
            }
        }
    }

    fn handle_rest(&self, text: &str) -> Option<String> {
        let request: Value = serde_json::from_str(text).unwrap();
        let word = |name: &str| request[name].as_str().unwrap_or_default();
        let (status, body) = self.handle(word("method"), &format!("/ari/{}", word("uri")), word("message_body"));
        let answer = json!({"type": "RESTResponse", "request_id": word("request_id"), "status_code": status,
            "reason_phrase": "X", "uri": word("uri"), "message_body": body});
        (status != 0).then(|| answer.to_string())
    }
}

/// Simulated time jumps to the next timer whenever all tasks wait, also for bytes on their way. With
/// a beat that jump is a short one, so that no deadline passes before they arrive.
async fn beat() {
    loop {
        sleep(Duration::from_millis(2)).await;
    }
}

pub(super) fn order(call: u128, command: Command) -> Order {
    let plan = || LegPlan {
        party: Party::Extension("101".into()),
        endpoint: "PJSIP/101".into(),
        device: None,
        max_dial_time: Duration::from_mins(1),
        caller: Identity::default(),
        connected: Identity::default(),
        headers: Vec::new(),
    };
    let request = CallRequest {
        id: CallId::from_bits(call),
        tenant: "demo".into(),
        credential: "demo-code".into(),
        door: "voicenter".into(),
        accepted_at: Timestamp::from_millis(0),
        agent: None,
        a: plan(),
        b: plan(),
        max_duration: Duration::from_hours(2),
        record: false,
        queue: None,
        idempotency: None,
        abroad: false,
        language: None,
        vars: BTreeMap::new(),
        report: ReportPlan {
            userdata: None,
            ext_transaction_data: None,
            callback_url: None,
            cdr_url: None,
            events: None,
            time_zone: "UTC".into(),
            caller_id: String::new(),
            public_url: String::new(),
        },
        warnings: Vec::new(),
    };
    Order { request: Arc::new(request), command }
}
