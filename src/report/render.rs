//! From what happens in a call to the callbacks that it owes.
//!
//! Each is rendered once, complete to the last byte, in the step that makes it due: whatever happens to
//! the daemon afterwards, every attempt says the same. The call record is due when the lines are free,
//! the user data's own callback when nothing more is awaited: after wrap-up, where there is one.

use std::time::Duration;

use crate::call::{
    CallRequest, Cause, EndBy, EndReason, Journal, LegRecord, LegStatus, Phase, QueuePlan, Recording, Status, Times,
    TransactionCode, Verdict, WrapUp,
};
use crate::ledger::CallEvent;
use crate::report::Callback;
pub use crate::report::callback_url::check_callback_url;
use crate::report::callback_url::expand_callback_url;
use crate::report::event;
use crate::report::record::CallRecord;
use crate::report::token::Tokens;
use crate::report::userdata::UserData;
use crate::timestamp::Timestamp;

/// Most bytes of a callback's body. A click whose callbacks could be longer is refused.
pub const MAX_BODY: usize = 64 * 1024;

/// The callbacks that became due between two states of a call: the user data's own, the tenant's call
/// record, and those of this event that somebody asked for.
pub fn owed(request: &CallRequest, (before, after): (&Journal, &Journal), now: Timestamp) -> Vec<Callback> {
    let has_ended = is_ended(after) && !is_ended(before);
    let has_cleared = after.has_cleared() && !before.has_cleared();
    let userdata = has_ended.then(|| userdata_callback(request, after, now)).flatten();
    let cdr = has_cleared.then(|| cdr_callback(request, after, now)).flatten();
    userdata.into_iter().chain(cdr).collect()
}

/// The callback for an event, where it was asked for: the same words, under the same id.
pub fn event_callback(request: &CallRequest, event: &CallEvent) -> Option<Callback> {
    let plan = request.report.events.as_ref().filter(|plan| plan.events.contains(&event.kind))?;
    Some(Callback {
        id: event.id.clone(),
        call: Some(event.call),
        tenant: event.tenant.clone(),
        kind: event.kind.as_str().to_owned(),
        url: plan.url.clone(),
        content_type: "application/json".to_owned(),
        body: event.body.clone(),
        created_at: event.at,
    })
}

/// The longest body that any callback of this call can have, in bytes; see [`MAX_BODY`].
pub fn worst_case_size(request: &CallRequest) -> usize {
    let (journal, now) = (widest(request), request.accepted_at);
    let callbacks = [userdata_callback(request, &journal, now), cdr_callback(request, &journal, now)];
    let bodies = callbacks.into_iter().flatten().map(|callback| callback.body.len());
    let events = request.report.events.iter().filter_map(|_| event::widest_body(request, &journal));
    bodies.chain(events.map(|body| body.len())).max().unwrap_or(0)
}

/// An end in which everything that is told is as long as it can be.
fn widest(request: &CallRequest) -> Journal {
    let accepted_at = request.accepted_at;
    let connected = accepted_at + Duration::from_secs(10_000);
    let at = connected + Duration::from_secs(10_000);
    let times = Times {
        a_ringing: Some(accepted_at),
        a_answered: Some(accepted_at),
        b_ringing: Some(accepted_at),
        connected: Some(connected),
        ended: Some(at),
    };
    let (reason, by, status) = (EndReason::TargetUnreachable, EndBy::Network, Status::Completed);
    let leg =
        LegRecord { status: LegStatus::Dialling, cause: Some(Cause { q850: 127, sip: Some(603) }), created: None };
    Journal {
        phase: Phase::Ended { verdict: Verdict { reason, by, status, at } },
        times,
        a: leg,
        b: leg,
        recording: Recording::Kept,
        wrap_up: request.queue.as_ref().filter(|queue| queue.has_wrap_up()).map(widest_wrap_up),
        sequence: u32::MAX,
    }
}

/// As many codes as can be chosen, each as long as the longest, and as many notes of the longest characters.
fn widest_wrap_up(queue: &QueuePlan) -> WrapUp {
    let longest = |part: fn(&TransactionCode) -> &String| {
        let encoded = |text: &&String| form_urlencoded::byte_serialize(text.as_bytes()).map(str::len).sum::<usize>();
        queue.codes.iter().map(part).max_by_key(encoded).cloned().unwrap_or_default()
    };
    let code = TransactionCode {
        list: longest(|code| &code.list),
        short: longest(|code| &code.short),
        description: longest(|code| &code.description),
    };
    let codes = vec![code; queue.codes.len().min(WrapUp::MOST_CODES)];
    WrapUp { codes, notes: "\u{10ffff}".repeat(WrapUp::LONGEST_NOTES) }
}

fn is_ended(journal: &Journal) -> bool {
    matches!(journal.phase, Phase::Ended { .. })
}

