//! One HTTP request to the outside, within bounds: the client of the callback worker.
//!
//! Made on hyper's connection alone, without a pool: the socket that the guard has judged is the
//! socket that carries the request, names and TLS have time limits of their own, and nothing is sent
//! twice behind our back. It follows no redirect, knows no proxy and no cookie, and asks for no compression.
//! Of an answer it reads 64 KiB at most, after headers of 32 KiB at most, and keeps 2 KiB.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper::header::{CONNECTION, HOST, HeaderMap, HeaderValue, RETRY_AFTER, USER_AGENT};
use hyper::{Method, Request, Response};
use hyper_rustls::ConfigBuilderExt;
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, lookup_host};
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use url::{Host, Url};

use crate::callback::guard::Guard;
use crate::callback::retry::Met;

const RESOLVE: Duration = Duration::from_secs(3);
const CONNECT: Duration = Duration::from_secs(5);
const HANDSHAKE: Duration = Duration::from_secs(5);
/// Addresses of one name that are tried.
const ADDRESSES: usize = 4;
const HEADERS: usize = 32 * 1024;
const HEADER_COUNT: usize = 100;
const BODY: usize = 64 * 1024;
const NOTE: usize = 2 * 1024;
const AGENT: &str = concat!("dialbridge/", env!("CARGO_PKG_VERSION"));

/// What a request met, and the start of what was answered, or what went wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// For judging.
    pub met: Met,
    /// For people: at most 2 KiB, without control characters.
    pub note: String,
}

/// Sends callbacks, one connection each.
#[derive(Clone)]
pub struct Client {
    guard: Guard,
    tls: TlsConnector,
    timeout: Duration,
}

impl Client {
    /// A client that trusts the certificate authorities of the system. `timeout` holds for a whole
    /// attempt, from resolving the name to the last byte of the answer.
    pub fn new(guard: Guard, timeout: Duration) -> Result<Self, rustls::Error> {
        let builder = versions()?;
        let config = match builder.with_native_roots() {
            Ok(builder) => builder.with_no_client_auth(),
            Err(error) => {
                tracing::warn!(error = %error, "no certificate authorities on this system: https callbacks will fail");
                versions()?.with_root_certificates(RootCertStore::empty()).with_no_client_auth()
            }
        };
        Ok(Self { guard, tls: TlsConnector::from(Arc::new(config)), timeout })
    }

    /// A client that trusts these certificate authorities.
    pub fn trusting(roots: RootCertStore, guard: Guard, timeout: Duration) -> Result<Self, rustls::Error> {
        let config = versions()?.with_root_certificates(roots).with_no_client_auth();
        Ok(Self { guard, tls: TlsConnector::from(Arc::new(config)), timeout })
    }

    /// Posts a body. Whatever happens is in the answer; a status that was read stands, even when the
    /// rest of the answer is cut off.
    pub async fn post(&self, url: &str, headers: HeaderMap, body: String) -> Answer {
        let silence = format!("no answer within {} s", self.timeout.as_secs_f32());
        let mut heard = Heard { met: Met::Unreachable(silence), body: Vec::new() };
        let exchange = self.exchange(url, headers, body, &mut heard);
        match timeout(self.timeout, exchange).await {
            Ok(Err(why)) if !matches!(heard.met, Met::Status { .. }) => heard.met = why,
            _ => {}
        }
        heard.into_answer()
    }

    async fn exchange(&self, url: &str, headers: HeaderMap, body: String, heard: &mut Heard) -> Result<(), Met> {
        self.guard.check_url(url).map_err(|blocked| Met::Forbidden(blocked.to_string()))?;
        let url = Url::parse(url).map_err(|error| Met::Forbidden(error.to_string()))?;
        let request = request(&url, headers, body)?;
        let socket = self.connect(resolve(&url).await.map_err(Met::Unreachable)?).await.map_err(Met::Unreachable)?;
        if url.scheme() == "http" {
            return converse(socket, request, heard).await.map_err(Met::Unreachable);
        }
        let name = ServerName::try_from(url.host_str().unwrap_or_default().trim_matches(['[', ']']).to_owned())
            .map_err(|error| Met::Forbidden(error.to_string()))?;
        let shaken = timeout(HANDSHAKE, self.tls.connect(name, socket)).await;
        let socket = match shaken {
            Ok(Ok(socket)) => socket,
            Ok(Err(error)) => return Err(Met::Unreachable(format!("TLS: {error}"))),
            Err(_) => return Err(Met::Unreachable("TLS: no handshake within 5 s".to_owned())),
        };
        converse(socket, request, heard).await.map_err(Met::Unreachable)
    }

    /// A socket to that of these addresses of a name which the guard passes and which answers first.
    pub(super) async fn connect(&self, addresses: Vec<SocketAddr>) -> Result<TcpStream, String> {
        let mut open = Vec::new();
        let mut why = "the name has no address".to_owned();
        for address in addresses {
            match self.guard.check_addr(address) {
                Ok(()) => open.push(address),
                Err(blocked) => why = blocked.to_string(),
            }
        }
        open.truncate(ADDRESSES);
        let share = CONNECT / u32::try_from(open.len().max(1)).unwrap_or(1);
        for address in open {
            match timeout(share, TcpStream::connect(address)).await {
                Ok(Ok(socket)) => return Ok(socket),
                Ok(Err(error)) => why = format!("connect: {error}"),
                Err(_) => "connect: no answer in time".clone_into(&mut why),
            }
        }
        Err(why)
    }
}

