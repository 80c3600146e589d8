//! What there is at Asterisk, held against what should be.
//!
//! A census may be older than events that are on their way: a line that it does not list may have ended
//! a moment ago, with its reason still to come. So a line counts as missing only when two censuses in a
//! row do not list it. And what bears our name is swept away only where it is in our application: a
//! party that somebody has moved elsewhere, or another daemon's call, is not ours to end.

use std::collections::BTreeSet;

use super::{Census, Step, Switchboard};
use crate::call::{Call, CallId, Event, Gone, Leg, Line, LineEvent, Phase};
use crate::link::{Action, ChannelState, Place, Stray};
use crate::timestamp::Timestamp;

/// What a census tells about one line.
enum Found {
    Nothing,
    Event(LineEvent),
    /// It was asked for and may not have been made yet.
    NotYet,
    NotListed,
}

impl Switchboard {
    /// Tells every call what became of its lines, and sweeps away what no call claims.
    pub(super) fn take_census(&mut self, now: Timestamp, census: &Census, step: &mut Step) {
        let dead_before = match self.boot.replace(census.boot.clone()) {
            Some(boot) if boot != census.boot => Some(census.asked_at),
            _ => None,
        };
        let mut missing = BTreeSet::new();
        let mut events = Vec::new();
        for (call, leg) in self.calls.values().flat_map(|call| Leg::BOTH.map(|leg| (call, leg))) {
            let line = (call.request().id, leg);
            match find(call, leg, census, dead_before) {
                // What a process that is dead asked for, and Asterisk does not have, will never be.
                Found::NotYet if !self.restored.contains(&line.0) => {}
                Found::Nothing => {}
                Found::Event(event) => events.push((line, event)),
                Found::NotYet | Found::NotListed if self.missing.contains(&line) => {
                    events.push((line, gone(call, leg)));
                }
                Found::NotYet | Found::NotListed => drop(missing.insert(line)),
            }
        }
        self.missing = missing;
        // Who was moved elsewhere talks on: that is known before the other line's end is told.
        events.sort_by_key(|(_, event)| *event != LineEvent::Transferred);
        for ((call, leg), event) in events {
            self.tell(now, call, &Event::Line(leg, event), step);
        }
        let ours = census.channels.iter().filter(|channel| channel.place == Place::Ours);
        let strays = ours.filter(|channel| !self.claims(channel.call, channel.leg));
        let channels = strays.map(|channel| Stray::Channel(channel.call, channel.leg));
        let bridges = census.bridges.iter().filter(|id| !self.is_up(**id)).map(|id| Stray::Bridge(*id));
        step.actions.extend(channels.chain(bridges).map(Action::Sweep));
    }

    fn claims(&self, id: CallId, leg: Leg) -> bool {
        self.is_up(id) && self.calls.get(&id).is_some_and(|call| call.journal().leg(leg).is_there())
    }

    /// A call whose lines are free has nothing at Asterisk any more, though it may have to be wrapped up.
    fn is_up(&self, id: CallId) -> bool {
        self.calls.get(&id).is_some_and(|call| !call.journal().has_cleared())
    }
}

fn find(call: &Call, leg: Leg, census: &Census, dead_before: Option<Timestamp>) -> Found {
    let record = call.journal().leg(leg);
    let Some(created) = record.created.filter(|_| record.is_there()) else { return Found::Nothing };
    if dead_before.is_some_and(|restart| created < restart) {
        return Found::Event(LineEvent::Gone(Gone::PbxRestarted));
    }
    let listed = census.channels.iter().find(|channel| channel.call == call.request().id && channel.leg == leg);
    let talks = matches!(call.journal().phase, Phase::Talking { .. });
    match listed.map(|channel| channel.state) {
        Some(ChannelState::Up) if talks && listed.is_some_and(|channel| channel.place == Place::Elsewhere) => {
            Found::Event(LineEvent::Transferred)
        }
        Some(ChannelState::Ringing) => Found::Event(LineEvent::Ringing),
        Some(ChannelState::Up) => Found::Event(LineEvent::Answered),
        Some(ChannelState::Down) => Found::Nothing,
        None if awaits_its_channel(call, leg) => Found::NotYet,
        None => Found::NotListed,
    }
}

const fn awaits_its_channel(call: &Call, leg: Leg) -> bool {
    matches!(
        (call.journal().phase, leg),
        (Phase::CallingAgent { line: Line::Created, .. }, Leg::A)
            | (Phase::CallingTarget { line: Line::Created, .. }, Leg::B)
    )
}

/// Why it is gone, where somebody was seen hanging up.
fn gone(call: &Call, leg: Leg) -> LineEvent {
    LineEvent::Gone(call.journal().leg(leg).cause.map_or(Gone::Missing, Gone::Destroyed))
}
