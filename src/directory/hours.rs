//! Office hours: when somebody is there who could have clicked.

use std::collections::BTreeSet;
use std::fmt;

use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};

use crate::timestamp::Timestamp;

/// The hours in which a tenant works, in its own time zone. Outside of them most limits are a quarter.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct OfficeHours {
    /// When they begin, as `08:30`.
    #[schema(value_type = String, example = "08:30")]
    pub from: TimeOfDay,
    /// When they end, as `18:00`; at or before `from`: on the next day.
    #[schema(value_type = String, example = "18:00")]
    pub until: TimeOfDay,
    /// The days on which they begin.
    #[serde(default = "monday_to_friday")]
    pub weekdays: BTreeSet<Weekday>,
}

/// A day of the week.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Weekday {
    /// Monday.
    Mon,
    /// Tuesday.
    Tue,
    /// Wednesday.
    Wed,
    /// Thursday.
    Thu,
    /// Friday.
    Fri,
    /// Saturday.
    Sat,
    /// Sunday.
    Sun,
}

/// Minutes since midnight, written `HH:MM`, up to `24:00`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct TimeOfDay(u16);

/// Not a time of the day.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("is not a time such as 08:30")]
pub struct NotATime;

const WEEK: [Weekday; 7] =
    [Weekday::Mon, Weekday::Tue, Weekday::Wed, Weekday::Thu, Weekday::Fri, Weekday::Sat, Weekday::Sun];
const DAY: u16 = 24 * 60;

impl OfficeHours {
    /// Whether this moment lies in them.
    pub fn include(&self, at: Timestamp, zone: &TimeZone) -> bool {
        let Ok(at) = jiff::Timestamp::from_millisecond(at.as_millis()) else { return false };
        let local = at.to_zoned(zone.clone()).datetime();
        let today = usize::from(local.weekday().to_monday_zero_offset().unsigned_abs());
        let minute = u16::from(local.hour().unsigned_abs()) * 60 + u16::from(local.minute().unsigned_abs());
        let works = |day: usize| self.weekdays.contains(&WEEK[day % WEEK.len()]);
        let (TimeOfDay(from), TimeOfDay(until)) = (self.from, self.until);
        if from < until {
            return works(today) && (from..until).contains(&minute);
        }
        works(today) && minute >= from || works(today + WEEK.len() - 1) && minute < until
    }
}

fn monday_to_friday() -> BTreeSet<Weekday> {
    WEEK[..5].iter().copied().collect()
}

impl TryFrom<String> for TimeOfDay {
    type Error = NotATime;

    fn try_from(text: String) -> Result<Self, NotATime> {
        let two = |part: &str| {
            let is_plain = part.len() == 2 && part.bytes().all(|b| b.is_ascii_digit());
            part.parse::<u16>().ok().filter(|_| is_plain).ok_or(NotATime)
        };
        let (hours, minutes) = text.split_once(':').ok_or(NotATime)?;
        let (hours, minutes) = (two(hours)?, two(minutes)?);
        let time = hours * 60 + minutes;
        if minutes < 60 && time <= DAY { Ok(Self(time)) } else { Err(NotATime) }
    }
}

impl fmt::Display for TimeOfDay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:02}:{:02}", self.0 / 60, self.0 % 60)
    }
}

impl From<TimeOfDay> for String {
    fn from(time: TimeOfDay) -> Self {
        time.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hours(from: &str, until: &str) -> OfficeHours {
        let time = |text: &str| TimeOfDay::try_from(text.to_owned()).unwrap();
        OfficeHours { from: time(from), until: time(until), weekdays: monday_to_friday() }
    }

    fn include(hours: &OfficeHours, local: &str) -> bool {
        let zone = TimeZone::get("America/New_York").unwrap();
        let at = local.parse::<jiff::civil::DateTime>().unwrap().to_zoned(zone.clone()).unwrap();
        hours.include(Timestamp::from_millis(at.timestamp().as_millisecond()), &zone)
    }

    #[test]
    fn they_are_read_in_the_tenants_own_time() {
        let day = hours("08:30", "18:00");
        // 2026-03-06 is a Friday; on the Sunday after it the clocks go forward.
        for (local, expected) in [
            ("2026-03-06T08:29:59", false),
            ("2026-03-06T08:30:00", true),
            ("2026-03-06T17:59:59", true),
            ("2026-03-06T18:00:00", false),
            ("2026-03-07T12:00:00", false),
            ("2026-03-09T08:30:00", true),
            ("2026-03-09T08:29:59", false),
        ] {
            assert_eq!(include(&day, local), expected, "{local}");
        }
        assert!(include(&hours("00:00", "24:00"), "2026-03-06T23:59:59"));
    }

    #[test]
    fn a_night_shift_belongs_to_the_day_on_which_it_begins() {
        let night = hours("22:00", "06:00");
        for (local, expected) in [
            ("2026-03-06T22:00:00", true),
            ("2026-03-07T05:59:59", true),
            ("2026-03-07T06:00:00", false),
            ("2026-03-07T22:00:00", false),
            ("2026-03-09T05:00:00", false),
            ("2026-03-09T23:00:00", true),
        ] {
            assert_eq!(include(&night, local), expected, "{local}");
        }
    }

    #[test]
    fn a_time_is_written_as_on_a_clock() {
        for text in ["00:00", "08:30", "23:59", "24:00"] {
            assert_eq!(TimeOfDay::try_from(text.to_owned()).unwrap().to_string(), text);
        }
        for text in ["", "8:30", "08:60", "24:01", "25:00", "0830", "+8:30", "08:3", "08:30:00", "ab:cd"] {
            assert_eq!(TimeOfDay::try_from(text.to_owned()), Err(NotATime), "{text}");
        }
    }
}
