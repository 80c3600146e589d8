//! Reaching the other end: one TCP connection, with TLS where it is asked for, in time.
//!
//! Certificates are judged by the machine's own authorities, so a private one is installed there
//! (`update-ca-certificates`) and not in our configuration.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use hyper_rustls::ConfigBuilderExt;
use rustls::pki_types::ServerName;
use secrecy::{ExposeSecret, SecretString};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_util::either::Either;

/// How long reaching Asterisk may take, TLS included.
const CONNECT: Duration = Duration::from_secs(2);

/// A connection, plain or encrypted.
pub(super) type Stream = Either<TcpStream, TlsStream<TcpStream>>;

/// Where to connect to.
#[derive(Clone)]
pub(super) struct Address {
    /// Host name or address, without brackets.
    pub(super) host: String,
    /// Port.
    pub(super) port: u16,
    /// How TLS is spoken, where it is.
    pub(super) tls: Option<TlsConnector>,
}

impl Address {
    /// Connects.
    pub(super) async fn connect(&self) -> io::Result<Stream> {
        timeout(CONNECT, self.connect_now()).await.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
    }

    async fn connect_now(&self) -> io::Result<Stream> {
        let tcp = TcpStream::connect((self.host.as_str(), self.port)).await?;
        tcp.set_nodelay(true)?;
        let Some(tls) = &self.tls else { return Ok(Either::Left(tcp)) };
        let name = ServerName::try_from(self.host.clone()).map_err(io::Error::other)?;
        Ok(Either::Right(tls.connect(name, tcp).await?))
    }
}

/// TLS as both links speak it: ring, TLS 1.2 and later, the machine's authorities.
pub(super) fn tls() -> io::Result<TlsConnector> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(io::Error::other)?
        .with_native_roots()?
        .with_no_client_auth();
    Ok(TlsConnector::from(Arc::new(config)))
}

/// The password: the file's first line where there is a file, else the one in the configuration.
pub(super) fn password(clear: &SecretString, file: Option<&Path>) -> io::Result<SecretString> {
    let Some(file) = file else { return Ok(clear.expose_secret().into()) };
    let text = SecretString::from(std::fs::read_to_string(file)?);
    Ok(text.expose_secret().lines().next().unwrap_or_default().into())
}
