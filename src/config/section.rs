//! One struct per section of the configuration file. The defaults stand in `default.toml`, with
//! their comments: that file is the reference for users.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use ipnet::IpNet;
use secrecy::SecretString;
use serde::{Deserialize, Deserializer};

/// `[http]`: where clicks come in.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HttpConfig {
    /// Address and port to listen on.
    pub listen: SocketAddr,
    /// How the outside reaches this daemon; once loaded, never empty and without a trailing slash.
    pub public_url: String,
    /// Networks of reverse proxies whose `X-Forwarded-*` are believed.
    pub trusted_proxies: Vec<IpNet>,
    /// Most connections at once.
    pub max_connections: usize,
    /// TLS, where this daemon terminates it itself.
    pub tls: Option<TlsConfig>,
}

/// `[http.tls]`
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TlsConfig {
    /// PEM file with the certificate chain.
    pub certificate: PathBuf,
    /// PEM file with the private key.
    pub key: PathBuf,
}

/// `[session]`: how long an agent stays signed in.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SessionConfig {
    /// Without doing anything.
    #[serde(deserialize_with = "seconds")]
    pub idle: Duration,
    /// At most.
    #[serde(deserialize_with = "seconds")]
    pub absolute: Duration,
}

/// `[admin]`: the Unix socket of the command line.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AdminConfig {
    /// Path of the socket, made with mode 0660.
    pub socket: PathBuf,
}

/// `[metrics]`: the listener that Prometheus scrapes.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MetricsConfig {
    /// Address and port to listen on.
    pub listen: SocketAddr,
}

/// How ARI requests travel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AriTransport {
    /// Over WebSockets where Asterisk can, else over HTTP.
    Auto,
    /// Over WebSockets.
    Websocket,
    /// Over HTTP.
    Http,
}

/// `[ari]`
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AriConfig {
    /// Base URL of Asterisk's HTTP server, as `http://127.0.0.1:8088/ari`.
    pub url: String,
    /// User in ari.conf.
    pub user: String,
    /// Password; once loaded, never empty.
    pub password: SecretString,
    /// File that holds the password (a systemd credential, say); read into `password` at load, then none.
    pub password_file: Option<PathBuf>,
    /// Name of our application; one per Asterisk.
    pub app: String,
    /// How requests travel.
    pub transport: AriTransport,
    /// Command WebSockets beside the one for events.
    pub command_sockets: usize,
}

/// `[ami]`
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AmiConfig {
    /// `host:port` of the manager.
    pub address: String,
    /// User in manager.conf.
    pub user: String,
    /// Password; once loaded, never empty.
    pub password: SecretString,
    /// File that holds the password; read into `password` at load, then none.
    pub password_file: Option<PathBuf>,
    /// Talk TLS (`tlsenable` in manager.conf).
    pub tls: bool,
}

/// `[store]`
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StoreConfig {
    /// `sqlite:PATH`.
    pub url: String,
}

/// `[directory]`
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DirectoryConfig {
    /// File applied when the store is empty.
    pub seed: Option<PathBuf>,
}

/// `[callback]`
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CallbackConfig {
    /// Networks that callbacks may reach although they are private.
    pub allow_networks: Vec<IpNet>,
    /// Ports on those networks, `8090` or `8090-8099`; empty: any port that is allowed elsewhere.
    pub allow_ports: Vec<String>,
    /// Requests in flight at once, to all endpoints together.
    pub in_flight: usize,
    /// Requests in flight at once to one endpoint.
    pub in_flight_per_endpoint: usize,
    /// One attempt, from resolving to the last byte of the answer.
    #[serde(deserialize_with = "seconds")]
    pub timeout: Duration,
}

/// How log lines are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// journald under systemd, else text.
    Auto,
    /// For people.
    Text,
    /// One JSON object per line.
    Json,
}

/// `[log]`
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LogConfig {
    /// `info`, or a filter such as `dialbridge=debug,info`.
    pub filter: String,
    /// How lines are written.
    pub format: LogFormat,
}

fn seconds<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    u64::deserialize(deserializer).map(Duration::from_secs)
}
