//! Dial strings: what Asterisk is asked to dial.
//!
//! A dial string is code to Asterisk: `PJSIP/x/sip:evil@host` is dialled, `&` dials more, a `Local`
//! leg runs dialplan. So it comes from the directory, as a fixed [`Endpoint`] or as a [`Template`]
//! with one hole, and the only thing that ever fills the hole is digits, `*` and `#`, at most 32 of
//! them, with one leading plus where the route keeps it. Both types are checked when they are made.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The hole of a template.
const HOLE: &str = "{number}";

/// Longest dial string that the directory may hold. Asterisk cuts a `Local` extension at 79 silently.
const MAX_LENGTH: usize = 79;

/// Most digits that a number may have in a dial string.
pub const MAX_DIGITS: usize = 32;

/// Not a dial string that the directory may hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotAnEndpoint {
    /// No technology before the first slash, or nothing after it.
    #[error("is not a dial string such as PJSIP/101")]
    Shape,
    /// A character that no dial string of ours needs.
    #[error("holds {0:?}, which a dial string may not")]
    Character(char),
    /// Too long.
    #[error("is longer than 79 characters")]
    Length,
    /// A template needs its hole exactly once; a fixed endpoint has none.
    #[error("needs {{number}} exactly once, as in PJSIP/{{number}}@trunk")]
    Hole,
}

/// A number that may not stand in a dial string.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("only 1 to 32 of 0-9, * and # can be dialled")]
pub struct NotDialable;

/// What a route does with the plus of a number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Plus {
    /// `+12125550101`
    #[default]
    Keep,
    /// `12125550101`
    Strip,
}

/// A dial string that reaches one phone or service, as `PJSIP/101` or `Local/700@services/n`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Endpoint(String);

impl Endpoint {
    /// As Asterisk takes it.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Asterisk's device behind it, where the dial string is a device's name: one name after the
    /// technology and no more. A `Local` channel has no phone of its own.
    pub fn device(&self) -> Option<&str> {
        let (technology, name) = self.0.split_once('/')?;
        let is_device = !technology.eq_ignore_ascii_case("local") && !name.contains(['/', '@', ':']);
        is_device.then_some(self.0.as_str())
    }

    /// Whether it goes out by a trunk, as `PJSIP/800@carrier`: what it is shown leaves the PBX. Where a
    /// `Local` channel leads is the dialplan's business.
    pub fn leaves(&self) -> bool {
        let Some((technology, rest)) = self.0.split_once('/') else { return false };
        !technology.eq_ignore_ascii_case("local") && rest.contains('@')
    }
}

impl TryFrom<String> for Endpoint {
    type Error = NotAnEndpoint;

    fn try_from(text: String) -> Result<Self, NotAnEndpoint> {
        check(&text)?;
        Ok(Self(text))
    }
}

