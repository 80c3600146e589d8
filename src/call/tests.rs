//! Behaviour of one call, told as short stories. Random interleavings of many calls are in
//! `switchboard/tests`.

use super::*;
use crate::dial::number::Party;

/// A request by the agent at 101 for an outside number, with a record due at its end.
pub(crate) fn request(id: u128, accepted_at: Timestamp) -> CallRequest {
    let leg = |party, endpoint: &str, seconds| LegPlan {
        party,
        endpoint: endpoint.to_owned(),
        device: None,
        max_dial_time: Duration::from_secs(seconds),
        caller: Identity::default(),
        connected: Identity::default(),
        headers: Vec::new(),
    };
    CallRequest {
        id: CallId::from_bits(id),
        tenant: "demo".to_owned(),
        credential: "demo-code".to_owned(),
        door: "voicenter".to_owned(),
        accepted_at,
        agent: None,
        a: leg(Party::Extension("101".to_owned()), "PJSIP/101", 30),
        b: leg(Party::Outside("+12125550101".to_owned()), "PJSIP/+12125550101@carrier", 40),
        max_duration: Duration::from_secs(100),
        record: false,
        queue: None,
        idempotency: None,
        abroad: false,
        language: None,
        vars: std::collections::BTreeMap::new(),
        report: ReportPlan {
            userdata: None,
            ext_transaction_data: None,
            callback_url: None,
            cdr_url: Some("http://crm.example/cdr".to_owned()),
            events: None,
            time_zone: "UTC".to_owned(),
            caller_id: "12125550100".to_owned(),
            public_url: "http://127.0.0.1:8080".to_owned(),
        },
        warnings: Vec::new(),
    }
}

struct Story {
    call: Call,
    now: Timestamp,
    commands: Vec<Command>,
}

impl Story {
    fn begin() -> Self {
        Self::of(|_| {})
    }

    fn of(edit: impl FnOnce(&mut CallRequest)) -> Self {
        let now = Timestamp::from_millis(1_000_000);
        let mut request = request(1, now);
        edit(&mut request);
        let mut story = Self { call: Call::new(Arc::new(request)), now, commands: Vec::new() };
        story.tell(Event::Accepted);
        story
    }

    #[expect(clippy::needless_pass_by_value, reason = "stories read better")]
    fn tell(&mut self, event: Event) -> &mut Self {
        self.commands = self.call.on_event(self.now, &event);
        self
    }

    fn line(&mut self, leg: Leg, event: LineEvent) -> &mut Self {
        self.tell(Event::Line(leg, event))
    }

    fn after(&mut self, seconds: u64) -> &mut Self {
        self.now = self.now + Duration::from_secs(seconds);
        self
    }

    fn answered_by(&mut self, leg: Leg) -> &mut Self {
        self.line(leg, LineEvent::Entered).line(leg, LineEvent::Ringing).line(leg, LineEvent::Answered)
    }

    fn gone(&mut self, leg: Leg, q850: u16, sip: impl Into<Option<u16>>) -> &mut Self {
        self.line(leg, LineEvent::Gone(Gone::Destroyed(Cause { q850, sip: sip.into() })))
    }

    fn verdict(&self) -> (EndReason, EndBy, Status) {
        let verdict = self.call.journal().verdict().expect("a verdict");
        (verdict.reason, verdict.by, verdict.status)
    }
}

fn talking() -> Story {
    let mut story = Story::begin();
    story.answered_by(Leg::A).answered_by(Leg::B);
    story
}

#[test]
fn an_accepted_call_makes_its_bridge_and_calls_the_agent() {
    assert_eq!(Story::begin().commands, [Command::CreateBridge, Command::Create(Leg::A)]);
}

#[test]
fn a_leg_is_dialled_once_it_has_entered_and_only_once() {
    let mut story = Story::begin();
    assert_eq!(story.line(Leg::A, LineEvent::Entered).commands, [Command::JoinAndDial(Leg::A)]);
    assert_eq!(story.line(Leg::A, LineEvent::Entered).commands, []);
}

#[test]
fn the_target_is_called_when_the_agent_answers() {
    let mut story = Story::begin();
    assert_eq!(story.answered_by(Leg::A).commands, [Command::Create(Leg::B)]);
}

#[test]
fn ringing_and_early_media_are_noted_and_need_nothing_done() {
    for event in [LineEvent::Ringing, LineEvent::EarlyMedia] {
        let mut story = Story::begin();
        story.answered_by(Leg::A).line(Leg::B, LineEvent::Entered);
        assert_eq!(story.line(Leg::B, event).commands, []);
        assert_eq!(story.call.journal().times.b_ringing, Some(story.now));
        assert_eq!(story.line(Leg::B, LineEvent::Answered).commands, []);
    }
}

#[test]
fn one_hangs_up_and_the_other_is_hung_up() {
    for (leg, by) in [(Leg::A, EndBy::Agent), (Leg::B, EndBy::Target)] {
        let mut story = talking();
        assert_eq!(story.after(9).gone(leg, 16, None).commands, [Command::Hangup(leg.other())]);
        assert_eq!(story.gone(leg.other(), 16, None).commands, [Command::DestroyBridge]);
        assert_eq!(story.verdict(), (EndReason::Normal, by, Status::Completed));
        assert!(story.call.journal().is_over());
    }
}

