//! Requests over HTTP: one keep-alive connection per sender.
//!
//! Asterisk keeps an idle connection for 15 s and takes 100 in all, so ours are closed after 10 s
//! without use. Nothing is ever sent twice here: whether a request may be repeated is for its sender
//! to say, and the error tells whether Asterisk can have seen it.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper::client::conn::http1::{self, SendRequest};
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HOST, HeaderValue};
use hyper_util::rt::TokioIo;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use secrecy::{ExposeSecret, SecretString};
use tokio::task::JoinSet;
use tokio::time::timeout;
use tracing::debug;
use url::Url;

use super::request::{Answer, NoAnswer, Request};
use crate::asterisk::connect::{self, Address};
use crate::config::AriConfig;

/// One request, from connecting to the last byte of its answer.
pub(super) const TOTAL: Duration = Duration::from_secs(5);
/// Longest answer: lists of a thousand channels have some 500 bytes each.
const LONGEST_ANSWER: usize = 16 * 1024 * 1024;
const PLAIN: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Where Asterisk's ARI is, and how we prove who we are.
#[derive(Clone)]
pub(super) struct Target {
    pub(super) address: Address,
    pub(super) host: HeaderValue,
    pub(super) authorization: HeaderValue,
    /// Path of the base, without a trailing slash.
    pub(super) base: String,
}

/// Why a link cannot be set up at all.
#[derive(Debug, thiserror::Error)]
pub enum SetupError {
    /// `ari.url` is not what it should be.
    #[error("ari.url: {0}")]
    Url(String),
    /// A file could not be read, or TLS not set up.
    #[error("{0}")]
    Io(#[from] io::Error),
}

impl Target {
    /// Reads it out of the configuration, the password from its file.
    pub(super) fn new(config: &AriConfig) -> Result<Arc<Self>, SetupError> {
        let url = Url::parse(&config.url).map_err(|why| SetupError::Url(why.to_string()))?;
        let tls = match url.scheme() {
            "http" => None,
            "https" => Some(connect::tls()?),
            other => return Err(SetupError::Url(format!("http or https, not {other}"))),
        };
        let (Some(host), Some(port)) = (url.host_str(), url.port_or_known_default()) else {
            return Err(SetupError::Url("has no host".into()));
        };
        let header = |text: &str| HeaderValue::try_from(text).map_err(|why| SetupError::Url(why.to_string()));
        let password = connect::password(&config.password, config.password_file.as_deref())?;
        let pair = SecretString::from(format!("{}:{}", config.user, password.expose_secret()));
        let mut authorization = header(&format!("Basic {}", STANDARD.encode(pair.expose_secret())))?;
        authorization.set_sensitive(true);
        Ok(Arc::new(Self {
            host: header(&format!("{host}:{port}"))?,
            address: Address { host: host.trim_matches(['[', ']']).to_owned(), port, tls },
            authorization,
            base: url.path().trim_end_matches('/').to_owned(),
        }))
    }

    fn request(&self, request: &Request) -> Result<hyper::Request<Full<Bytes>>, hyper::http::Error> {
        let body = request.body.as_ref().map(ToString::to_string).unwrap_or_default();
        hyper::Request::builder()
            .method(request.method.as_str())
            .uri(path(&self.base, request))
            .header(HOST, &self.host)
            .header(AUTHORIZATION, &self.authorization)
            .header(CONTENT_TYPE, "application/json")
            .body(Full::new(Bytes::from(body)))
    }
}

/// Path and query as they stand in the request line.
pub(super) fn path(base: &str, request: &Request) -> String {
    let mut path = format!("{base}/{}", request.uri);
    for (index, (name, value)) in request.query.iter().enumerate() {
        path.push(if index == 0 { '?' } else { '&' });
        path.push_str(name);
        path.push('=');
        path.extend(utf8_percent_encode(value, PLAIN));
    }
    path
}

/// One connection, opened when it is needed.
pub(super) struct Connection {
    target: Arc<Target>,
    open: Option<Open>,
}

struct Open {
    sender: SendRequest<Full<Bytes>>,
    /// Moves the bytes; ends with us.
    _pump: JoinSet<()>,
}

impl Connection {
    /// A connection that is not open yet.
    pub(super) const fn new(target: Arc<Target>) -> Self {
        Self { target, open: None }
    }

    /// Closes it until it is needed again.
    pub(super) fn close(&mut self) {
        self.open = None;
    }

    /// Sends a request and reads the whole answer, within five seconds.
    pub(super) async fn send(&mut self, request: &Request) -> Result<Answer, NoAnswer> {
        let answered = timeout(TOTAL, async {
            let response = self.respond(request).await?;
            let status = response.status().as_u16();
            let body = Limited::new(response.into_body(), LONGEST_ANSWER).collect().await;
            let body = body.map_err(|_| NoAnswer::OutcomeUnknown)?.to_bytes().to_vec();
            Ok(Answer { status, body })
        });
        let answer = answered.await.unwrap_or(Err(NoAnswer::OutcomeUnknown));
        if answer.is_err() {
            self.close();
        }
        answer
    }

    /// Sends a request and reads the head of the answer. One that found the kept connection closed,
    /// and so never left, goes out on a new one.
    pub(super) async fn respond(&mut self, request: &Request) -> Result<hyper::Response<Incoming>, NoAnswer> {
        let mut message = self.target.request(request).map_err(|_| NoAnswer::NotSent)?;
        for _ in 0..2 {
            let open = self.ensure_open().await?;
            match open.sender.try_send_request(message).await {
                Ok(response) => return Ok(response),
                Err(mut failure) => {
                    self.close();
                    let Some(unsent) = failure.take_message() else { return Err(NoAnswer::OutcomeUnknown) };
                    message = unsent;
                }
            }
        }
        Err(NoAnswer::NotSent)
    }

    async fn ensure_open(&mut self) -> Result<&mut Open, NoAnswer> {
        let usable = match &mut self.open {
            Some(open) => open.sender.ready().await.is_ok(),
            None => false,
        };
        if !usable {
            let open = self.connect().await.map_err(|error| {
                debug!(%error, "ari: Asterisk cannot be reached");
                NoAnswer::NotSent
            })?;
            self.open = Some(open);
        }
        self.open.as_mut().ok_or(NoAnswer::NotSent)
    }

    async fn connect(&self) -> io::Result<Open> {
        let stream = self.target.address.connect().await?;
        let (sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(io::Error::other)?;
        let mut pump = JoinSet::new();
        pump.spawn(async move {
            // A connection that fails is seen by whoever waits for the answer.
            let _ = connection.await;
        });
        Ok(Open { sender, _pump: pump })
    }
}
