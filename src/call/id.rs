//! The name of a call: a UUIDv7, written as 32 lower-case hexadecimal digits.
//!
//! 32 because Voicenter's `CALLID` has 32 characters; version 7 because it sorts by time. Where ids
//! come from (a clock and randomness) is the engine's business: here they are only written and read.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The id of a call.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(try_from = "String", into = "String")]
#[schema(value_type = String, pattern = "^[0-9a-f]{32}$", example = "0190aa00000070008000000000000001")]
pub struct CallId(u128);

impl CallId {
    /// The call id with these 128 bits (a UUID's).
    pub const fn from_bits(bits: u128) -> Self {
        Self(bits)
    }

    /// The same id as a hyphenated UUID, as in `$interaction_guid$`.
    pub fn hyphenated(self) -> String {
        let hex = self.to_string();
        format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..])
    }

    /// The id's bits: even over any range, for choosing one of several workers.
    pub const fn bits(self) -> u128 {
        self.0
    }
}

impl fmt::Display for CallId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

impl fmt::Debug for CallId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

/// Not a call id: anything but 32 lower-case hexadecimal digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a call id is 32 lower-case hexadecimal digits")]
pub struct NotACallId;

impl FromStr for CallId {
    type Err = NotACallId;

    fn from_str(text: &str) -> Result<Self, NotACallId> {
        let lower_hex = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
        if text.len() != 32 || !text.bytes().all(lower_hex) {
            return Err(NotACallId);
        }
        u128::from_str_radix(text, 16).map(Self).map_err(|_| NotACallId)
    }
}

impl TryFrom<String> for CallId {
    type Error = NotACallId;

    fn try_from(text: String) -> Result<Self, NotACallId> {
        text.parse()
    }
}

impl From<CallId> for String {
    fn from(id: CallId) -> Self {
        id.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_reads_back_as_written() {
        let id = CallId::from_bits(0x0190_aa00_0000_7000_8000_0000_0000_0001);
        assert_eq!(id.to_string().len(), 32);
        assert_eq!(id.to_string().parse(), Ok(id));
        assert_eq!(id.hyphenated(), "0190aa00-0000-7000-8000-000000000001");
    }

    #[test]
    fn other_spellings_are_refused() {
        for text in ["", "abc", "0190AA00000070008000000000000001", "+190aa00000070008000000000000001"] {
            assert_eq!(text.parse::<CallId>(), Err(NotACallId), "{text}");
        }
    }
}
