//! Keeps the AMI link alive, and with it the table of phones and the pauses in queues.
//!
//! Log in, wait for `FullyBooted`, ask for all device states, then follow their changes. A change is
//! published together with whatever else comes within 20 ms, since a table is copied to be published.
//! While the link is down the table is empty: a state that nobody watches is unknown.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{MissedTickBehavior, interval, sleep};
use tokio_util::sync::CancellationToken;
use tracing::{debug, error, info, warn};

use super::Pausing;
use super::message::{Action, Message};
use super::pause::{Deed, Pauses};
use super::session::{Session, SessionError, Target};
use super::table;
use crate::asterisk::backoff::Backoff;
use crate::asterisk::publish;
use crate::device::Devices;
use crate::link::{LinkCounters, LinkState};

const PING: Duration = Duration::from_secs(5);
/// Without any message for so long, the other end is dead; every PING is answered.
const SILENCE: Duration = Duration::from_secs(10);
const AFTER_REFUSAL: Duration = Duration::from_secs(30);
/// A user without the class `system` never hears that Asterisk is fully booted.
const BOOTED: Duration = Duration::from_secs(5);
const TOGETHER: Duration = Duration::from_millis(20);
/// How often queues are looked at when nothing is known to have changed.
const LOOK: Duration = Duration::from_secs(15);
/// Marks the response to the list of device states.
const LIST: &str = "devices";

/// What keeps the link alive: to be run once.
pub struct Driver {
    pub(super) target: Arc<Target>,
    pub(super) pausing: Pausing,
    pub(super) devices: watch::Sender<Arc<Devices>>,
    pub(super) state: watch::Sender<LinkState>,
    pub(super) counters: Arc<LinkCounters>,
    /// It was up before.
    pub(super) met: AtomicBool,
}

/// What a connection has learnt so far.
#[derive(Default)]
struct Learnt {
    devices: Devices,
    asked: bool,
    complete: bool,
    unpublished: bool,
}

impl Driver {
    /// Keeps the link alive until it is cancelled.
    pub async fn run(self, cancel: CancellationToken) {
        tokio::select! {
            () = cancel.cancelled() => {}
            () = self.keep() => {}
        }
        self.forget();
    }

    async fn keep(&self) {
        let mut backoff = Backoff::default();
        loop {
            let ended = self.live().await;
            let was_up = self.state.borrow().is_up();
            self.forget();
            if was_up {
                backoff.succeed();
            }
            sleep(lament(&ended, was_up, &mut backoff)).await;
        }
    }

    fn forget(&self) {
        publish(&self.state, LinkState::Down);
        publish(&self.devices, Arc::default());
    }

    /// One connection, from its first byte to its end.
    async fn live(&self) -> SessionError {
        match Session::open(&self.target).await {
            Ok(mut session) => self.follow(&mut session).await.err().unwrap_or(SessionError::Closed),
            Err(error) => error,
        }
    }

    async fn follow(&self, session: &mut Session) -> Result<(), SessionError> {
        let mut learnt = Learnt::default();
        let mut ping = interval(PING);
        ping.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let (mut silence, mut booted) = (Box::pin(sleep(SILENCE)), Box::pin(sleep(BOOTED)));
        let mut together = Box::pin(sleep(Duration::ZERO));
        let (mut wanted, mut look) = (self.pausing.wanted.clone(), interval(LOOK));
        let mut pauses = Pauses::new(self.pausing.reason.clone(), wanted.borrow_and_update().clone());
        loop {
            tokio::select! {
                message = session.next() => {
                    silence.as_mut().reset(sleep(SILENCE).deadline());
                    let (message, fresh) = (message?, !learnt.unpublished);
                    carry_out(pauses.take(&message), session).await?;
                    if self.take(&message, &mut learnt) {
                        ask_for_devices(session, &mut learnt).await?;
                    }
                    if fresh && learnt.unpublished {
                        together.as_mut().reset(sleep(TOGETHER).deadline());
                    }
                }
                () = &mut silence => return Err(SessionError::Silent),
                () = &mut booted, if !learnt.asked => ask_for_devices(session, &mut learnt).await?,
                () = &mut together, if learnt.unpublished && learnt.complete => self.publish(session, &mut learnt),
                Ok(()) = wanted.changed() => pauses.want(wanted.borrow_and_update().clone()),
                _ = look.tick() => pauses.look_again(),
                _ = ping.tick() => session.send(Action::new("Ping")?).await?,
            }
            if learnt.asked
                && let Some(action) = pauses.ask()
            {
                session.send(action).await?;
            }
        }
    }

    /// Takes a message in; whether the list of devices is to be asked for now.
    fn take(&self, message: &Message, learnt: &mut Learnt) -> bool {
        match (message.event(), message.succeeded()) {
            (Some("FullyBooted"), _) => return true,
            (Some("DeviceStateListComplete"), _) => (learnt.complete, learnt.unpublished) = (true, true),
            (Some(_), _) => learnt.unpublished |= table::take(&mut learnt.devices, message),
            (None, Some(false)) if message.get("ActionID") == Some(LIST) => {
                warn!(
                    "ami: Asterisk does not list device states: the user needs write = reporting, and \
                       res_manager_devicestate.so must run; only changes are seen"
                );
                (learnt.complete, learnt.unpublished) = (true, true);
            }
            (None, Some(_)) => {}
            (None, None) => {
                self.counters.unknown_events.fetch_add(1, Relaxed);
            }
        }
        false
    }

    fn publish(&self, session: &Session, learnt: &mut Learnt) {
        learnt.unpublished = false;
        publish(&self.devices, Arc::new(learnt.devices.clone()));
        if !self.state.borrow().is_up() {
            let version = session.banner.clone();
            info!(version, devices = learnt.devices.iter().count(), "ami link up");
            if self.met.swap(true, Relaxed) {
                self.counters.reconnects.fetch_add(1, Relaxed);
            }
            publish(&self.state, LinkState::Up { version, transport: "ami" });
        }
    }
}

async fn carry_out(deeds: Vec<Deed>, session: &mut Session) -> Result<(), SessionError> {
    for deed in deeds {
        match deed {
            Deed::Send(action) => session.send(action).await?,
            Deed::Complain(why) => warn!("ami: {why}"),
        }
    }
    Ok(())
}

async fn ask_for_devices(session: &mut Session, learnt: &mut Learnt) -> Result<(), SessionError> {
    learnt.asked = true;
    session.send(Action::new("DeviceStateList")?.with("ActionID", LIST)?).await
}

/// Says how a connection ended; gives how long to wait.
fn lament(ended: &SessionError, was_up: bool, backoff: &mut Backoff) -> Duration {
    match ended {
        SessionError::Refused => {
            error!(wait.s = AFTER_REFUSAL.as_secs(), "ami: Asterisk refuses our user or password");
            return AFTER_REFUSAL;
        }
        why if was_up => warn!(%why, "ami link down"),
        why => debug!(%why, "ami link still down"),
    }
    backoff.fail(rand::random())
}
