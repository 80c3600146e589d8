//! The Getdesk door: `GET /ClickToCallAPI?phone_number=…&email=…&token=…`.
//!
//! The agent is named by e-mail and rings where they are logged in now; the answer is always JSON with
//! the same three keys, and the HTTP status says the same. Parameters that are missing are named before
//! anybody is asked who they are; then the token is judged, and only a good one that may place calls
//! learns whether an e-mail is known. An agent's own token learns that of no other e-mail.

use std::fmt::Display;
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::header::{ALLOW, CONTENT_TYPE, RETRY_AFTER};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use crate::call::{CallId, Idempotency};
use crate::dial::policy::{Click, Phone, Refusal};
use crate::directory::{Agent, Scope};
use crate::engine::Unavailable;
use crate::http::auth::{Caller, Denied};
use crate::http::door::params::{self, Carrier, Params, number, text};
use crate::http::guard::{self, Meant};
use crate::http::idempotency;
use crate::http::order::{self, Declined};
use crate::http::{Peer, Shared, client};

/// Where this door is.
pub(in crate::http) const PATH: &str = "/ClickToCallAPI";

const ALLOWED: &str = "GET";

/// All are mandatory.
const KNOWN: [&str; 3] = ["phone_number", "email", "token"];

/// Seconds after which it is worth asking again when something is away.
const AWAY: u64 = 5;

/// One request to this door.
pub(in crate::http) async fn click_to_call(State(shared): State<Arc<Shared>>, request: Request) -> Response {
    if let Some(response) = not_meant(&request) {
        return response;
    }
    let peer = request.extensions().get::<Peer>().copied().unwrap_or(Peer::Local);
    let client = client::address(peer, request.headers(), &shared.ports.trusted_proxies);
    let reply = match parse(request.uri().query().unwrap_or_default(), request.headers()) {
        Ok(ask) => fulfil(&shared, client, ask).await.map_or_else(|why| declined(&why), Reply::ok),
        Err(message) => Reply::error(StatusCode::BAD_REQUEST, message),
    };
    tracing::debug!(door = "getdesk", http.status = reply.status.as_u16(), "answered");
    reply.into_response()
}

/// The answer to a request that is not to be looked into.
fn not_meant(request: &Request) -> Option<Response> {
    match guard::judge(request.method(), request.headers(), &[Method::GET]) {
        Meant::Maybe => None,
        Meant::Preflight => Some(guard::preflight(ALLOWED)),
        Meant::Prefetch => Some(Reply::error(StatusCode::FORBIDDEN, "A prefetch places no call").into_response()),
        Meant::Method => {
            let mut response = Reply::error(StatusCode::METHOD_NOT_ALLOWED, "Method must be GET").into_response();
            response.headers_mut().insert(ALLOW, HeaderValue::from_static(ALLOWED));
            Some(response)
        }
    }
}

/// What is asked for.
struct Ask {
    token: String,
    email: String,
    /// As typed.
    phone_number: String,
    /// Names of parameters that this door does not know, fit for a log.
    unknown: Vec<String>,
    idempotency: Option<Idempotency>,
}

/// The error is a sentence for the client.
fn parse(query: &str, headers: &HeaderMap) -> Result<Ask, String> {
    let (pairs, broken) = params::pairs(query, Carrier::Query);
    let params: Params = broken.map_or_else(|| params::normal(pairs), Err).map_err(|error| error.to_string())?;
    let missing: Vec<&str> = KNOWN.into_iter().filter(|name| text(&params, name).is_none()).collect();
    if !missing.is_empty() {
        return Err(format!("Mandatory parameters are missing: {}", missing.join(", ")));
    }
    let value = |name| text(&params, name).unwrap_or_default().to_owned();
    Ok(Ask {
        token: value("token"),
        email: value("email"),
        phone_number: number(&params, "phone_number").unwrap_or_default(),
        unknown: params::unknown(&params, |key| KNOWN.contains(&key)).collect(),
        idempotency: idempotency::of(headers, query, &[]).map_err(|refusal| refusal.to_string())?,
    })
}

/// Why there is no call.
enum Reason {
    /// Nobody is let in.
    Denied(Denied),
    /// The e-mail is nobody's.
    NoAgent,
    /// The order is not taken.
    Declined(Declined),
}

impl From<Refusal> for Reason {
    fn from(refusal: Refusal) -> Self {
        Self::Declined(refusal.into())
    }
}

