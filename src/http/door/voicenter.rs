//! The Voicenter door: `/ForwardDialer/click2call.aspx`.
//!
//! GET, POST with a form and POST with JSON come together in [`parse()`]; the answer is XML, or JSON where
//! asked for. The HTTP status is 200 for every answer of this API, refusals included, as its clients
//! expect; only where HTTP itself says no (405, 413, 429, 403 for what was fetched ahead) does the status
//! say so too. A token is judged before anything else that it came with.

mod parse;
mod reply;

use std::fmt::Display;
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::header::{ALLOW, CONTENT_TYPE};
use axum::http::{HeaderValue, Method, StatusCode};
use axum::response::Response;
use bytes::Bytes;

use crate::call::Idempotency;
use crate::dial::policy::Refusal;
use crate::http::auth::Denied;
use crate::http::body::{self, BodyError};
use crate::http::door::params::Carrier;
use crate::http::door::voicenter::parse::{Ask, Order, Parsed, parse};
use crate::http::door::voicenter::reply::{ErrorCode, Format, Reply};
use crate::http::guard::{self, Meant};
use crate::http::idempotency;
use crate::http::limits::TooMany;
use crate::http::order::{self, Declined};
use crate::http::{Peer, Shared, client};

/// Where this door is, in the spelling of its documentation.
pub(in crate::http) const PATH: &str = "/ForwardDialer/click2call.aspx";

/// The client's own mark on a request, or what is wrong with it.
type Mark = Result<Option<Idempotency>, Refusal>;

const ALLOWED: &str = "GET, POST";

/// One request to this door.
pub(in crate::http) async fn click2call(State(shared): State<Arc<Shared>>, request: Request) -> Response {
    let format = parse(request.uri().query().unwrap_or_default(), Carrier::Query).format;
    if let Some(response) = not_meant(&request, format) {
        return response;
    }
    let peer = request.extensions().get::<Peer>().copied().unwrap_or(Peer::Local);
    let client = client::address(peer, request.headers(), &shared.ports.trusted_proxies);
    let (parsed, mark) = match read(request).await {
        Ok(read) => read,
        Err(error @ BodyError::TooLarge) => return no(StatusCode::PAYLOAD_TOO_LARGE, &error).into_response(format),
        Err(error) => return no(StatusCode::OK, &error).into_response(format),
    };
    let reply = match parsed.ask {
        Ok(ask) => fulfil(&shared, client, ask.marked(mark)).await,
        Err(refusal) => refused(&refusal),
    };
    tracing::debug!(door = "voicenter", errorcode = reply.code as u8, http.status = reply.status.as_u16(), "answered");
    reply.into_response(parsed.format)
}

/// The answer to a request that is not to be looked into.
fn not_meant(request: &Request, format: Format) -> Option<Response> {
    match guard::judge(request.method(), request.headers(), &[Method::GET, Method::POST]) {
        Meant::Maybe => None,
        Meant::Preflight => Some(guard::preflight(ALLOWED)),
        Meant::Prefetch => Some(no(StatusCode::FORBIDDEN, &"A prefetch places no call").into_response(format)),
        Meant::Method => {
            let mut response = no(StatusCode::METHOD_NOT_ALLOWED, &"Method must be GET or POST").into_response(format);
            response.headers_mut().insert(ALLOW, HeaderValue::from_static(ALLOWED));
            Some(response)
        }
    }
}

/// HTTP's own no.
fn no(status: StatusCode, message: &dyn Display) -> Reply {
    Reply::refused(ErrorCode::InvalidParameters, message.to_string()).with_status(status)
}

/// What is asked for, and the mark on it; neither is judged yet.
async fn read(request: Request) -> Result<(Parsed, Mark), BodyError> {
    let (head, body) = request.into_parts();
    let query = head.uri.query().unwrap_or_default();
    if head.method == Method::GET {
        return Ok((parse(query, Carrier::Query), idempotency::of(&head.headers, query, &[])));
    }
    let bytes: Bytes = body::read(&head.headers, body, body::SMALL).await?;
    let content_type = head.headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let parsed = parse(query, Carrier::Body { content_type, bytes: &bytes });
    Ok((parsed, idempotency::of(&head.headers, query, &bytes)))
}

async fn fulfil(shared: &Shared, client: Peer, ask: Ask) -> Reply {
    let caller = match shared.gate.caller(&shared.ports, &ask.code, client) {
        Ok(caller) => caller,
        Err(Denied::Wrong) => return Reply::refused(ErrorCode::InvalidParameters, "Code is invalid"),
        Err(Denied::Suspended) => return Reply::refused(ErrorCode::InvalidParameters, "Code is suspended"),
        Err(Denied::TooMany(too_many)) => return refused_for_now(too_many),
    };
    // A click that is placed carries them among its warnings, which are logged with it.
    let (unknown, is_click) = (ask.unknown, matches!(ask.order, Ok(Order::Call(_))));
    let outcome = match ask.order {
        Ok(Order::Call(click)) => order::place(shared, &caller, *click).await.map(|placed| placed.call),
        Ok(Order::Terminate(phone)) => order::terminate(shared, &caller, &phone).await,
        Err(refusal) => Err(Declined::Refused(refusal)),
    };
    let is_placed = is_click && outcome.is_ok();
    if !unknown.is_empty() && !is_placed {
        tracing::info!(door = "voicenter", ?unknown, "unknown parameters ignored");
    }
    outcome.map_or_else(declined, Reply::ok)
}

fn declined(why: Declined) -> Reply {
    match why {
        Declined::Refused(refusal) => refused(&refusal),
        Declined::TooMany(too_many) => refused_for_now(too_many),
        Declined::Limited { message, seconds, .. } => {
            Reply { retry_after: Some(seconds), ..Reply::refused(ErrorCode::ApplicationError, message) }
        }
        Declined::KeyReused => Reply::refused(ErrorCode::InvalidParameters, why.to_string()),
        Declined::NoActiveCall | Declined::Unavailable(_) => {
            Reply::refused(ErrorCode::ApplicationError, why.to_string())
        }
    }
}

fn refused(refusal: &Refusal) -> Reply {
    let code = match refusal {
        Refusal::Invalid { .. } | Refusal::Forbidden(_) | Refusal::Unknown(_) => ErrorCode::InvalidParameters,
        Refusal::Offline(_) => ErrorCode::ExtensionOffline,
        Refusal::Blocked(_) => ErrorCode::ExtensionBlocked,
    };
    Reply::refused(code, refusal.to_string())
}

fn refused_for_now(too_many: TooMany) -> Reply {
    Reply {
        status: StatusCode::TOO_MANY_REQUESTS,
        retry_after: Some(too_many.seconds()),
        ..Reply::refused(ErrorCode::ApplicationError, Declined::TooMany(too_many).to_string())
    }
}
