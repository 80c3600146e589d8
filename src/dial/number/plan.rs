//! Numbering plans, as far as a dialled number must be understood: libphonenumber's metadata read directly.
//!
//! Its parser is not used: it takes letters, slashes and `x12` for parts of a number, and what reaches this
//! module is digits already. Two degrees of trust: a number is known when a pattern of its country matches,
//! and possible when its length alone fits.

use phonenumber::metadata::{DATABASE, Descriptor, Descriptors, Metadata};

/// How sure a reading must be.
#[derive(Clone, Copy, Debug)]
enum Trust {
    Known,
    Possible,
}

/// E.164 digits of a number that came with its country code: what stands behind a plus. A trunk prefix left
/// standing behind the country code, as in `+972 (0)50`, is taken out.
pub(super) fn international(digits: &str) -> Option<String> {
    let (code, plans) = country(digits)?;
    let national = &digits[code.len()..];
    if let Some(stripped) = without_stray_trunk_prefix(&plans, national) {
        return international(&format!("{code}{stripped}"));
    }
    fits_any(&plans, national, Trust::Possible).then(|| digits.to_owned())
}

/// No plan with a trunk `0` has numbers that begin with one, so a possible length is enough to see it as stray.
/// Other trunk prefixes (`1`, `8`) are digits like any: what is left must be known.
fn without_stray_trunk_prefix<'a>(plans: &[&Metadata], national: &'a str) -> Option<&'a str> {
    let stripped = without_trunk_prefix(plans.first()?, national)?;
    let enough = if national.starts_with('0') { Trust::Possible } else { Trust::Known };
    (!fits_any(plans, national, Trust::Known) && fits_any(plans, stripped, enough)).then_some(stripped)
}

/// Whether these are the digits of an E.164 number that a pattern knows.
pub(super) fn is_known(digits: &str) -> bool {
    country(digits).is_some_and(|(code, plans)| fits_any(&plans, &digits[code.len()..], Trust::Known))
}

/// Whether a pattern of this plan knows the number.
pub(super) fn is_known_in(plan: &Metadata, national: &str) -> bool {
    fits(plan, national, Trust::Known)
}

/// Whether the number begins as only this plan's do, among those that share its country code.
pub(super) fn begins_as_in(plan: &Metadata, national: &str) -> bool {
    plan.leading_digits().and_then(|digits| digits.find(national)).is_some_and(|found| found.start() == 0)
}

/// E.164 digits of what was dialled in a region (ISO 3166), without a plus.
pub(super) fn dialled_in(region: &str, digits: &str) -> Option<String> {
    let home = DATABASE.by_id(region.to_ascii_uppercase().as_str());
    if let Some(abroad) = without_international_prefix(home, digits) {
        return international(abroad);
    }
    [Trust::Known, Trust::Possible].into_iter().find_map(|trust| reading(home, digits, trust))
}

/// The readings of digits without any prefix that settles it, in the order in which they are believed: with
/// the trunk prefix, with the own country code, as the national number alone, with another country's code.
fn reading(home: Option<&Metadata>, digits: &str, trust: Trust) -> Option<String> {
    if let Some(home) = home {
        let code = home.country_code().to_string();
        let trunk = without_trunk_prefix(home, digits).filter(|national| fits(home, national, trust));
        let coded = || digits.strip_prefix(&code).filter(|national| fits(home, national, trust));
        let bare = || Some(digits).filter(|national| fits(home, national, trust));
        if let Some(national) = trunk.or_else(coded).or_else(bare) {
            return international(&format!("{code}{national}"));
        }
    }
    let (code, plans) = country(digits)?;
    if fits_any(&plans, &digits[code.len()..], trust) { international(digits) } else { None }
}

/// What is behind the region's own international prefix, or behind `00`, which people use everywhere.
fn without_international_prefix<'a>(home: Option<&Metadata>, digits: &'a str) -> Option<&'a str> {
    let own = home.and_then(Metadata::international_prefix).and_then(|prefix| {
        let found = prefix.find(digits).filter(|found| found.start() == 0)?;
        Some(&digits[found.end()..])
    });
    own.or_else(|| digits.strip_prefix("00")).filter(|abroad| !abroad.starts_with('0'))
}

fn without_trunk_prefix<'a>(plan: &Metadata, digits: &'a str) -> Option<&'a str> {
    digits.strip_prefix(plan.national_prefix()?)
}

/// The country code at the front (no code is the beginning of another), and the plans that share it, the main
/// one first.
pub(super) fn country(digits: &str) -> Option<(&str, Vec<&'static Metadata>)> {
    (1..=3).filter_map(|length| digits.get(..length)).find_map(|code| {
        let plans = DATABASE.by_code(&code.parse::<u16>().ok()?)?;
        (!code.starts_with('0')).then_some((code, plans))
    })
}

fn fits_any(plans: &[&Metadata], national: &str, trust: Trust) -> bool {
    plans.iter().any(|plan| fits(plan, national, trust))
}

fn fits(plan: &Metadata, national: &str, trust: Trust) -> bool {
    let descriptors = plan.descriptors();
    match trust {
        Trust::Known => {
            descriptors.general().is_match(national) && kinds(descriptors).any(|kind| matches_all(kind, national))
        }
        Trust::Possible => {
            let length = u16::try_from(national.len()).unwrap_or(u16::MAX);
            kinds(descriptors).any(|kind| kind.possible_length().contains(&length))
        }
    }
}

/// The patterns are made to be matched against the whole number, but the crate anchors only their beginning.
pub(super) fn matches_all(kind: &Descriptor, national: &str) -> bool {
    kind.is_match(national) && kind.national_number().find(national).is_some_and(|found| found.end() == national.len())
}

/// The kinds of number that one can call from outside.
fn kinds(all: &Descriptors) -> impl Iterator<Item = &Descriptor> {
    let calls = [all.fixed_line(), all.mobile(), all.toll_free(), all.premium_rate(), all.shared_cost()];
    let others = [all.personal_number(), all.voip(), all.pager(), all.uan(), all.voicemail()];
    calls.into_iter().chain(others).flatten()
}
