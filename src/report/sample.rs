//! A call that never was, for trying a receiver: told by the same machine and in the same form as real ones.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use crate::call::{
    AgentRef, Call, CallId, CallRequest, Cause, Event, Gone, Identity, Leg, LegPlan, LineEvent, QueuePlan,
    RecordingEvent, ReportPlan, TransactionCode, WrapUp,
};
use crate::dial::number::Party;
use crate::ledger::CallEvent;
use crate::report::Callback;
use crate::report::event::{self, EventKind};
use crate::timestamp::Timestamp;

/// Whose call it would have been.
#[derive(Clone, Copy, Debug)]
pub struct Sampled<'a> {
    /// The id that it has: nobody else's.
    pub call: CallId,
    /// Whose secret signs the callback.
    pub tenant: &'a str,
    /// As in the configuration.
    pub public_url: &'a str,
    /// The call ended about now.
    pub now: Timestamp,
}

/// A callback that tells of an event of this kind in a made-up call. It belongs to no call of ours.
pub fn callback(sampled: &Sampled<'_>, kind: EventKind, url: String) -> Option<Callback> {
    let event = event_of(sampled, kind)?;
    Some(Callback {
        id: event.id,
        call: None,
        tenant: event.tenant,
        kind: kind.as_str().to_owned(),
        url,
        content_type: "application/json".to_owned(),
        body: event.body,
        created_at: sampled.now,
    })
}

/// A minute in which Alice reached somebody, and noted what came of it.
fn event_of(sampled: &Sampled<'_>, kind: EventKind) -> Option<CallEvent> {
    let line = |leg, event| Event::Line(leg, event);
    let gone = || LineEvent::Gone(Gone::Destroyed(Cause { q850: 16, sip: None }));
    let code = sold();
    let minute = [
        (0, Event::Accepted),
        (0, line(Leg::A, LineEvent::Entered)),
        (1, line(Leg::A, LineEvent::Ringing)),
        (4, line(Leg::A, LineEvent::Answered)),
        (4, line(Leg::B, LineEvent::Entered)),
        (5, line(Leg::B, LineEvent::Ringing)),
        (9, line(Leg::B, LineEvent::Answered)),
        (45, line(Leg::B, gone())),
        (45, line(Leg::A, gone())),
        (46, Event::Recording(RecordingEvent::Finished)),
        (55, Event::WrapUp(WrapUp { codes: vec![code], notes: "Calls back on Monday".to_owned() })),
    ];
    let start = sampled.now - Duration::from_mins(1);
    let request = Arc::new(request(sampled, start));
    let mut call = Call::new(Arc::clone(&request));
    minute.into_iter().find_map(|(second, happened)| {
        let (at, before) = (start + Duration::from_secs(second), call.journal().clone());
        call.on_event(at, &happened);
        event::told(&request, (&before, call.journal()), at).filter(|event| event.kind == kind)
    })
}

fn sold() -> TransactionCode {
    TransactionCode { list: "Outcome".to_owned(), short: "sold".to_owned(), description: "Sold".to_owned() }
}

fn request(sampled: &Sampled<'_>, accepted_at: Timestamp) -> CallRequest {
    let alice = ["101", "alice@example.com", "Alice Example"].map(str::to_owned);
    let [extension, email, name] = alice;
    CallRequest {
        id: sampled.call,
        tenant: sampled.tenant.to_owned(),
        credential: "sample".to_owned(),
        door: "api".to_owned(),
        accepted_at,
        a: leg(Party::Extension(extension.clone())),
        agent: Some(AgentRef { extension, email, name }),
        b: leg(Party::Outside("+12025550143".to_owned())),
        max_duration: Duration::from_hours(2),
        record: true,
        queue: Some(QueuePlan {
            id: 7,
            queue: "sample".to_owned(),
            codes: vec![sold()],
            wrap_up: Duration::from_mins(2),
        }),
        idempotency: None,
        abroad: false,
        language: None,
        vars: BTreeMap::from([("sample".to_owned(), "true".to_owned())]),
        report: ReportPlan {
            userdata: None,
            ext_transaction_data: None,
            callback_url: None,
            cdr_url: None,
            events: None,
            time_zone: "UTC".to_owned(),
            caller_id: "12025550100".to_owned(),
            public_url: sampled.public_url.to_owned(),
        },
        warnings: vec!["this call is made up, to try a receiver".to_owned()],
    }
}

fn leg(party: Party) -> LegPlan {
    LegPlan {
        party,
        endpoint: String::new(),
        device: None,
        max_dial_time: Duration::from_mins(1),
        caller: Identity::default(),
        connected: Identity::default(),
        headers: Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    #[test]
    fn there_is_a_sample_of_every_event_and_it_says_that_it_is_one() {
        let sampled = Sampled {
            call: CallId::from_bits(7),
            tenant: "demo",
            public_url: "https://calls.example",
            now: Timestamp::from_millis(1_700_000_060_000),
        };
        for kind in EventKind::ALL {
            let callback = callback(&sampled, kind, "https://crm.example/hook".to_owned()).unwrap();
            let body: Value = serde_json::from_str(&callback.body).unwrap();
            assert_eq!((body["id"].as_str(), body["type"].as_str()), (Some(&*callback.id), Some(kind.as_str())));
            assert_eq!(body["data"]["vars"]["sample"], "true");
            assert_eq!((callback.call, callback.kind.as_str()), (None, kind.as_str()));
            assert_eq!((callback.tenant.as_str(), callback.created_at), ("demo", sampled.now));
        }
        let ended = callback(&sampled, EventKind::WrappedUp, String::new()).unwrap();
        let data = &serde_json::from_str::<Value>(&ended.body).unwrap()["data"];
        assert_eq!((&data["status"], &data["durations"]["talk"]), (&"completed".into(), &36.into()));
        assert_eq!(data["wrap_up"]["codes"][0]["short"], "sold");
    }
}