/// What was heard so far: an attempt that is cut off leaves it behind.
struct Heard {
    met: Met,
    body: Vec<u8>,
}

impl Heard {
    fn into_answer(self) -> Answer {
        let note = match &self.met {
            Met::Status { .. } => printable(&self.body),
            Met::Unreachable(why) | Met::Forbidden(why) => printable(why.as_bytes()),
        };
        Answer { met: self.met, note }
    }
}

fn versions() -> Result<rustls::ConfigBuilder<ClientConfig, rustls::WantsVerifier>, rustls::Error> {
    let ring = Arc::new(rustls::crypto::ring::default_provider());
    ClientConfig::builder_with_provider(ring).with_safe_default_protocol_versions()
}

async fn resolve(url: &Url) -> Result<Vec<SocketAddr>, String> {
    let port = url.port_or_known_default().unwrap_or(443);
    let name = match url.host() {
        Some(Host::Ipv4(ip)) => return Ok(vec![SocketAddr::from((ip, port))]),
        Some(Host::Ipv6(ip)) => return Ok(vec![SocketAddr::from((ip, port))]),
        Some(Host::Domain(name)) => name,
        None => return Err("no host".to_owned()),
    };
    match timeout(RESOLVE, lookup_host((name, port))).await {
        Ok(Ok(addresses)) => Ok(addresses.collect()),
        Ok(Err(error)) => Err(format!("DNS: {error}")),
        Err(_) => Err("DNS: no answer within 3 s".to_owned()),
    }
}

fn request(url: &Url, headers: HeaderMap, body: String) -> Result<Request<Full<Bytes>>, Met> {
    let forbidden = |error: &dyn std::fmt::Display| Met::Forbidden(format!("it cannot be sent: {error}"));
    let host = match (url.host_str(), url.port()) {
        (Some(host), Some(port)) => format!("{host}:{port}"),
        (host, _) => host.unwrap_or_default().to_owned(),
    };
    let mut request = Request::new(Full::new(Bytes::from(body)));
    *request.method_mut() = Method::POST;
    *request.uri_mut() = target(url).parse().map_err(|error: hyper::http::uri::InvalidUri| forbidden(&error))?;
    *request.headers_mut() = headers;
    let headers = request.headers_mut();
    headers.insert(HOST, HeaderValue::try_from(host).map_err(|error| forbidden(&error))?);
    headers.insert(USER_AGENT, HeaderValue::from_static(AGENT));
    headers.insert(CONNECTION, HeaderValue::from_static("close"));
    Ok(request)
}

/// Path and query, with the few characters escaped that the URL standard leaves and HTTP does not take.
fn target(url: &Url) -> String {
    let mut target = url.path().to_owned();
    if let Some(query) = url.query() {
        target.push('?');
        target.push_str(query);
    }
    let plain = |c: char| c.is_ascii_graphic() && !matches!(c, '"' | '<' | '>' | '\\' | '^' | '`' | '{' | '|' | '}');
    let mut escaped = String::with_capacity(target.len());
    for c in target.chars() {
        if plain(c) {
            escaped.push(c);
        } else {
            escaped.extend(percent_encoding::utf8_percent_encode(
                c.encode_utf8(&mut [0; 4]),
                percent_encoding::NON_ALPHANUMERIC,
            ));
        }
    }
    escaped
}

/// One request and its answer over a socket that is ready.
async fn converse<S>(socket: S, request: Request<Full<Bytes>>, heard: &mut Heard) -> Result<(), String>
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let told = |error: hyper::Error| format!("HTTP: {}", chain(&error));
    let (mut sender, connection) = http1::Builder::new()
        .max_headers(HEADER_COUNT)
        .max_header_size(HEADERS)
        .max_buf_size(HEADERS)
        .handshake(TokioIo::new(socket))
        .await
        .map_err(told)?;
    let exchange = async {
        let response = sender.send_request(request).await.map_err(told)?;
        listen(response, heard).await;
        Ok(())
    };
    tokio::pin!(exchange);
    tokio::select! {
        biased;
        done = &mut exchange => return done,
        // Its own error reaches the exchange as well.
        _ = connection => {}
    }
    exchange.await
}

async fn listen(response: Response<Incoming>, heard: &mut Heard) {
    let retry_after = response.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok()).map(str::to_owned);
    heard.met = Met::Status { code: response.status().as_u16(), retry_after };
    let mut body = response.into_body();
    let mut read = 0;
    while read < BODY {
        let Some(Ok(frame)) = body.frame().await else { return };
        let Some(chunk) = frame.data_ref() else { continue };
        read += chunk.len();
        let kept = chunk.len().min(NOTE - heard.body.len());
        heard.body.extend_from_slice(&chunk[..kept]);
    }
}

/// An error and what is behind it.
fn chain(error: &dyn std::error::Error) -> String {
    let mut words = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        words.push_str(": ");
        words.push_str(&error.to_string());
        source = error.source();
    }
    words
}

fn printable(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(&bytes[..bytes.len().min(NOTE)]);
    let clean = |c: char| match c {
        '\n' | '\r' | '\t' => ' ',
        c if c.is_control() => char::REPLACEMENT_CHARACTER,
        c => c,
    };
    let mut text: String = text.chars().map(clean).collect();
    text.truncate(text.floor_char_boundary(NOTE));
    text
}
