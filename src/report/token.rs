//! `$name$` placeholders, expanded once, in one pass.
//!
//! What a token becomes is never looked at again, so a token in somebody's notes stays text. A name that is
//! not known, and a `$` that nothing closes, stay as they are. Established means that both talked: until
//! then times are 0 or empty. A call's duration is the difference of its two times in whole seconds, so
//! that answered plus duration is hang-up for whoever adds them up.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use jiff::tz::{TimeZone, TimeZoneDatabase};
use serde::Serialize;

use crate::call::{CallRequest, Journal, WrapUp};
use crate::dial::number::Party;
use crate::report::record::{hangup, recording_url, talk_seconds};
use crate::timestamp::Timestamp;

/// The time zones compiled in: every machine knows the same ones, and nothing is read from disk.
static ZONES: LazyLock<TimeZoneDatabase> = LazyLock::new(TimeZoneDatabase::bundled);

/// `YYYY/MM/DD HH:mm:ss Z`, with `Z` as `+HHMM`.
const TENANT_TIME: &str = "%Y/%m/%d %H:%M:%S %z";

/// The tokens that tell what time it is, with their form.
const CLOCK: [(&str, &str); 6] =
    [("year", "%Y"), ("month", "%m"), ("date", "%d"), ("hours", "%H"), ("minutes", "%M"), ("seconds", "%S")];

/// What every token stands for, at one moment of one call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tokens {
    values: BTreeMap<&'static str, String>,
}

impl Tokens {
    /// The tokens of a call as it stands; `now` is the moment of rendering.
    pub fn new(request: &CallRequest, journal: &Journal, now: Timestamp) -> Self {
        let mut tokens = Self { values: BTreeMap::new() };
        tokens.put_identity(request, journal);
        tokens.put_times(request, journal, now);
        tokens.put_wrap_up(journal.wrap_up.as_ref().unwrap_or(&WrapUp::default()));
        tokens.put("equal", "=");
        tokens
    }

    /// What one token stands for.
    pub fn value(&self, name: &str) -> Option<&str> {
        self.values.get(name).map(String::as_str)
    }

    /// A text with its tokens replaced.
    pub fn expand(&self, text: &str) -> String {
        self.expand_with(text, |_, value| value.to_owned())
    }

    /// A text with its tokens replaced by what `write` makes of (name, value).
    pub(super) fn expand_with(&self, text: &str, write: impl Fn(&str, &str) -> String) -> String {
        let mut expanded = String::with_capacity(text.len());
        let mut rest = text;
        while let Some((before, after)) = rest.split_once('$') {
            expanded.push_str(before);
            let token = after.split_once('$').and_then(|(name, behind)| Some((name, self.value(name)?, behind)));
            rest = if let Some((name, value, behind)) = token {
                expanded.push_str(&write(name, value));
                behind
            } else {
                expanded.push('$');
                after
            };
        }
        expanded.push_str(rest);
        expanded
    }

    fn put(&mut self, name: &'static str, value: impl Into<String>) {
        self.values.insert(name, value.into());
    }

    fn put_identity(&mut self, request: &CallRequest, journal: &Journal) {
        let own_extension = match (&request.agent, &request.a.party) {
            (Some(agent), _) => agent.extension.as_str(),
            (None, Party::Extension(digits)) => digits,
            (None, Party::Outside(_)) => "",
        };
        self.put("call_id", request.id.to_string());
        self.put("transaction_id", request.id.to_string());
        self.put("interaction_guid", request.id.hyphenated());
        self.put("call_status", journal.status().as_str());
        self.put("end_reason", journal.verdict().map(|verdict| word(&verdict.reason)).unwrap_or_default());
        self.put("caller_id", request.report.caller_id.trim_start_matches('+'));
        self.put("agent", request.agent.as_ref().map_or("", |agent| agent.email.as_str()));
        self.put("extension", own_extension);
        self.put("phone", request.a.party.digits());
        self.put("target", request.b.party.digits());
        self.put("recording_url", recording_url(request, journal).unwrap_or_default());
    }