async fn fulfil(shared: &Shared, client: Peer, ask: Ask) -> Result<CallId, Reason> {
    let caller = shared.gate.caller(&shared.ports, &ask.token, client).map_err(Reason::Denied)?;
    let agent = agent(&caller, &ask.email)?;
    let click = Click {
        door: "getdesk",
        phone: Phone::Agent(agent.extension.clone()),
        target: ask.phone_number,
        idempotency: ask.idempotency,
        warnings: ask.unknown.iter().map(|name| format!("unknown parameter {name} ignored")).collect(),
        ..Click::default()
    };
    let placed = order::place(shared, &caller, click).await;
    placed.map(|placed| placed.call).map_err(Reason::Declined)
}

/// The agent with this e-mail, for those who may know.
fn agent<'a>(caller: &'a Caller, email: &str) -> Result<&'a Agent, Reason> {
    if !caller.credential.allows(Scope::Dial) {
        return Err(Refusal::Forbidden("This token may not place calls".to_owned()).into());
    }
    let agent = caller.tenant.agent_by_email(email);
    if let Some(own) = &caller.credential.agent
        && agent.is_none_or(|agent| agent.extension != *own)
    {
        return Err(Refusal::Forbidden(format!("This token may act for extension {own} only")).into());
    }
    agent.ok_or(Reason::NoAgent)
}

fn declined(why: &Reason) -> Reply {
    let declined = match why {
        Reason::Denied(Denied::Wrong) => return Reply::error(StatusCode::UNAUTHORIZED, "Token is invalid"),
        Reason::Denied(Denied::Suspended) => return Reply::error(StatusCode::FORBIDDEN, "Token is suspended"),
        Reason::NoAgent => return Reply::error(StatusCode::NOT_FOUND, "No agent has this email"),
        Reason::Denied(Denied::TooMany(too_many)) => &Declined::TooMany(*too_many),
        Reason::Declined(declined) => declined,
    };
    let (status, retry_after) = match declined {
        // The agent is known by now: it is the number that may be an extension of nobody's.
        Declined::Refused(Refusal::Invalid { .. } | Refusal::Unknown(_)) => (StatusCode::BAD_REQUEST, None),
        Declined::Refused(Refusal::Forbidden(_) | Refusal::Blocked(_)) => (StatusCode::FORBIDDEN, None),
        // An agent who has no phone now is an e-mail without an extension.
        Declined::Refused(Refusal::Offline(_)) | Declined::NoActiveCall => (StatusCode::NOT_FOUND, None),
        Declined::TooMany(too_many) => (StatusCode::TOO_MANY_REQUESTS, Some(too_many.seconds())),
        Declined::Limited { seconds, .. } => (StatusCode::TOO_MANY_REQUESTS, Some(*seconds)),
        Declined::KeyReused => (StatusCode::UNPROCESSABLE_ENTITY, None),
        Declined::Unavailable(Unavailable::StoreAway) => (StatusCode::INTERNAL_SERVER_ERROR, Some(AWAY)),
        Declined::Unavailable(_) => (StatusCode::SERVICE_UNAVAILABLE, Some(AWAY)),
    };
    Reply { retry_after, ..Reply::error(status, in_own_words(declined)) }
}

/// A sentence about the target, which this door calls otherwise.
fn in_own_words(sentence: &dyn Display) -> String {
    let sentence = sentence.to_string();
    sentence.strip_prefix("Target ").map_or_else(|| sentence.clone(), |rest| format!("phone_number {rest}"))
}

/// One answer of this door.
#[derive(Debug)]
struct Reply {
    status: StatusCode,
    message: String,
    call: Option<CallId>,
    /// Seconds.
    retry_after: Option<u64>,
}

#[derive(Serialize)]
struct Body<'a> {
    status: &'static str,
    message: &'a str,
    call_id: Option<String>,
}

impl Reply {
    fn ok(call: CallId) -> Self {
        Self { call: Some(call), ..Self::error(StatusCode::OK, "Call initiated successfully") }
    }

    fn error(status: StatusCode, message: impl Into<String>) -> Self {
        Self { status, message: message.into(), call: None, retry_after: None }
    }
}

impl IntoResponse for Reply {
    fn into_response(self) -> Response {
        let status = if self.call.is_some() { "success" } else { "error" };
        let body = Body { status, message: &self.message, call_id: self.call.map(|id| id.to_string()) };
        let body = serde_json::to_string(&body).unwrap_or_default();
        let mut response = (self.status, [(CONTENT_TYPE, "application/json")], body).into_response();
        if let Some(seconds) = self.retry_after {
            response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}
