//! The verdict on a call: why it ended, by whom, and the status word that integrators know.
//!
//! Both sets are closed and public. Where each comes from (Q.850 causes, SIP codes, timers, people)
//! is decided here and nowhere else.

use serde::{Deserialize, Serialize};

use crate::call::{Cause, DialEnd, Gone, Leg, Verdict};
use crate::timestamp::Timestamp;

/// The status strings that integrators know.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, utoipa::ToSchema)]
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
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, utoipa::ToSchema)]
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
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, utoipa::ToSchema)]
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

impl EndReason {
    /// As written in answers, callbacks and metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Normal => "normal",
            Self::MaxDuration => "max_duration",
            Self::Terminated => "terminated",
            Self::Transferred => "transferred",
            Self::AgentHungUp => "agent_hung_up",
            Self::AgentBusy => "agent_busy",
            Self::AgentDeclined => "agent_declined",
            Self::AgentNoAnswer => "agent_no_answer",
            Self::AgentUnreachable => "agent_unreachable",
            Self::AgentForwarded => "agent_forwarded",
            Self::TargetBusy => "target_busy",
            Self::TargetDeclined => "target_declined",
            Self::TargetNoAnswer => "target_no_answer",
            Self::TargetInvalid => "target_invalid",
            Self::TargetRejected => "target_rejected",
            Self::TargetUnreachable => "target_unreachable",
            Self::Congestion => "congestion",
            Self::Codec => "codec",
            Self::PbxRestart => "pbx_restart",
            Self::PbxLost => "pbx_lost",
            Self::Lost => "lost",
            Self::Internal => "internal",
        }
    }

    /// The status that a call with this end has, given whether both ever talked.
    const fn status(self, talked: bool) -> Status {
        match self {
            Self::Normal | Self::MaxDuration | Self::Transferred => Status::Completed,
            Self::Terminated if talked => Status::Completed,
            Self::Terminated | Self::AgentHungUp => Status::Canceled,
            Self::AgentBusy | Self::AgentDeclined | Self::TargetBusy | Self::TargetDeclined => Status::Busy,
            Self::AgentNoAnswer | Self::TargetNoAnswer => Status::NoAnswer,
            Self::AgentUnreachable
            | Self::AgentForwarded
            | Self::TargetInvalid
            | Self::TargetRejected
            | Self::TargetUnreachable
            | Self::Congestion
            | Self::Codec
            | Self::PbxRestart
            | Self::PbxLost
            | Self::Lost
            | Self::Internal => Status::Failed,
        }
    }
}

impl EndBy {
    /// As written in answers and callbacks.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Agent => "agent",
            Self::Target => "target",
            Self::Client => "client",
            Self::Timer => "timer",
            Self::Network => "network",
            Self::Pbx => "pbx",
        }
    }

    /// The person on a leg.
    pub(super) const fn person(leg: Leg) -> Self {
        match leg {
            Leg::A => Self::Agent,
            Leg::B => Self::Target,
        }
    }
}

impl Verdict {
    /// The verdict for this reason, given whether both ever talked.
    pub(super) const fn new(reason: EndReason, by: EndBy, talked: bool, at: Timestamp) -> Self {
        Self { reason, by, status: reason.status(talked), at }
    }
}

/// Why a line that was never answered is gone.
pub(super) fn unanswered(leg: Leg, gone: Gone, first: Option<Cause>) -> (EndReason, EndBy) {
    let cause = match gone {
        Gone::Destroyed(last) => first.map_or(last, |first| first.refined_by(last)),
        Gone::Refused(_) => return (unreachable(leg), EndBy::Pbx),
        Gone::NotSent => return (EndReason::PbxLost, EndBy::Pbx),
        Gone::PbxRestarted => return (EndReason::PbxRestart, EndBy::Pbx),
        Gone::Missing => return (EndReason::Lost, EndBy::Pbx),
    };
    let reason = match leg {
        Leg::A => agent_reason(cause),
        Leg::B => target_reason(cause),
    };
    (reason, blame(reason, leg))
}

/// Why a call ends when a line that had been answered is gone.
pub(super) const fn answered(leg: Leg, gone: Gone, talked: bool) -> (EndReason, EndBy) {
    match gone {
        Gone::PbxRestarted => (EndReason::PbxRestart, EndBy::Pbx),
        Gone::Missing => (EndReason::Lost, EndBy::Pbx),
        Gone::Destroyed(_) | Gone::Refused(_) | Gone::NotSent if talked => (EndReason::Normal, EndBy::person(leg)),
        Gone::Destroyed(_) | Gone::Refused(_) | Gone::NotSent => (EndReason::AgentHungUp, EndBy::Agent),
    }
}

/// Why a dial attempt that Asterisk has given up failed, whatever its channel still does.
pub(super) fn dial_ended(leg: Leg, end: DialEnd) -> (EndReason, EndBy) {
    let reason = match (leg, end) {
        (_, DialEnd::NotDialled) => return (EndReason::PbxLost, EndBy::Pbx),
        (Leg::A, DialEnd::Busy) => EndReason::AgentBusy,
        (Leg::B, DialEnd::Busy) => EndReason::TargetBusy,
        (Leg::A, DialEnd::NoAnswer | DialEnd::Cancelled) => EndReason::AgentNoAnswer,
        (Leg::B, DialEnd::NoAnswer | DialEnd::Cancelled) => EndReason::TargetNoAnswer,
        (Leg::B, DialEnd::Congestion) => EndReason::Congestion,
        (_, DialEnd::Congestion | DialEnd::Unavailable) => unreachable(leg),
    };
    (reason, blame(reason, leg))
}

