//! Signing in and out: `/login` and `/logout`, for people (a form) and for programs (JSON).
//!
//! The user is an agent's e-mail address or extension; where more than one tenant has such an agent, the
//! tenant must be named. A refusal never says what was wrong. A form is heard only from a page of our
//! own, so that no other site signs somebody in as somebody else; JSON needs no such check, because no
//! page of another origin can send it here.

mod attempt;
mod form;

use std::sync::Arc;

use axum::Json;
use axum::extract::{Request, State};
use axum::http::header::{ACCEPT, CONTENT_TYPE, LOCATION, SET_COOKIE};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{AppendHeaders, IntoResponse, Response};
use serde::Serialize;

use self::attempt::Attempt;
pub(super) use self::attempt::SignIns;
use crate::directory::{Agent, Tenant};
use crate::http::door::params::{self, Carrier, Params};
use crate::http::error::{ApiError, Kind};
use crate::http::guard::{self, Sender};
use crate::http::page::{self, Language};
use crate::http::{Peer, Shared, body, client, session};
use crate::store::StoreError;

pub(super) const PATH: &str = "/login";

/// Why nobody was signed in.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Refused {
    /// Over plain HTTP.
    Insecure,
    /// From a page of somebody else.
    Foreign,
    /// It cannot be read.
    Malformed(String),
    /// User and password do not belong together, as far as anybody is told.
    Wrong,
    /// Too many wrong ones.
    TooMany(crate::http::limits::TooMany),
    /// Not now.
    Unavailable,
}

impl From<StoreError> for Refused {
    fn from(error: StoreError) -> Self {
        tracing::warn!(%error, "the store did not answer a sign-in");
        Self::Unavailable
    }
}

impl From<Refused> for ApiError {
    fn from(refused: Refused) -> Self {
        match refused {
            Refused::Insecure => Self::new(Kind::Policy, "this is answered over HTTPS only"),
            Refused::Foreign => Self::new(Kind::Policy, "this did not come from a page of this site"),
            Refused::Malformed(why) => Self::new(Kind::Malformed, why),
            Refused::Wrong => {
                Self::new(Kind::Unauthorized, "user or password is wrong, or the tenant is needed as well")
            }
            Refused::TooMany(too_many) => too_many.into(),
            Refused::Unavailable => Self::new(Kind::Unavailable, "nobody can sign in at the moment").after(1),
        }
    }
}

/// Who has signed in, for programs.
#[derive(Serialize)]
struct Welcome<'a> {
    tenant: &'a str,
    agent: Who<'a>,
}

#[derive(Serialize)]
struct Who<'a> {
    extension: &'a str,
    email: &'a str,
    name: &'a str,
}

/// `GET /login`: the form, or who is signed in.
pub(super) async fn show(State(shared): State<Arc<Shared>>, request: Request) -> Response {
    let language = Language::of_request(request.headers());
    if !client::is_private(request.extensions(), request.headers(), &shared.ports.trusted_proxies) {
        return page::insecure(language).into_response();
    }
    let (pairs, _) = params::pairs(request.uri().query().unwrap_or_default(), Carrier::Query);
    let next = pairs.into_iter().find(|pair| pair.name == "next").and_then(|pair| form::local(&pair.value));
    match session::of_request(&shared, request.headers()).await {
        Ok(Some(caller)) => form::signed_in(&caller, next.as_deref()).into_response(),
        // Whoever cannot be recognised may sign in.
        Ok(None) | Err(_) => form::Form { language, next, names_tenant: has_many_tenants(&shared) }.into_response(),
    }
}

