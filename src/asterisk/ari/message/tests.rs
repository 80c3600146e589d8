//! What events of a real Asterisk (22.10.1, 16.28.0), shortened, mean.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

const OURS: &str = "db-00000000000000000000000000000abc-a1";

fn call() -> CallId {
    CallId::from_bits(0xabc)
}

fn channel(id: &str, state: &str) -> Value {
    json!({"id": id, "name": "Local/busy@t-00000000;1", "state": state, "caller": {"name": "A \"B\"", "number": "1"}})
}

fn notice(event: &Value) -> Option<Notice> {
    match decode(&event.to_string()).unwrap() {
        Message::Notice(notice) => Some(notice),
        Message::Ignored => None,
        other => panic!("{other:?}"),
    }
}

fn line_event(event: &Value) -> Option<LineEvent> {
    match notice(event)? {
        Notice::Line(id, Leg::A, event) if id == call() => Some(event),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_channel_enters_rings_answers_and_goes() {
    let event = |kind: &str, state: &str| json!({"timestamp": "t", "type": kind, "channel": channel(OURS, state)});
    assert_eq!(line_event(&event("StasisStart", "Down")), Some(LineEvent::Entered));
    assert_eq!(line_event(&event("ChannelStateChange", "Ringing")), Some(LineEvent::Ringing));
    assert_eq!(line_event(&event("ChannelStateChange", "Up")), Some(LineEvent::Answered));
    assert_eq!(line_event(&event("ChannelStateChange", "Down")), None);
    assert_eq!(line_event(&event("StasisEnd", "Up")), None);
}

#[test]
fn the_end_of_a_channel_carries_its_causes() {
    let gone = |causes: Value| {
        let mut event = json!({"type": "ChannelDestroyed", "cause_txt": "x", "channel": channel(OURS, "Down")});
        event.as_object_mut().unwrap().extend(causes.as_object().unwrap().clone());
        line_event(&event)
    };
    let destroyed = |q850, sip| Some(LineEvent::Gone(Gone::Destroyed(Cause { q850, sip })));
    assert_eq!(gone(json!({"cause": 17})), destroyed(17, None));
    assert_eq!(gone(json!({"cause": 19, "tech_cause": 480})), destroyed(19, Some(480)));
    assert_eq!(gone(json!({"cause": 16, "tech_cause": 0})), destroyed(16, None));
    assert_eq!(gone(json!({"cause": -1, "tech_cause": 70_000})), destroyed(0, None));
    assert_eq!(gone(json!({})), destroyed(0, None));
}

#[test]
fn a_hangup_that_software_asked_for_has_no_cause_to_tell() {
    let event = |more: Value| {
        let mut event = json!({"type": "ChannelHangupRequest", "channel": channel(OURS, "Up")});
        event.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        line_event(&event)
    };
    let requested = Some(LineEvent::HangupRequested(Cause { q850: 17, sip: None }));
    assert_eq!(event(json!({"cause": 17})), requested);
    assert_eq!(event(json!({"cause": 32, "soft": true})), None);
    assert_eq!(event(json!({})), None);
}

#[test]
fn a_dial_tells_how_it_goes() {
    let dial = |status: &str, forward: &str| {
        line_event(&json!({"type": "Dial", "dialstatus": status, "forward": forward, "dialstring": "x",
            "caller": channel("1.2", "Up"), "peer": channel(OURS, "Down")}))
    };
    assert_eq!(dial("", ""), None);
    assert_eq!(dial("RINGING", ""), Some(LineEvent::Ringing));
    assert_eq!(dial("PROGRESS", ""), Some(LineEvent::EarlyMedia));
    assert_eq!(dial("ANSWER", ""), Some(LineEvent::Answered));
    assert_eq!(dial("", "Local/102@default"), Some(LineEvent::Forwarded));
    for (status, end) in [
        ("BUSY", DialEnd::Busy),
        ("CONGESTION", DialEnd::Congestion),
        ("CHANUNAVAIL", DialEnd::Unavailable),
        ("NOANSWER", DialEnd::NoAnswer),
        ("CANCEL", DialEnd::Cancelled),
    ] {
        assert_eq!(dial(status, ""), Some(LineEvent::DialEnded(end)), "{status}");
    }
}

#[test]
fn channels_of_others_and_hidden_halves_mean_nothing() {
    for id in ["1763648415.12", "db-abc-a1", &format!("{OURS};2"), &OURS.replace("a1", "c1")] {
        for kind in ["StasisStart", "ChannelDestroyed", "ChannelHangupRequest"] {
            assert_eq!(notice(&json!({"type": kind, "cause": 16, "channel": channel(id, "Up")})), None, "{id}");
        }
        assert_eq!(notice(&json!({"type": "Dial", "dialstatus": "BUSY", "peer": channel(id, "Down")})), None);
    }
}

#[test]
fn the_party_that_is_transferred_is_the_one_that_is_told() {
    let agent = channel(OURS, "Up");
    let target = channel(&OURS.replace("-a1", "-b1"), "Up");
    let moved = Some(Notice::Line(call(), Leg::B, LineEvent::Transferred));
    let blind = json!({"type": "BridgeBlindTransfer", "result": "Success", "channel": agent, "transferee": target});
    assert_eq!(notice(&blind), moved);
    let unnamed = json!({"type": "BridgeBlindTransfer", "result": "Success", "channel": agent});
    assert_eq!(notice(&unnamed), moved);
    let failed = json!({"type": "BridgeBlindTransfer", "result": "Fail", "channel": agent, "transferee": target});
    assert_eq!(notice(&failed), None);
    let attended = json!({"type": "BridgeAttendedTransfer", "result": "Success", "transferer_first_leg": agent,
        "transferer_second_leg": channel("1.2", "Up"), "transferee": target});
    assert_eq!(notice(&attended), moved);
}

#[test]
fn a_recording_is_known_by_its_name() {
    let over = |kind: &str, name: &str| notice(&json!({"type": kind, "recording": {"name": name, "format": "wav"}}));
    let ours = "db-00000000000000000000000000000abc";
    assert_eq!(over("RecordingFinished", ours), Some(Notice::Recording(call(), RecordingEvent::Finished)));
    assert_eq!(over("RecordingFailed", ours), Some(Notice::Recording(call(), RecordingEvent::Failed)));
    assert_eq!(over("RecordingFinished", "voicemail"), None);
}

#[test]
fn answers_and_strangers_are_told_apart() {
    let text = r#"{"type":"RESTResponse","request_id":"7","status_code":404,"message_body":"{\"message\":\"x\"}"}"#;
    let Message::Answer(answer) = decode(text).unwrap() else { panic!() };
    assert_eq!((&*answer.request_id, answer.status_code), ("7", 404));
    assert_eq!(answer.message_body.as_deref(), Some(r#"{"message":"x"}"#));
    assert_eq!(decode(r#"{"type":"ApplicationReplaced","application":"x"}"#).unwrap(), Message::Replaced);
    assert_eq!(decode(r#"{"type":"ChannelVarset","variable":"x"}"#).unwrap(), Message::Ignored);
    assert_eq!(decode(r#"{"type":"Novelty"}"#).unwrap(), Message::Unknown("Novelty".into()));
}

#[test]
fn text_without_escapes_is_not_copied() {
    let Message::Unknown(kind) = decode(r#"{"a":1,"type":"Novelty"}"#).unwrap() else { panic!() };
    assert!(matches!(kind, Cow::Borrowed(_)));
}

#[test]
fn what_lacks_what_its_type_must_have_is_an_error() {
    for text in ["", "null", "[]", "{", r#"{"type":1}"#, r#"{"type":"StasisStart"}"#, r#"{"type":"RESTResponse"}"#] {
        assert!(decode(text).is_err(), "{text}");
    }
    let deep = format!(r#"{{"type":"StasisStart","channel":{}{}}}"#, "[".repeat(100_000), "]".repeat(100_000));
    assert!(decode(&deep).is_err());
}

proptest! {
    #[test]
    fn no_text_can_harm(text in any::<String>(), kind in "StasisStart|Dial|RESTResponse|ChannelDestroyed", id in any::<String>()) {
        let _ = decode(&text);
        let event = json!({"type": kind, "channel": {"id": id, "state": text}, "peer": {"id": id}, "cause": i64::MAX});
        let _ = decode(&event.to_string());
    }
}
