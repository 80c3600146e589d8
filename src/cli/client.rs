//! The native API as the commands use it: one order, one answer, or the outcome to show instead.
//!
//! The admin socket and HTTP with a token differ in nothing but the way there. A refusal becomes one line
//! and an exit code here, so that no command has words of its own for it.

use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, RETRY_AFTER};
use hyper::{Method, Request, Response, StatusCode};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC};
use secrecy::ExposeSecret as _;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio::time::timeout;

use super::look::printable;
use super::wire::{self, Place};
use super::{Exit, Outcome};
use crate::config::client::Way;

/// From connecting to the last byte of an answer.
const PATIENCE: Duration = Duration::from_secs(30);

/// What a part of a path cannot hold as it is.
const SPECIAL: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_');

/// An order for the daemon.
#[derive(Clone, Debug)]
pub(super) struct Ask {
    method: Method,
    path: String,
    query: Vec<(String, String)>,
    headers: HeaderMap,
    body: Bytes,
}

impl Ask {
    /// `path` begins with a slash and has no query; what people typed goes into it through [`segment`].
    pub(super) fn new(method: Method, path: impl Into<String>) -> Self {
        Self { method, path: path.into(), query: Vec::new(), headers: HeaderMap::new(), body: Bytes::new() }
    }

    pub(super) fn get(path: impl Into<String>) -> Self {
        Self::new(Method::GET, path)
    }

    pub(super) fn post(path: impl Into<String>) -> Self {
        Self::new(Method::POST, path)
    }

    /// A parameter; none is left out.
    pub(super) fn query(mut self, name: &str, value: Option<impl ToString>) -> Self {
        self.query.extend(value.map(|value| (name.to_owned(), value.to_string())));
        self
    }

    pub(super) fn json(self, body: &Value) -> Self {
        self.text("application/json", body.to_string())
    }

    pub(super) fn text(self, content_type: &'static str, body: impl Into<Bytes>) -> Self {
        let mut ask = self.header(CONTENT_TYPE, HeaderValue::from_static(content_type));
        ask.body = body.into();
        ask
    }

    pub(super) fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.insert(name, value);
        self
    }
}

/// One part of a path, whatever it holds.
pub(super) fn segment(text: &str) -> String {
    percent_encoding::utf8_percent_encode(text, SPECIAL).to_string()
}

/// What the daemon answered to what it did.
#[derive(Clone, Debug)]
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) body: Bytes,
}

impl Answer {
    pub(super) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub(super) fn json<T: DeserializeOwned>(&self) -> Result<T, Outcome> {
        serde_json::from_slice(&self.body)
            .map_err(|_| Outcome::failed(Exit::Failed, "the daemon's answer cannot be read; is it of another version?"))
    }
}

/// RFC 9457.
#[derive(Deserialize)]
struct Problem {
    title: String,
    #[serde(default)]
    detail: String,
    field: Option<String>,
}

/// A client of one daemon.
#[derive(Clone, Debug)]
pub(super) struct Client {
    way: Way,
    tenant: Option<String>,
}

impl Client {
    /// `tenant` goes with each order; an administrator of several needs one.
    pub(super) const fn new(way: Way, tenant: Option<String>) -> Self {
        Self { way, tenant }
    }

    /// Asks, and gives a good answer back; anything else is an outcome to show.
    pub(super) async fn ask(&self, ask: Ask) -> Result<Answer, Outcome> {
        let asking = self.converse(ask, async |answer| read(answer).await);
        match timeout(PATIENCE, asking).await {
            Ok(answer) => answer?,
            Err(_) => Err(self.unreachable("no answer in time")),
        }
    }

    /// Asks, and lends the answer to `hear` while it still arrives.
    pub(super) async fn converse<T>(
        &self,
        ask: Ask,
        hear: impl AsyncFnOnce(Response<Incoming>) -> T,
    ) -> Result<T, Outcome> {
        let failed = |why: anyhow::Error| self.unreachable(&format!("{why:#}"));
        let request = self.request(ask).map_err(|error| failed(error.into()))?;
        wire::converse(self.place(), request, hear).await.map_err(failed)
    }

