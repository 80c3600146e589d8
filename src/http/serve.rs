//! Connections: accepting them, bounding them, speaking HTTP/1.1 on them, and letting them end well.
//!
//! One function serves TCP, TLS and the Unix socket. Everything that a client can stretch has a limit:
//! its head, its address, its body, its patience, its number of connections. HTTP/2 is not offered.
//! A handler that panics answers 500; the connection and the process live on. On stop the connections
//! that the kernel has already taken are still served, then each is closed after its answer.

use std::convert::Infallible;
use std::io;
use std::net::IpAddr;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use axum::Router;
use axum::body::Body;
use axum::http::header::STRICT_TRANSPORT_SECURITY;
use axum::http::{HeaderValue, Request, Response, StatusCode};
use axum::response::IntoResponse;
use futures_util::FutureExt;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use rustls::ServerConfig;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

use crate::http::client::{Peer, Wire};
use crate::http::crowd::{Crowd, Place};
use crate::http::pace::{Pace, Paced};

/// A whole request, from its head to the start of the answer.
const REQUEST_TOTAL: Duration = Duration::from_secs(20);
/// A TLS handshake.
const HANDSHAKE: Duration = Duration::from_secs(5);
/// How long connections may take to end once we stop.
const DRAIN: Duration = Duration::from_secs(20);
/// How long accepting rests when the system has no room for another socket.
const ACCEPT_REST: Duration = Duration::from_millis(100);
/// A connection without a request.
const KEEP_ALIVE_IDLE: Duration = Duration::from_secs(30);
const MAX_HEADERS: usize = 64;
const MAX_HEAD: usize = 32 * 1024;
const MAX_URI: usize = 16 * 1024;

/// What to listen on.
pub enum Listener {
    /// Plain HTTP.
    Tcp(TcpListener),
    /// HTTPS.
    ///
    /// What is in the swap counts for the next connection.
    Tls(TcpListener, Arc<ArcSwap<ServerConfig>>),
    /// The admin socket.
    Unix(UnixListener),
}

enum Accepted {
    Tcp(TcpStream),
    Tls(TcpStream, TlsAcceptor),
    Unix(UnixStream),
}

impl Listener {
    async fn accept(&self) -> io::Result<(Accepted, Peer)> {
        match self {
            Self::Tcp(listener) => {
                let (stream, peer) = listener.accept().await?;
                Ok((Accepted::Tcp(stream), Peer::Address(canonical(peer.ip()))))
            }
            Self::Tls(listener, tls) => {
                let (stream, peer) = listener.accept().await?;
                let tls = TlsAcceptor::from(tls.load_full());
                Ok((Accepted::Tls(stream, tls), Peer::Address(canonical(peer.ip()))))
            }
            Self::Unix(listener) => Ok((Accepted::Unix(listener.accept().await?.0), Peer::Local)),
        }
    }
}

fn canonical(address: IpAddr) -> IpAddr {
    address.to_canonical()
}

/// Serves until `stop`, then lets the connections end, for at most 20 s.
pub async fn serve(listener: Listener, router: Router, crowd: Arc<Crowd>, stop: CancellationToken) {
    let mut connections = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            biased;
            () = stop.cancelled() => break,
            Some(_) = connections.join_next(), if !connections.is_empty() => continue,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, peer)) => {
                admit(&mut connections, Arrival { stream, peer, crowd: &crowd, router: &router, stop: &stop });
            }
            Err(error) => {
                tracing::warn!(%error, "cannot accept a connection");
                tokio::time::sleep(ACCEPT_REST).await;
            }
        }
    }
    // Whoever the kernel has let in by now would be reset by the closing listener: serve them, too.
    while let Some(Ok((stream, peer))) = listener.accept().now_or_never() {
        admit(&mut connections, Arrival { stream, peer, crowd: &crowd, router: &router, stop: &stop });
    }
    drop(listener);
    if timeout(DRAIN, async { while connections.join_next().await.is_some() {} }).await.is_err() {
        tracing::warn!(connections = connections.len(), "closing connections that did not end in time");
    }
}

struct Arrival<'a> {
    stream: Accepted,
    peer: Peer,
    crowd: &'a Arc<Crowd>,
    router: &'a Router,
    stop: &'a CancellationToken,
}

