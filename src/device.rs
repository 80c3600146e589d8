//! Phones and what state they are in, as Asterisk reports it. Pure: the table is filled by a link.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// Asterisk's nine device states.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum DeviceState {
    /// Not known.
    #[default]
    Unknown,
    /// Idle.
    NotInuse,
    /// In a call.
    Inuse,
    /// Cannot take another call.
    Busy,
    /// No such device.
    Invalid,
    /// Not registered.
    Unavailable,
    /// Rings.
    Ringing,
    /// Rings while in a call.
    Ringinuse,
    /// Has a call on hold.
    Onhold,
}

impl DeviceState {
    /// Asterisk's own word read back; anything else is [`DeviceState::Unknown`].
    pub fn from_asterisk(word: &str) -> Self {
        match word.to_ascii_uppercase().as_str() {
            "NOT_INUSE" => Self::NotInuse,
            "INUSE" => Self::Inuse,
            "BUSY" => Self::Busy,
            "INVALID" => Self::Invalid,
            "UNAVAILABLE" => Self::Unavailable,
            "RINGING" => Self::Ringing,
            "RINGINUSE" => Self::Ringinuse,
            "ONHOLD" => Self::Onhold,
            _ => Self::Unknown,
        }
    }

    /// Whether a phone in this state cannot be reached at all.
    pub const fn is_offline(self) -> bool {
        matches!(self, Self::Invalid | Self::Unavailable)
    }
}

/// States of all phones, by Asterisk's device name (`PJSIP/101`). Immutable once made; a link
/// publishes a new table when something changed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Devices {
    states: BTreeMap<String, DeviceState>,
    contacts: BTreeMap<String, Contact>,
}

/// What was last heard of the address at which a phone can be called.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Contact {
    /// Whether it answers; `None` where nobody has asked it yet.
    pub reachable: Option<bool>,
    /// How long its last answer took.
    pub round_trip: Option<Duration>,
}

impl Devices {
    /// The state of one device; unknown where nothing was heard of it.
    pub fn state(&self, device: &str) -> DeviceState {
        self.states.get(device).copied().unwrap_or_default()
    }

    /// Sets the state of one device.
    pub fn set(&mut self, device: &str, state: DeviceState) {
        self.states.insert(device.to_owned(), state);
    }

    /// What was heard of a device's address since the link came up; nothing unless it changed.
    pub fn contact(&self, device: &str) -> Option<Contact> {
        self.contacts.get(device).copied()
    }

    /// Sets what was heard of a device's address.
    pub fn set_contact(&mut self, device: &str, contact: Contact) {
        self.contacts.insert(device.to_owned(), contact);
    }

    /// All devices with their states, sorted by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, DeviceState)> {
        self.states.iter().map(|(name, state)| (name.as_str(), *state))
    }
}
