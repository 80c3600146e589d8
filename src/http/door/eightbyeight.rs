//! The 8x8 door: `/AGUI/make_call.php`, a link that an agent follows.
//!
//! The agent is whoever's session comes with the request, and a browser sends that along with anything
//! it is made to ask for: so [`judge()`] comes first, and a person is asked where it is not plain that
//! they meant it. GET, or POST with parameters in the body as well; over HTTPS only. Answers are small
//! pages, in the tenant's language, or JSON for whoever accepts that alone.

mod confirm;
mod judge;
mod parse;
mod reply;

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::Method;
use axum::http::header::CONTENT_TYPE;
use axum::http::request::Parts;
use axum::response::Response;
use bytes::Bytes;

pub(in crate::http) use self::confirm::Questions;
use self::confirm::{Answer, Seen};
use self::judge::{Policy, Verdict, judge};
use self::parse::Ask;
pub(in crate::http) use self::parse::CONFIRM;
use self::reply::{Ends, Reply, Speech};
use crate::call::CallId;
use crate::dial::policy::Click;
use crate::engine::Unavailable;
use crate::http::body;

use crate::http::door::params::Carrier;
use crate::http::order::{self, Declined};
use crate::http::session::{self, SignedIn};
use crate::http::{Shared, client, guard, idempotency};
use crate::timestamp::Timestamp;

/// Where this door is, in the spelling of its documentation.
pub(in crate::http) const PATH: &str = "/AGUI/make_call.php";

const ALLOWED: &str = "GET, POST";

/// One request to this door.
pub(in crate::http) async fn make_call(State(shared): State<Arc<Shared>>, request: Request) -> Response {
    let mut speech = Speech::of_request(request.headers());
    let (head, body) = request.into_parts();
    if !client::is_private(&head.extensions, &head.headers, &shared.ports.trusted_proxies) {
        return Reply::Insecure.into_response(speech);
    }
    let signed_in = match session::of_click(&shared, &head.headers).await {
        Ok(signed_in) => signed_in,
        Err(error) => {
            tracing::warn!(%error, "the store did not say whose session a click is of");
            return Reply::from(Declined::from(Unavailable::StoreAway)).into_response(speech);
        }
    };
    if let Some(signed_in) = &signed_in {
        speech = speech.to(&signed_in.caller.tenant);
    }
    let verdict = judge(&head.method, &head.headers, signed_in.as_ref().map(|who| policy(&shared, who)));
    let reply = match (verdict, &signed_in) {
        (Verdict::Preflight, _) => return guard::preflight(ALLOWED),
        (Verdict::Method, _) => Reply::Method(ALLOWED),
        (Verdict::Forbid, _) => Reply::NotANavigation,
        (Verdict::Call | Verdict::Confirm, Some(signed_in)) => {
            let click = Clicked { shared: &shared, signed_in, head: &head };
            click.settle(body, verdict).await.unwrap_or_else(|no| no)
        }
        (Verdict::Call | Verdict::Confirm | Verdict::SignIn, _) => stranger(&head, body).await,
    };
    tracing::debug!(door = "8x8", ?verdict, http.status = reply.status().as_u16(), "answered");
    reply.into_response(speech)
}

fn policy<'a>(shared: &'a Shared, signed_in: &'a SignedIn) -> Policy<'a> {
    let tenant = &signed_in.caller.tenant;
    Policy {
        crm_origins: &tenant.crm_origins,
        confirm_typed_links: tenant.confirm_typed_links,
        public_url: &shared.ports.public_url,
    }
}

/// Nobody is signed in: the way to the sign-in page. Browsers keep the cookie back from another site's form, so
/// what such a form has sent can be sent again from the page.
async fn stranger(head: &Parts, body: Body) -> Reply {
    if head.method == Method::GET {
        return Reply::SignIn { query: head.uri.query().unwrap_or_default().to_owned(), params: None };
    }
    match read(head, body).await {
        Ok((ask, _)) => Reply::SignIn { query: String::new(), params: Some(ask.params) },
        Err(unreadable) => unreadable,
    }
}

/// What is asked for, and the bytes of its body.
async fn read(head: &Parts, body: Body) -> Result<(Ask, Bytes), Reply> {
    let query = head.uri.query().unwrap_or_default();
    if head.method == Method::GET {
        return Ok((Ask::read(query, Carrier::Query)?, Bytes::new()));
    }
    let bytes = body::read(&head.headers, body, body::SMALL).await?;
    let content_type = head.headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    Ok((Ask::read(query, Carrier::Body { content_type, bytes: &bytes })?, bytes))
}

/// A navigation of an agent who is signed in.
struct Clicked<'a> {
    shared: &'a Shared,
    signed_in: &'a SignedIn,
    head: &'a Parts,
}

impl Clicked<'_> {
    async fn settle(&self, body: Body, verdict: Verdict) -> Result<Reply, Reply> {
        self.shared.gate.count(&self.shared.ports, &self.signed_in.caller).map_err(Declined::TooMany)?;
        let (ask, bytes) = read(self.head, body).await?;
        let extension = self.signed_in.caller.credential.agent.as_deref().unwrap_or_default();
        let click = ask.click(extension).inspect_err(|_| {
            let unknown: Vec<String> = ask.unknown().collect();
            if !unknown.is_empty() {
                tracing::info!(door = "8x8", ?unknown, "unknown parameters ignored");
            }
        })?;
        let seen = Seen::of(&self.signed_in.session, &ask.params);
        // A question that was put has to be answered, wherever the answer comes from.
        let answer = ask.confirm.as_ref().map(|token| self.shared.questions.answer(token, seen, self.now()));
        match (answer, verdict) {
            (Some(Answer::UsedUp), _) => Ok(Reply::UsedUp),
            (Some(Answer::Yes), _) | (None, Verdict::Call) => {
                let query = self.head.uri.query().unwrap_or_default();
                let idempotency = idempotency::of(&self.head.headers, query, &bytes)?;
                self.place(Click { idempotency, ..click }).await
            }
            (Some(Answer::Nothing) | None, _) => {
                let admission = order::judge(self.shared, &self.signed_in.caller, &click)?;
                let token = self.shared.questions.ask(seen, self.now());
                Ok(Reply::Confirm { ends: Ends::of(&admission.request), token, params: ask.params })
            }
        }
    }

    async fn place(&self, click: Click) -> Result<Reply, Reply> {
        let placed = order::place(self.shared, &self.signed_in.caller, click).await?;
        Ok(Reply::Calling { call: placed.call, ends: self.ends(placed.call).await })
    }

    /// Who calls whom, as it is stored: of a click that came twice, what the first has begun.
    async fn ends(&self, call: CallId) -> Option<Ends> {
        let stored = self.shared.ports.store.call(&self.signed_in.caller.tenant.id, call).await;
        stored.ok().flatten().map(|call| Ends::of(&call.request))
    }

    fn now(&self) -> Timestamp {
        self.shared.ports.clock.now()
    }
}
