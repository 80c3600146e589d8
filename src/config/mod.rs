//! Configuration: commented defaults compiled in, then the file, then the environment.

mod section;

pub use section::{
    AdminConfig, AmiConfig, AriConfig, AriTransport, CallbackConfig, DirectoryConfig, HttpConfig, LogConfig, LogFormat,
    MetricsConfig, StoreConfig, TlsConfig,
};

use serde::Deserialize;

/// The whole configuration, one field per section of the file.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// `[http]`
    pub http: HttpConfig,
    /// `[admin]`
    pub admin: AdminConfig,
    /// `[metrics]`
    pub metrics: MetricsConfig,
    /// `[ari]`
    pub ari: AriConfig,
    /// `[ami]`
    pub ami: AmiConfig,
    /// `[store]`
    pub store: StoreConfig,
    /// `[directory]`
    pub directory: DirectoryConfig,
    /// `[callback]`
    pub callback: CallbackConfig,
    /// `[log]`
    pub log: LogConfig,
}
