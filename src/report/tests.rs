//! A call from its click to its wrap-up in simulated time, and what its user data says when it comes back.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::userdata::{parse, parse_printed};
use super::{Callback, fixture, render};
use crate::call::{Call, CallRequest, Cause, Event, Gone, Leg, LineEvent, wrapup_tests};
use crate::timestamp::Timestamp;

/// Every token, and a few in company.
const TEMPLATE: &str = "[caller_id|$caller_id$][transaction_id|$transaction_id$][guid|$interaction_guid$]\
    [answered|$call_answered_time$][hangup|$call_hangup_time$]\
    [answeredTT|$callAnsweredTenantTT$][hangupTT|$callHangupTenantTT$][duration|$callDuration$]\
    [equal|a$equal$b][now|$year$-$month$-$date$ $hours$:$minutes$:$seconds$]\
    [codes|$transaction_codes$][notes|$notes$]\
    [last|$lastTclListName$/$lastTclCodeDesc$/$lastTclCodeShort$]\
    [call_id|$call_id$][status|$call_status$][reason|$end_reason$][agent|$agent$][extension|$extension$]\
    [phone|$phone$][target|$target$][recording|$recording_url$]\
    [unknown|$unknown$][broken|$call_id][ctl_callbackUrl|http://crm.example/cb?n=$notes$]";
const ID: &str = "0190aa00000070008000000000000001";

/// A call for queue 7, and everything that it owes so far.
struct Story {
    call: Call,
    now: Timestamp,
    owed: Vec<Callback>,
}

impl Story {
    /// Clicked at this moment (seconds) by a tenant of this time zone.
    fn clicked(at: i64, time_zone: &str) -> Self {
        let (userdata, warnings) = parse(TEMPLATE).unwrap();
        assert!(warnings.is_empty(), "{warnings:?}");
        let mut request = CallRequest {
            accepted_at: Timestamp::from_millis(at * 1000),
            queue: Some(wrapup_tests::queue()),
            ..fixture::order()
        };
        request.report.callback_url = userdata.callback_url();
        request.report.userdata = Some(userdata);
        request.report.time_zone = time_zone.to_owned();
        let now = request.accepted_at;
        let mut story = Self { call: Call::new(Arc::new(request)), now, owed: Vec::new() };
        story.tell(0, &Event::Accepted);
        story
    }

    /// So many milliseconds later this happens.
    fn tell(&mut self, later: u64, event: &Event) -> &mut Self {
        let before = self.call.journal().clone();
        self.now = self.now + Duration::from_millis(later);
        self.call.on_event(self.now, event);
        self.owed.extend(render::owed(self.call.request(), (&before, self.call.journal()), self.now));
        self
    }

    fn line(&mut self, later: u64, leg: Leg, event: LineEvent) -> &mut Self {
        self.tell(later, &Event::Line(leg, event))
    }

    fn answered(&mut self, later: u64, leg: Leg) -> &mut Self {
        self.line(0, leg, LineEvent::Entered).line(0, leg, LineEvent::Ringing).line(later, leg, LineEvent::Answered)
    }

    fn gone(&mut self, later: u64, leg: Leg, q850: u16) -> &mut Self {
        self.line(later, leg, LineEvent::Gone(Gone::Destroyed(Cause { q850, sip: None })))
    }

    /// The agent answers after 2 s, the target after 3 s; they talk for 30.5 s.
    fn talked(&mut self) -> &mut Self {
        self.answered(2_000, Leg::A).answered(3_000, Leg::B).gone(30_500, Leg::A, 16).gone(0, Leg::B, 16)
    }

    /// The user data as its receiver reads it, by name.
    fn told(&self) -> BTreeMap<String, String> {
        let [callback] = self.owed.as_slice() else { panic!("one callback: {:?}", self.owed) };
        let form: BTreeMap<_, _> = form_urlencoded::parse(callback.body.as_bytes()).into_owned().collect();
        parse_printed(&form["ctl_userdata"]).unwrap().pairs.into_iter().collect()
    }
}

#[track_caller]
fn are(told: &BTreeMap<String, String>, expected: &[(&str, &str)]) {
    for (name, value) in expected {
        assert_eq!(told[*name], *value, "{name}");
    }
}

