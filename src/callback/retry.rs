//! What follows from an attempt: accepted, again later, or never again.
//!
//! Twelve attempts over three days, after the Standard Webhooks recommendation. Each attempt's
//! delay is counted from the failure before it, with 20 % jitter either way, so that receivers that
//! failed together do not come back together. A receiver may ask for another moment (`Retry-After`);
//! one that asks for an earlier moment is heard for six attempts, then the schedule stands, so that a
//! "come back in a second" cannot use up three days of patience in twelve.
//!
//! Success is 200 to 299 and nothing else: a redirect is a failure, since the address behind it was
//! never accepted.

use std::time::{Duration, UNIX_EPOCH};

use crate::timestamp::Timestamp;

/// Attempts in all.
pub const ATTEMPTS: u32 = 12;
/// Attempts where the receiver says that the request itself is wrong, and those in which a
/// `Retry-After` may shorten the schedule.
const PATIENCE: u32 = 6;
/// Seconds between the failure of attempt 1, 2, 3 … and the next attempt.
const DELAYS: [u64; 11] =
    [5, 30, 2 * 60, 10 * 60, 30 * 60, 2 * 3600, 5 * 3600, 10 * 3600, 14 * 3600, 20 * 3600, 24 * 3600];
const JITTER: f64 = 0.2;
const SHORTEST: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_hours(24);

/// What an attempt met.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Met {
    /// An answer.
    Status {
        /// HTTP status.
        code: u16,
        /// `Retry-After`, as it came.
        retry_after: Option<String>,
    },
    /// No answer: the name, the address, the connection, TLS, HTTP or time.
    Unreachable(String),
    /// It may not be sent at all, today or tomorrow: its URL is forbidden.
    Forbidden(String),
}

/// Which attempt it was, and what chance says.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Attempted {
    /// 1 for the first.
    pub number: u32,
    /// When it ended.
    pub now: Timestamp,
    /// Drawn evenly from -1 to 1.
    pub jitter: f64,
}

/// What follows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Delivered.
    Accepted,
    /// To be sent again.
    Retry {
        /// After this long.
        after: Duration,
        /// What was wrong.
        why: String,
    },
    /// Given up, for this reason.
    Abandon(String),
}

/// Judges an attempt.
pub fn judge(met: &Met, attempted: Attempted) -> Outcome {
    let (why, last, asked) = match met {
        Met::Status { code: 200..=299, .. } => return Outcome::Accepted,
        Met::Status { code: 410, .. } => return Outcome::Abandon("410: the receiver is gone for good".to_owned()),
        Met::Forbidden(why) => return Outcome::Abandon(why.clone()),
        Met::Status { code, retry_after } => {
            let asked = retry_after.as_deref().and_then(|text| wish(text, attempted.now));
            (meaning(*code), last_attempt(*code), asked)
        }
        Met::Unreachable(why) => (why.clone(), ATTEMPTS, None),
    };
    if attempted.number >= last {
        return Outcome::Abandon(format!("{why}; {} attempts", attempted.number));
    }
    let Some(scheduled) = delay(attempted) else { return Outcome::Abandon(format!("{why}; no attempt is left")) };
    let after = match asked {
        None => scheduled,
        Some(asked) if attempted.number <= PATIENCE => asked,
        Some(asked) => asked.max(scheduled),
    };
    Outcome::Retry { after, why }
}

fn meaning(code: u16) -> String {
    match code {
        300..=399 => format!("{code}: redirects are not followed"),
        _ => code.to_string(),
    }
}

const fn last_attempt(code: u16) -> u32 {
    match code {
        400 | 401 | 403 | 404 | 405 | 422 => PATIENCE,
        _ => ATTEMPTS,
    }
}

/// The schedule's delay after an attempt; none after the last.
fn delay(attempted: Attempted) -> Option<Duration> {
    let index = usize::try_from(attempted.number.checked_sub(1)?).ok()?;
    let seconds = Duration::from_secs(*DELAYS.get(index)?);
    Some(seconds.mul_f64(1.0 + JITTER * attempted.jitter.clamp(-1.0, 1.0)))
}