/// `POST /login`
pub(super) async fn sign_in(State(shared): State<Arc<Shared>>, request: Request) -> Response {
    let language = Language::of_request(request.headers());
    let is_form = is_form(request.headers());
    let headers = request.headers().clone();
    let mut next = None;
    let opened = opened(&shared, request, &mut next).await;
    match opened {
        Ok((cookies, ..)) if is_form => {
            let next = next.as_deref().and_then(form::local).unwrap_or_else(|| PATH.to_owned());
            // A local path was checked to hold nothing that a header may not.
            let location = HeaderValue::try_from(next).unwrap_or(HeaderValue::from_static(PATH));
            (StatusCode::SEE_OTHER, [(LOCATION, location)], with(cookies)).into_response()
        }
        Ok((cookies, tenant, agent)) => {
            let agent = Who { extension: &agent.extension, email: &agent.email, name: &agent.name };
            (with(cookies), Json(Welcome { tenant: &tenant.id, agent })).into_response()
        }
        Err(refused) if is_form => {
            let next = next.as_deref().and_then(form::local);
            let form = form::Form { language, next, names_tenant: has_many_tenants(&shared) };
            form.refused(&refused).into_response()
        }
        Err(refused) => {
            tracing::debug!(?refused, user_agent = ?headers.get("user-agent"), "not signed in");
            ApiError::from(refused).into_response()
        }
    }
}

/// `POST /logout`: ends the session; to a browser's form with the way back, else with 204.
pub(super) async fn sign_out(State(shared): State<Arc<Shared>>, request: Request) -> Response {
    let headers = request.headers();
    if guard::sender(headers, &shared.ports.public_url) == Sender::Foreign {
        return ApiError::from(Refused::Foreign).into_response();
    }
    let cookies = match session::close(&shared, headers).await {
        Ok(cookies) => with(cookies),
        Err(error) => return ApiError::from(error).into_response(),
    };
    let accepts = headers.get(ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if accepts.contains("text/html") {
        return (StatusCode::SEE_OTHER, [(LOCATION, PATH)], cookies).into_response();
    }
    (StatusCode::NO_CONTENT, cookies).into_response()
}

type Opened = ([HeaderValue; 2], Arc<Tenant>, Agent);

/// Where the form asked to go is told even when it is refused.
async fn opened(shared: &Shared, request: Request, next: &mut Option<String>) -> Result<Opened, Refused> {
    let (head, body) = request.into_parts();
    if !client::is_private(&head.extensions, &head.headers, &shared.ports.trusted_proxies) {
        return Err(Refused::Insecure);
    }
    if is_form(&head.headers) && guard::sender(&head.headers, &shared.ports.public_url) != Sender::Own {
        return Err(Refused::Foreign);
    }
    let bytes = body::read(&head.headers, body, body::SMALL).await;
    let bytes = bytes.map_err(|error| Refused::Malformed(error.to_string()))?;
    let mut params = read(&head.headers, &bytes)?;
    *next = params.remove("next").map(|param| param.value);
    let attempt = Attempt::of(params)?;
    let peer = head.extensions.get::<Peer>().copied().unwrap_or(Peer::Local);
    let client = client::address(peer, &head.headers, &shared.ports.trusted_proxies);
    let (tenant, agent) = shared.sign_ins.judge(&shared.ports, attempt, client).await?;
    let cookies = session::open(shared, &head.headers, &tenant, &agent).await?;
    tracing::info!(tenant.id = %tenant.id, agent.extension = %agent.extension, "signed in");
    Ok((cookies, tenant, agent))
}

fn read(headers: &HeaderMap, bytes: &[u8]) -> Result<Params, Refused> {
    let content_type = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let (pairs, broken) = params::pairs("", Carrier::Body { content_type, bytes });
    let normal = broken.map_or_else(|| params::normal(pairs), Err);
    normal.map_err(|error| Refused::Malformed(error.to_string()))
}

/// Whatever does not say that it is JSON is held to what a form is held to.
fn is_form(headers: &HeaderMap) -> bool {
    let content_type = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let kind = content_type.split(';').next().unwrap_or_default().trim();
    !["application/json", "text/json"].iter().any(|json| kind.eq_ignore_ascii_case(json))
}

fn has_many_tenants(shared: &Shared) -> bool {
    shared.ports.directory.load().tenants.len() > 1
}

fn with(cookies: [HeaderValue; 2]) -> AppendHeaders<[(axum::http::HeaderName, HeaderValue); 2]> {
    AppendHeaders(cookies.map(|cookie| (SET_COOKIE, cookie)))
}