/// What the client asked to hear: its own words, filled in.
fn userdata_callback(request: &CallRequest, journal: &Journal, now: Timestamp) -> Option<Callback> {
    let template = request.report.callback_url.as_ref()?;
    let tokens = Tokens::new(request, journal, now);
    let userdata = request.report.userdata.clone().unwrap_or_default();
    let outcome = Outcome::of(&userdata);
    let body = form_urlencoded::Serializer::new(String::new())
        .append_pair("ctl_userdata", &filled_in(userdata, &tokens).to_string())
        .append_pair("resultCode", outcome.code())
        .append_pair("errorString", outcome.error())
        .finish();
    Some(Callback {
        id: format!("msg_{}_userdata", request.id),
        call: Some(request.id),
        tenant: request.tenant.clone(),
        kind: "userdata".to_owned(),
        url: expand_callback_url(template, &tokens),
        content_type: "application/x-www-form-urlencoded".to_owned(),
        body,
        created_at: now,
    })
}

/// The tenant's record of the call.
fn cdr_callback(request: &CallRequest, journal: &Journal, now: Timestamp) -> Option<Callback> {
    let url = request.report.cdr_url.clone()?;
    let body = serde_json::to_string(&CallRecord::new(request, journal)).ok()?;
    Some(Callback {
        id: format!("msg_{}_cdr", request.id),
        call: Some(request.id),
        tenant: request.tenant.clone(),
        kind: "cdr".to_owned(),
        url,
        content_type: "application/json".to_owned(),
        body,
        created_at: now,
    })
}

/// Tokens replaced in every value. Names stay: a name that came out of a token could pass for system data.
fn filled_in(userdata: UserData, tokens: &Tokens) -> UserData {
    UserData { pairs: userdata.pairs.into_iter().map(|(name, value)| (name, tokens.expand(&value))).collect() }
}

/// What became of the `ctl_action`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome {
    /// There was none, or none that we know.
    Ignored,
    /// A CRM record was asked for, and there is none.
    NoRecord,
}

impl Outcome {
    fn of(userdata: &UserData) -> Self {
        let is = |value: Option<&str>, word: &str| value.is_some_and(|value| value.eq_ignore_ascii_case(word));
        if is(userdata.action(), "create") && is(userdata.integration(), "sfdc") {
            Self::NoRecord
        } else {
            Self::Ignored
        }
    }

