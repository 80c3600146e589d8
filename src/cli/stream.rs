//! The daemon's live events (`GET /v1/events`): server-sent events, resumed where they broke off.
//!
//! A connection that is lost, or silent for three keep-alives, is made again after a pause, with the
//! number of the last event that was dealt with: none is missed and none comes twice. Only the first
//! connection may fail; later the daemon may be restarting.
//! Source: <https://html.spec.whatwg.org/multipage/server-sent-events.html>

use std::io;
use std::ops::ControlFlow;
use std::time::Duration;

use futures_util::TryStreamExt as _;
use http_body_util::BodyExt as _;
use hyper::Response;
use hyper::body::Incoming;
use hyper::header::{ACCEPT, HeaderName, HeaderValue};
use serde_json::Value;
use tokio::time::timeout;
use tokio_util::codec::{FramedRead, LinesCodec};
use tokio_util::io::StreamReader;

use super::client::{Ask, Client, read};
use super::{Exit, Outcome};

/// The daemon sends a comment every 15 s.
const SILENCE: Duration = Duration::from_secs(45);
/// Before a connection is made again; doubled up to the longest.
const PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(10);
/// Bytes of one event's line: far above any call's record.
const LINE: usize = 1024 * 1024;
const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");

/// What there is to hear.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Heard {
    /// The stream is open, for the first time or again: from now on nothing is missed.
    Open,
    /// Something happened.
    Event(LiveEvent),
    /// The stream broke off, and is being opened again.
    Lost(String),
}

/// One event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct LiveEvent {
    /// `call.ended`
    pub(super) kind: String,
    /// The body, the same as in a callback.
    pub(super) body: String,
}

impl LiveEvent {
    pub(super) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_default()
    }
}

impl Client {
    /// Hears events of these types (none: of all) until `each` has enough.
    pub(super) async fn follow(
        &self,
        types: &[String],
        mut each: impl AsyncFnMut(Heard) -> ControlFlow<Outcome>,
    ) -> Outcome {
        let (mut last, mut was_open, mut pause) = (None, false, PAUSE);
        loop {
            let mut is_open = false;
            let ask = ask(types, last.as_deref());
            let heard = self.converse(ask, async |answer| hear(answer, &mut last, &mut is_open, &mut each).await).await;
            let broken = match heard.unwrap_or_else(Err) {
                Ok(enough) => return enough,
                Err(outcome) => outcome,
            };
            let may_pass = matches!(broken.exit, Exit::Unreachable | Exit::NotReady);
            was_open |= is_open;
            if !was_open || !may_pass {
                return broken;
            }
            if is_open {
                pause = PAUSE;
                if let ControlFlow::Break(enough) = each(Heard::Lost(broken.complaint)).await {
                    return enough;
                }
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }
}

fn ask(types: &[String], last: Option<&str>) -> Ask {
    let types = (!types.is_empty()).then(|| types.join(","));
    let ask =
        Ask::get("/v1/events").query("types", types).header(ACCEPT, HeaderValue::from_static("text/event-stream"));
    match last.and_then(|last| HeaderValue::try_from(last).ok()) {
        Some(last) => ask.header(LAST_EVENT_ID, last),
        None => ask,
    }
}

/// Reads until `each` has enough; an error is how the stream broke off.
async fn hear(
    answer: Response<Incoming>,
    last: &mut Option<String>,
    is_open: &mut bool,
    each: &mut impl AsyncFnMut(Heard) -> ControlFlow<Outcome>,
) -> Result<Outcome, Outcome> {
    if !answer.status().is_success() {
        return Err(read(answer).await.err().unwrap_or_else(|| broken("no stream")));
    }
    *is_open = true;
    if let ControlFlow::Break(enough) = each(Heard::Open).await {
        return Ok(enough);
    }
    let bytes = answer.into_body().into_data_stream().map_err(io::Error::other);
    let mut lines = FramedRead::new(StreamReader::new(bytes), LinesCodec::new_with_max_length(LINE));
    let mut block = Block { id: last.clone(), ..Block::default() };
    loop {
        let line = match timeout(SILENCE, lines.try_next()).await {
            Ok(Ok(Some(line))) => line,
            Ok(Ok(None)) => return Err(broken("the daemon closed it")),
            Ok(Err(error)) => return Err(broken(&error.to_string())),
            Err(_) => return Err(broken("silence")),
        };
        if let Some(event) = block.take(&line)
            && let ControlFlow::Break(enough) = each(Heard::Event(event)).await
        {
            return Ok(enough);
        }
        if line.is_empty() {
            last.clone_from(&block.id);
        }
    }
}

fn broken(why: &str) -> Outcome {
    Outcome::failed(Exit::Unreachable, format!("the stream of events broke off: {why}"))
}

/// The lines of one event so far; the id stays for those that follow without one.
#[derive(Debug, Default)]
struct Block {
    id: Option<String>,
    kind: String,
    data: Vec<String>,
}

impl Block {
    /// Takes a line in; an empty one completes an event, if there is any.
    fn take(&mut self, line: &str) -> Option<LiveEvent> {
        let (name, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match name {
            "id" => self.id = Some(value.to_owned()),
            "event" => value.clone_into(&mut self.kind),
            "data" => self.data.push(value.to_owned()),
            _ if line.is_empty() => {
                let (kind, data) = (std::mem::take(&mut self.kind), std::mem::take(&mut self.data));
                return (!data.is_empty()).then(|| LiveEvent { kind, body: data.join("\n") });
            }
            _ => {}
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn events(text: &str) -> (Vec<LiveEvent>, Option<String>) {
        let mut block = Block::default();
        let events = text.lines().filter_map(|line| block.take(line)).collect();
        (events, block.id)
    }

    fn event(kind: &str, body: &str) -> LiveEvent {
        LiveEvent { kind: kind.to_owned(), body: body.to_owned() }
    }

    #[test]
    fn an_event_is_its_lines_up_to_an_empty_one() {
        let (heard, last) = events("id: 7\nevent: call.ended\ndata: {\"a\":\ndata: 1}\n\nid:8\nevent:x\ndata:y\n\n");
        assert_eq!(heard, [event("call.ended", "{\"a\":\n1}"), event("x", "y")]);
        assert_eq!(last.as_deref(), Some("8"));
    }

    #[test]
    fn comments_unknown_fields_and_halves_are_no_events() {
        let (heard, _) = events(": keep-alive\n\nretry: 3\n\nevent: call.ended\n\ndata: half");
        assert_eq!(heard, []);
    }

    #[test]
    fn a_number_alone_says_where_to_go_on() {
        assert_eq!(events("id: 41\n\n"), (Vec::new(), Some("41".to_owned())));
    }
}
