//! A look at an Asterisk, for `dialbridge check`: changes nothing, registers nothing.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde::Deserialize;

use super::census::{CensusError, get};
use super::http::{Connection, SetupError, Target};
use super::link::About;
use crate::config::AriConfig;

/// Modules without which calls fail, and what fails.
const MODULES: [(&str, &str); 13] = [
    ("app_stasis.so", "no call can be placed"),
    ("res_stasis.so", "no call can be placed"),
    ("res_ari_channels.so", "no call can be placed"),
    ("res_ari_bridges.so", "no call can be placed"),
    ("res_ari_events.so", "nothing is heard of calls"),
    ("res_ari_applications.so", "events cannot be filtered"),
    ("func_callerid.so", "caller ids are wrong"),
    ("func_timeout.so", "nothing ends calls when this daemon is gone"),
    ("res_stasis_recording.so", "calls cannot be recorded"),
    ("res_ari_recordings.so", "recordings cannot be fetched"),
    ("chan_bridge_media.so", "calls cannot be recorded"),
    ("format_wav.so", "calls cannot be recorded"),
    ("chan_pjsip.so", "PJSIP phones cannot be dialled"),
];

/// What was seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Probe {
    /// Asterisk's version, as it says it.
    pub version: String,
    /// When it started, as it says it.
    pub startup_time: String,
    /// How requests would travel: `websocket` or `http`.
    pub transport: &'static str,
    /// What is wrong or risky, in words for the administrator.
    pub warnings: Vec<String>,
}

/// Why nothing was seen.
#[derive(Debug, thiserror::Error)]
pub enum ProbeError {
    /// The configuration does not allow even trying.
    #[error(transparent)]
    Setup(#[from] SetupError),
    /// User or password are wrong.
    #[error("Asterisk refuses our user or password (HTTP {0})")]
    Refused(u16),
    /// Nobody answers, or nobody who speaks ARI.
    #[error("ARI does not answer: {0}")]
    Away(String),
}

impl From<CensusError> for ProbeError {
    fn from(error: CensusError) -> Self {
        match error {
            CensusError::Refused(status @ (401 | 403)) => Self::Refused(status),
            error => Self::Away(error.to_string()),
        }
    }
}

#[derive(Deserialize)]
struct Module {
    name: String,
    #[serde(default)]
    status: String,
}

#[derive(Deserialize)]
struct Application {
    name: String,
}

/// Looks.
pub async fn probe(config: &AriConfig) -> Result<Probe, ProbeError> {
    let mut control = Connection::new(Arc::clone(&Target::new(config)?));
    let about = About::ask(&mut control).await?;
    let transport = about.transport(config.transport);
    let mut warnings = Vec::new();
    if transport == "websocket" && about.transport(crate::config::AriTransport::Auto) == "http" {
        warnings.push("this version does not take requests over WebSockets: set ari.transport to auto".to_owned());
    }
    if let Ok(body) = get(&mut control, "asterisk/modules").await {
        warnings.extend(missing(&body));
    } else {
        warnings.push("the list of modules cannot be read (res_ari_asterisk.so)".to_owned());
    }
    if let Ok(body) = get(&mut control, "applications").await {
        let taken = serde_json::from_slice::<Vec<Application>>(&body).unwrap_or_default();
        if taken.iter().any(|application| application.name == config.app) {
            warnings
                .push(format!("the application {} is in use now: by a running daemon, or by a stranger", config.app));
        }
    }
    Ok(Probe { version: about.system.version, startup_time: about.status.startup_time, transport, warnings })
}

fn missing(body: &[u8]) -> Vec<String> {
    let modules: Vec<Module> = serde_json::from_slice(body).unwrap_or_default();
    let running: BTreeSet<_> =
        modules.iter().filter(|module| module.status == "Running").map(|module| module.name.as_str()).collect();
    let absent = MODULES.iter().filter(|(name, _)| !running.contains(name));
    absent.map(|(name, effect)| format!("{name} is not running: {effect}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_module_that_does_not_run_is_named_with_what_it_breaks() {
        let running = MODULES.map(|(name, _)| serde_json::json!({"name": name, "status": "Running"}));
        let mut list = running.to_vec();
        assert_eq!(missing(&serde_json::to_vec(&list).unwrap()), Vec::<String>::new());
        list[7]["status"] = "Not Running".into();
        let warnings = missing(&serde_json::to_vec(&list).unwrap());
        assert_eq!(warnings, ["func_timeout.so is not running: nothing ends calls when this daemon is gone"]);
    }
}