/// What is the same in all of these calls.
fn is_identified(told: &BTreeMap<String, String>) {
    are(
        told,
        &[
            ("caller_id", "12125550100"),
            ("transaction_id", ID),
            ("guid", "0190aa00-0000-7000-8000-000000000001"),
            ("equal", "a=b"),
            ("call_id", ID),
            ("agent", "alice@demo.example"),
            ("extension", "101"),
            ("phone", "101"),
            ("target", "12125550101"),
            ("unknown", "$unknown$"),
            ("broken", "$call_id"),
        ],
    );
}

#[test]
fn after_wrap_up_every_token_is_right_across_a_change_of_clocks() {
    // 01:59:40 in New York on 2024-03-10: clocks go from 02:00 to 03:00 in the middle of the talk.
    let mut story = Story::clicked(1_710_053_980, "America/New_York");
    story.talked();
    assert_eq!(story.owed, [], "the agent has not yet chosen");
    let chosen = [("Mood", "ok"), ("Outcome", "cb")];
    let wrap_up = wrapup_tests::queue().read(&chosen, "50% off ][x|y] & \"more\" $call_id$\nשלום").unwrap();
    story.tell(45_000, &Event::WrapUp(wrap_up));
    let told = story.told();
    is_identified(&told);
    are(
        &told,
        &[
            ("answered", "1710053985"),
            ("hangup", "1710054015"),
            ("answeredTT", "2024/03/10 01:59:45 -0500"),
            ("hangupTT", "2024/03/10 03:00:15 -0400"),
            ("duration", "00:00:30"),
            ("now", "2024-03-10 03:01:00"),
            ("codes", "Mood:ok,Outcome:cb"),
            ("notes", "50% off ][x|y] & \"more\" $call_id$\nשלום"),
            ("last", "Outcome/Call back/cb"),
            ("status", "completed"),
            ("reason", "normal"),
            ("recording", &format!("https://calls.example/v1/calls/{ID}/recording")),
        ],
    );
    let url = "http://crm.example/cb?n=50%25%20off%20%5D%5Bx%7Cy%5D%20%26%20%22more%22%20%24call_id%24%0A%D7%A9%D7%9C%D7%95%D7%9D";
    assert_eq!(story.owed[0].url, url);
}

#[test]
fn a_wrap_up_that_never_came_leaves_its_tokens_empty_and_everything_else_as_it_is() {
    // 01:59:40 in Jerusalem on 2024-10-27: clocks go back to 01:00.
    let mut story = Story::clicked(1_729_983_580, "Asia/Jerusalem");
    story.talked();
    story.tell(119_999, &Event::Deadline);
    assert_eq!(story.owed, []);
    story.tell(1, &Event::Deadline);
    let told = story.told();
    is_identified(&told);
    are(
        &told,
        &[
            ("answeredTT", "2024/10/27 01:59:45 +0300"),
            ("hangupTT", "2024/10/27 01:00:15 +0200"),
            ("duration", "00:00:30"),
            ("now", "2024-10-27 01:02:15"),
            ("codes", ""),
            ("notes", ""),
            ("last", "//"),
            ("status", "completed"),
        ],
    );
}

#[test]
fn a_call_that_was_never_answered_is_told_at_once_and_without_times() {
    let mut story = Story::clicked(1_710_053_980, "America/New_York");
    story.answered(2_000, Leg::A).line(0, Leg::B, LineEvent::Entered).line(1_000, Leg::B, LineEvent::Ringing);
    story.gone(17_000, Leg::B, 17).gone(0, Leg::A, 16);
    let told = story.told();
    is_identified(&told);
    are(
        &told,
        &[
            ("answered", "0"),
            ("hangup", "0"),
            ("answeredTT", ""),
            ("hangupTT", ""),
            ("duration", "00:00:00"),
            ("now", "2024-03-10 03:00:00"),
            ("codes", ""),
            ("notes", ""),
            ("last", "//"),
            ("status", "busy"),
            ("reason", "target_busy"),
            ("recording", ""),
        ],
    );
}