impl From<Endpoint> for String {
    fn from(endpoint: Endpoint) -> Self {
        endpoint.0
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A dial string with one hole for a number, as `PJSIP/{number}@carrier`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Template {
    before: String,
    after: String,
}

impl Template {
    /// The dial string for a number (digits, `*` and `#`, with or without one leading plus).
    pub fn fill(&self, number: &str, plus: Plus) -> Result<String, NotDialable> {
        let digits = number.strip_prefix('+').unwrap_or(number);
        let clean = digits.bytes().all(|b| b.is_ascii_digit() || b == b'*' || b == b'#');
        if !clean || digits.is_empty() || digits.len() > MAX_DIGITS {
            return Err(NotDialable);
        }
        let number = match plus {
            Plus::Keep => number,
            Plus::Strip => digits,
        };
        Ok(format!("{}{number}{}", self.before, self.after))
    }
}

impl TryFrom<String> for Template {
    type Error = NotAnEndpoint;

    fn try_from(text: String) -> Result<Self, NotAnEndpoint> {
        let (before, after) = text.split_once(HOLE).ok_or(NotAnEndpoint::Hole)?;
        if after.contains(HOLE) || !before.contains('/') {
            return Err(NotAnEndpoint::Hole);
        }
        check(&format!("{before}0{after}"))?;
        Ok(Self { before: before.to_owned(), after: after.to_owned() })
    }
}

impl From<Template> for String {
    fn from(template: Template) -> Self {
        format!("{}{HOLE}{}", template.before, template.after)
    }
}

fn check(text: &str) -> Result<(), NotAnEndpoint> {
    if text.contains(HOLE) {
        return Err(NotAnEndpoint::Hole);
    }
    let allowed = |c: char| c.is_ascii_alphanumeric() || "/@:._+*#-".contains(c);
    if let Some(c) = text.chars().find(|c| !allowed(*c)) {
        return Err(NotAnEndpoint::Character(c));
    }
    if text.len() > MAX_LENGTH {
        return Err(NotAnEndpoint::Length);
    }
    match text.split_once('/') {
        Some((technology, name)) if is_technology(technology) && !name.is_empty() => Ok(()),
        _ => Err(NotAnEndpoint::Shape),
    }
}

fn is_technology(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphabetic()) && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn template(text: &str) -> Template {
        text.to_owned().try_into().unwrap()
    }

    #[test]
    fn a_route_keeps_or_strips_the_plus() {
        let carrier = template("PJSIP/{number}@carrier");
        assert_eq!(carrier.fill("+12125550101", Plus::Keep).unwrap(), "PJSIP/+12125550101@carrier");
        assert_eq!(carrier.fill("+12125550101", Plus::Strip).unwrap(), "PJSIP/12125550101@carrier");
        let dialplan = template("Local/{number}@from-internal/n");
        assert_eq!(dialplan.fill("+12125550101", Plus::Strip).unwrap(), "Local/12125550101@from-internal/n");
    }

    #[test]
    fn nothing_but_digits_gets_into_a_dial_string() {
        let carrier = template("PJSIP/{number}@carrier");
        let hostile = [
            "",
            "+",
            "++1",
            "1+1",
            "1@evil",
            "1&2",
            "1,2",
            "${X}",
            "a",
            "１",
            "1 2",
            "1\n",
            "sip:1",
            "{number}",
            &"1".repeat(33),
        ];
        for number in hostile {
            assert_eq!(carrier.fill(number, Plus::Keep), Err(NotDialable), "{number:?}");
        }
        assert!(carrier.fill(&"1".repeat(32), Plus::Keep).is_ok());
    }

    #[test]
    fn a_dial_string_of_the_directory_is_plain() {
        for good in ["PJSIP/101", "Local/700@services/n", "PJSIP/800@carrier", "PJSIP/101/sip:101@10.0.0.1:5060"] {
            assert!(Endpoint::try_from(good.to_owned()).is_ok(), "{good}");
        }
        for bad in ["", "PJSIP", "PJSIP/", "/101", "PJSIP/1&SIP/2", "PJSIP/${X}", "PJSIP/1,2", "PJSIP/{number}@x"] {
            assert!(Endpoint::try_from(bad.to_owned()).is_err(), "{bad}");
        }
        for bad in ["PJSIP/101", "PJSIP/{number}{number}", "{number}/x", "PJSIP/{number}&x", "{number}"] {
            assert!(Template::try_from(bad.to_owned()).is_err(), "{bad}");
        }
    }

    #[test]
    fn only_a_phone_has_a_device() {
        let device = |text: &str| Endpoint::try_from(text.to_owned()).unwrap().device().map(str::to_owned);
        assert_eq!(device("PJSIP/101").as_deref(), Some("PJSIP/101"));
        assert_eq!(device("Local/700@services/n"), None);
        assert_eq!(device("PJSIP/800@carrier"), None);
    }

    #[test]
    fn what_goes_out_by_a_trunk_leaves_the_pbx() {
        let leaves = |text: &str| Endpoint::try_from(text.to_owned()).unwrap().leaves();
        assert!(leaves("PJSIP/800@carrier"));
        assert!(!leaves("PJSIP/101"));
        assert!(!leaves("Local/700@services/n"));
        assert!(!leaves("local/700@services/n"));
    }

    proptest! {
        #[test]
        fn whatever_fills_the_hole_is_dialable_and_short(number in "\\PC{0,40}|[+]?[0-9*#]{0,40}", keep: bool) {
            let plus = if keep { Plus::Keep } else { Plus::Strip };
            if let Ok(dialled) = template("PJSIP/{number}@carrier").fill(&number, plus) {
                let filled = dialled.strip_prefix("PJSIP/").unwrap().strip_suffix("@carrier").unwrap();
                let digits = if keep { filled.strip_prefix('+').unwrap_or(filled) } else { filled };
                prop_assert!((1..=MAX_DIGITS).contains(&digits.len()));
                prop_assert!(digits.bytes().all(|b| b.is_ascii_digit() || b == b'*' || b == b'#'));
            }
        }
    }
}
