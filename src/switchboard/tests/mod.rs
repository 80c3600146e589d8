//! Many calls, and everything that can happen between them, in random order.
//!
//! `model` is a small Asterisk: it executes commands late, loses some, and its events may be lost,
//! repeated and overtake each other; phones answer, hang up and are busy as they please; the daemon
//! crashes, Asterisk restarts. After every single step the promises are checked, and at the end all
//! calls must have ended and nothing of ours may be left.
//!
//! Set `PROPTEST_CASES` to explore more than the usual number.

mod meter;
mod model;
mod promises;

use std::time::Duration;

use proptest::prelude::*;
use proptest::test_runner::Config;

use super::*;
use crate::call::Idempotency;
use crate::call::tests::request;
use crate::call::wrapup_tests;
use crate::dial::policy::Hours;
use crate::link::{Action, ChannelState, ListedChannel, Place, Stray};
use crate::report::event::{EventKind, EventPlan};
use model::World;

const USUAL_CASES: u32 = 20_000;

fn config() -> Config {
    let asked = Config::default();
    Config { cases: asked.cases.max(USUAL_CASES), max_shrink_iters: 20_000, ..asked }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn no_interleaving_breaks_a_promise(choices in prop::collection::vec(any::<(u8, u8)>(), 10..160)) {
        let mut world = World::new();
        for (what, which) in choices {
            world.act(what, usize::from(which));
        }
        world.settle();
    }
}

fn admission(id: u128, agent: &str, now: Timestamp) -> Admission {
    let mut request = request(id, now);
    request.a.party = Party::Extension(agent.to_owned());
    request.a.device = Some(format!("PJSIP/{agent}"));
    request.record = id.is_multiple_of(2);
    request.queue = (id > 2).then(wrapup_tests::queue);
    request.report.callback_url = Some("http://crm.example/userdata".to_owned());
    request.report.events =
        Some(EventPlan { url: "http://crm.example/events".to_owned(), events: EventKind::ALL.into() });
    let hours = Hours::Office;
    let cap = Cap { limit: Limit::AgentActive, subject: agent.to_owned(), most: 1, hours };
    Admission { request, duplicate_window: Duration::from_secs(5), caps: vec![cap], audit: Vec::new() }
}

fn at(millis: i64) -> Timestamp {
    Timestamp::from_millis(millis)
}

#[test]
fn the_same_click_within_the_window_is_the_same_call() {
    let (mut board, mut step) = (Switchboard::default(), Step::default());
    let first = board.submit(at(0), admission(1, "101", at(0)), &mut step);
    let again = board.submit(at(4_999), admission(2, "101", at(4_999)), &mut step);
    assert_eq!(first, Receipt::Accepted(CallId::from_bits(1)));
    assert_eq!(again, Receipt::Duplicate(CallId::from_bits(1)));
    let later = board.submit(at(5_000), admission(3, "101", at(5_000)), &mut step);
    let (hours, retry_after) = (Hours::Office, Duration::from_secs(5));
    let busy = Exceeded { limit: Limit::AgentActive, most: 1, hours, retry_after };
    assert_eq!(later, Receipt::TooMany(busy));
    assert_eq!(board.len(), 1);
}

#[test]
fn a_duplicate_is_answered_before_limits_count() {
    let (mut board, mut step) = (Switchboard::default(), Step::default());
    board.submit(at(0), admission(1, "101", at(0)), &mut step);
    let again = board.submit(at(1), admission(2, "101", at(1)), &mut step);
    assert_eq!(again, Receipt::Duplicate(CallId::from_bits(1)));
}

fn marked(id: u128, target: &str, mark: (&str, &str), now: Timestamp) -> Admission {
    let mut admission = admission(id, "101", now);
    admission.request.b.party = Party::Outside(target.to_owned());
    let (key, fingerprint) = (mark.0.to_owned(), mark.1.to_owned());
    admission.request.idempotency = Some(Idempotency { key, fingerprint });
    admission
}

#[test]
fn an_idempotency_key_that_was_overtaken_stands_for_the_first_order() {
    let (mut board, mut step) = (Switchboard::default(), Step::default());
    let (first, call) = (marked(1, "+12125550101", ("k", "f"), at(0)), CallId::from_bits(1));
    assert_eq!(board.submit(at(0), first, &mut step), Receipt::Accepted(call));
    let again = marked(2, "+12125550101", ("k", "f"), at(30_000));
    assert_eq!(board.submit(at(30_000), again, &mut step), Receipt::Duplicate(call), "long after the window");
    let other = marked(3, "+12125550102", ("k", "g"), at(30_000));
    assert_eq!(board.submit(at(30_000), other, &mut step), Receipt::KeyReused);
    assert_eq!(step.marks.len(), 1, "written once");
    board.abandon(at(40_000), call, &mut step);
    let anew = marked(4, "+12125550101", ("k", "h"), at(40_000));
    assert_eq!(board.submit(at(40_000), anew, &mut step), Receipt::Accepted(CallId::from_bits(4)));
}

