//! What Asterisk has of ours at this moment.
//!
//! The answer to every loss of events, whatever its reason: after each connect, every 15 s, and
//! after an overflow of the inbox.

use std::borrow::Cow;

use serde::Deserialize;

use super::http::Connection;
use super::request::{Answer, Method, NoAnswer, Request};
use crate::asterisk::naming::{parse_bridge, parse_channel};
use crate::call::{CallId, Leg};
use crate::clock::Clock;
use crate::link::{Census, ChannelState, ListedChannel, Place};

/// Tries of one look; a GET may be repeated.
const TRIES: usize = 3;

/// A channel as Asterisk lists it.
#[derive(Debug, Deserialize)]
pub(super) struct Listed<'a> {
    #[serde(borrow)]
    id: Cow<'a, str>,
    #[serde(borrow, default)]
    state: Cow<'a, str>,
    #[serde(borrow, default)]
    dialplan: Option<Dialplan<'a>>,
}

#[derive(Debug, Deserialize)]
struct Dialplan<'a> {
    #[serde(borrow, default)]
    app_name: Cow<'a, str>,
    #[serde(borrow, default)]
    app_data: Cow<'a, str>,
}

#[derive(Debug, Deserialize)]
struct ListedBridge<'a> {
    #[serde(borrow)]
    id: Cow<'a, str>,
    #[serde(borrow, default)]
    name: Cow<'a, str>,
}

impl Listed<'_> {
    /// `Stasis(app,arguments)` is how Asterisk names the application that a channel is in.
    fn place(&self, app: &str) -> Place {
        match &self.dialplan {
            Some(at) if at.app_name == "Stasis" && at.app_data.split(',').next() == Some(app) => Place::Ours,
            _ => Place::Elsewhere,
        }
    }

    fn state(&self) -> ChannelState {
        match &*self.state {
            "Ringing" => ChannelState::Ringing,
            "Up" => ChannelState::Up,
            _ => ChannelState::Down,
        }
    }

    /// Whether it is created, has entered our application, and nothing has come of a dial yet.
    pub(super) fn waits_in_stasis(&self) -> bool {
        let in_stasis = self.dialplan.as_ref().is_some_and(|place| place.app_name == "Stasis");
        in_stasis && self.state() == ChannelState::Down
    }
}

/// Why there is no census.
#[derive(Debug, thiserror::Error)]
pub(super) enum CensusError {
    /// No answer.
    #[error(transparent)]
    NoAnswer(#[from] NoAnswer),
    /// Another status than 200.
    #[error("Asterisk answers {0}")]
    Refused(u16),
    /// An answer that cannot be read.
    #[error("an answer that cannot be read: {0}")]
    Malformed(#[from] serde_json::Error),
}

/// A census, and the legs that wait in our application: their `StasisStart` may have been lost.
pub(super) struct Taken {
    pub(super) census: Census,
    pub(super) entered: Vec<(CallId, Leg)>,
}

/// Asks Asterisk for all channels and bridges.
pub(super) async fn take(
    control: &mut Connection,
    clock: Clock,
    (boot, app): (&str, &str),
) -> Result<Taken, CensusError> {
    let asked_at = clock.now();
    let channels = get(control, "channels").await?;
    let bridges = get(control, "bridges").await?;
    let (channels, entered) = read_channels(&channels, app)?;
    let bridges = read_bridges(&bridges, app)?;
    Ok(Taken { census: Census { asked_at, boot: boot.to_owned(), channels, bridges }, entered })
}

/// Gets a resource, up to three times.
pub(super) async fn get(control: &mut Connection, uri: &str) -> Result<Vec<u8>, CensusError> {
    let request = Request::new(Method::Get, uri);
    let mut answer = control.send(&request).await;
    for _ in 1..TRIES {
        if answer.is_err() {
            answer = control.send(&request).await;
        }
    }
    match answer? {
        Answer { status: 200, body } => Ok(body),
        Answer { status, .. } => Err(CensusError::Refused(status)),
    }
}

type Channels = (Vec<ListedChannel>, Vec<(CallId, Leg)>);

fn read_channels(body: &[u8], app: &str) -> serde_json::Result<Channels> {
    let listed: Vec<Listed<'_>> = serde_json::from_slice(body)?;
    let ours = || listed.iter().filter_map(|channel| Some((parse_channel(&channel.id)?, channel)));
    let listed = |((call, leg), channel): (_, &Listed<'_>)| ListedChannel {
        call,
        leg,
        state: channel.state(),
        place: channel.place(app),
    };
    let channels = ours().map(listed).collect();
    let entered = ours().filter(|(_, channel)| channel.waits_in_stasis()).map(|(line, _)| line).collect();
    Ok((channels, entered))
}

/// A bridge bears the name of the application that made it.
fn read_bridges(body: &[u8], app: &str) -> serde_json::Result<Vec<CallId>> {
    let listed: Vec<ListedBridge<'_>> = serde_json::from_slice(body)?;
    Ok(listed.iter().filter(|bridge| bridge.name == app).filter_map(|bridge| parse_bridge(&bridge.id)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_ours_is_counted() {
        let list = br#"[
            {"id":"db-00000000000000000000000000000001-a1","state":"Up","dialplan":{"app_name":"Stasis","app_data":"dialbridge"}},
            {"id":"db-00000000000000000000000000000001-a1;2","state":"Ring"},
            {"id":"db-00000000000000000000000000000001-b1","state":"Down","dialplan":{"app_name":"Stasis","app_data":"another"}},
            {"id":"db-00000000000000000000000000000002-a1","state":"Down","dialplan":{"app_name":""}},
            {"id":"1763648415.12","state":"Up"}]"#;
        let (one, two) = (CallId::from_bits(1), CallId::from_bits(2));
        let (channels, entered) = read_channels(list, "dialbridge").unwrap();
        let listed = |call, leg, state, place| ListedChannel { call, leg, state, place };
        assert_eq!(
            channels,
            [
                listed(one, Leg::A, ChannelState::Up, Place::Ours),
                listed(one, Leg::B, ChannelState::Down, Place::Elsewhere),
                listed(two, Leg::A, ChannelState::Down, Place::Elsewhere),
            ]
        );
        assert_eq!(entered, [(one, Leg::B)]);
        assert_eq!(
            read_bridges(
                br#"[{"id":"db-00000000000000000000000000000002","name":"dialbridge"},{"id":"db-x","name":"dialbridge"},
                    {"id":"db-00000000000000000000000000000001","name":"another"},{"id":"conf"}]"#,
                "dialbridge"
            )
            .unwrap(),
            [two]
        );
    }

    #[test]
    fn an_answer_that_is_no_list_is_an_error() {
        assert!(read_channels(b"{}", "app").is_err());
        assert!(read_bridges(b"[{}]", "app").is_err());
    }
}
