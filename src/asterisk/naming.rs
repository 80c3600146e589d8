//! How our channels and bridges are named at Asterisk, and read back.
//!
//! Names are derived, never looked up: a restart needs nothing but the journal and Asterisk's own
//! lists. Reading is strict, so that a stranger's `db-…` (or the `;2` half of a `Local` channel,
//! whose `;1` half carries our name) is never taken for one of ours.

use crate::call::{CallId, Leg};

const PREFIX: &str = "db-";

/// The id of a leg's channel: `db-<32 hex digits>-a1` or `-b1`.
pub fn channel_name(call: CallId, leg: Leg) -> String {
    format!("{PREFIX}{call}{}", suffix(leg))
}

/// The id of a call's bridge: `db-<32 hex digits>`.
pub fn bridge_name(call: CallId) -> String {
    format!("{PREFIX}{call}")
}

/// The name of a call's recording, without its suffix: the bridge's name.
pub fn recording_name(call: CallId) -> String {
    bridge_name(call)
}

/// Reads back [`channel_name`]; `None` for everything else.
pub fn parse_channel(name: &str) -> Option<(CallId, Leg)> {
    Leg::BOTH.into_iter().find_map(|leg| Some((parse_bridge(name.strip_suffix(suffix(leg))?)?, leg)))
}

/// Reads back [`bridge_name`]; `None` for everything else.
pub fn parse_bridge(name: &str) -> Option<CallId> {
    name.strip_prefix(PREFIX)?.parse().ok()
}

/// Reads back [`recording_name`]; `None` for everything else.
pub fn parse_recording(name: &str) -> Option<CallId> {
    parse_bridge(name)
}

const fn suffix(leg: Leg) -> &'static str {
    match leg {
        Leg::A => "-a1",
        Leg::B => "-b1",
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn every_name_reads_back(bits: u128, b: bool) {
            let (call, leg) = (CallId::from_bits(bits), if b { Leg::B } else { Leg::A });
            prop_assert_eq!(parse_channel(&channel_name(call, leg)), Some((call, leg)));
            prop_assert_eq!(parse_bridge(&bridge_name(call)), Some(call));
            prop_assert_eq!(parse_recording(&recording_name(call)), Some(call));
            prop_assert_eq!(parse_bridge(&channel_name(call, leg)), None);
            prop_assert_eq!(parse_channel(&bridge_name(call)), None);
        }

        #[test]
        fn whatever_reads_as_ours_is_written_the_same_way(name in "(db-)?[0-9a-fA-F]{31,33}(-[ab][12])?(;[12])?") {
            if let Some((call, leg)) = parse_channel(&name) {
                prop_assert_eq!(channel_name(call, leg), name);
            } else if let Some(call) = parse_bridge(&name) {
                prop_assert_eq!(bridge_name(call), name);
            }
        }
    }

    #[test]
    fn names_are_short_and_free_of_special_characters() {
        let name = channel_name(CallId::from_bits(0xabc), Leg::B);
        assert_eq!(name, "db-00000000000000000000000000000abc-b1");
        assert!(name.len() <= 40);
    }

    #[test]
    fn the_hidden_half_of_a_local_channel_is_not_a_leg() {
        let name = channel_name(CallId::from_bits(1), Leg::A);
        assert_eq!(parse_channel(&format!("{name};2")), None);
        assert_eq!(parse_channel(&name.to_uppercase()), None);
        assert_eq!(parse_channel(&format!(" {name}")), None);
    }
}
