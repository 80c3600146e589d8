//! Numbers: what a human may type, and the two things it can mean inside.

use serde::{Deserialize, Serialize};

/// Whom a number reaches.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Party {
    /// An extension of the tenant's own directory: digits.
    Extension(String),
    /// An outside number: E.164 with its plus.
    Outside(String),
}

impl Party {
    /// Digits without plus: how numbers are shown in tokens and on displays.
    pub fn digits(&self) -> &str {
        match self {
            Self::Extension(digits) => digits,
            Self::Outside(e164) => e164.trim_start_matches('+'),
        }
    }
}

/// A number as it may stand in a log line.
pub fn mask(number: &str) -> String {
    number.to_owned()
}
