//! The loop that joins the pure core and its adapters: drain, step, commit, act.
//!
//! This file is the loop's face towards the doors; [`turn`] is the loop itself, [`recover`] what it
//! does before its first turn. A door puts an order in and waits for the commit, never for Asterisk.

pub mod recover;
mod reply;
#[cfg(test)]
mod tests;
pub mod turn;

use tokio::sync::{mpsc, oneshot};

use crate::call::{CallId, WrapUp};
use crate::dial::policy::{Admission, Cap};
pub use crate::switchboard::{Receipt, Termination, Usage, Wrapped};

/// Why the engine took no order, as a sentence for the client. Nothing was stored and nothing rings.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unavailable {
    /// The inbox is full.
    #[error("Too many requests at once, try again in a moment")]
    Full,
    /// A link to Asterisk is down.
    #[error("The PBX is not reachable")]
    PbxAway,
    /// The store does not take writes.
    #[error("The call could not be stored")]
    StoreAway,
    /// This process is ending.
    #[error("The service is restarting")]
    Stopping,
}

/// One order from a door.
#[derive(Debug)]
pub enum DoorOrder {
    /// Place a call.
    Submit(Box<Admission>, oneshot::Sender<Result<Receipt, Unavailable>>),
    /// End calls; answers with the newest that was ended.
    Terminate(Termination, oneshot::Sender<Result<Option<CallId>, Unavailable>>),
    /// How much of a tenant's caps is used up; changes nothing.
    Usage((String, Vec<Cap>), oneshot::Sender<Result<Vec<Usage>, Unavailable>>),
    /// Take in what the agent noted after a call of this tenant.
    WrapUp((String, CallId, WrapUp), oneshot::Sender<Result<Wrapped, Unavailable>>),
}

/// The engine's inbox, as doors see it. Never waits for Asterisk.
#[derive(Clone, Debug)]
pub struct Engine {
    orders: mpsc::Sender<DoorOrder>,
}

impl Engine {
    /// A handle on an inbox.
    pub const fn new(orders: mpsc::Sender<DoorOrder>) -> Self {
        Self { orders }
    }

    /// Places a call; answers once it is durably stored.
    pub async fn submit(&self, admission: Admission) -> Result<Receipt, Unavailable> {
        let (reply, answer) = oneshot::channel();
        self.put(DoorOrder::Submit(Box::new(admission), reply))?;
        answer.await.unwrap_or(Err(Unavailable::Stopping))
    }

    /// Ends calls; answers with the newest of them, once that is decided.
    pub async fn terminate(&self, which: Termination) -> Result<Option<CallId>, Unavailable> {
        let (reply, answer) = oneshot::channel();
        self.put(DoorOrder::Terminate(which, reply))?;
        answer.await.unwrap_or(Err(Unavailable::Stopping))
    }

    /// How much of the caps of a click is used up now; nothing is placed.
    pub async fn usage(&self, admission: &Admission) -> Result<Vec<Usage>, Unavailable> {
        let (reply, answer) = oneshot::channel();
        self.put(DoorOrder::Usage((admission.request.tenant.clone(), admission.caps.clone()), reply))?;
        answer.await.unwrap_or(Err(Unavailable::Stopping))
    }

    /// Takes in what the agent noted after a call; answers once it is durably stored.
    pub async fn wrap_up(&self, tenant: String, call: CallId, wrap_up: WrapUp) -> Result<Wrapped, Unavailable> {
        let (reply, answer) = oneshot::channel();
        self.put(DoorOrder::WrapUp((tenant, call, wrap_up), reply))?;
        answer.await.unwrap_or(Err(Unavailable::Stopping))
    }

    fn put(&self, order: DoorOrder) -> Result<(), Unavailable> {
        self.orders.try_send(order).map_err(|why| match why {
            mpsc::error::TrySendError::Full(_) => Unavailable::Full,
            mpsc::error::TrySendError::Closed(_) => Unavailable::Stopping,
        })
    }
}