/// What a `Retry-After` asks for, between a second and a day; none where it cannot be read.
fn wish(text: &str, now: Timestamp) -> Option<Duration> {
    let text = text.trim();
    let asked = if !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit()) {
        Duration::from_secs(text.parse().unwrap_or(u64::MAX))
    } else {
        let date = httpdate::parse_http_date(text).ok()?.duration_since(UNIX_EPOCH).ok()?;
        let millis = i64::try_from(date.as_millis()).ok()?;
        Timestamp::from_millis(millis).since(now)
    };
    Some(asked.clamp(SHORTEST, LONGEST))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const NOW: Timestamp = Timestamp::from_millis(1_800_000_000_000);

    fn attempt(number: u32) -> Attempted {
        Attempted { number, now: NOW, jitter: 0.0 }
    }

    fn status(code: u16) -> Met {
        Met::Status { code, retry_after: None }
    }

    fn asking(code: u16, text: &str) -> Met {
        Met::Status { code, retry_after: Some(text.to_owned()) }
    }

    fn after(met: &Met, attempted: Attempted) -> Option<Duration> {
        match judge(met, attempted) {
            Outcome::Retry { after, .. } => Some(after),
            Outcome::Accepted | Outcome::Abandon(_) => None,
        }
    }

    #[test]
    fn only_200_to_299_is_success() {
        for code in 100..=999 {
            let accepted = judge(&status(code), attempt(1)) == Outcome::Accepted;
            assert_eq!(accepted, (200..=299).contains(&code), "{code}");
        }
    }

    #[test]
    fn twelve_attempts_spread_over_three_days() {
        let minutes: Vec<Option<u64>> =
            (1..=12).map(|n| after(&status(500), attempt(n)).map(|after| after.as_secs())).collect();
        let expected = [5, 30, 120, 600, 1800, 7200, 18_000, 36_000, 50_400, 72_000, 86_400];
        assert_eq!(minutes[..11], expected.map(Some));
        assert_eq!(minutes[11], None, "the twelfth was the last");
        let total: u64 = expected.iter().sum();
        assert_eq!((total / 3600, total % 3600 / 60), (75, 42));
    }

    #[test]
    fn no_answer_follows_the_same_schedule() {
        for number in 1..=13 {
            let silent = after(&Met::Unreachable("timed out".to_owned()), attempt(number));
            assert_eq!(silent, after(&status(503), attempt(number)));
        }
    }

    #[test]
    fn a_request_that_is_wrong_itself_is_tried_six_times() {
        for code in 100..=999 {
            let last = (1..=12).find(|n| after(&status(code), attempt(*n)).is_none());
            let expected = match code {
                200..=299 | 410 => 1,
                400 | 401 | 403 | 404 | 405 | 422 => 6,
                _ => 12,
            };
            assert_eq!(last, Some(expected), "{code}");
        }
    }

    #[test]
    fn gone_and_forbidden_end_it_at_once() {
        assert!(matches!(judge(&asking(410, "5"), attempt(1)), Outcome::Abandon(_)));
        let forbidden = Met::Forbidden("port 25 is not allowed".to_owned());
        assert_eq!(judge(&forbidden, attempt(1)), Outcome::Abandon("port 25 is not allowed".to_owned()));
    }

    #[test]
    fn retry_after_is_heard_within_a_second_and_a_day() {
        let table = [
            ("0", Some(1)),
            ("1", Some(1)),
            (" 7 ", Some(7)),
            ("86400", Some(86_400)),
            ("86401", Some(86_400)),
            ("99999999999999999999999999", Some(86_400)),
            ("Fri, 15 Jan 2027 08:00:20 GMT", Some(20)),
            ("Friday, 15-Jan-27 08:01:00 GMT", Some(60)),
            ("Fri, 15 Jan 2027 07:00:00 GMT", Some(1)),
            ("Sun, 15 Jan 2040 08:00:00 GMT", Some(86_400)),
            ("Thu, 01 Jan 1970 00:00:00 GMT", Some(1)),
            ("-3", None),
            ("1.5", None),
            ("soon", None),
            ("", None),
            ("+5", None),
        ];
        for (text, expected) in table {
            let scheduled = Duration::from_secs(5);
            let expected = expected.map_or(scheduled, Duration::from_secs);
            for code in [429, 503, 500, 404, 302] {
                assert_eq!(after(&asking(code, text), attempt(1)), Some(expected), "{code} {text:?}");
            }
        }
    }

    #[test]
    fn a_receiver_cannot_use_up_the_schedule_by_asking_for_haste() {
        assert_eq!(after(&asking(429, "1"), attempt(6)), Some(Duration::from_secs(1)));
        assert_eq!(after(&asking(429, "1"), attempt(7)), Some(Duration::from_hours(5)));
        assert_eq!(after(&asking(429, "36000"), attempt(7)), Some(Duration::from_hours(10)), "later is fine");
    }

    proptest! {
        #[test]
        fn jitter_stays_within_a_fifth(number in 1u32..12, jitter in -1.0f64..=1.0) {
            let plain = after(&status(500), attempt(number)).unwrap().as_secs_f64();
            let drawn = after(&status(500), Attempted { jitter, ..attempt(number) }).unwrap().as_secs_f64();
            prop_assert!((drawn / plain - 1.0).abs() <= 0.200_001);
            prop_assert!((drawn / plain - 1.0 - 0.2 * jitter).abs() < 1e-6);
        }

        #[test]
        fn every_answer_is_judged_and_every_delay_is_sane(
            code in any::<u16>(), text in ".{0,40}", number in any::<u32>(), jitter in any::<f64>(), now in any::<i64>(),
        ) {
            let now = Timestamp::from_millis(now);
            let met = Met::Status { code, retry_after: Some(text) };
            if let Outcome::Retry { after, .. } = judge(&met, Attempted { number, now, jitter }) {
                prop_assert!(number < ATTEMPTS);
                prop_assert!(after >= SHORTEST && after <= LONGEST.mul_f64(1.0 + JITTER));
            }
        }
    }
}