#[test]
fn the_duration_is_counted_from_the_targets_answer() {
    let mut story = talking();
    assert_eq!(story.call.deadline(), Some(story.now + Duration::from_secs(100)));
    assert_eq!(story.after(99).tell(Event::Deadline).commands, []);
    let commands = story.after(1).tell(Event::Deadline).commands.clone();
    assert_eq!(commands, [Command::Hangup(Leg::B), Command::Hangup(Leg::A)]);
    assert_eq!(story.verdict(), (EndReason::MaxDuration, EndBy::Timer, Status::Completed));
}

#[test]
fn an_agent_who_never_answers_is_left_in_peace_after_the_dial_time() {
    let mut story = Story::begin();
    story.line(Leg::A, LineEvent::Entered).line(Leg::A, LineEvent::Ringing);
    assert_eq!(story.after(30).tell(Event::Deadline).commands, [Command::Hangup(Leg::A)]);
    story.gone(Leg::A, 16, None);
    assert_eq!(story.verdict(), (EndReason::AgentNoAnswer, EndBy::Timer, Status::NoAnswer));
}

#[test]
fn an_agent_who_gives_up_stops_the_targets_phone() {
    let mut story = Story::begin();
    story.answered_by(Leg::A).line(Leg::B, LineEvent::Entered).line(Leg::B, LineEvent::Ringing);
    assert_eq!(story.gone(Leg::A, 16, None).commands, [Command::Hangup(Leg::B)]);
    story.gone(Leg::B, 16, 487);
    assert_eq!(story.verdict(), (EndReason::AgentHungUp, EndBy::Agent, Status::Canceled));
}

#[test]
fn a_busy_target_frees_the_agent() {
    let mut story = Story::begin();
    story.answered_by(Leg::A).line(Leg::B, LineEvent::Entered);
    story.line(Leg::B, LineEvent::HangupRequested(Cause { q850: 17, sip: None }));
    assert_eq!(story.gone(Leg::B, 16, 486).commands, [Command::Hangup(Leg::A)]);
    assert_eq!(story.verdict(), (EndReason::TargetBusy, EndBy::Target, Status::Busy));
    assert_eq!(story.call.journal().b.cause, Some(Cause { q850: 17, sip: Some(486) }));
}

#[test]
fn a_dial_that_asterisk_gave_up_ends_the_call_though_its_channel_lives_on() {
    let mut story = Story::begin();
    story.answered_by(Leg::A).line(Leg::B, LineEvent::Entered);
    let commands = story.line(Leg::B, LineEvent::DialEnded(DialEnd::Busy)).commands.clone();
    assert_eq!(commands, [Command::Hangup(Leg::B), Command::Hangup(Leg::A)]);
    assert_eq!(story.verdict().0, EndReason::TargetBusy);
}

#[test]
fn an_answer_that_comes_too_late_is_hung_up() {
    let mut story = Story::begin();
    story.answered_by(Leg::A).line(Leg::B, LineEvent::Entered);
    story.after(40).tell(Event::Deadline);
    assert_eq!(story.line(Leg::B, LineEvent::Answered).commands, [Command::Hangup(Leg::B)]);
    assert_eq!(story.verdict().0, EndReason::TargetNoAnswer);
}

#[test]
fn a_channel_born_after_terminate_is_hung_up() {
    let mut story = Story::begin();
    assert_eq!(story.tell(Event::Terminate).commands, [Command::Hangup(Leg::A)]);
    assert_eq!(story.line(Leg::A, LineEvent::Entered).commands, [Command::Hangup(Leg::A)]);
    assert_eq!(story.verdict(), (EndReason::Terminated, EndBy::Client, Status::Canceled));
}

#[test]
fn a_phone_that_is_away_fails_the_call() {
    let mut story = Story::begin();
    let commands = story.line(Leg::A, LineEvent::Gone(Gone::Refused(500))).commands.clone();
    assert_eq!(commands, [Command::DestroyBridge]);
    assert_eq!(story.verdict(), (EndReason::AgentUnreachable, EndBy::Pbx, Status::Failed));
}

#[test]
fn recording_starts_when_both_talk_and_not_before() {
    let mut story = Story::of(|request| request.record = true);
    story.answered_by(Leg::A).line(Leg::B, LineEvent::Entered);
    assert_eq!(story.line(Leg::B, LineEvent::Answered).commands, [Command::Record]);
    story.tell(Event::Recording(RecordingEvent::Finished));
    assert_eq!(story.call.journal().recording, Recording::Kept);
}

#[test]
fn a_party_moved_elsewhere_is_not_hung_up() {
    let mut story = talking();
    assert_eq!(story.line(Leg::B, LineEvent::Transferred).commands, [Command::Hangup(Leg::A)]);
    assert_eq!(story.verdict().0, EndReason::Transferred);
}

