//! What can happen to a call.
//!
//! Everything a call learns arrives as one of these, whether Asterisk said so, a request was refused,
//! a census after a reconnect found out, or time ran out. Serialised, they are the ledger's first half.

use serde::{Deserialize, Serialize};

use crate::call::{Leg, WrapUp};

/// Why a line ended, as Asterisk tells it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cause {
    /// Q.850 cause; 0 when Asterisk knows none.
    pub q850: u16,
    /// SIP status behind it (`tech_cause`), where Asterisk says it.
    pub sip: Option<u16>,
}

impl Cause {
    /// This cause, the first that was seen, with what a later word on the same line adds: the cause
    /// where this one has none, and the SIP status.
    #[must_use]
    pub const fn refined_by(self, later: Self) -> Self {
        let q850 = if self.q850 == 0 { later.q850 } else { self.q850 };
        let sip = if self.sip.is_none() { later.sip } else { self.sip };
        Self { q850, sip }
    }
}

/// How a line came to be gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Gone {
    /// Asterisk destroyed the channel (`ChannelDestroyed`).
    Destroyed(Cause),
    /// Asterisk refused the request to make it, with this HTTP status: it never was.
    Refused(u16),
    /// The request to make it was never sent: it never was.
    NotSent,
    /// Asterisk has restarted since, and every channel of its old life is dead.
    PbxRestarted,
    /// It is not among Asterisk's channels, and nobody saw it go.
    Missing,
}

/// How an attempt to dial ended, as the `Dial` event's `dialstatus` says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DialEnd {
    /// `BUSY`
    Busy,
    /// `CONGESTION`
    Congestion,
    /// `CHANUNAVAIL`
    Unavailable,
    /// `NOANSWER`
    NoAnswer,
    /// `CANCEL`
    Cancelled,
    /// It never began: Asterisk could not be asked to.
    NotDialled,
}

/// What can happen to one line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LineEvent {
    /// The channel exists and is ours to command (`StasisStart`).
    Entered,
    /// The far end rings.
    Ringing,
    /// The far end sends audio before it answers (183).
    EarlyMedia,
    /// The far end answered.
    Answered,
    /// The dial attempt is over, though the channel may live on for seconds (a `Local` leg's).
    DialEnded(DialEnd),
    /// The phone asks to be reached elsewhere (302); never followed.
    Forwarded,
    /// Somebody is hanging up; the first cause seen is the true one.
    HangupRequested(Cause),
    /// The line is gone.
    Gone(Gone),
    /// Somebody at the PBX moved the party on this line to another conversation.
    Transferred,
}

/// What became of the recording.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RecordingEvent {
    /// The file is complete.
    Finished,
    /// There will be no file.
    Failed,
}

/// What can happen to a call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Event {
    /// The call was accepted: the first event of every call.
    Accepted,
    /// Something happened to one line.
    Line(Leg, LineEvent),
    /// Something became of the recording.
    Recording(RecordingEvent),
    /// A client asked to end the call.
    Terminate,
    /// The agent has wrapped the call up.
    WrapUp(WrapUp),
    /// The moment named by [`Call::deadline`](crate::call::Call::deadline) has come.
    Deadline,
}