    fn put_times(&mut self, request: &CallRequest, journal: &Journal, now: Timestamp) {
        let zone = time_zone(&request.report.time_zone).unwrap_or(TimeZone::UTC);
        let (answered, hangup) = (journal.times.connected, hangup(journal));
        let seconds = |at: Option<Timestamp>| at.map_or(0, Timestamp::as_seconds).to_string();
        let tenant_time = |at: Option<Timestamp>| at.map(|at| local(at, &zone, TENANT_TIME)).unwrap_or_default();
        self.put("call_answered_time", seconds(answered));
        self.put("call_hangup_time", seconds(hangup));
        self.put("callAnsweredTenantTT", tenant_time(answered));
        self.put("callHangupTenantTT", tenant_time(hangup));
        self.put("callDuration", clock_time(talk_seconds(journal).unwrap_or(0)));
        for (name, form) in CLOCK {
            self.put(name, local(now, &zone, form));
        }
    }

    fn put_wrap_up(&mut self, wrap_up: &WrapUp) {
        let codes: Vec<_> = wrap_up.codes.iter().map(|code| format!("{}:{}", code.list, code.short)).collect();
        let last = wrap_up.codes.last();
        self.put("transaction_codes", codes.join(","));
        self.put("notes", wrap_up.notes.as_str());
        self.put("lastTclListName", last.map_or("", |code| code.list.as_str()));
        self.put("lastTclCodeDesc", last.map_or("", |code| code.description.as_str()));
        self.put("lastTclCodeShort", last.map_or("", |code| code.short.as_str()));
    }
}

/// A time zone by its IANA name, out of those compiled in.
pub fn time_zone(name: &str) -> Option<TimeZone> {
    ZONES.get(name).ok()
}

fn local(at: Timestamp, zone: &TimeZone, form: &str) -> String {
    let Ok(at) = jiff::Timestamp::from_millisecond(at.as_millis()) else { return String::new() };
    at.to_zoned(zone.clone()).strftime(form).to_string()
}

