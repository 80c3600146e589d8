//! Where a call stands, and what it remembers of its way there.

use serde::{Deserialize, Serialize};

use crate::call::{Cause, EndBy, EndReason, Gone, Leg, Status, WrapUp};
use crate::timestamp::Timestamp;

/// How far a line has come on its way to an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Line {
    /// Its channel was asked for.
    Created,
    /// Its channel is in the bridge and dials.
    Dialled,
    /// The far end rings, or sends its own audio before it answers.
    Ringing,
}

/// Where a call stands. Each variant owns the facts that are true in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// The agent's phone is being dialled.
    CallingAgent {
        /// How far.
        line: Line,
        /// Since when.
        since: Timestamp,
    },
    /// The agent has answered; the target is being dialled.
    CallingTarget {
        /// How far.
        line: Line,
        /// Since when.
        since: Timestamp,
    },
    /// Both talk.
    Talking {
        /// Since when.
        since: Timestamp,
    },
    /// The verdict stands; lines are being freed.
    Clearing {
        /// Why it ends.
        verdict: Verdict,
        /// Since when.
        since: Timestamp,
        /// When the lines that are left are to be hung up again.
        retry_at: Timestamp,
    },
    /// No line is left; the agent chooses codes and writes notes.
    WrappingUp {
        /// Why it ended.
        verdict: Verdict,
        /// When the time for that is over.
        until: Timestamp,
    },
    /// Over: no line is left, and nothing is awaited from anybody.
    Ended {
        /// Why.
        verdict: Verdict,
    },
}

/// The judgement on a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verdict {
    /// Why it ended.
    pub reason: EndReason,
    /// Who ended it.
    pub by: EndBy,
    /// The status that follows.
    pub status: Status,
    /// When: the moment the talking or the trying stopped.
    pub at: Timestamp,
}

/// When things happened, if they did. History, not state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Times {
    /// The agent's phone rang.
    pub a_ringing: Option<Timestamp>,
    /// The agent answered.
    pub a_answered: Option<Timestamp>,
    /// The target's phone rang.
    pub b_ringing: Option<Timestamp>,
    /// The target answered: both talk.
    pub connected: Option<Timestamp>,
    /// The last line was free.
    pub ended: Option<Timestamp>,
}

/// What one leg is doing, for people and programs that ask.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum LegStatus {
    /// Not created yet.
    #[default]
    Idle,
    /// Created or dialled, nothing heard yet.
    Dialling,
    /// Rings, or sends early media.
    Ringing,
    /// Answered.
    Up,
    /// Gone.
    Gone,
}

/// What is known of one leg.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LegRecord {
    /// What it is doing.
    pub status: LegStatus,
    /// Why it ended: the first cause seen.
    pub cause: Option<Cause>,
    /// When its channel was asked for.
    pub created: Option<Timestamp>,
}

impl LegRecord {
    /// Whether there is, or may be, a channel.
    pub const fn is_there(&self) -> bool {
        matches!(self.status, LegStatus::Dialling | LegStatus::Ringing | LegStatus::Up)
    }

    pub(super) const fn create(&mut self, now: Timestamp) {
        self.status = LegStatus::Dialling;
        self.created = Some(now);
    }

    pub(super) fn learn(&mut self, cause: Cause) {
        self.cause = Some(self.cause.map_or(cause, |first| first.refined_by(cause)));
    }

    pub(super) fn leave(&mut self, gone: Gone) {
        self.status = LegStatus::Gone;
        if let Gone::Destroyed(cause) = gone {
            self.learn(cause);
        }
    }
}

/// What became of the recording.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Recording {
    /// Not asked for, or not begun.
    #[default]
    None,
    /// Asterisk was asked to record. The file is complete only once the bridge is gone, after the call.
    Running,
    /// There is a file.
    Kept,
    /// There is none.
    Failed,
    /// Asterisk never said whether there is a file.
    Unknown,
}

/// All that changes in a call: what the store keeps beside its [`CallRequest`](crate::call::CallRequest).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Journal {
    /// Where it stands.
    pub phase: Phase,
    /// When things happened.
    pub times: Times,
    /// The agent's leg.
    pub a: LegRecord,
    /// The target's leg.
    pub b: LegRecord,
    /// The recording.
    pub recording: Recording,
    /// What the agent noted after the talk.
    #[serde(default)]
    pub wrap_up: Option<WrapUp>,
    /// Number of the last ledger entry: how many events have changed something.
    pub sequence: u32,
}

impl Journal {
    /// What is known of one leg.
    pub const fn leg(&self, leg: Leg) -> &LegRecord {
        match leg {
            Leg::A => &self.a,
            Leg::B => &self.b,
        }
    }

    /// The status word of the moment.
    pub fn status(&self) -> Status {
        match self.phase {
            Phase::CallingAgent { .. } if self.times.a_ringing.is_none() => Status::Queued,
            Phase::CallingAgent { .. } | Phase::CallingTarget { .. } => Status::Ringing,
            Phase::Talking { .. } => Status::InProgress,
            Phase::Clearing { verdict, .. } | Phase::WrappingUp { verdict, .. } | Phase::Ended { verdict } => {
                verdict.status
            }
        }
    }

    /// The verdict, once there is one.
    pub fn verdict(&self) -> Option<Verdict> {
        match self.phase {
            Phase::Clearing { verdict, .. } | Phase::WrappingUp { verdict, .. } | Phase::Ended { verdict } => {
                Some(verdict)
            }
            Phase::CallingAgent { .. } | Phase::CallingTarget { .. } | Phase::Talking { .. } => None,
        }
    }

    /// Whether its lines are free: it has ended for everybody but those who wrap it up.
    pub const fn has_cleared(&self) -> bool {
        self.times.ended.is_some()
    }

    /// Whether nothing is left to do: it has ended, and what was recorded is on its disk.
    pub const fn is_over(&self) -> bool {
        matches!(self.phase, Phase::Ended { .. }) && !matches!(self.recording, Recording::Running)
    }
}
