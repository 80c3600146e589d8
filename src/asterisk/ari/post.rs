//! The one way from an order to Asterisk: a mailbox, and a carrier that empties it.
//!
//! Two carriers, HTTP and WebSocket, and nobody else knows which one it is. Both keep the order of
//! the mailbox; the WebSocket one does not wait for an answer before it sends the next request.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use serde::Serialize;
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Timeout, timeout};
use tracing::{trace, warn};

use super::http::{Connection, TOTAL};
use super::message::{Message, RestAnswer, decode};
use super::request::{Answer, Method, NoAnswer, Request};
use super::socket::{Socket, SocketError};
use crate::link::LinkCounters;

/// Most requests that wait for one carrier; senders have fewer under way.
const ROOM: usize = 256;
/// A kept HTTP connection that is not used is closed before Asterisk closes it (15 s).
const IDLE: Duration = Duration::from_secs(10);
/// Asterisk reads no longer frame (65,535 bytes).
const LONGEST_FRAME: usize = 65_000;

type Reply = oneshot::Sender<Result<Answer, NoAnswer>>;

/// A request in the mailbox.
#[derive(Debug)]
pub(super) struct Posted {
    request: Request,
    reply: Reply,
}

/// A mailbox's slot.
#[derive(Clone)]
pub(super) struct Post {
    mailbox: mpsc::Sender<Posted>,
    counters: Arc<LinkCounters>,
}

/// An answer that is to come, within five seconds of the posting.
pub(super) struct Pending {
    answer: Timeout<oneshot::Receiver<Result<Answer, NoAnswer>>>,
    counters: Arc<LinkCounters>,
}

impl Post {
    /// A mailbox, and what its carrier takes.
    pub(super) fn new(counters: Arc<LinkCounters>) -> (Self, mpsc::Receiver<Posted>) {
        let (mailbox, posted) = mpsc::channel(ROOM);
        (Self { mailbox, counters }, posted)
    }

    /// Posts a request now: what is posted first is sent first.
    pub(super) fn send(&self, request: Request) -> Pending {
        let (reply, answer) = oneshot::channel();
        if let Err(refused) = self.mailbox.try_send(Posted { request, reply }) {
            let (mpsc::error::TrySendError::Full(posted) | mpsc::error::TrySendError::Closed(posted)) = refused;
            settle(posted.reply, Err(NoAnswer::NotSent));
        }
        Pending { answer: timeout(TOTAL, answer), counters: Arc::clone(&self.counters) }
    }
}

impl Pending {
    /// Waits for it.
    pub(super) async fn wait(self) -> Result<Answer, NoAnswer> {
        match self.answer.await {
            Ok(Ok(answer)) => answer,
            Ok(Err(_)) => Err(NoAnswer::OutcomeUnknown),
            Err(_) => {
                self.counters.timed_out_requests.fetch_add(1, Relaxed);
                Err(NoAnswer::OutcomeUnknown)
            }
        }
    }
}

/// Carries one request at a time over a kept HTTP connection. Ends with its mailbox.
pub(super) async fn over_http(mut posted: mpsc::Receiver<Posted>, mut connection: Connection) {
    loop {
        let next = if let Ok(next) = timeout(IDLE, posted.recv()).await {
            next
        } else {
            connection.close();
            posted.recv().await
        };
        let Some(Posted { request, reply }) = next else { return };
        // Nobody waits for it any more: to send it now would be to act behind a decision.
        if reply.is_closed() {
            continue;
        }
        trace!(method = request.method.as_str(), uri = request.uri, "ari request");
        settle(reply, connection.send(&request).await);
    }
}

/// Carries requests over a WebSocket of their own, without waiting for answers. Ends when it breaks.
pub(super) async fn over_socket(mut posted: mpsc::Receiver<Posted>, mut socket: Socket) -> Closing {
    let mut waiting = Waiting::default();
    loop {
        tokio::select! {
            text = socket.next() => match text.as_deref().map(decode) {
                Ok(Ok(Message::Answer(answer))) => waiting.answer(&answer),
                Ok(Ok(Message::Replaced)) => return Closing::Replaced,
                Ok(_) => {}
                Err(_) => return Closing::Lost(text.err().unwrap_or(SocketError::Closed)),
            },
            next = posted.recv() => {
                let Some(next) = next else { return Closing::Lost(SocketError::Closed) };
                if let Err(error) = waiting.send(next, &mut socket) {
                    return Closing::Lost(error);
                }
            }
        }
    }
}

