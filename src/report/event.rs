//! Events of a call, as programs hear of them: over the event stream, and as callbacks where asked for.
//!
//! An event is told of what has changed in a call's journal, never of what was heard: news that changes
//! nothing is no news, and one entry of the ledger is at most one event, whose id is made of the entry's
//! number. The body is rendered once; both ways out carry the same bytes.

use std::collections::BTreeSet;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::call::{CallRequest, Journal, Phase, Recording};
use crate::ledger::CallEvent;
use crate::report::record::CallRecord;
use crate::timestamp::Timestamp;

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

/// What a change of a call is to be told as, if it is.
pub fn kind(before: &Journal, after: &Journal) -> Option<EventKind> {
    let (was, is) = (&before.times, &after.times);
    let rings = was.a_ringing != is.a_ringing || was.b_ringing != is.b_ringing;
    let wrapped_up = matches!((before.phase, after.phase), (Phase::WrappingUp { .. }, Phase::Ended { .. }));
    let recorded = before.recording != after.recording && after.recording == Recording::Kept;
    let kinds = [
        (before.a.created != after.a.created, EventKind::Accepted),
        (rings, EventKind::Ringing),
        (was.a_answered != is.a_answered, EventKind::Answered),
        (was.connected != is.connected, EventKind::Connected),
        (was.ended != is.ended, EventKind::Ended),
        (wrapped_up, EventKind::WrappedUp),
        (recorded, EventKind::RecordingReady),
    ];
    kinds.into_iter().find_map(|(happened, kind)| happened.then_some(kind))
}

/// The event that a change of a call is, complete to the last byte of its body.
pub fn told(request: &CallRequest, (before, after): (&Journal, &Journal), at: Timestamp) -> Option<CallEvent> {
    let kind = kind(before, after)?;
    let id = format!("evt_{}_{}", request.id, after.sequence);
    Some(CallEvent {
        body: body(&id, (kind, at), (request, after))?,
        id,
        tenant: request.tenant.clone(),
        call: request.id,
        agent: request.agent.as_ref().map(|agent| agent.extension.clone()),
        kind,
        at,
    })
}

/// The longest body that an event of this call can have, given its widest journal.
pub(super) fn widest_body(request: &CallRequest, widest: &Journal) -> Option<String> {
    let id = format!("evt_{}_{}", request.id, widest.sequence);
    body(&id, (EventKind::RecordingReady, request.accepted_at), (request, widest))
}

#[derive(Serialize)]
struct Body<'a> {
    id: &'a str,
    #[serde(rename = "type")]
    kind: EventKind,
    /// Grows within a call; numbers are left out where nothing was to be told.
    sequence: u32,
    occurred_at: String,
    data: CallRecord,
}

