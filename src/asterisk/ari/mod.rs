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
use std::time::Duration;

use tokio::sync::{Semaphore, mpsc, watch};

pub use self::http::SetupError;
use self::http::{Connection, Target};
use self::inbox::Inbox;
use self::lane::{Job, Yard, refuse};
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
/// How often it is looked whether everything is settled.
const SETTLING_LOOK: Duration = Duration::from_millis(10);
/// Recordings that are fetched at the same time.
const DOWNLOADS: usize = 4;

/// The handle on the link. Copies share it.
#[derive(Clone)]
pub struct Ari {
    lanes: Vec<mpsc::Sender<Job>>,
    yard: Yard,
    /// The inner one has a copy in every job that is not done; copies of the handle share the outer.
    #[expect(clippy::redundant_allocation, reason = "the two count different things")]
    under_way: Arc<Arc<()>>,
    /// Recordings on their way: they must not use up the connections that Asterisk grants.
    downloads: Arc<Semaphore>,
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
    let ari = Ari {
        lanes,
        yard: yard.clone(),
        under_way: Arc::default(),
        downloads: Arc::new(Semaphore::new(DOWNLOADS)),
        target: Arc::clone(&target),
        state,
    };
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
        let under_way = Arc::clone(&*self.under_way);
        if let Err(refused) = self.lanes[lane].try_send(Job { action, under_way }) {
            refuse(&refused.into_inner().action, &self.yard.inbox);
        }
    }

    /// Waits until everything that was sent has been answered, refused, or lost with its connection.
    pub async fn settled(&self) {
        while Arc::strong_count(&*self.under_way) > 1 {
            tokio::time::sleep(SETTLING_LOOK).await;
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
        let place = Arc::clone(&self.downloads).acquire_owned().await.map_err(|_| RecordingError::Unavailable)?;
        recording::fetch(Connection::new(Arc::clone(&self.target)), call, place).await
    }
}

#[cfg(test)]
mod tests;
