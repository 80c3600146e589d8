//! What a link to Asterisk tells the rest: notices of calls, and how the link itself stands.
//!
//! The port between the links (which speak Asterisk's protocols) and the engine (which never does).

use std::sync::atomic::AtomicU64;

use crate::call::{CallId, Leg, LineEvent, Order, RecordingEvent};
use crate::timestamp::Timestamp;

/// State of a channel that Asterisk lists.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChannelState {
    /// Made, or dialling and not heard of yet.
    Down,
    /// Rings.
    Ringing,
    /// Answered.
    Up,
}

/// What Asterisk has of ours at one moment, asked after every connect and every 15 s.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Census {
    /// When Asterisk was asked: what was requested later than this cannot be in it.
    pub asked_at: Timestamp,
    /// When this Asterisk started (`startup_time`, as it says it); another one means another life.
    pub boot: String,
    /// Channels that bear one of our names.
    pub channels: Vec<ListedChannel>,
    /// Bridges that our application made.
    pub bridges: Vec<CallId>,
}

/// One channel in a census.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ListedChannel {
    /// The call that it was made for.
    pub call: CallId,
    /// The leg that it is, or was.
    pub leg: Leg,
    /// Its state.
    pub state: ChannelState,
    /// Where it is.
    pub place: Place,
}

/// Where a channel is: only what is in our application is ours to command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// In our application.
    Ours,
    /// On its way there, moved elsewhere by somebody, or in the application of another daemon.
    Elsewhere,
}

/// A phone as a member of one of Asterisk's queues.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct QueueMember {
    /// Asterisk's name of the queue.
    pub queue: String,
    /// Asterisk's device (`PJSIP/101`).
    pub device: String,
}

/// What a link tells the engine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Notice {
    /// Something happened to a line of a call.
    Line(CallId, Leg, LineEvent),
    /// Something became of a call's recording.
    Recording(CallId, RecordingEvent),
    /// What there is.
    Census(Census),
}

/// Something of ours at Asterisk that no call claims any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stray {
    /// A channel, to be hung up.
    Channel(CallId, Leg),
    /// A bridge, to be deleted.
    Bridge(CallId),
}

/// What Asterisk is asked to do.
#[derive(Clone, Debug)]
pub enum Action {
    /// What a call wants done.
    Order(Order),
    /// What is left over.
    Sweep(Stray),
}

/// How a link stands, for readiness, metrics and refusals.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum LinkState {
    /// Not connected.
    #[default]
    Down,
    /// Connected and in use; Asterisk's version, and how requests travel (`websocket`, `http`) or `ami`.
    Up {
        /// Asterisk's version, as it says it.
        version: String,
        /// How requests travel.
        transport: &'static str,
    },
    /// Another client took our application over; we wait.
    StandBy,
}

impl LinkState {
    /// Whether orders can be sent.
    pub const fn is_up(&self) -> bool {
        matches!(self, Self::Up { .. })
    }
}

/// What a link counts; read when metrics are scraped.
#[derive(Debug, Default)]
pub struct LinkCounters {
    /// Connections made after the first.
    pub reconnects: AtomicU64,
    /// Events of types that we do not know.
    pub unknown_events: AtomicU64,
    /// Events dropped because the inbox was full; each burst is followed by a census.
    pub dropped_events: AtomicU64,
    /// Requests that Asterisk refused.
    pub refused_requests: AtomicU64,
    /// Requests without an answer in time.
    pub timed_out_requests: AtomicU64,
}
