//! Limits on calls against a model that keeps everything and counts by hand.

use super::*;
use crate::call::AgentRef;

const AGENTS: [&str; 3] = ["101", "104", "105"];
const NUMBERS: [&str; 3] = ["+12125550101", "+12125550102", "+972501234567"];

/// Small limits, so that random clicks run into them.
const fn most(limit: Limit) -> u32 {
    match limit {
        Limit::AgentPerMinute | Limit::DestinationPerTenMinutes | Limit::AgentAbroadPerDay => 3,
        Limit::TenantPerSecond => 2,
        Limit::TenantAbroadPerDay => 5,
        Limit::AgentActive | Limit::TenantActive => u32::MAX,
    }
}

fn click(id: u128, (agent, number): (usize, usize), now: Timestamp) -> Admission {
    let mut request = request(id, now);
    let (agent, number) = (AGENTS[agent % AGENTS.len()].to_owned(), NUMBERS[number % NUMBERS.len()]);
    request.agent = Some(AgentRef { extension: agent.clone(), email: String::new(), name: String::new() });
    request.a.party = Party::Extension(agent);
    request.b.party = Party::Outside(number.to_owned());
    request.abroad = number.starts_with("+972");
    let cap = |(limit, subject): (Limit, &str)| Cap {
        limit,
        subject: subject.to_owned(),
        most: most(limit),
        hours: Hours::Office,
    };
    let caps = subjects(&request).map(cap).collect();
    Admission { request, duplicate_window: Duration::ZERO, caps, audit: Vec::new() }
}

/// What was accepted, and when.
#[derive(Default)]
struct Model {
    accepted: Vec<(Timestamp, CallRequest)>,
}

impl Model {
    fn used(&self, against: (Limit, &str), window: Duration, now: Timestamp) -> usize {
        let recent = self.accepted.iter().filter(|(at, _)| *at <= now && now < *at + window);
        recent.filter(|(_, request)| subjects(request).any(|subject| subject == against)).count()
    }

    fn refuses(&self, request: &CallRequest, now: Timestamp) -> bool {
        subjects(request).any(|(limit, subject)| {
            limit.window().is_some_and(|window| self.used((limit, subject), window, now) >= most(limit) as usize)
        })
    }

    /// However a window is laid over time, it ends with some call: no more fit in than allowed.
    fn holds(&self) {
        for (at, request) in &self.accepted {
            for (limit, subject) in subjects(request) {
                let Some(window) = limit.window() else { continue };
                let used = self.used((limit, subject), window, *at);
                assert!(used <= most(limit) as usize, "{used} calls against {limit:?} of {subject:?} at {at}");
            }
        }
    }

    /// The last process dies; the next one learns from what was written.
    fn restarted(&self, now: Timestamp) -> Switchboard {
        let mut board = Switchboard::default();
        for (at, request) in &self.accepted {
            board.remember_call(request, *at, now);
        }
        board
    }
}

proptest! {
    #![proptest_config(Config { cases: 500, ..Config::default() })]

    #[test]
    fn never_more_calls_than_the_cap_in_any_window(
        clicks in prop::collection::vec((any::<(u8, u8)>(), 0..9_u8, 0..40_000_i64), 1..200)
    ) {
        let (mut board, mut model, mut now) = (Switchboard::default(), Model::default(), at(0));
        for (n, ((agent, number), kind, pause)) in clicks.into_iter().enumerate() {
            now = now + Duration::from_millis(match kind {
                0..=3 => 0,
                4..=6 => pause.unsigned_abs() / 40,
                7 => pause.unsigned_abs() * 10,
                _ => pause.unsigned_abs(),
            });
            if kind == 8 && pause % 5 == 0 {
                board = model.restarted(now);
            }
            let admission = || click(n as u128 + 1, (agent.into(), number.into()), now);
            let request = admission().request;
            let mut step = Step::default();
            match board.submit(now, admission(), &mut step) {
                Receipt::Accepted(_) => {
                    prop_assert!(!model.refuses(&request, now));
                    model.accepted.push((now, request));
                }
                Receipt::TooMany(exceeded) => {
                    prop_assert!(model.refuses(&request, now));
                    prop_assert!(step.is_empty(), "a refused click leaves nothing behind");
                    let then = now + exceeded.retry_after;
                    prop_assert!(exceeded.retry_after > Duration::ZERO);
                    prop_assert!(!model.refuses(&request, then), "there is room after Retry-After");
                    let before = then - Duration::from_millis(1);
                    prop_assert!(model.refuses(&request, before), "and not before it");
                }
                other => prop_assert!(false, "{other:?}"),
            }
        }
        model.holds();
    }
}

#[test]
fn a_call_that_was_not_to_be_is_not_counted() {
    let (mut board, mut step) = (Switchboard::default(), Step::default());
    for id in 1..=20 {
        let now = at(1_000 * id);
        let receipt = board.submit(now, click(id.unsigned_abs().into(), (0, 0), now), &mut step);
        let Receipt::Accepted(call) = receipt else { panic!("{id}: {receipt:?}") };
        board.abandon(now, call, &mut step);
    }
}

#[test]
fn calls_under_way_are_counted_until_their_lines_are_free() {
    let (mut board, mut step) = (Switchboard::default(), Step::default());
    let capped = |id: u128, agent: usize, most: u32| {
        let mut admission = click(id, (agent, usize::from(id.is_multiple_of(2))), at(0));
        for cap in &mut admission.caps {
            cap.most = if cap.limit == Limit::TenantActive { most } else { 9 };
        }
        admission
    };
    for id in [1, 2] {
        assert_eq!(board.submit(at(0), capped(id, 0, 2), &mut step), Receipt::Accepted(CallId::from_bits(id)));
    }
    let third = board.submit(at(0), capped(3, 1, 2), &mut step);
    let Receipt::TooMany(exceeded) = third else { panic!("{third:?}") };
    assert_eq!((exceeded.limit, exceeded.retry_after), (Limit::TenantActive, Duration::from_secs(5)));
    assert_eq!(exceeded.to_string(), "Limit reached: 2 calls at a time for the company");
    let usage = board.usage(at(0), "demo", capped(4, 1, 2).caps);
    let active = usage.iter().find(|usage| usage.cap.limit == Limit::TenantActive).unwrap();
    assert_eq!((active.used, active.wait), (2, Some(Duration::from_secs(5))));
    let gone = Notice::Line(CallId::from_bits(1), Leg::A, LineEvent::Gone(Gone::NotSent));
    board.notice(at(1), gone, &mut step);
    assert_eq!(board.submit(at(1), capped(3, 1, 2), &mut step), Receipt::Accepted(CallId::from_bits(3)));
    assert!(board.usage(at(1), "other", capped(4, 1, 1).caps).iter().all(|usage| usage.used == 0), "another tenant");
}

#[test]
fn the_longest_wait_is_the_one_that_is_told() {
    let (mut board, mut step) = (Switchboard::default(), Step::default());
    for n in 0..3 {
        let now = at(1_000 * n);
        board.submit(now, click(n.unsigned_abs().into(), (0, 0), now), &mut step);
    }
    let refused = board.submit(at(10_000), click(9, (0, 0), at(10_000)), &mut step);
    let Receipt::TooMany(exceeded) = refused else { panic!("{refused:?}") };
    assert_eq!(exceeded.limit, Limit::DestinationPerTenMinutes);
    assert_eq!(exceeded.retry_after, Duration::from_secs(590), "until the first of three is ten minutes old");
}
