//! What we ask of Asterisk: orders as ARI requests.
//!
//! Pure. One [`Request`] type for both senders (HTTP and WebSocket). Channels are created with all
//! that decides how they look to either side:
//!
//! * `CALLERID` is who the party *on* a channel is, `CONNECTEDLINE` whom that party sees; `chan_pjsip`
//!   puts the connected line into From and P-Asserted-Identity of the INVITE. No `caller=` on dial.
//! * `TIMEOUT(absolute)` makes Asterisk itself end the leg should this process die for good.
//! * Values from outside only ever stand behind our own prefix: function names such as `GLOBAL(x)`
//!   are executed by Asterisk.

use serde::Serialize;
use serde_json::{Map, Value, json};

use crate::asterisk::naming::{bridge_name, channel_name, recording_name};
use crate::call::{CallId, CallRequest, Command, Leg, Order};
use crate::link::Stray;

/// HTTP's verbs, as far as ARI needs them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Method {
    /// Look.
    Get,
    /// Do.
    Post,
    /// Set.
    Put,
    /// End.
    Delete,
}

impl Method {
    /// As HTTP spells it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Delete => "DELETE",
        }
    }
}

/// One request, however it travels.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Request {
    /// The verb.
    pub method: Method,
    /// The resource below the base, without a leading slash: `channels/ID/dial`.
    pub uri: String,
    /// Parameters, not yet encoded.
    pub query: Vec<(&'static str, String)>,
    /// JSON body.
    pub body: Option<Value>,
}

impl Request {
    /// A request without parameters and body.
    pub fn new(method: Method, uri: impl Into<String>) -> Self {
        Self { method, uri: uri.into(), query: Vec::new(), body: None }
    }

    fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.query.push((name, value.into()));
        self
    }
}

/// What the other end said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// HTTP status.
    pub status: u16,
    /// Body, JSON where there is one.
    pub body: Vec<u8>,
}

/// Why there is no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoAnswer {
    /// It never left: Asterisk has not seen it.
    #[error("the request was not sent")]
    NotSent,
    /// It left, or may have; Asterisk may have acted on it.
    #[error("the request was sent, its outcome is unknown")]
    OutcomeUnknown,
}

/// An order as requests, to be sent back to back and in this order.
pub fn requests(order: &Order, app: &str) -> Vec<Request> {
    let request = &*order.request;
    let bridge = format!("bridges/{}", bridge_name(request.id));
    match order.command {
        Command::CreateBridge => {
            vec![Request::new(Method::Post, bridge).with("type", "mixing").with("name", app)]
        }
        Command::Create(leg) => vec![create(request, leg, app)],
        Command::JoinAndDial(leg) => vec![
            Request::new(Method::Post, format!("{bridge}/addChannel")).with("channel", channel_name(request.id, leg)),
            dial(request, leg),
        ],
        Command::Record => vec![watch_bridge(request.id, app), record(&bridge, request)],
        Command::Hangup(leg) => vec![hangup(request.id, leg)],
        Command::DestroyBridge => vec![Request::new(Method::Delete, bridge)],
    }
}

/// Removes what no call claims.
pub fn removal(stray: Stray) -> Request {
    match stray {
        Stray::Channel(call, leg) => hangup(call, leg),
        Stray::Bridge(call) => Request::new(Method::Delete, format!("bridges/{}", bridge_name(call))),
    }
}

/// Looks a leg's channel up.
pub fn look(call: CallId, leg: Leg) -> Request {
    Request::new(Method::Get, format!("channels/{}", channel_name(call, leg)))
}

/// Version and start of this Asterisk.
pub fn about() -> Request {
    Request::new(Method::Get, "asterisk/info").with("only", "status,system")
}

/// Tells Asterisk which events we have no use for; in force until the application is gone.
///
/// Always what is *not* wanted: a list of what is wanted swallows the answers to requests as well.
pub fn filter(app: &str, unwanted: &[&str]) -> Request {
    let types: Vec<_> = unwanted.iter().map(|name| json!({ "type": name })).collect();
    let body = Some(json!({ "disallowed": types }));
    Request { body, ..Request::new(Method::Put, format!("applications/{app}/eventFilter")) }
}

fn hangup(call: CallId, leg: Leg) -> Request {
    Request::new(Method::Delete, format!("channels/{}", channel_name(call, leg))).with("reason", "normal")
}

fn create(request: &CallRequest, leg: Leg, app: &str) -> Request {
    let created = Request::new(Method::Post, "channels/create")
        .with("endpoint", &request.leg(leg).endpoint)
        .with("app", app)
        .with("channelId", channel_name(request.id, leg));
    let created = match leg {
        Leg::A => created,
        Leg::B => created.with("originator", channel_name(request.id, Leg::A)),
    };
    Request { body: Some(json!({ "variables": variables(request, leg) })), ..created }
}

