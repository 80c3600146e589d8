//! What Asterisk says on a WebSocket, understood.
//!
//! Pure, and borrowing from the text: only the type is looked at first, the rest of an event only
//! where it can concern one of our channels. Channels are told apart by their ids alone (see
//! [`naming`](crate::asterisk::naming)); names and the `;2` halves of `Local` channels mean nothing.

use std::borrow::Cow;

use serde::Deserialize;

use crate::asterisk::naming::{parse_channel, parse_recording};
use crate::call::{CallId, Cause, DialEnd, Gone, Leg, LineEvent, RecordingEvent};
use crate::link::Notice;

/// Events that no call depends on; Asterisk is asked not to send them.
pub const UNWANTED: [&str; 30] = [
    "BridgeCreated",
    "BridgeDestroyed",
    "BridgeMerged",
    "BridgeVideoSourceChanged",
    "ChannelCallerId",
    "ChannelConnectedLine",
    "ChannelCreated",
    "ChannelDialplan",
    "ChannelDtmfReceived",
    "ChannelEnteredBridge",
    "ChannelHold",
    "ChannelLeftBridge",
    "ChannelTalkingFinished",
    "ChannelTalkingStarted",
    "ChannelToneDetected",
    "ChannelTransfer",
    "ChannelUnhold",
    "ChannelUserevent",
    "ChannelVarset",
    "ContactStatusChange",
    "DeviceStateChanged",
    "EndpointStateChange",
    "PeerStatusChange",
    "PlaybackContinuing",
    "PlaybackFinished",
    "PlaybackStarted",
    "RTCPReceived",
    "RTCPSent",
    "RecordingStarted",
    "TextMessageReceived",
];

/// One message.
#[derive(Debug, PartialEq, Eq)]
pub enum Message<'a> {
    /// The answer to a request of ours.
    Answer(RestAnswer<'a>),
    /// Something of ours changed.
    Notice(Notice),
    /// Another client took an application of ours over.
    Replaced,
    /// Nothing that we need.
    Ignored,
    /// A type that we do not know.
    Unknown(Cow<'a, str>),
}

/// The answer to a request that travelled over a WebSocket.
#[derive(Debug, PartialEq, Eq, Deserialize)]
pub struct RestAnswer<'a> {
    /// As in the request; empty when Asterisk could not read it.
    #[serde(borrow, default)]
    pub request_id: Cow<'a, str>,
    /// HTTP status.
    pub status_code: u16,
    /// Body.
    #[serde(borrow, default)]
    pub message_body: Option<Cow<'a, str>>,
}

#[derive(Deserialize)]
struct Envelope<'a> {
    #[serde(borrow, rename = "type")]
    kind: Cow<'a, str>,
}

#[derive(Deserialize)]
struct Channel<'a> {
    #[serde(borrow)]
    id: Cow<'a, str>,
    #[serde(borrow, default)]
    state: Cow<'a, str>,
}

#[derive(Deserialize)]
struct ChannelEvent<'a> {
    #[serde(borrow)]
    channel: Channel<'a>,
    cause: Option<i64>,
    /// Asked for by software (us); `cause` is then a flag word of Asterisk's own, no Q.850 cause.
    #[serde(default)]
    soft: bool,
    tech_cause: Option<i64>,
}

#[derive(Deserialize)]
struct Dial<'a> {
    #[serde(borrow)]
    peer: Channel<'a>,
    #[serde(borrow, default)]
    dialstatus: Cow<'a, str>,
    #[serde(borrow, default)]
    forward: Cow<'a, str>,
}

#[derive(Deserialize)]
struct RecordingOver<'a> {
    #[serde(borrow)]
    recording: RecordingName<'a>,
}

#[derive(Deserialize)]
struct RecordingName<'a> {
    #[serde(borrow)]
    name: Cow<'a, str>,
}

#[derive(Deserialize)]
struct Transfer<'a> {
    #[serde(borrow, default)]
    result: Cow<'a, str>,
    #[serde(borrow, alias = "transferer_first_leg")]
    channel: Channel<'a>,
    #[serde(borrow)]
    transferee: Option<Channel<'a>>,
}

