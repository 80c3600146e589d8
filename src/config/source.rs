//! Where a configuration comes from, kept so that it can be read again on SIGHUP.
//!
//! The one place that reads the environment.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::{Config, ConfigError};

/// Variables of systemd's that count beside our own.
const OF_SYSTEMD: [&str; 2] = ["CREDENTIALS_DIRECTORY", "JOURNAL_STREAM"];

/// A file, perhaps, and the environment as it was when the process started.
#[derive(Clone)]
pub struct Source {
    path: Option<PathBuf>,
    env: BTreeMap<String, String>,
}

impl Source {
    /// This file and this process's environment.
    pub fn new(path: Option<PathBuf>) -> Self {
        Self { path, env: variables(|name| name.starts_with("DIALBRIDGE_") || OF_SYSTEMD.contains(&name)) }
    }

    /// Reads the file again.
    pub fn load(&self) -> Result<Config, ConfigError> {
        Config::load(self.path.as_deref(), self.env.clone().into_iter())
    }

    /// Where the settings are, for people.
    pub fn describe(&self) -> String {
        self.path.as_ref().map_or_else(|| "defaults and environment".to_owned(), |path| path.display().to_string())
    }

    /// systemd's `$JOURNAL_STREAM`.
    pub fn journal_stream(&self) -> Option<&str> {
        self.env.get("JOURNAL_STREAM").map(String::as_str)
    }
}

/// The variables of this process whose names are wanted; one that is not text does not count.
pub(super) fn variables(is_wanted: impl Fn(&str) -> bool) -> BTreeMap<String, String> {
    let words = std::env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value)));
    let wanted = words.filter(|(name, _)| is_wanted(name));
    wanted.filter_map(|(name, value)| Some((name, value.into_string().ok()?))).collect()
}
