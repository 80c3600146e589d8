//! Configuration: commented defaults compiled in, then the file, then the environment.
//!
//! `default.toml` is the reference for users and the source of every default at once, so the two
//! cannot differ. Unknown keys are refused by name. A [`Config`] that was loaded is complete and
//! valid: secrets are read from their files, the public URL is derived, every bound is checked.
//! What works but is unwise stands in [`Config::cautions`], for `dialbridge check` to say.

mod caution;
pub mod client;
pub mod desktop;
mod load;
mod secret;
mod section;
mod source;
mod validate;

pub use load::ConfigError;
pub use secret::SecretError;
pub use section::{
    AdminConfig, AmiConfig, AriConfig, AriTransport, CallbackConfig, DirectoryConfig, HttpConfig, LogConfig, LogFormat,
    MetricsConfig, SessionConfig, StoreConfig, TlsConfig,
};
pub use source::Source;

use serde::Deserialize;

/// Every setting with its default and what it means: `default.toml`, as compiled in.
pub const REFERENCE: &str = include_str!("default.toml");

/// The whole configuration, one field per section of the file.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// `[http]`
    pub http: HttpConfig,
    /// `[session]`
    pub session: SessionConfig,
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
    /// What works but is unwise, a sentence each. Not a setting.
    #[serde(skip)]
    pub cautions: Vec<String>,
}