fn variables(request: &CallRequest, leg: Leg) -> Map<String, Value> {
    let plan = request.leg(leg);
    let mut variables = Map::new();
    let mut set = |name: String, value: &str| variables.insert(name, value.into());
    set("CALLERID(num)".into(), &plan.caller.number);
    set("CALLERID(name)".into(), &plan.caller.name);
    // `i`: not told to the party as a change. There is nobody yet, and on the answer it would go out as a
    // second INVITE within the call.
    set("CONNECTEDLINE(num,i)".into(), &plan.connected.number);
    set("CONNECTEDLINE(name,i)".into(), &plan.connected.name);
    set("TIMEOUT(absolute)".into(), &request.dead_man().as_secs().to_string());
    if let Some(language) = &request.language {
        set("CHANNEL(language)".into(), language);
    }
    set("DIALBRIDGE_CALL".into(), &request.id.to_string());
    set("DIALBRIDGE_LEG".into(), &leg.to_string());
    for (name, value) in &request.vars {
        set(format!("DIALBRIDGE_VAR_{name}"), value);
    }
    if plan.endpoint.starts_with("PJSIP/") {
        for (name, value) in &plan.headers {
            set(format!("PJSIP_HEADER(add,{name})"), value);
        }
    }
    variables
}

/// Our own timer decides; Asterisk's, some seconds later, is a second net.
fn dial(request: &CallRequest, leg: Leg) -> Request {
    let timeout = request.leg(leg).max_dial_time.as_secs() + 5;
    Request::new(Method::Post, format!("channels/{}/dial", channel_name(request.id, leg)))
        .with("timeout", timeout.to_string())
}

/// Events of a bridge stop with its last channel, but a recording only ends with the bridge.
fn watch_bridge(call: CallId, app: &str) -> Request {
    Request::new(Method::Post, format!("applications/{app}/subscription"))
        .with("eventSource", format!("bridge:{}", bridge_name(call)))
}

fn record(bridge: &str, request: &CallRequest) -> Request {
    Request::new(Method::Post, format!("{bridge}/record"))
        .with("name", recording_name(request.id))
        .with("format", "wav")
        .with("ifExists", "fail")
        .with("maxDurationSeconds", request.dead_man().as_secs().to_string())
        .with("beep", "no")
        .with("terminateOn", "none")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::sync::Arc;
    use std::time::Duration;

    use super::*;
    use crate::call::{Identity, LegPlan, ReportPlan};
    use crate::dial::number::Party;
    use crate::timestamp::Timestamp;

    fn identity(number: &str, name: &str) -> Identity {
        Identity { number: number.into(), name: name.into() }
    }

    fn plan(endpoint: &str, caller: Identity, connected: Identity) -> LegPlan {
        LegPlan {
            party: Party::Extension("101".into()),
            endpoint: endpoint.into(),
            device: None,
            max_dial_time: Duration::from_mins(1),
            caller,
            connected,
            headers: vec![("Answer-Mode".into(), "Auto".into())],
        }
    }

    fn order(command: Command) -> Order {
        let (company, target) = (identity("12125550100", "Demo Main"), identity("12125550101", "Bob \"B\""));
        let request = CallRequest {
            id: CallId::from_bits(0xabc),
            tenant: "demo".into(),
            credential: "demo-code".into(),
            door: "voicenter".into(),
            accepted_at: Timestamp::from_millis(0),
            agent: None,
            a: plan("PJSIP/101", company.clone(), target.clone()),
            b: plan("Local/12125550101@from-internal/n", target, company),
            max_duration: Duration::from_hours(2),
            record: true,
            queue: None,
            idempotency: None,
            abroad: false,
            language: Some("en".into()),
            vars: BTreeMap::from([("lead".into(), "7&8, ü".into())]),
            report: ReportPlan {
                userdata: None,
                ext_transaction_data: None,
                callback_url: None,
                cdr_url: None,
                events: None,
                time_zone: "UTC".into(),
                caller_id: String::new(),
                public_url: String::new(),
            },
            warnings: Vec::new(),
        };
        Order { request: Arc::new(request), command }
    }

    fn wire(command: Command) -> Vec<String> {
        let line = |request: Request| {
            let query: Vec<_> = request.query.iter().map(|(name, value)| format!("{name}={value}")).collect();
            format!("{} {} {}", request.method.as_str(), request.uri, query.join(" ")).trim_end().to_owned()
        };
        requests(&order(command), "dialbridge").into_iter().map(line).collect()
    }

    #[test]
    fn every_command_has_its_requests() {
        let all = [
            Command::CreateBridge,
            Command::Create(Leg::A),
            Command::Create(Leg::B),
            Command::JoinAndDial(Leg::A),
            Command::Record,
            Command::Hangup(Leg::B),
            Command::DestroyBridge,
        ];
        let lines: Vec<_> = all.into_iter().flat_map(wire).collect();
        insta::assert_snapshot!(lines.join("\n"));
    }

    #[test]
    fn leg_a_shows_the_target_and_leg_b_the_company() {
        let body = |leg| requests(&order(Command::Create(leg)), "dialbridge").remove(0).body;
        insta::assert_json_snapshot!("variables_of_leg_a", body(Leg::A));
        insta::assert_json_snapshot!("variables_of_leg_b", body(Leg::B));
    }

    #[test]
    fn headers_go_only_where_sip_is_spoken() {
        let names = |leg| variables(&order(Command::Create(leg)).request, leg).keys().cloned().collect::<Vec<_>>();
        assert!(names(Leg::A).contains(&"PJSIP_HEADER(add,Answer-Mode)".to_owned()));
        assert!(!names(Leg::B).iter().any(|name| name.starts_with("PJSIP_HEADER")));
    }

    #[test]
    fn a_filter_names_what_is_unwanted_and_never_what_is_wanted() {
        let body = filter("dialbridge", &["ChannelVarset"]).body.unwrap();
        assert_eq!(body, json!({"disallowed": [{"type": "ChannelVarset"}]}));
    }
}
