//! The table of phones, kept from what AMI says.
//!
//! Pure. Only devices that stand for phones and trunks are kept: every call over `Local/…` has a
//! device of its own, and a table of those would grow for ever.

use std::time::Duration;

use super::message::Message;
use crate::device::{Contact, DeviceState, Devices};

const TECHNOLOGIES: [&str; 5] = ["PJSIP", "SIP", "IAX2", "DAHDI", "SCCP"];

/// Takes an event into the table; whether it changed anything.
pub fn take(devices: &mut Devices, event: &Message) -> bool {
    match event.event() {
        Some("DeviceStateChange") => state_change(devices, event).unwrap_or(false),
        Some("ContactStatus") => contact_status(devices, event).unwrap_or(false),
        _ => false,
    }
}

fn state_change(devices: &mut Devices, event: &Message) -> Option<bool> {
    let device = event.get("Device")?;
    let (technology, _) = device.split_once('/')?;
    if !TECHNOLOGIES.contains(&technology) {
        return None;
    }
    let state = DeviceState::from_asterisk(event.get("State")?);
    let known = devices.iter().any(|(name, _)| name == device);
    if known && devices.state(device) == state {
        return Some(false);
    }
    devices.set(device, state);
    Some(true)
}

/// `Reachable` and `NonQualified` contacts can be called; `Unknown` ones were not asked yet.
fn contact_status(devices: &mut Devices, event: &Message) -> Option<bool> {
    let endpoint = event.get("EndpointName").filter(|name| !name.is_empty())?;
    let reachable = match event.get("ContactStatus")? {
        "Reachable" | "NonQualified" => Some(true),
        "Unreachable" | "Removed" => Some(false),
        _ => None,
    };
    let round_trip = event.get("RoundtripUsec").and_then(|micros| micros.parse().ok()).map(Duration::from_micros);
    devices.set_contact(&format!("PJSIP/{endpoint}"), Contact { reachable, round_trip });
    Some(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(fields: &[(&str, &str)]) -> Message {
        Message::new(fields.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect())
    }

    fn change(device: &str, state: &str) -> Message {
        event(&[("Event", "DeviceStateChange"), ("Device", device), ("State", state)])
    }

    #[test]
    fn a_phone_has_the_state_that_was_heard_last() {
        let mut devices = Devices::default();
        assert!(take(&mut devices, &change("PJSIP/101", "NOT_INUSE")));
        assert!(!take(&mut devices, &change("PJSIP/101", "NOT_INUSE")));
        assert!(take(&mut devices, &change("PJSIP/101", "RINGING")));
        assert_eq!(devices.state("PJSIP/101"), DeviceState::Ringing);
        assert_eq!(devices.state("PJSIP/102"), DeviceState::Unknown);
    }

    #[test]
    fn devices_that_live_as_long_as_a_call_are_not_kept() {
        let mut devices = Devices::default();
        for name in ["Local/12125550101@from-internal", "Stasis:x", "Queue:support", "confbridge:1", "Message/ast"] {
            assert!(!take(&mut devices, &change(name, "INUSE")), "{name}");
        }
        assert_eq!(devices.iter().count(), 0);
    }

    #[test]
    fn a_contact_is_kept_with_its_phone() {
        let mut devices = Devices::default();
        let status = |status| {
            let fields = [("Event", "ContactStatus"), ("EndpointName", "101"), ("ContactStatus", status)];
            event(&[&fields[..], &[("RoundtripUsec", "1500")]].concat())
        };
        assert!(take(&mut devices, &status("Reachable")));
        let contact = devices.contact("PJSIP/101").unwrap();
        assert_eq!((contact.reachable, contact.round_trip), (Some(true), Some(Duration::from_micros(1500))));
        assert!(take(&mut devices, &status("Unreachable")));
        assert_eq!(devices.contact("PJSIP/101").unwrap().reachable, Some(false));
    }

    #[test]
    fn an_event_that_lacks_its_fields_changes_nothing() {
        let mut devices = Devices::default();
        assert!(!take(&mut devices, &event(&[("Event", "DeviceStateChange"), ("Device", "PJSIP/101")])));
        assert!(!take(&mut devices, &event(&[("Event", "ContactStatus")])));
        assert!(!take(&mut devices, &event(&[("Response", "Success")])));
    }
}
