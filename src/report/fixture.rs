//! One call of the demonstration world, for the tests of what is told about calls.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::call::{
    AgentRef, CallId, CallRequest, Cause, EndBy, EndReason, Identity, Journal, LegPlan, LegRecord, LegStatus, Phase,
    Recording, ReportPlan, Status, Times, Verdict,
};
use crate::dial::number::Party;
use crate::timestamp::Timestamp;

/// Alice at 101 calls +1 212 555 0101.
pub(super) fn order() -> CallRequest {
    CallRequest {
        id: CallId::from_bits(0x0190_aa00_0000_7000_8000_0000_0000_0001),
        tenant: "demo".to_owned(),
        credential: "demo-code".to_owned(),
        door: "voicenter".to_owned(),
        accepted_at: Timestamp::from_millis(1_699_999_990_000),
        agent: Some(AgentRef {
            extension: "101".to_owned(),
            email: "alice@demo.example".to_owned(),
            name: "Alice".to_owned(),
        }),
        a: leg(Party::Extension("101".to_owned())),
        b: leg(Party::Outside("+12125550101".to_owned())),
        max_duration: Duration::from_hours(2),
        record: true,
        queue: None,
        idempotency: None,
        abroad: false,
        language: None,
        vars: BTreeMap::from([("lead".to_owned(), "7 & \"8\"".to_owned())]),
        report: ReportPlan {
            userdata: None,
            ext_transaction_data: None,
            callback_url: None,
            cdr_url: None,
            events: None,
            time_zone: "America/New_York".to_owned(),
            caller_id: "12125550100".to_owned(),
            public_url: "https://calls.example".to_owned(),
        },
        warnings: Vec::new(),
    }
}

/// Both talked between these moments (milliseconds), recorded; the target hung up.
pub(super) fn connected(answered: i64, hangup: i64) -> Journal {
    let (answered, at) = (Timestamp::from_millis(answered), Timestamp::from_millis(hangup));
    let times = Times {
        a_ringing: Some(answered - Duration::from_secs(5)),
        a_answered: Some(answered - Duration::from_secs(3)),
        b_ringing: Some(answered - Duration::from_secs(2)),
        connected: Some(answered),
        ended: Some(at),
    };
    let verdict = Verdict { reason: EndReason::Normal, by: EndBy::Target, status: Status::Completed, at };
    Journal { times, recording: Recording::Kept, ..ended(verdict, Cause { q850: 16, sip: None }) }
}

/// The target was busy at this moment (milliseconds).
pub(super) fn missed(at: i64) -> Journal {
    let at = Timestamp::from_millis(at);
    let verdict = Verdict { reason: EndReason::TargetBusy, by: EndBy::Target, status: Status::Busy, at };
    ended(verdict, Cause { q850: 17, sip: Some(486) })
}

fn ended(verdict: Verdict, cause: Cause) -> Journal {
    let leg = LegRecord { status: LegStatus::Gone, cause: Some(cause), created: None };
    let times = Times { ended: Some(verdict.at), ..Times::default() };
    Journal {
        phase: Phase::Ended { verdict },
        times,
        a: leg,
        b: leg,
        recording: Recording::None,
        wrap_up: None,
        sequence: 9,
    }
}

fn leg(party: Party) -> LegPlan {
    LegPlan {
        party,
        endpoint: "PJSIP/x".to_owned(),
        device: None,
        max_dial_time: Duration::from_mins(1),
        caller: Identity::default(),
        connected: Identity::default(),
        headers: Vec::new(),
    }
}
