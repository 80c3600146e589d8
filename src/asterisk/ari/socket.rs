//! One WebSocket: what comes in, what goes out, and whether the other end still lives.
//!
//! Reading and writing share one future and neither waits for the other, so a full send buffer
//! never keeps us from reading (Asterisk cuts a client that does not read). We PING every five
//! seconds, since Asterisk does not, and never send a PONG that nobody asked for: some builds crash.

use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use futures_util::{Sink, Stream as _};
use hyper::header::{AUTHORIZATION, HOST};
use tokio::time::{Interval, MissedTickBehavior, Sleep, interval, sleep, timeout};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{self, Message, Utf8Bytes};

use super::http::Target;
use crate::asterisk::connect::Stream;

const HANDSHAKE: Duration = Duration::from_secs(5);
const PING: Duration = Duration::from_secs(5);
/// Without any frame for so long, the other end is dead.
const SILENCE: Duration = Duration::from_secs(10);
const LONGEST_FRAME: usize = 1024 * 1024;
const LONGEST_MESSAGE: usize = 4 * 1024 * 1024;
const SEND_BUFFER: usize = 256 * 1024;

/// Why there is no socket, or no longer.
#[derive(Debug, thiserror::Error)]
pub(super) enum SocketError {
    /// User or password are wrong.
    #[error("Asterisk refuses our user or password")]
    Refused,
    /// Nothing came for ten seconds.
    #[error("silent for {} s", SILENCE.as_secs())]
    Silent,
    /// The other end closed it.
    #[error("closed by Asterisk")]
    Closed,
    /// Everything else.
    #[error("{0}")]
    Broken(String),
}

impl From<tungstenite::Error> for SocketError {
    fn from(error: tungstenite::Error) -> Self {
        match error {
            tungstenite::Error::Http(answer) if matches!(answer.status().as_u16(), 401 | 403) => Self::Refused,
            tungstenite::Error::ConnectionClosed | tungstenite::Error::AlreadyClosed => Self::Closed,
            error => Self::Broken(error.to_string()),
        }
    }
}

/// A WebSocket on which an application is registered.
pub(super) struct Socket {
    stream: WebSocketStream<Stream>,
    ping: Interval,
    silence: Pin<Box<Sleep>>,
    unflushed: bool,
}

impl Socket {
    /// Opens a WebSocket and with it registers `app`.
    pub(super) async fn open(target: &Target, app: &str) -> Result<Self, SocketError> {
        let broken = |why: &dyn std::fmt::Display| SocketError::Broken(why.to_string());
        let stream = target.address.connect().await.map_err(|why| broken(&why))?;
        let host = target.host.to_str().map_err(|why| broken(&why))?;
        let mut request = format!("ws://{host}{}/events?app={app}", target.base).into_client_request()?;
        request.headers_mut().insert(AUTHORIZATION, target.authorization.clone());
        request.headers_mut().insert(HOST, target.host.clone());
        let config = WebSocketConfig::default()
            .max_frame_size(Some(LONGEST_FRAME))
            .max_message_size(Some(LONGEST_MESSAGE))
            .write_buffer_size(0)
            .max_write_buffer_size(SEND_BUFFER);
        let shaken = tokio_tungstenite::client_async_with_config(request, stream, Some(config));
        let (stream, _) = timeout(HANDSHAKE, shaken).await.map_err(|_| SocketError::Silent)??;
        let mut ping = interval(PING);
        ping.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Ok(Self { stream, ping, silence: Box::pin(sleep(SILENCE)), unflushed: false })
    }

    /// Queues a text; it leaves while [`Socket::next`] is waited for.
    pub(super) fn send(&mut self, text: String) -> Result<(), SocketError> {
        self.queue(Message::text(text))
    }

    /// The next text. May be dropped and asked again.
    pub(super) async fn next(&mut self) -> Result<Utf8Bytes, SocketError> {
        poll_fn(|context| self.poll(context)).await
    }

    fn queue(&mut self, message: Message) -> Result<(), SocketError> {
        self.unflushed = true;
        Ok(Pin::new(&mut self.stream).start_send(message)?)
    }

    fn poll(&mut self, context: &mut Context<'_>) -> Poll<Result<Utf8Bytes, SocketError>> {
        loop {
            if self.unflushed && Pin::new(&mut self.stream).poll_flush(context)?.is_ready() {
                self.unflushed = false;
            }
            match Pin::new(&mut self.stream).poll_next(context)? {
                Poll::Ready(None) => return Poll::Ready(Err(SocketError::Closed)),
                Poll::Ready(Some(message)) => {
                    self.silence.as_mut().reset(sleep(SILENCE).deadline());
                    // Answering a PING is the library's part; the flush above lets it out.
                    self.unflushed |= message.is_ping();
                    if let Message::Text(text) = message {
                        return Poll::Ready(Ok(text));
                    }
                }
                Poll::Pending if self.silence.as_mut().poll(context).is_ready() => {
                    return Poll::Ready(Err(SocketError::Silent));
                }
                Poll::Pending if self.ping.poll_tick(context).is_ready() => self.queue(Message::Ping(Bytes::new()))?,
                Poll::Pending => return Poll::Pending,
            }
        }
    }
}