fn body(id: &str, (kind, at): (EventKind, Timestamp), (request, journal): (&CallRequest, &Journal)) -> Option<String> {
    let data = CallRecord::new(request, journal);
    let body = Body { id, kind, sequence: journal.sequence, occurred_at: at.to_string(), data };
    serde_json::to_string(&body).ok()
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;
    use crate::call::{Call, Event, Leg, LineEvent, RecordingEvent, WrapUp, wrapup_tests};
    use crate::report::fixture::order;
    use crate::report::render::event_callback;

    const THEN: i64 = 1_700_000_000_000;

    /// A recorded call for a queue: what is told, one after the other.
    fn whole_call(request: &CallRequest) -> Vec<CallEvent> {
        let gone = || LineEvent::Gone(crate::call::Gone::Missing);
        let line = |leg, event| Event::Line(leg, event);
        let heard = [
            Event::Accepted,
            line(Leg::A, LineEvent::Entered),
            line(Leg::A, LineEvent::Ringing),
            line(Leg::A, LineEvent::Ringing),
            line(Leg::A, LineEvent::Answered),
            line(Leg::B, LineEvent::Entered),
            line(Leg::B, LineEvent::EarlyMedia),
            line(Leg::B, LineEvent::Answered),
            line(Leg::B, gone()),
            line(Leg::A, gone()),
            Event::Recording(RecordingEvent::Finished),
            Event::WrapUp(WrapUp { notes: "ring again".to_owned(), ..WrapUp::default() }),
        ];
        let mut call = Call::new(std::sync::Arc::new(request.clone()));
        let tell = |event: Event| {
            let before = call.journal().clone();
            call.on_event(Timestamp::from_millis(THEN), &event);
            told(request, (&before, call.journal()), Timestamp::from_millis(THEN))
        };
        heard.into_iter().filter_map(tell).collect()
    }

    fn for_a_queue() -> CallRequest {
        CallRequest { queue: Some(wrapup_tests::queue()), ..order() }
    }

    #[test]
    fn a_call_is_told_step_by_step_and_what_changes_nothing_is_not_told() {
        let events = whole_call(&for_a_queue());
        let told: Vec<_> =
            events.iter().map(|event| (event.kind.as_str(), event.id.rsplit_once('_').unwrap().1)).collect();
        let expected = [
            ("call.accepted", "1"),
            ("call.ringing", "3"),
            ("call.answered", "4"),
            ("call.ringing", "6"),
            ("call.connected", "7"),
            ("call.ended", "9"),
            ("recording.ready", "10"),
            ("call.wrapped_up", "11"),
        ];
        assert_eq!(told, expected);
    }

    #[test]
    fn an_event_says_what_happened_when_and_how_the_call_stands() {
        let events = whole_call(&for_a_queue());
        let ended = events.iter().find(|event| event.kind == EventKind::Ended).unwrap();
        assert_eq!((ended.tenant.as_str(), ended.agent.as_deref()), ("demo", Some("101")));
        let body: Value = serde_json::from_str(&ended.body).unwrap();
        assert_eq!(body["id"], "evt_0190aa00000070008000000000000001_9");
        assert_eq!(body["type"], "call.ended");
        assert_eq!((&body["sequence"], &body["occurred_at"]), (&9.into(), &"2023-11-14T22:13:20.000Z".into()));
        assert_eq!((&body["data"]["phase"], &body["data"]["wrap_up"]), (&"wrapping_up".into(), &Value::Null));
        let body: Value = serde_json::from_str(&events.last().unwrap().body).unwrap();
        assert_eq!(
            (&body["data"]["phase"], &body["data"]["wrap_up"]["notes"]),
            (&"ended".into(), &"ring again".into())
        );
    }

    #[test]
    fn a_recording_that_failed_or_was_never_heard_of_is_not_ready() {
        let journal = |recording| Journal { recording, ..crate::report::fixture::connected(THEN, THEN) };
        let of = |after| kind(&journal(Recording::Running), &journal(after));
        assert_eq!(of(Recording::Kept), Some(EventKind::RecordingReady));
        assert_eq!((of(Recording::Failed), of(Recording::Unknown)), (None, None));
        assert_eq!(kind(&journal(Recording::Kept), &journal(Recording::Kept)), None);
    }

    #[test]
    fn chosen_events_are_called_back_in_the_words_of_the_stream_and_no_others() {
        let mut request = for_a_queue();
        assert!(whole_call(&request).iter().all(|event| event_callback(&request, event).is_none()));
        let events = BTreeSet::from([EventKind::Ended, EventKind::WrappedUp]);
        request.report.events = Some(EventPlan { url: "https://crm.example/hook".to_owned(), events });
        let told = whole_call(&request);
        let callbacks: Vec<_> = told.iter().filter_map(|event| event_callback(&request, event)).collect();
        let kinds: Vec<_> = callbacks.iter().map(|callback| callback.kind.as_str()).collect();
        assert_eq!(kinds, ["call.ended", "call.wrapped_up"]);
        let ended = told.iter().find(|event| event.kind == EventKind::Ended).unwrap();
        assert_eq!((&callbacks[0].id, &callbacks[0].body), (&ended.id, &ended.body));
        assert_eq!(
            (callbacks[0].url.as_str(), callbacks[0].content_type.as_str()),
            ("https://crm.example/hook", "application/json")
        );
        assert_eq!((callbacks[0].call, callbacks[0].created_at), (Some(request.id), Timestamp::from_millis(THEN)));
    }
}