/// The verdict on a phone that asks to be reached elsewhere.
pub(super) const fn forwarded(leg: Leg) -> (EndReason, EndBy) {
    match leg {
        Leg::A => (EndReason::AgentForwarded, EndBy::Agent),
        Leg::B => (EndReason::TargetUnreachable, EndBy::Target),
    }
}

const fn unreachable(leg: Leg) -> EndReason {
    match leg {
        Leg::A => EndReason::AgentUnreachable,
        Leg::B => EndReason::TargetUnreachable,
    }
}

/// The SIP status tells more than the cause that Asterisk makes of it: 403 and 603 are both 21.
const fn target_reason(cause: Cause) -> EndReason {
    match cause.sip {
        Some(486 | 600) => return EndReason::TargetBusy,
        Some(603) => return EndReason::TargetDeclined,
        Some(403) => return EndReason::TargetRejected,
        Some(408 | 480) => return EndReason::TargetNoAnswer,
        Some(404 | 410 | 484 | 485 | 604) => return EndReason::TargetInvalid,
        Some(503) => return EndReason::Congestion,
        _ => {}
    }
    match cause.q850 {
        17 => EndReason::TargetBusy,
        18 | 19 => EndReason::TargetNoAnswer,
        // Cleared normally before it answered: somebody there did not want the call.
        16 | 21 | 26 | 31 => EndReason::TargetDeclined,
        1 | 3 | 22 | 28 => EndReason::TargetInvalid,
        34 | 38 | 41 | 42 | 44 => EndReason::Congestion,
        58 | 88 => EndReason::Codec,
        50 | 52 | 54 | 57 => EndReason::TargetRejected,
        _ => EndReason::TargetUnreachable,
    }
}

const fn agent_reason(cause: Cause) -> EndReason {
    match cause.sip {
        Some(486 | 600) => return EndReason::AgentBusy,
        Some(603) => return EndReason::AgentDeclined,
        Some(408 | 480) => return EndReason::AgentNoAnswer,
        Some(400..=699) => return EndReason::AgentUnreachable,
        _ => {}
    }
    match cause.q850 {
        17 => EndReason::AgentBusy,
        18 | 19 => EndReason::AgentNoAnswer,
        16 | 21 | 26 | 31 => EndReason::AgentDeclined,
        _ => EndReason::AgentUnreachable,
    }
}

const fn blame(reason: EndReason, leg: Leg) -> EndBy {
    match reason {
        EndReason::AgentBusy
        | EndReason::AgentDeclined
        | EndReason::AgentNoAnswer
        | EndReason::TargetBusy
        | EndReason::TargetDeclined
        | EndReason::TargetNoAnswer => EndBy::person(leg),
        _ => EndBy::Network,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(q850: u16, sip: impl Into<Option<u16>>) -> EndReason {
        unanswered(Leg::B, Gone::Destroyed(Cause { q850, sip: sip.into() }), None).0
    }

    fn agent(q850: u16, sip: impl Into<Option<u16>>) -> EndReason {
        unanswered(Leg::A, Gone::Destroyed(Cause { q850, sip: sip.into() }), None).0
    }

    #[test]
    fn a_target_that_never_answered_is_told_by_cause_and_sip_status() {
        let table = [
            (17, Some(486), EndReason::TargetBusy),
            (17, Some(600), EndReason::TargetBusy),
            (17, None, EndReason::TargetBusy),
            (21, Some(603), EndReason::TargetDeclined),
            (21, Some(403), EndReason::TargetRejected),
            (18, Some(408), EndReason::TargetNoAnswer),
            (19, Some(480), EndReason::TargetNoAnswer),
            (19, None, EndReason::TargetNoAnswer),
            (1, Some(404), EndReason::TargetInvalid),
            (28, Some(484), EndReason::TargetInvalid),
            (22, Some(410), EndReason::TargetInvalid),
            (3, None, EndReason::TargetInvalid),
            (42, Some(503), EndReason::Congestion),
            (34, None, EndReason::Congestion),
            (38, Some(500), EndReason::Congestion),
            (58, Some(488), EndReason::Codec),
            (88, None, EndReason::Codec),
            (57, None, EndReason::TargetRejected),
            (20, None, EndReason::TargetUnreachable),
            (27, Some(502), EndReason::TargetUnreachable),
            (0, None, EndReason::TargetUnreachable),
            (127, None, EndReason::TargetUnreachable),
        ];
        for (q850, sip, reason) in table {
            assert_eq!(target(q850, sip), reason, "cause {q850}, SIP {sip:?}");
        }
    }

    #[test]
    fn an_agent_who_never_answered_is_busy_declined_silent_or_unreachable() {
        assert_eq!(agent(17, 486), EndReason::AgentBusy);
        assert_eq!(agent(21, 603), EndReason::AgentDeclined);
        assert_eq!(agent(19, 480), EndReason::AgentNoAnswer);
        for (q850, sip) in [(21, 403), (1, 404), (42, 503)] {
            assert_eq!(agent(q850, sip), EndReason::AgentUnreachable, "SIP {sip}");
        }
    }

    #[test]
    fn the_first_cause_stands_and_the_last_one_adds_the_sip_status() {
        let first = Cause { q850: 17, sip: None };
        let last = Cause { q850: 16, sip: Some(486) };
        assert_eq!(first.refined_by(last), Cause { q850: 17, sip: Some(486) });
        assert_eq!(Cause::default().refined_by(last), last);
    }

    #[test]
    fn terminated_is_completed_only_when_both_talked() {
        assert_eq!(EndReason::Terminated.status(true), Status::Completed);
        assert_eq!(EndReason::Terminated.status(false), Status::Canceled);
    }
}