#[test]
fn a_second_click_within_the_window_binds_its_own_key_to_the_same_call() {
    let (mut board, mut step) = (Switchboard::default(), Step::default());
    let call = CallId::from_bits(1);
    board.submit(at(0), marked(1, "+12125550101", ("k", "f"), at(0)), &mut step);
    let second = || marked(2, "+12125550101", ("l", "f"), at(1));
    assert_eq!(board.submit(at(1), second(), &mut step), Receipt::Duplicate(call));
    assert_eq!(board.submit(at(20_000), second(), &mut step), Receipt::Duplicate(call));
    let stored: Vec<_> = step.marks.iter().map(|mark| (mark.idempotency.key.as_str(), mark.call)).collect();
    assert_eq!(stored, [("k", call), ("l", call)]);
}

#[test]
fn terminate_by_party_ends_all_calls_of_that_extension_and_no_others() {
    let (mut board, mut step) = (Switchboard::default(), Step::default());
    for (id, agent) in [(1, "101"), (2, "104"), (3, "105")] {
        let mut admission = admission(id, agent, at(0));
        if id == 3 {
            admission.request.b.party = Party::Extension("101".to_owned());
        }
        board.submit(at(0), admission, &mut step);
    }
    let party = Party::Extension("101".to_owned());
    let elsewhere = Termination::Party { tenant: "other".to_owned(), party: party.clone() };
    assert_eq!(board.terminate(at(1), &elsewhere, &mut step), None);
    let here = Termination::Party { tenant: "demo".to_owned(), party };
    assert_eq!(board.terminate(at(1), &here, &mut step), Some(CallId::from_bits(3)));
    assert_eq!(board.terminate(at(2), &here, &mut step), None);
}

#[test]
fn a_census_of_another_boot_ends_the_calls_of_the_old_one() {
    let (mut board, mut step) = (Switchboard::default(), Step::default());
    let census = |boot: &str, millis| {
        Notice::Census(Census { asked_at: at(millis), boot: boot.to_owned(), channels: vec![], bridges: vec![] })
    };
    board.notice(at(0), census("one", 0), &mut step);
    board.submit(at(10), admission(1, "101", at(10)), &mut step);
    board.notice(at(20), census("two", 20), &mut step);
    assert!(board.is_empty());
    let ended = Milestone::Ended(crate::call::Status::Failed, crate::call::EndReason::PbxRestart);
    assert!(step.milestones.contains(&ended));
}

#[test]
fn who_was_moved_elsewhere_while_nobody_watched_talks_on() {
    let (mut board, mut step) = (Switchboard::default(), Step::default());
    board.submit(at(0), admission(1, "101", at(0)), &mut step);
    let call = CallId::from_bits(1);
    for leg in Leg::BOTH {
        for event in [LineEvent::Entered, LineEvent::Answered] {
            board.notice(at(10), Notice::Line(call, leg, event), &mut step);
        }
    }
    let moved = ListedChannel { call, leg: Leg::B, state: ChannelState::Up, place: Place::Elsewhere };
    for millis in [20, 30] {
        let census = Census { asked_at: at(millis), boot: "one".to_owned(), channels: vec![moved], bridges: vec![] };
        board.notice(at(millis), Notice::Census(census), &mut step);
    }
    let hung_up = |leg| step.ledger.iter().any(|entry| entry.commands.contains(&crate::call::Command::Hangup(leg)));
    assert!(!hung_up(Leg::B) && hung_up(Leg::A));
}

#[test]
fn what_a_dead_process_asked_for_and_nobody_has_is_lost_and_not_the_pbxs_fault() {
    let (mut board, mut step) = (Switchboard::default(), Step::default());
    board.submit(at(0), admission(1, "101", at(0)), &mut step);
    let (batch, _) = step.into_parts();
    let census = |millis| {
        Notice::Census(Census { asked_at: at(millis), boot: "one".to_owned(), channels: vec![], bridges: vec![] })
    };
    let mut step = Step::default();
    board.notice(at(10), census(10), &mut step);
    board.notice(at(20), census(20), &mut step);
    assert_eq!(board.len(), 1, "its own process has only just asked for it");
    let mut heir = Switchboard::restore(batch.snapshots);
    heir.notice(at(1_000), census(1_000), &mut step);
    assert_eq!(heir.len(), 1);
    heir.notice(at(4_000), census(4_000), &mut step);
    assert!(heir.is_empty());
    let ended = Milestone::Ended(crate::call::Status::Failed, crate::call::EndReason::Lost);
    assert!(step.milestones.contains(&ended));
}

/// A step in which both parties of call 1 talk for queue 7 and then hang up, but for this leg's line, which
/// nobody waits for any longer.
fn wrapping_up(board: &mut Switchboard, left: Leg) -> Timestamp {
    let (call, mut step) = (CallId::from_bits(1), Step::default());
    let mut admission = admission(1, "101", at(0));
    admission.request.queue = Some(wrapup_tests::queue());
    board.submit(at(0), admission, &mut step);
    for (leg, event) in Leg::BOTH.into_iter().flat_map(|leg| [(leg, LineEvent::Entered), (leg, LineEvent::Answered)]) {
        board.notice(at(10), Notice::Line(call, leg, event), &mut step);
    }
    board.notice(at(20), Notice::Line(call, left.other(), LineEvent::Gone(Gone::Missing)), &mut step);
    (0..=8).map(|turn| at(20 + 2_000 * turn)).for_each(|now| board.wake(now, &mut step));
    at(16_020)
}