    /// `resultCode`
    const fn code(self) -> &'static str {
        match self {
            Self::Ignored => "IGNORE",
            Self::NoRecord => "FAIL",
        }
    }

    /// `errorString`
    const fn error(self) -> &'static str {
        match self {
            Self::Ignored => "",
            Self::NoRecord => "Creating CRM records is not supported; no record was created",
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::call::{Call, wrapup_tests};
    use crate::report::event::{EventKind, EventPlan};
    use crate::report::fixture::{connected, missed, order};
    use crate::report::userdata::{parse, parse_printed};

    const THEN: i64 = 1_700_000_000_000;

    /// What is owed at the end of a call that had no wrap-up.
    fn at_end(request: &CallRequest, journal: &Journal) -> Vec<Callback> {
        let call = Call::new(Arc::new(request.clone()));
        owed(request, (call.journal(), journal), Timestamp::from_millis(THEN))
    }

    fn order_with(userdata: &str) -> CallRequest {
        let mut request = order();
        let (userdata, _) = parse(userdata).unwrap();
        request.report.callback_url = userdata.callback_url();
        request.report.userdata = Some(userdata);
        request
    }

    fn form(body: &str) -> Vec<(String, String)> {
        form_urlencoded::parse(body.as_bytes()).into_owned().collect()
    }

    #[test]
    fn a_call_without_a_url_owes_nothing() {
        assert_eq!(at_end(&order(), &missed(THEN)), []);
    }

    #[test]
    fn user_data_comes_back_filled_in() {
        let request =
            order_with("[key|12][status|$call_status$: $end_reason$][ctl_callbackUrl|http://h/cb?id=$call_id$]");
        let callbacks = at_end(&request, &missed(THEN));
        let [callback] = callbacks.as_slice() else { panic!("{callbacks:?}") };
        assert_eq!(callback.id, "msg_0190aa00000070008000000000000001_userdata");
        assert_eq!(callback.url, "http://h/cb?id=0190aa00000070008000000000000001");
        assert_eq!(callback.content_type, "application/x-www-form-urlencoded");
        assert_eq!((callback.tenant.as_str(), callback.kind.as_str()), ("demo", "userdata"));
        let fields = form(&callback.body);
        let expected = "[key|12][status|busy: target_busy]\
                        [ctl_callbackUrl|http://h/cb?id=0190aa00000070008000000000000001]";
        assert_eq!(fields[0], ("ctl_userdata".to_owned(), expected.to_owned()));
        assert_eq!(fields[1], ("resultCode".to_owned(), "IGNORE".to_owned()));
        assert_eq!(fields[2], ("errorString".to_owned(), String::new()));
    }

    #[test]
    fn what_a_token_stands_for_cannot_create_a_pair() {
        let mut request = order_with("[who|$agent$][ctl_callbackUrl|http://h/]");
        request.agent.as_mut().unwrap().email = "x][ctl_newRecordId|1".to_owned();
        let callbacks = at_end(&request, &missed(THEN));
        let read = parse_printed(&form(&callbacks[0].body)[0].1).unwrap();
        assert_eq!(read.pairs[0].1, "x][ctl_newRecordId|1");
        assert_eq!(read.pairs.len(), 2);
    }

    #[test]
    fn an_action_that_asks_for_a_record_fails_and_any_other_is_ignored() {
        for (system, code) in [
            ("[ctl_action|create][ctl_intType|sfdc]", "FAIL"),
            ("[ctl_action|create]", "IGNORE"),
            ("[ctl_action|create][ctl_intType|other]", "IGNORE"),
            ("[ctl_intType|sfdc]", "IGNORE"),
        ] {
            let request = order_with(&format!("{system}[ctl_callbackUrl|http://h/]"));
            let fields = form(&at_end(&request, &missed(THEN))[0].body);
            assert_eq!(fields[1].1, code, "{system}");
            assert_eq!(fields[2].1.is_empty(), code == "IGNORE", "{system}");
        }
    }

    #[test]
    fn the_call_record_goes_to_the_tenants_url() {
        let mut request = order_with("[ctl_callbackUrl|http://h/]");
        request.report.cdr_url = Some("https://crm.example/cdr?x=$call_id$".to_owned());
        let callbacks = at_end(&request, &connected(THEN, THEN + 5000));
        let kinds: Vec<_> = callbacks.iter().map(|callback| callback.kind.as_str()).collect();
        assert_eq!(kinds, ["userdata", "cdr"]);
        assert_eq!(callbacks[1].id, "msg_0190aa00000070008000000000000001_cdr");
        assert_eq!(callbacks[1].url, "https://crm.example/cdr?x=$call_id$");
        let record: serde_json::Value = serde_json::from_str(&callbacks[1].body).unwrap();
        assert_eq!((&record["durations"]["talk"], &record["vars"]["lead"]), (&5.into(), &"7 & \"8\"".into()));
    }

    #[test]
    fn no_real_end_is_longer_than_the_worst_case() {
        let all = "[a|$call_id$$call_status$$end_reason$$callDuration$$callAnsweredTenantTT$$recording_url$\
                   $call_hangup_time$][ctl_callbackUrl|http://h/]";
        let mut request = order_with(all);
        request.report.cdr_url = Some("http://h/".to_owned());
        let worst = worst_case_size(&request);
        for journal in [missed(THEN), connected(THEN, THEN + 14_400_000)] {
            for callback in at_end(&request, &journal) {
                assert!(callback.body.len() <= worst, "{}", callback.body);
            }
        }
        assert!(
            worst_case_size(&order_with(&format!("[a|{}][ctl_callbackUrl|http://h/]", "[".repeat(20_000)))) > MAX_BODY
        );
    }

    #[test]
    fn no_wrap_up_is_longer_than_the_worst_case() {
        let words = ["Outcome", "][|", "תוצאה", "%5B%25", "\"\\\"", "😀"];
        let code = |n: usize| TransactionCode {
            list: words[n % 6].to_owned(),
            short: format!("{}{n}", words[n / 6 % 6]),
            description: words[n / 36 % 6].repeat(n % 7),
        };
        let queue = QueuePlan { codes: (0..216).map(code).collect(), ..wrapup_tests::queue() };
        let mut request = order_with("[a|$notes$$transaction_codes$$lastTclCodeDesc$][ctl_callbackUrl|http://h/]");
        request.report.cdr_url = Some("http://h/".to_owned());
        request.report.events = Some(EventPlan { url: "http://h/".to_owned(), events: EventKind::ALL.into() });
        request.queue = Some(queue.clone());
        let worst = worst_case_size(&request);
        for (first, notes) in ["\n", "\"", "[", "%25", "ש", "😀", "\u{10ffff}"].into_iter().enumerate() {
            let chosen = queue.codes.iter().skip(first * 30).take(50);
            let chosen: Vec<_> = chosen.map(|code| (code.list.as_str(), code.short.as_str())).collect();
            let notes: String = notes.chars().cycle().take(WrapUp::LONGEST_NOTES).collect();
            let wrap_up = Some(queue.read(&chosen, &notes).unwrap());
            let journal = Journal { wrap_up, ..connected(THEN, THEN + 14_400_000) };
            let told = event::told(
                &request,
                (Call::new(Arc::new(request.clone())).journal(), &journal),
                journal.times.ended.unwrap(),
            );
            let bodies = at_end(&request, &journal).into_iter().map(|callback| callback.body);
            for body in bodies.chain(told.map(|event| event.body)) {
                assert!(body.len() <= worst, "{} > {worst}: {body}", body.len());
            }
        }
    }
}
