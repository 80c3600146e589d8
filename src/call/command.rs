//! What a call wants done, in Asterisk's own verbs.
//!
//! Commands have no return value: what comes of one is a later [`Event`](crate::call::Event), or a
//! deadline. They are small and carry no detail that stands in the [`CallRequest`]; an [`Order`] puts
//! both together for the link. Serialised, they are the ledger's second half.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::call::{CallRequest, Leg};

/// One thing for Asterisk to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Command {
    /// Make the call's bridge.
    CreateBridge,
    /// Make a leg's channel. At most once in a leg's life.
    Create(Leg),
    /// Put the leg into the bridge and dial it. Only once it has entered, at most once.
    JoinAndDial(Leg),
    /// Record the bridge.
    Record,
    /// End a leg. May be repeated.
    Hangup(Leg),
    /// Delete the bridge, once both legs have left or will not leave. May be repeated.
    DestroyBridge,
}

impl Command {
    /// Whether it starts something at Asterisk, and so must wait for its commit without exception.
    pub const fn starts(self) -> bool {
        match self {
            Self::CreateBridge | Self::Create(_) | Self::JoinAndDial(_) | Self::Record => true,
            Self::Hangup(_) | Self::DestroyBridge => false,
        }
    }
}

/// A command together with the call that it is for: all a link needs.
#[derive(Clone, Debug)]
pub struct Order {
    /// The call, in every detail.
    pub request: Arc<CallRequest>,
    /// What to do.
    pub command: Command,
}