/// Understands one message. Text that is no JSON, or lacks what its type must have, is an error.
pub fn decode(text: &str) -> Result<Message<'_>, serde_json::Error> {
    let Envelope { kind } = serde_json::from_str(text)?;
    let notice = match &*kind {
        "RESTResponse" => return Ok(Message::Answer(serde_json::from_str(text)?)),
        "ApplicationReplaced" => return Ok(Message::Replaced),
        "StasisStart" => line(&serde_json::from_str(text)?, |_| Some(LineEvent::Entered)),
        "ChannelStateChange" => line(&serde_json::from_str(text)?, state_change),
        "ChannelHangupRequest" => line(&serde_json::from_str(text)?, hangup_request),
        "ChannelDestroyed" => {
            line(&serde_json::from_str(text)?, |event| Some(LineEvent::Gone(Gone::Destroyed(cause(event)))))
        }
        "Dial" => dial(&serde_json::from_str(text)?),
        "BridgeBlindTransfer" | "BridgeAttendedTransfer" => transfer(&serde_json::from_str(text)?),
        "RecordingFinished" => recording(&serde_json::from_str(text)?, RecordingEvent::Finished),
        "RecordingFailed" => recording(&serde_json::from_str(text)?, RecordingEvent::Failed),
        "StasisEnd" | "ApplicationRegistered" | "ApplicationUnregistered" => None,
        known if UNWANTED.contains(&known) => None,
        _ => return Ok(Message::Unknown(kind)),
    };
    Ok(notice.map_or(Message::Ignored, Message::Notice))
}

fn line(event: &ChannelEvent<'_>, meaning: impl Fn(&ChannelEvent<'_>) -> Option<LineEvent>) -> Option<Notice> {
    let (call, leg) = parse_channel(&event.channel.id)?;
    Some(Notice::Line(call, leg, meaning(event)?))
}

fn state_change(event: &ChannelEvent<'_>) -> Option<LineEvent> {
    match &*event.channel.state {
        "Ringing" => Some(LineEvent::Ringing),
        "Up" => Some(LineEvent::Answered),
        _ => None,
    }
}

fn hangup_request(event: &ChannelEvent<'_>) -> Option<LineEvent> {
    event.cause.filter(|_| !event.soft).map(|_| LineEvent::HangupRequested(cause(event)))
}

/// `tech_cause` is the SIP status where the channel spoke SIP.
fn cause(event: &ChannelEvent<'_>) -> Cause {
    let number = |value: Option<i64>| value.and_then(|value| u16::try_from(value).ok());
    Cause {
        q850: number(event.cause).unwrap_or(0),
        sip: number(event.tech_cause).filter(|status| (300..700).contains(status)),
    }
}

fn dial(dial: &Dial<'_>) -> Option<Notice> {
    let (call, leg) = parse_channel(&dial.peer.id)?;
    if !dial.forward.is_empty() {
        return Some(Notice::Line(call, leg, LineEvent::Forwarded));
    }
    let event = match &*dial.dialstatus {
        "RINGING" => LineEvent::Ringing,
        "PROGRESS" => LineEvent::EarlyMedia,
        "ANSWER" => LineEvent::Answered,
        "BUSY" => LineEvent::DialEnded(DialEnd::Busy),
        "CONGESTION" => LineEvent::DialEnded(DialEnd::Congestion),
        "CHANUNAVAIL" => LineEvent::DialEnded(DialEnd::Unavailable),
        "NOANSWER" => LineEvent::DialEnded(DialEnd::NoAnswer),
        "CANCEL" => LineEvent::DialEnded(DialEnd::Cancelled),
        _ => return None,
    };
    Some(Notice::Line(call, leg, event))
}

/// The party that is moved is the transferee: the other line than the one that asked for it.
fn transfer(transfer: &Transfer<'_>) -> Option<Notice> {
    if transfer.result != "Success" {
        return None;
    }
    let moved = transfer.transferee.as_ref().and_then(|channel| parse_channel(&channel.id));
    let other = || parse_channel(&transfer.channel.id).map(|(call, leg)| (call, leg.other()));
    let (call, leg): (CallId, Leg) = moved.or_else(other)?;
    Some(Notice::Line(call, leg, LineEvent::Transferred))
}

fn recording(over: &RecordingOver<'_>, event: RecordingEvent) -> Option<Notice> {
    Some(Notice::Recording(parse_recording(&over.recording.name)?, event))
}

#[cfg(test)]
mod tests;