/// `HH:MM:SS`.
fn clock_time(seconds: u64) -> String {
    format!("{:02}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60)
}

/// The word that serde writes for a plain enum.
fn word<T: Serialize>(value: &T) -> String {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(word)) => word,
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::call::TransactionCode;
    use crate::report::fixture::{connected, missed, order};

    /// 2023-11-14 22:13:20 UTC.
    const THEN: i64 = 1_700_000_000_000;

    fn tokens(journal: &Journal) -> Tokens {
        let wrap_up = WrapUp {
            codes: vec![code("Outcome", "sold", "Sold"), code("Mood", "ok", "Fine")],
            notes: "a $call_id$ & ][x|y] = 100%".to_owned(),
        };
        let journal = Journal { wrap_up: Some(wrap_up), ..journal.clone() };
        Tokens::new(&order(), &journal, Timestamp::from_millis(THEN))
    }

    fn code(list: &str, short: &str, description: &str) -> TransactionCode {
        TransactionCode { list: list.to_owned(), short: short.to_owned(), description: description.to_owned() }
    }

    #[test]
    fn every_token_of_an_established_call_has_its_value() {
        let tokens = tokens(&connected(THEN + 900, THEN + 65_100));
        for (text, expected) in [
            ("$caller_id$", "12125550100"),
            ("$transaction_id$", "0190aa00000070008000000000000001"),
            ("$interaction_guid$", "0190aa00-0000-7000-8000-000000000001"),
            ("$call_answered_time$", "1700000000"),
            ("$call_hangup_time$", "1700000065"),
            ("$callAnsweredTenantTT$", "2023/11/14 17:13:20 -0500"),
            ("$callHangupTenantTT$", "2023/11/14 17:14:25 -0500"),
            ("$callDuration$", "00:01:05"),
            ("$equal$", "="),
            ("$year$-$month$-$date$", "2023-11-14"),
            ("$hours$:$minutes$:$seconds$", "17:13:20"),
            ("$transaction_codes$", "Outcome:sold,Mood:ok"),
            ("$notes$", "a $call_id$ & ][x|y] = 100%"),
            ("$lastTclListName$/$lastTclCodeDesc$/$lastTclCodeShort$", "Mood/Fine/ok"),
            ("$call_id$", "0190aa00000070008000000000000001"),
            ("$call_status$ $end_reason$", "completed normal"),
            ("$agent$", "alice@demo.example"),
            ("$extension$", "101"),
            ("$phone$", "101"),
            ("$target$", "12125550101"),
            ("$recording_url$", "https://calls.example/v1/calls/0190aa00000070008000000000000001/recording"),
        ] {
            assert_eq!(tokens.expand(text), expected, "{text}");
        }
    }

    #[test]
    fn a_call_that_was_never_established_has_no_times() {
        let text = "$call_answered_time$|$call_hangup_time$|$callAnsweredTenantTT$|$callHangupTenantTT$|\
                    $callDuration$|$recording_url$|$end_reason$";
        assert_eq!(tokens(&missed(THEN)).expand(text), "0|0|||00:00:00||target_busy");
    }

    #[test]
    fn unknown_and_broken_tokens_stay_as_they_are() {
        let tokens = tokens(&missed(THEN));
        for text in ["$call_answered_time", "$nothing$", "$", "$$", "$$$", "a$b", "$CALL_ID$", "$ year $", "cash: $5"] {
            assert_eq!(tokens.expand(text), text);
        }
        assert_eq!(tokens.expand("$$year$$nothing$month$equal$ $5 $date$"), "$2023$nothing11equal$ $5 14");
    }

    #[test]
    fn time_is_the_tenants_across_a_change_of_clocks() {
        let render = |zone: &str, answered: i64, hangup: i64| {
            let mut request = order();
            request.report.time_zone = zone.to_owned();
            let journal = connected(answered * 1000, hangup * 1000);
            let tokens = Tokens::new(&request, &journal, Timestamp::from_millis(hangup * 1000));
            tokens.expand("$callAnsweredTenantTT$, $callHangupTenantTT$, $callDuration$, $hours$:$minutes$")
        };
        // Clocks go from 02:00 to 03:00 on 2024-03-10 in New York, and on 2024-03-29 in Jerusalem.
        assert_eq!(
            render("America/New_York", 1_710_053_999, 1_710_054_001),
            "2024/03/10 01:59:59 -0500, 2024/03/10 03:00:01 -0400, 00:00:02, 03:00"
        );
        assert_eq!(
            render("Asia/Jerusalem", 1_711_670_399, 1_711_670_401),
            "2024/03/29 01:59:59 +0200, 2024/03/29 03:00:01 +0300, 00:00:02, 03:00"
        );
        // And back from 02:00 to 01:00 on 2024-11-03 and 2024-10-27.
        assert_eq!(
            render("America/New_York", 1_730_613_599, 1_730_613_601),
            "2024/11/03 01:59:59 -0400, 2024/11/03 01:00:01 -0500, 00:00:02, 01:00"
        );
        assert_eq!(
            render("Asia/Jerusalem", 1_729_983_599, 1_729_983_601),
            "2024/10/27 01:59:59 +0300, 2024/10/27 01:00:01 +0200, 00:00:02, 01:00"
        );
        assert_eq!(
            render("Nowhere/Land", 0, 3_661),
            "1970/01/01 00:00:00 +0000, 1970/01/01 01:01:01 +0000, 01:01:01, 01:01"
        );
    }

    #[test]
    fn a_call_that_ends_before_it_began_lasted_no_time() {
        let tokens = tokens(&connected(THEN + 5_000, THEN));
        assert_eq!(tokens.expand("$callDuration$ $call_hangup_time$"), "00:00:00 1700000005");
    }

    proptest! {
        #[test]
        fn answered_and_duration_add_up_to_hangup(answered in 0..THEN, talk in 0_i64..20_000_000) {
            let tokens = tokens(&connected(answered, answered + talk));
            let second = |name: &str| tokens.value(name).unwrap().parse::<i64>().unwrap();
            let duration: Vec<i64> =
                tokens.value("callDuration").unwrap().split(':').map(|part| part.parse().unwrap()).collect();
            let duration = duration[0] * 3600 + duration[1] * 60 + duration[2];
            prop_assert_eq!(second("call_answered_time") + duration, second("call_hangup_time"));
            prop_assert!((duration * 1000 - talk).abs() < 1000);
        }

        #[test]
        fn text_without_a_known_token_is_left_alone(text in "[$a-z|% ]{0,40}") {
            let tokens = tokens(&missed(THEN));
            prop_assume!(!tokens.values.keys().any(|name| text.contains(&format!("${name}$"))));
            prop_assert_eq!(tokens.expand(&text), text);
        }
    }
}
