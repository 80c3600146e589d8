//! The sockets: clicks and API, the admin socket, metrics.
//!
//! All are bound before anything is served, so that a port that is taken ends the start with a clear
//! word. The admin socket is a file: one that a dead process left behind is replaced, one that still
//! answers is not.

use std::fs;
use std::io;
use std::os::unix::fs::{FileTypeExt as _, PermissionsExt as _};
use std::path::Path;
use std::sync::Arc;

use anyhow::Context as _;
use arc_swap::ArcSwap;
use futures_util::FutureExt as _;
use rustls::ServerConfig;
use tokio::net::{TcpListener, UnixListener, UnixStream};

use super::part::Part;

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

    /// Serves all of them, each in a task of its own. The metrics listener closes last: who asks it
    /// whether this process is ready hears that it is stopping.
    pub(super) fn serve(self, doors: &Doors, open: &Part, watched: &Part) -> Certificate {
        let few = || Crowd::new(FEW, Vec::new());
        let public = match &self.tls {
            Some(tls) => Listener::Tls(self.public, Arc::clone(tls)),
            None => Listener::Tcp(self.public),
        };
        let admin = serve(Listener::Unix(self.admin), doors.admin(), few(), open.stop.clone());
        let metrics = serve(Listener::Tcp(self.metrics), doors.metrics(), few(), watched.stop.clone());
        open.spawn("the doors", serve(public, doors.public(), self.crowd, open.stop.clone()).map(Ok));
        open.spawn("the admin socket", admin.map(Ok));
        watched.spawn("the metrics listener", metrics.map(Ok));
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
    let left_behind = fs::symlink_metadata(path).is_ok_and(|file| !file.file_type().is_socket());
    anyhow::ensure!(!left_behind, "admin.socket = {name}: there is a file that is no socket");
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
