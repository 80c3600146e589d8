//! Calls and callbacks to store.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use crate::call::{
    AgentRef, CallId, CallRequest, Command, EndBy, EndReason, Event, Identity, Journal, Leg, LegPlan, LegRecord,
    LineEvent, Phase, Recording, ReportPlan, Status, Times, Verdict,
};
use crate::dial::number::Party;
use crate::report::Callback;
use crate::report::event::EventKind;
use crate::store::{Batch, CallEvent, Entry, Snapshot};
use crate::timestamp::Timestamp;

/// The moment `millis` after the start of these tests' time.
pub(crate) const fn at(millis: i64) -> Timestamp {
    Timestamp::from_millis(1_800_000_000_000 + millis)
}

/// The id of the `n`th call.
pub(crate) fn id(n: u32) -> CallId {
    CallId::from_bits(0x0190_aa00_0000_7000_8000_0000_0000_0000 + u128::from(n))
}

/// The `n`th call, accepted `n` milliseconds after the start, while its agent's phone is dialled.
pub(crate) fn call(n: u32) -> Snapshot {
    Snapshot { request: Arc::new(request(n)), journal: journal(calling(), 1) }
}

/// The same call, over.
pub(crate) fn ended(n: u32, reason: EndReason) -> Snapshot {
    let verdict = Verdict { reason, by: EndBy::Agent, status: Status::Completed, at: at(9_000) };
    Snapshot { request: Arc::new(request(n)), journal: journal(Phase::Ended { verdict }, 9) }
}

/// A phase in which a call is alive.
pub(crate) fn calling() -> Phase {
    Phase::Talking { since: at(5) }
}

/// A journal in this phase, after so many entries.
pub(crate) fn journal(phase: Phase, sequence: u32) -> Journal {
    let leg = LegRecord::default();
    let (recording, wrap_up) = (Recording::None, None);
    Journal { phase, times: Times::default(), a: leg, b: leg, recording, wrap_up, sequence }
}

/// The entry of this number.
pub(crate) fn entry(n: u32, sequence: u32) -> Entry {
    let event = Event::Line(Leg::A, LineEvent::Ringing);
    let commands = vec![Command::CreateBridge, Command::Create(Leg::A)];
    Entry { call: id(n), sequence, at: at(sequence.into()), event, commands }
}

/// A callback of the `n`th call.
pub(crate) fn callback(n: u32, kind: &str, url: &str) -> Callback {
    Callback {
        id: format!("msg_{}_{kind}", id(n)),
        call: Some(id(n)),
        tenant: "demo".to_owned(),
        kind: kind.to_owned(),
        url: url.to_owned(),
        content_type: "application/x-www-form-urlencoded".to_owned(),
        body: "ctl_userdata=%5Bname%7Cשלום%5D".to_owned(),
        created_at: at(n.into()),
    }
}

/// An event of the `n`th call.
pub(crate) fn event(n: u32, kind: EventKind) -> CallEvent {
    CallEvent {
        id: format!("evt_{}_{}", id(n), kind as u8),
        tenant: "demo".to_owned(),
        call: id(n),
        agent: Some("101".to_owned()),
        kind,
        at: at(n.into()),
        body: "{\"data\":\"שלום\"}".to_owned(),
    }
}

/// A batch with one call that is over and owes one callback to this URL.
pub(crate) fn owing(n: u32, url: &str) -> Batch {
    Batch {
        snapshots: vec![ended(n, EndReason::Normal)],
        callbacks: vec![callback(n, "userdata", url)],
        ..Batch::default()
    }
}

fn request(n: u32) -> CallRequest {
    let leg = |party: Party| LegPlan {
        endpoint: format!("PJSIP/{}", party.digits()),
        party,
        device: Some("PJSIP/101".to_owned()),
        max_dial_time: Duration::from_mins(1),
        caller: Identity::default(),
        connected: Identity { number: "12125550100".to_owned(), name: "Zoë \"Demo\" 'Main'".to_owned() },
        headers: vec![("X-Name".to_owned(), "a;b".to_owned())],
    };
    let agent =
        AgentRef { extension: "101".to_owned(), email: "alice@demo.example".to_owned(), name: "Alice".to_owned() };
    CallRequest {
        id: id(n),
        tenant: "demo".to_owned(),
        credential: "demo-code".to_owned(),
        door: "voicenter".to_owned(),
        accepted_at: at(n.into()),
        agent: Some(agent),
        a: leg(Party::Extension("101".to_owned())),
        b: leg(Party::Outside("+12125550101".to_owned())),
        max_duration: Duration::from_hours(2),
        record: true,
        queue: None,
        idempotency: None,
        abroad: false,
        language: None,
        vars: BTreeMap::from([("order".to_owned(), "7".to_owned())]),
        report: ReportPlan {
            userdata: None,
            ext_transaction_data: None,
            callback_url: None,
            cdr_url: None,
            events: None,
            time_zone: "America/New_York".to_owned(),
            caller_id: "12125550100".to_owned(),
            public_url: "http://127.0.0.1:8080".to_owned(),
        },
        warnings: Vec::new(),
    }
}