#[test]
fn a_line_that_will_not_go_is_hung_up_again_and_at_last_left_to_the_census() {
    let mut story = talking();
    story.tell(Event::Terminate).gone(Leg::A, 16, None);
    for _ in 0..7 {
        assert_eq!(story.after(2).tell(Event::Deadline).commands, [Command::Hangup(Leg::B)]);
    }
    assert_eq!(story.after(2).tell(Event::Deadline).commands, [Command::DestroyBridge]);
    assert!(story.call.journal().is_over());
}

/// Both have talked for a queue, and their lines are free.
fn wrapping_up() -> Story {
    let mut story = Story::of(|request| request.queue = Some(wrapup_tests::queue()));
    story.answered_by(Leg::A).answered_by(Leg::B).after(9).gone(Leg::A, 16, None);
    assert!(!story.call.journal().has_cleared());
    assert_eq!(story.gone(Leg::B, 16, None).commands, [Command::DestroyBridge]);
    story
}

fn notes() -> WrapUp {
    WrapUp { codes: Vec::new(), notes: "ring again".to_owned() }
}

#[test]
fn a_call_for_a_queue_with_codes_is_over_once_it_is_wrapped_up() {
    let mut story = wrapping_up();
    let verdict = story.verdict();
    assert!(story.call.journal().has_cleared() && !story.call.journal().is_over());
    assert_eq!(story.after(20).tell(Event::WrapUp(notes())).commands, []);
    assert!(story.call.journal().is_over());
    assert_eq!((story.verdict(), story.call.journal().wrap_up.clone()), (verdict, Some(notes())));
}

#[test]
fn a_wrap_up_that_nobody_gives_ends_with_its_time() {
    let mut story = wrapping_up();
    assert_eq!(story.call.deadline(), Some(story.now + Duration::from_mins(2)));
    story.after(119).tell(Event::Deadline);
    assert!(!story.call.journal().is_over());
    story.after(1).tell(Event::Deadline);
    assert!(story.call.journal().is_over());
    story.tell(Event::WrapUp(notes()));
    assert_eq!(story.call.journal().wrap_up, None, "too late");
}

#[test]
fn there_is_no_wrap_up_where_nobody_answered_or_nothing_is_to_be_chosen() {
    let mut story = Story::of(|request| request.queue = Some(wrapup_tests::queue()));
    assert!(story.call.may_be_wrapped_up());
    story.answered_by(Leg::A).gone(Leg::A, 16, None);
    assert!(!story.call.may_be_wrapped_up(), "the target never answered");
    story.gone(Leg::B, 16, 487);
    assert!(story.call.journal().is_over());

    let without_codes = || QueuePlan { codes: Vec::new(), ..wrapup_tests::queue() };
    let mut story = Story::of(|request| request.queue = Some(without_codes()));
    story.answered_by(Leg::A).answered_by(Leg::B).gone(Leg::A, 16, None).gone(Leg::B, 16, None);
    assert!(story.call.journal().is_over());
}

#[test]
fn a_line_that_comes_alive_while_a_call_is_wrapped_up_is_hung_up() {
    let mut story = Story::of(|request| request.queue = Some(wrapup_tests::queue()));
    story.answered_by(Leg::A).answered_by(Leg::B).tell(Event::Terminate).gone(Leg::A, 16, None);
    for _ in 0..8 {
        story.after(2).tell(Event::Deadline);
    }
    assert!(story.call.journal().has_cleared(), "nobody waits for B's line any longer");
    assert_eq!(story.line(Leg::B, LineEvent::Answered).commands, [Command::Hangup(Leg::B)]);
    story.gone(Leg::B, 16, None);
    assert_eq!((story.verdict().0, story.call.journal().b.status), (EndReason::Terminated, LegStatus::Gone));
}

#[test]
fn a_recorded_call_is_over_once_its_recording_is_complete_or_never_heard_of() {
    let mut ended = Story::of(|request| request.record = true);
    ended.answered_by(Leg::A).answered_by(Leg::B).gone(Leg::A, 16, None).gone(Leg::B, 16, None);
    assert!(ended.call.journal().has_cleared() && !ended.call.journal().is_over());
    let (call, now) = (ended.call.clone(), ended.now);
    ended.tell(Event::Recording(RecordingEvent::Finished));
    assert!(ended.call.journal().is_over());
    assert_eq!(ended.call.journal().recording, Recording::Kept);

    let mut silent = Story { call, now, commands: Vec::new() };
    silent.after(60).tell(Event::Deadline);
    assert!(silent.call.journal().is_over());
    assert_eq!(silent.call.journal().recording, Recording::Unknown);
}

#[test]
fn what_changes_nothing_leaves_no_trace() {
    let mut story = talking();
    let before = story.call.journal().clone();
    story.line(Leg::B, LineEvent::Answered).line(Leg::A, LineEvent::Ringing).tell(Event::Deadline);
    assert_eq!(*story.call.journal(), before);
}

#[test]
fn a_journal_reads_back_as_it_was_written() {
    let mut story = talking();
    story.tell(Event::Terminate);
    let written = serde_json::to_string(story.call.journal()).expect("json");
    let read: Journal = serde_json::from_str(&written).expect("a journal");
    assert_eq!(read, *story.call.journal());
}
