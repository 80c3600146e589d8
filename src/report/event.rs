//! Events of a call, as programs hear of them: over the event stream, and as callbacks where asked for.

use std::collections::BTreeSet;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// What can be told of a call. The words are a promise to clients.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, utoipa::ToSchema)]
pub enum EventKind {
    /// The order was taken.
    #[serde(rename = "call.accepted")]
    Accepted,
    /// A phone rings: the agent's, later the target's; the legs say which.
    #[serde(rename = "call.ringing")]
    Ringing,
    /// The agent answered.
    #[serde(rename = "call.answered")]
    Answered,
    /// The target answered: both talk.
    #[serde(rename = "call.connected")]
    Connected,
    /// It is over: no line is left.
    #[serde(rename = "call.ended")]
    Ended,
    /// Codes and notes are in, or their time is over.
    #[serde(rename = "call.wrapped_up")]
    WrappedUp,
    /// The recording can be fetched.
    #[serde(rename = "recording.ready")]
    RecordingReady,
}

impl EventKind {
    /// All of them, in the order of a call.
    pub const ALL: [Self; 7] = [
        Self::Accepted,
        Self::Ringing,
        Self::Answered,
        Self::Connected,
        Self::Ended,
        Self::WrappedUp,
        Self::RecordingReady,
    ];

    /// As clients know it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Accepted => "call.accepted",
            Self::Ringing => "call.ringing",
            Self::Answered => "call.answered",
            Self::Connected => "call.connected",
            Self::Ended => "call.ended",
            Self::WrappedUp => "call.wrapped_up",
            Self::RecordingReady => "recording.ready",
        }
    }
}

/// No such event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there is no such event")]
pub struct NotAnEvent;

impl FromStr for EventKind {
    type Err = NotAnEvent;

    fn from_str(text: &str) -> Result<Self, NotAnEvent> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text).ok_or(NotAnEvent)
    }
}

/// Which events of a call go where.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EventPlan {
    /// Where.
    pub url: String,
    /// Which.
    pub events: BTreeSet<EventKind>,
}
