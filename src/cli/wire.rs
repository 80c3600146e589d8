//! HTTP/1 as a client speaks it here: one connection for one request, over the admin socket or TCP, with
//! TLS where the URL says so.
//!
//! No pool, no redirect, no proxy: what is sent goes to the place that was named, once. The machine's own
//! certificate authorities judge the other side.

use std::io;
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper::header::{HOST, HeaderValue, USER_AGENT};
use hyper::{Request, Response};
use hyper_rustls::ConfigBuilderExt as _;
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use tokio::net::{TcpStream, UnixStream};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_util::either::Either;
use url::Url;

const AGENT: &str = concat!("dialbridge/", env!("CARGO_PKG_VERSION"));

type Stream = Either<UnixStream, Either<TcpStream, TlsStream<TcpStream>>>;

/// Where a request goes.
#[derive(Clone, Copy, Debug)]
pub(super) enum Place<'a> {
    /// A Unix socket.
    Socket(&'a Path),
    /// Host and port of a URL; its path is the caller's to put into the request.
    Host(&'a Url),
}

/// Sends a request and lends the answer to `hear`, while its body still arrives.
pub(super) async fn converse<T>(
    place: Place<'_>,
    mut request: Request<Full<Bytes>>,
    hear: impl AsyncFnOnce(Response<Incoming>) -> T,
) -> anyhow::Result<T> {
    let headers = request.headers_mut();
    headers.insert(HOST, HeaderValue::try_from(place.authority())?);
    headers.insert(USER_AGENT, HeaderValue::from_static(AGENT));
    let (mut sender, connection) = http1::handshake(TokioIo::new(place.connect().await?)).await?;
    let talk = async { anyhow::Ok(hear(sender.send_request(request).await?).await) };
    tokio::pin!(talk);
    tokio::select! {
        biased;
        said = &mut talk => said,
        // The connection may end first: what has arrived by then is the answer.
        ended = connection => {
            ended?;
            talk.await
        }
    }
}

impl Place<'_> {
    fn authority(self) -> String {
        match self {
            Self::Socket(_) => "localhost".to_owned(),
            Self::Host(url) => {
                let host = url.host_str().unwrap_or_default();
                url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
            }
        }
    }

    async fn connect(self) -> io::Result<Stream> {
        let url = match self {
            Self::Socket(path) => return Ok(Either::Left(UnixStream::connect(path).await?)),
            Self::Host(url) => url,
        };
        let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
        let tcp = TcpStream::connect((host, url.port_or_known_default().unwrap_or(443))).await?;
        tcp.set_nodelay(true)?;
        if url.scheme() == "http" {
            return Ok(Either::Right(Either::Left(tcp)));
        }
        let name = ServerName::try_from(host.to_owned()).map_err(io::Error::other)?;
        Ok(Either::Right(Either::Right(tls()?.connect(name, tcp).await?)))
    }
}

fn tls() -> io::Result<TlsConnector> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(io::Error::other)?
        .with_native_roots()?
        .with_no_client_auth();
    Ok(TlsConnector::from(Arc::new(config)))
}
