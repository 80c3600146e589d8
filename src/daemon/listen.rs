//! The sockets: clicks and API, the admin socket, metrics.
//!
//! All are bound before anything is served, so that a port that is taken ends the start with a clear
//! word. The admin socket is a file: one that a dead process left behind is replaced, one that still
//! answers is not.

use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::sync::Arc;

use anyhow::Context as _;
use arc_swap::ArcSwap;
use rustls::ServerConfig;
use tokio::net::{TcpListener, UnixListener, UnixStream};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::config::Config;
use crate::http::{Crowd, Doors, Listener, serve, tls};

/// Connections to the metrics listener and to the admin socket.
const FEW: usize = 64;

/// Everything that is listened on.
pub(super) struct Listeners {
    public: TcpListener,
    tls: Option<Arc<ArcSwap<ServerConfig>>>,
    admin: UnixListener,
    metrics: TcpListener,
    crowd: Arc<Crowd>,
}

/// What a reload can exchange.
pub(super) struct Certificate(Option<Arc<ArcSwap<ServerConfig>>>);

impl Listeners {
    pub(super) async fn bind(config: &Config) -> anyhow::Result<Self> {
        let public = config.http.listen;
        let metrics = config.metrics.listen;
        let tls = config.http.tls.as_ref().map(tls::server_config).transpose().context("[http.tls]")?;
        Ok(Self {
            public: TcpListener::bind(public).await.with_context(|| format!("http.listen = {public}"))?,
            tls: tls.map(|tls| Arc::new(ArcSwap::new(tls))),
            admin: bind_socket(&config.admin.socket).await?,
            metrics: TcpListener::bind(metrics).await.with_context(|| format!("metrics.listen = {metrics}"))?,
            crowd: Crowd::new(config.http.max_connections, config.http.trusted_proxies.clone()),
        })
    }

    /// Serves all of them, each in a task of its own, until `stop`.
    pub(super) fn serve(self, doors: &Doors, tasks: &TaskTracker, stop: &CancellationToken) -> Certificate {
        let few = || Crowd::new(FEW, Vec::new());
        let public = match &self.tls {
            Some(tls) => Listener::Tls(self.public, Arc::clone(tls)),
            None => Listener::Tcp(self.public),
        };
        tasks.spawn(serve(public, doors.public(), self.crowd, stop.clone()));
        tasks.spawn(serve(Listener::Unix(self.admin), doors.admin(), few(), stop.clone()));
        tasks.spawn(serve(Listener::Tcp(self.metrics), doors.metrics(), few(), stop.clone()));
        Certificate(self.tls)
    }
}

impl Certificate {
    /// Reads certificate and key again; connections that are up keep theirs.
    pub(super) fn reload(&self, config: &Config) -> anyhow::Result<()> {
        if let (Some(current), Some(files)) = (&self.0, &config.http.tls) {
            current.store(tls::server_config(files).context("[http.tls]")?);
        }
        Ok(())
    }
}

async fn bind_socket(path: &Path) -> anyhow::Result<UnixListener> {
    let name = path.display();
    if UnixStream::connect(path).await.is_ok() {
        anyhow::bail!("admin.socket = {name}: another process answers there");
    }
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            return Err(error).with_context(|| format!("admin.socket = {name}"));
        }
        _ => {}
    }
    let listener = UnixListener::bind(path).with_context(|| format!("admin.socket = {name}"))?;
    fs::set_permissions(path, fs::Permissions::from_mode(0o660)).with_context(|| format!("admin.socket = {name}"))?;
    Ok(listener)
}
