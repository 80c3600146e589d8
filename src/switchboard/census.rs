//! What there is at Asterisk, held against what should be.

use std::time::Duration;

use super::{Census, Step, Switchboard};
use crate::call::{Call, CallId, Event, Gone, Leg, LineEvent};
use crate::link::{Action, ChannelState, Stray};
use crate::timestamp::Timestamp;

/// A channel asked for less than this before a census was taken need not be in it yet, and what the
/// census says of it may be older than what its own events have said.
const SETTLING: Duration = Duration::from_secs(2);

impl Switchboard {
    /// Tells every call what became of its lines, and sweeps away what no call claims.
    pub(super) fn take_census(&mut self, now: Timestamp, census: &Census, step: &mut Step) {
        let rebooted = self.boot.as_ref().is_some_and(|boot| *boot != census.boot);
        self.boot = Some(census.boot.clone());
        let finds: Vec<(CallId, Leg, LineEvent)> = self
            .calls
            .values()
            .flat_map(|call| Leg::BOTH.map(|leg| (call, leg)))
            .filter_map(|(call, leg)| Some((call.request().id, leg, find(call, leg, census, rebooted)?)))
            .collect();
        for (id, leg, event) in finds {
            self.tell(now, id, &Event::Line(leg, event), step);
        }
        let strays = census.channels.iter().filter(|(id, leg, _)| !self.claims(*id, *leg));
        let channels = strays.map(|(id, leg, _)| Stray::Channel(*id, *leg));
        let bridges = census.bridges.iter().filter(|id| !self.calls.contains_key(id)).map(|id| Stray::Bridge(*id));
        step.actions.extend(channels.chain(bridges).map(Action::Sweep));
    }

    fn claims(&self, id: CallId, leg: Leg) -> bool {
        self.calls.get(&id).is_some_and(|call| call.journal().leg(leg).is_there())
    }
}

/// What a census tells about one line, if anything.
fn find(call: &Call, leg: Leg, census: &Census, rebooted: bool) -> Option<LineEvent> {
    let record = call.journal().leg(leg);
    let created = record.created.filter(|_| record.is_there())?;
    if rebooted && created < census.asked_at {
        return Some(LineEvent::Gone(Gone::PbxRestarted));
    }
    let settled = settled(created, census);
    let listed = census.channels.iter().find(|(id, of, _)| *id == call.request().id && *of == leg);
    let Some((_, _, state)) = listed else { return settled.then_some(LineEvent::Gone(Gone::Missing)) };
    match state {
        ChannelState::Down => settled.then_some(LineEvent::Entered),
        ChannelState::Ringing => Some(LineEvent::Ringing),
        ChannelState::Up => Some(LineEvent::Answered),
    }
}

fn settled(created: Timestamp, census: &Census) -> bool {
    created + SETTLING < census.asked_at
}