#[test]
fn what_is_left_of_a_call_that_is_wrapped_up_is_swept_away() {
    for state in [ChannelState::Down, ChannelState::Ringing, ChannelState::Up] {
        let (mut board, mut step) = (Switchboard::default(), Step::default());
        let (now, call) = (wrapping_up(&mut board, Leg::B), CallId::from_bits(1));
        let left = ListedChannel { call, leg: Leg::B, state, place: Place::Ours };
        let census = Census { asked_at: now, boot: "one".to_owned(), channels: vec![left], bridges: vec![call] };
        board.notice(now, Notice::Census(census), &mut step);
        let swept = |stray| step.actions.iter().any(|action| matches!(action, Action::Sweep(it) if *it == stray));
        assert!(swept(Stray::Channel(call, Leg::B)) && swept(Stray::Bridge(call)), "{:?}", step.actions);
        assert_eq!(board.len(), 1, "its agent still takes notes");
    }
}

#[test]
fn an_agent_who_wraps_a_call_up_may_place_the_next() {
    let (mut board, mut step) = (Switchboard::default(), Step::default());
    let now = wrapping_up(&mut board, Leg::A);
    let next = board.submit(now, admission(3, "101", now), &mut step);
    assert_eq!(next, Receipt::Accepted(CallId::from_bits(3)));
}

#[test]
fn an_agent_is_paused_from_the_targets_answer_until_nothing_more_is_awaited() {
    let paused = |board: &Switchboard| {
        board.paused().into_iter().map(|m| format!("{}/{}", m.queue, m.device)).collect::<Vec<_>>()
    };
    for has_wrap_up in [true, false] {
        let (mut board, mut step, call) = (Switchboard::default(), Step::default(), CallId::from_bits(1));
        let mut admission = admission(1, "101", at(0));
        let mut queue = wrapup_tests::queue();
        if !has_wrap_up {
            queue.codes.clear();
        }
        admission.request.queue = Some(queue);
        admission.request.a.device = Some("PJSIP/101".to_owned());
        board.submit(at(0), admission, &mut step);
        let mut line =
            |board: &mut Switchboard, leg, event| board.notice(at(9), Notice::Line(call, leg, event), &mut step);
        for (leg, event) in [(Leg::A, LineEvent::Entered), (Leg::A, LineEvent::Answered), (Leg::B, LineEvent::Entered)]
        {
            line(&mut board, leg, event);
            assert_eq!(paused(&board), [""; 0], "nobody has answered yet");
        }
        line(&mut board, Leg::B, LineEvent::Answered);
        assert_eq!(paused(&board), ["support/PJSIP/101"], "both talk");
        line(&mut board, Leg::B, LineEvent::Gone(Gone::Missing));
        assert_eq!(paused(&board), ["support/PJSIP/101"], "the agent's line is still there");
        line(&mut board, Leg::A, LineEvent::Gone(Gone::Missing));
        assert_eq!(paused(&board).len(), usize::from(has_wrap_up));
        board.wrap_up(at(9), ("demo", call), WrapUp::default(), &mut Step::default());
        assert_eq!(paused(&board), [""; 0]);
    }
}

#[test]
fn a_wrap_up_is_taken_from_its_own_tenant_when_it_is_due_and_once() {
    let mut board = Switchboard::default();
    let now = wrapping_up(&mut board, Leg::A);
    let mut give =
        |tenant, id| board.wrap_up(now, (tenant, CallId::from_bits(id)), WrapUp::default(), &mut Step::default());
    assert_eq!(give("other", 1), Wrapped::Over);
    assert_eq!(give("demo", 2), Wrapped::Over, "there is no such call");
    assert_eq!(give("demo", 1), Wrapped::Done);
    assert_eq!(give("demo", 1), Wrapped::Over);
}

#[test]
fn a_ledger_run_through_the_machine_again_gives_the_same_commands() {
    let mut world = World::new();
    for (what, which) in [(0, 0), (10, 0), (10, 0), (20, 0), (10, 0), (40, 1), (20, 0), (40, 2), (20, 0), (70, 0)] {
        world.act(what, which);
    }
    world.settle();
    let mut replayed: BTreeMap<CallId, Call> = BTreeMap::new();
    for entry in &world.ledger {
        let first = world.requests[&entry.call].clone();
        let call = replayed.entry(entry.call).or_insert_with(|| Call::new(first));
        assert_eq!(call.on_event(entry.at, &entry.event), entry.commands, "{entry:?}");
        assert_eq!(call.journal().sequence, entry.sequence);
    }
    assert!(!replayed.is_empty());
}