/// Why a carrier ended.
#[derive(Debug)]
pub(super) enum Closing {
    /// Another client took the application over.
    Replaced,
    /// The socket broke.
    Lost(SocketError),
}

/// Requests whose answers are to come.
#[derive(Default)]
struct Waiting {
    last_id: u64,
    replies: HashMap<u64, Reply>,
}

impl Waiting {
    fn send(&mut self, Posted { request, reply }: Posted, socket: &mut Socket) -> Result<(), SocketError> {
        if reply.is_closed() {
            return Ok(());
        }
        self.last_id += 1;
        let text = frame(self.last_id, &request);
        if text.len() > LONGEST_FRAME {
            settle(reply, Err(NoAnswer::NotSent));
            return Ok(());
        }
        trace!(method = request.method.as_str(), uri = request.uri, "ari request");
        self.replies.retain(|_, reply| !reply.is_closed());
        self.replies.insert(self.last_id, reply);
        socket.send(text)
    }

    fn answer(&mut self, answer: &RestAnswer<'_>) {
        let reply = answer.request_id.parse().ok().and_then(|id: u64| self.replies.remove(&id));
        let Some(reply) = reply else {
            warn!(status = answer.status_code, "ari answer to no request of ours");
            return;
        };
        let body = answer.message_body.as_deref().unwrap_or_default().as_bytes().to_vec();
        settle(reply, Ok(Answer { status: answer.status_code, body }));
    }
}

fn settle(reply: Reply, answer: Result<Answer, NoAnswer>) {
    // Whoever asked may have given up.
    let _ = reply.send(answer);
}

#[derive(Serialize)]
struct RestRequest<'a> {
    r#type: &'static str,
    request_id: String,
    method: Method,
    uri: &'a str,
    query_strings: Vec<QueryString<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    content_type: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    message_body: Option<String>,
}

#[derive(Serialize)]
struct QueryString<'a> {
    name: &'a str,
    value: &'a str,
}

/// A request as Asterisk reads it from a WebSocket.
fn frame(id: u64, request: &Request) -> String {
    let body = request.body.as_ref().map(ToString::to_string);
    let frame = RestRequest {
        r#type: "RESTRequest",
        request_id: id.to_string(),
        method: request.method,
        uri: &request.uri,
        query_strings: request.query.iter().map(|(name, value)| QueryString { name, value }).collect(),
        content_type: body.as_ref().map(|_| "application/json"),
        message_body: body,
    };
    serde_json::to_string(&frame).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_request_travels_as_one_json_object_with_its_body_as_text() {
        let request = Request {
            method: Method::Post,
            uri: "channels/create".into(),
            query: vec![("app", "dialbridge".into())],
            body: Some(json!({"variables": {"A": "ü \"1\""}})),
        };
        insta::assert_snapshot!(frame(7, &request), @r#"{"type":"RESTRequest","request_id":"7","method":"POST","uri":"channels/create","query_strings":[{"name":"app","value":"dialbridge"}],"content_type":"application/json","message_body":"{\"variables\":{\"A\":\"ü \\\"1\\\"\"}}"}"#);
    }

    #[tokio::test]
    async fn what_finds_no_carrier_was_not_sent() {
        let (post, posted) = Post::new(Arc::default());
        drop(posted);
        let answer = post.send(Request::new(Method::Get, "channels")).wait().await;
        assert_eq!(answer, Err(NoAnswer::NotSent));
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_not_answered_in_time_has_an_unknown_outcome() {
        let counters = Arc::new(LinkCounters::default());
        let (post, _posted) = Post::new(Arc::clone(&counters));
        let answer = post.send(Request::new(Method::Post, "channels/create")).wait().await;
        assert_eq!(answer, Err(NoAnswer::OutcomeUnknown));
        assert_eq!(counters.timed_out_requests.load(Relaxed), 1);
    }
}
