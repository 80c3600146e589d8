//! The ARI link: events in, orders out.
//!
//! ```text
//!  Ari::send -> 8 lanes by call -> post -> carrier: WebSocket or HTTP -> Asterisk
//!                   |                                                      |
//!                   v outcome                                              v events
//!                 inbox (65,536) <----------------------------------- event socket
//!                   v
//!               notices -> engine
//! ```
//! [`Ari`] is the handle, [`Driver`] the future that does the work. Nothing here knows a call's state:
//! what comes of an order is a [`Notice`] or silence, and the census tells the rest.

mod census;
mod http;
mod inbox;
mod lane;
mod link;
pub mod message;
pub mod outcome;
mod post;
mod probe;
mod recording;
pub mod request;
mod socket;

use std::sync::Arc;

use tokio::sync::{mpsc, watch};

pub use self::http::SetupError;
use self::http::{Connection, Target};
use self::inbox::Inbox;
use self::lane::{Yard, refuse};
pub use self::link::Driver;
use self::link::Keeper;
pub use self::probe::{Probe, ProbeError, probe};
pub use self::recording::{RecordingError, StoredRecording};
use crate::call::CallId;
use crate::clock::Clock;
use crate::config::AriConfig;
use crate::link::{Action, LinkCounters, LinkState, Notice, Stray};

/// Lanes, and connections where requests travel over HTTP.
const LANES: usize = 8;
/// Orders that wait in one lane; a call gives some ten in its life.
const LANE_ROOM: usize = 1024;

/// The handle on the link. Copies share it.
#[derive(Clone)]
pub struct Ari {
    lanes: Vec<mpsc::Sender<Action>>,
    yard: Yard,
    target: Arc<Target>,
    state: watch::Receiver<LinkState>,
}

/// Sets a link up; nothing is sent before the driver runs. Notices go to `notices`.
pub fn link(config: &AriConfig, clock: Clock, notices: mpsc::Sender<Notice>) -> Result<(Ari, Driver), SetupError> {
    let target = Target::new(config)?;
    let counters = Arc::new(LinkCounters::default());
    let (inbox, waiting) = Inbox::new(Arc::clone(&counters));
    let yard = Yard { app: config.app.as_str().into(), inbox: Arc::new(inbox), counters };
    let (lanes, orders) = (0..LANES).map(|_| mpsc::channel(LANE_ROOM)).unzip();
    let (publish, state) = watch::channel(LinkState::Down);
    let ari = Ari { lanes, yard: yard.clone(), target: Arc::clone(&target), state };
    let command_sockets = config.command_sockets.clamp(1, LANES);
    let transport = config.transport;
    let keeper = Keeper { target, transport, command_sockets, clock, yard, orders, state: publish };
    Ok((ari, Driver { keeper, waiting, notices }))
}

impl Ari {
    /// Asks Asterisk for something; never blocks. Orders of one call are carried out as they were given. One that
    /// cannot be sent comes back as the notice that fits it, as every other failure does.
    pub fn send(&self, action: Action) {
        let call = match &action {
            Action::Order(order) => order.request.id,
            Action::Sweep(Stray::Channel(call, _) | Stray::Bridge(call)) => *call,
        };
        let lane = usize::try_from(call.bits() % LANES as u128).unwrap_or(0);
        if let Err(refused) = self.lanes[lane].try_send(action) {
            refuse(&refused.into_inner(), &self.yard.inbox);
        }
    }

    /// How the link stands.
    pub fn state(&self) -> watch::Receiver<LinkState> {
        self.state.clone()
    }

    /// What the link counts.
    pub fn counters(&self) -> Arc<LinkCounters> {
        Arc::clone(&self.yard.counters)
    }

    /// Opens the finished recording of a call.
    pub async fn stored_recording(&self, call: CallId) -> Result<StoredRecording, RecordingError> {
        recording::fetch(Connection::new(Arc::clone(&self.target)), call).await
    }
}

#[cfg(test)]
mod tests;