fn admit(connections: &mut JoinSet<()>, arrival: Arrival<'_>) {
    let Some(place) = arrival.crowd.enter(arrival.peer) else {
        turn_away(&arrival.stream);
        return;
    };
    let wire = if matches!(arrival.stream, Accepted::Tls(..)) { Wire::Tls } else { Wire::Plain };
    let from = (arrival.peer, wire);
    let talk = Talk { router: arrival.router.clone(), from, stop: arrival.stop.clone(), place };
    match arrival.stream {
        Accepted::Tcp(stream) => drop(connections.spawn(talk.plain(stream))),
        Accepted::Tls(stream, tls) => drop(connections.spawn(talk.encrypted(stream, tls))),
        Accepted::Unix(stream) => drop(connections.spawn(talk.over(stream))),
    }
}

/// No room: says so where that costs nothing, and closes.
fn turn_away(stream: &Accepted) {
    const FULL: &[u8] =
        b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1\r\nConnection: close\r\nContent-Length: 0\r\n\r\n";
    if let Accepted::Tcp(stream) = stream {
        // A client that cannot even take these bytes is only closed.
        let _ = stream.try_write(FULL);
    }
}

/// One connection's conversation.
pub(super) struct Talk {
    pub(super) router: Router,
    pub(super) from: (Peer, Wire),
    pub(super) stop: CancellationToken,
    pub(super) place: Place,
}

impl Talk {
    async fn plain(self, stream: TcpStream) {
        // Answers are small and whole: nothing is gained by holding them back.
        let _ = stream.set_nodelay(true);
        self.over(stream).await;
    }

    async fn encrypted(self, stream: TcpStream, tls: TlsAcceptor) {
        let _ = stream.set_nodelay(true);
        match timeout(HANDSHAKE, tls.accept(stream)).await {
            Ok(Ok(stream)) => self.over(stream).await,
            Ok(Err(error)) => tracing::debug!(%error, "no TLS handshake"),
            Err(_) => tracing::debug!("no TLS handshake in time"),
        }
    }

    /// Speaks until one side ends it.
    pub(super) async fn over<S: AsyncRead + AsyncWrite + Unpin + Send + 'static>(self, stream: S) {
        let _place = self.place;
        let pace = Pace::default();
        let (router, from, busy) = (self.router.clone(), self.from, pace.clone());
        let service = service_fn(move |request| {
            let hold = busy.hold();
            answer(router.clone(), from, request)
                .map(move |response| Ok::<_, Infallible>(response.map(|b| hold.over(b))))
        });
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(KEEP_ALIVE_IDLE)
            .max_headers(MAX_HEADERS)
            .max_buf_size(MAX_HEAD)
            .serve_connection(TokioIo::new(Paced::new(stream, pace)), service);
        tokio::pin!(connection);
        let ended = tokio::select! {
            ended = connection.as_mut() => ended,
            () = self.stop.cancelled() => {
                connection.as_mut().graceful_shutdown();
                connection.await
            }
        };
        if let Err(error) = ended {
            tracing::debug!(%error, "a connection ended early");
        }
    }
}

/// One request's answer, whatever happens on the way to it.
async fn answer(router: Router, (peer, wire): (Peer, Wire), request: Request<Incoming>) -> Response<Body> {
    let mut response = handled(router, (peer, wire), request).await;
    if wire == Wire::Tls {
        response.headers_mut().insert(STRICT_TRANSPORT_SECURITY, HeaderValue::from_static("max-age=31536000"));
    }
    response
}

async fn handled(router: Router, (peer, wire): (Peer, Wire), mut request: Request<Incoming>) -> Response<Body> {
    if request.uri().path_and_query().map_or(0, |uri| uri.as_str().len()) > MAX_URI {
        return StatusCode::URI_TOO_LONG.into_response();
    }
    request.extensions_mut().insert(peer);
    request.extensions_mut().insert(wire);
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    let handled = AssertUnwindSafe(router.oneshot(request.map(Body::new))).catch_unwind();
    match timeout(REQUEST_TOTAL, handled).await {
        Ok(Ok(Ok(response))) => response,
        Ok(Ok(Err(never))) => match never {},
        Ok(Err(_)) => {
            tracing::error!(http.method = %method, http.path = ?path, "a request handler panicked");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
        Err(_) => {
            tracing::warn!(http.method = %method, http.path = ?path, "a request took too long");
            StatusCode::SERVICE_UNAVAILABLE.into_response()
        }
    }
}
