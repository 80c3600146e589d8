//! The verdict on a call: why it ended, by whom, and the status word that integrators know.
//!
//! Both sets are closed and public. Where each comes from (Q.850 causes, SIP codes, timers, people)
//! is decided here and nowhere else.

use serde::{Deserialize, Serialize};

use crate::call::{Cause, DialEnd, Gone, Leg};

/// The status strings that integrators know.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Status {
    /// Accepted, nothing rings yet.
    Queued,
    /// A phone rings.
    Ringing,
    /// Both talk.
    InProgress,
    /// Both talked.
    Completed,
    /// Somebody was busy or declined.
    Busy,
    /// Somebody did not answer in time.
    NoAnswer,
    /// It could not be done.
    Failed,
    /// Somebody gave up before both talked.
    Canceled,
}

impl Status {
    /// As written in answers, callbacks and metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Ringing => "ringing",
            Self::InProgress => "in-progress",
            Self::Completed => "completed",
            Self::Busy => "busy",
            Self::NoAnswer => "no-answer",
            Self::Failed => "failed",
            Self::Canceled => "canceled",
        }
    }
}

/// Why a call ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EndReason {
    /// Both talked, and one hung up.
    Normal,
    /// Both talked for as long as they may.
    MaxDuration,
    /// A request ended it.
    Terminated,
    /// Both talked, then somebody moved a party elsewhere at the PBX.
    Transferred,
    /// The agent hung up before the target answered.
    AgentHungUp,
    /// The agent's phone is busy.
    AgentBusy,
    /// The agent declined.
    AgentDeclined,
    /// The agent did not answer in time.
    AgentNoAnswer,
    /// The agent's phone cannot be reached.
    AgentUnreachable,
    /// The agent's phone asked to be reached elsewhere.
    AgentForwarded,
    /// 486, 600.
    TargetBusy,
    /// 603.
    TargetDeclined,
    /// Our timer, or 408, 480.
    TargetNoAnswer,
    /// 404, 484, 410.
    TargetInvalid,
    /// 403, barred.
    TargetRejected,
    /// No way there.
    TargetUnreachable,
    /// The network has no room.
    Congestion,
    /// No common codec.
    Codec,
    /// Asterisk restarted under the call.
    PbxRestart,
    /// Asterisk did not do what it was asked to, and does not answer.
    PbxLost,
    /// The lines went while nobody watched.
    Lost,
    /// Our own fault.
    Internal,
}

/// Who ended a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EndBy {
    /// The person on A.
    Agent,
    /// The person on B.
    Target,
    /// A request.
    Client,
    /// One of the call's time limits.
    Timer,
    /// The network between Asterisk and a phone.
    Network,
    /// Asterisk.
    Pbx,
}
