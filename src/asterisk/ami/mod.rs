//! The AMI link: states of phones, and who is paused in a queue.
//!
//! AMI serves what ARI lacks: the states of all devices in one list, every change of one, and queues. Its
//! user needs no right to originate, to configure or to run commands.

pub mod codec;
mod link;
pub mod message;
pub mod pause;
mod session;
pub mod table;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::timeout;

pub use self::link::Driver;
use self::message::Action;
use self::session::{Session, Target};
pub use self::session::{SessionError, SetupError};
use crate::config::AmiConfig;
use crate::device::Devices;
use crate::link::{LinkCounters, LinkState, QueueMember};

/// The handle on the link. Copies share it.
#[derive(Clone)]
pub struct Ami {
    devices: watch::Receiver<Arc<Devices>>,
    state: watch::Receiver<LinkState>,
    counters: Arc<LinkCounters>,
}

/// Who is to be paused in which queue.
#[derive(Clone, Debug)]
pub struct Pausing {
    /// Marks a pause as ours: one per daemon.
    pub reason: String,
    /// Who, at this moment.
    pub wanted: watch::Receiver<Arc<BTreeSet<QueueMember>>>,
}

/// Sets a link up; nothing is sent before the driver runs.
pub fn link(config: &AmiConfig, pausing: Pausing) -> Result<(Ami, Driver), SetupError> {
    let target = Target::new(config)?;
    let counters = Arc::new(LinkCounters::default());
    let (publish_devices, devices) = watch::channel(Arc::default());
    let (publish_state, state) = watch::channel(LinkState::Down);
    let driver = Driver {
        target,
        pausing,
        devices: publish_devices,
        state: publish_state,
        counters: Arc::clone(&counters),
        met: false.into(),
    };
    Ok((Ami { devices, state, counters }, driver))
}

impl Ami {
    /// States of all phones; empty while the link is down.
    pub fn devices(&self) -> watch::Receiver<Arc<Devices>> {
        self.devices.clone()
    }

    /// How the link stands.
    pub fn state(&self) -> watch::Receiver<LinkState> {
        self.state.clone()
    }

    /// What the link counts.
    pub fn counters(&self) -> Arc<LinkCounters> {
        Arc::clone(&self.counters)
    }
}

/// How long a probe waits for an answer.
const ANSWER: Duration = Duration::from_secs(5);

/// What a look at the manager showed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Probe {
    /// The manager's banner.
    pub version: String,
    /// What is wrong or risky, in words for the administrator.
    pub warnings: Vec<String>,
}

/// Why nothing was seen.
#[derive(Debug, thiserror::Error)]
pub enum ProbeError {
    /// The configuration does not allow even trying.
    #[error(transparent)]
    Setup(#[from] SetupError),
    /// The manager does not answer, or refuses us.
    #[error(transparent)]
    Session(#[from] SessionError),
}

/// Logs in, looks, and leaves, for `dialbridge check`.
pub async fn probe(config: &AmiConfig) -> Result<Probe, ProbeError> {
    let mut session = Session::open(&*Target::new(config)?).await?;
    let mut warnings = Vec::new();
    let list = Action::new("DeviceStateList").map_err(SessionError::from)?;
    let listed = timeout(ANSWER, session.ask(list)).await.map_err(|_| SessionError::Silent)??;
    if listed.succeeded() != Some(true) {
        let why = listed.get("Message").unwrap_or("no reason given");
        warnings.push(format!(
            "device states cannot be listed ({why}): the user needs write = reporting, and res_manager_devicestate.so must run"
        ));
    }
    // Without its fields it changes nothing; whether we might is said all the same.
    let pause = Action::new("QueuePause").map_err(SessionError::from)?;
    let answer = timeout(ANSWER, session.ask(pause)).await.map_err(|_| SessionError::Silent)??;
    if answer.get("Message").is_some_and(|why| why.contains("denied")) {
        warnings.push("agents cannot be paused in queues during their calls: the user needs write = agent".to_owned());
    }
    Ok(Probe { version: session.banner, warnings })
}

#[cfg(test)]
mod tests;