    fn place(&self) -> Place<'_> {
        match &self.way {
            Way::Socket(path) => Place::Socket(path),
            Way::Http { url, .. } => Place::Host(url),
        }
    }

    fn request(&self, ask: Ask) -> Result<Request<Full<Bytes>>, hyper::http::Error> {
        let mut target = match &self.way {
            Way::Socket(_) => String::new(),
            Way::Http { url, .. } => url.path().trim_end_matches('/').to_owned(),
        };
        target.push_str(&ask.path);
        let tenant = self.tenant.iter().map(|tenant| ("tenant", tenant.as_str()));
        let query = ask.query.iter().map(|(name, value)| (name.as_str(), value.as_str())).chain(tenant);
        let query = form_urlencoded::Serializer::new(String::new()).extend_pairs(query).finish();
        if !query.is_empty() {
            target = format!("{target}?{query}");
        }
        let mut request = Request::builder().method(ask.method).uri(target).body(Full::new(ask.body))?;
        *request.headers_mut() = ask.headers;
        if let Way::Http { token, .. } = &self.way {
            let mut value = HeaderValue::try_from(format!("Bearer {}", token.expose_secret()))?;
            value.set_sensitive(true);
            request.headers_mut().insert(AUTHORIZATION, value);
        }
        Ok(request)
    }

    /// The daemon did not answer.
    pub(super) fn unreachable(&self, why: &str) -> Outcome {
        let place = match &self.way {
            Way::Socket(path) => format!("{} (is it elsewhere? see --socket, --client, --url)", path.display()),
            Way::Http { url, .. } => url.to_string(),
        };
        Outcome::failed(Exit::Unreachable, format!("no daemon at {place}: {why}"))
    }
}

/// Reads an answer to its end: a good one, or why it is not.
pub(super) async fn read(answer: Response<Incoming>) -> Result<Answer, Outcome> {
    let (head, body) = answer.into_parts();
    let body = match body.collect().await {
        Ok(body) => body.to_bytes(),
        Err(error) => return Err(Outcome::failed(Exit::Unreachable, format!("the answer was cut off: {error}"))),
    };
    if head.status.is_success() { Ok(Answer { status: head.status, body }) } else { Err(refusal(&head, &body)) }
}

fn refusal(head: &hyper::http::response::Parts, body: &[u8]) -> Outcome {
    let mut said = match serde_json::from_slice::<Problem>(body) {
        Ok(Problem { title, detail, field }) => {
            let place = field.filter(|field| !detail.contains(field.as_str())).map(|field| format!("{field}: "));
            let parts = [title, format!("{}{detail}", place.unwrap_or_default())];
            parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(": ")
        }
        Err(_) => format!("the daemon answered {}", head.status),
    };
    if let Some(seconds) = head.headers.get(RETRY_AFTER).and_then(|value| value.to_str().ok()) {
        said = format!("{said} (again in {seconds} s)");
    }
    let lines: Vec<String> = said.lines().map(printable).collect();
    Outcome::failed(exit(head.status), lines.join("\n"))
}

/// How a command ends that was answered so.
const fn exit(status: StatusCode) -> Exit {
    match status {
        StatusCode::BAD_REQUEST => Exit::Usage,
        StatusCode::UNAUTHORIZED
        | StatusCode::FORBIDDEN
        | StatusCode::UNPROCESSABLE_ENTITY
        | StatusCode::TOO_MANY_REQUESTS => Exit::Refused,
        StatusCode::BAD_GATEWAY | StatusCode::GATEWAY_TIMEOUT => Exit::Unreachable,
        StatusCode::SERVICE_UNAVAILABLE => Exit::NotReady,
        _ => Exit::Failed,
    }
}
