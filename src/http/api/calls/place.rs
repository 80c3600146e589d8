//! `POST /v1/calls`: placing a call, or saying what would happen.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::header::LOCATION;
use axum::http::{HeaderValue, Method, StatusCode};
use axum::response::{IntoResponse, Response};

use crate::dial::policy::{Phone, Refusal};
use crate::http::api::calls::new_call::NewCall;
use crate::http::api::calls::preview::{Preview, preview, refused};
use crate::http::api::{Dial, JsonBody, May};
use crate::http::auth::Caller;
use crate::http::error::{ApiError, Kind, Problem};
use crate::http::guard::{self, Meant};
use crate::http::order::{self, Declined, Placed};
use crate::http::{Shared, idempotency};
use crate::report::record::CallRecord;

/// Place a call.
///
/// Answers as soon as the order is safely stored; what becomes of the call is told by `GET /v1/calls/{id}`, by
/// the event stream and by callbacks. The same call for the same agent again within the tenant's window (five
/// seconds), or the same `Idempotency-Key` within a day, gives the first call again and rings nobody.
#[utoipa::path(
    post,
    path = "/v1/calls",
    tag = "calls",
    operation_id = "placeCall",
    request_body = NewCall,
    params(("Idempotency-Key" = Option<String>, Header, description = "Your own mark on this order, 1 to 255 visible characters")),
    responses(
        (status = 201, description = "The call was placed", body = CallRecord,
         headers(("Location" = String, description = "Where the call is"))),
        (status = 200, description = "The call was placed before; of a dry run: what would happen", body = PlacedBefore,
         headers(("Location" = String, description = "Where the call is"))),
        (status = 422, description = "Understood, but impossible: a phone that is offline, say", body = Problem,
         content_type = "application/problem+json"),
    )
)]
pub(in crate::http::api) async fn place(
    State(shared): State<Arc<Shared>>,
    asker: May<Dial>,
    body: JsonBody<NewCall>,
) -> Result<Response, ApiError> {
    let JsonBody { value, unknown, bytes, head } = body;
    if let Meant::Prefetch = guard::judge(&head.method, &head.headers, &[Method::POST]) {
        return Err(ApiError::new(Kind::Forbidden, "a prefetch places no call"));
    }
    let caller = asker.caller(&shared.ports.directory.load())?;
    let is_dry_run = value.is_dry_run();
    let click = value.into_click(&caller.tenant, unknown);
    if is_dry_run {
        let preview = match click {
            Ok(click) => preview(&shared, &caller, &click).await,
            Err(why) => refused(&caller.tenant, (None, None), why),
        };
        return Ok(Json(preview).into_response());
    }
    let mut click = click?;
    let spelled = Spelled::of(&click.phone);
    let mark = idempotency::of(&head.headers, head.uri.query().unwrap_or_default(), &bytes);
    click.idempotency = mark.map_err(|refusal| spelled.refused(refusal))?;
    let placed = order::place(&shared, &caller, click).await.map_err(|why| spelled.declined(why))?;
    answer(&shared, &caller, placed).await
}

/// A call that was placed before, or what a dry run says.
#[derive(utoipa::ToSchema)]
#[serde(untagged)]
#[expect(dead_code, reason = "only its description is used")]
enum PlacedBefore {
    /// The call as it stands.
    Call(Box<CallRecord>),
    /// What would happen.
    DryRun(Box<Preview>),
}

/// The call as it stands.
async fn answer(shared: &Shared, caller: &Caller, placed: Placed) -> Result<Response, ApiError> {
    let Ok(Some(call)) = shared.ports.store.call(&caller.tenant.id, placed.call).await else {
        let detail = format!("call {} was placed, but cannot be shown now", placed.call);
        return Err(ApiError::new(Kind::Unavailable, detail));
    };
    let status = if placed.is_new { StatusCode::CREATED } else { StatusCode::OK };
    let mut response = (status, Json(CallRecord::new(&call.request, &call.journal))).into_response();
    if let Ok(location) = HeaderValue::try_from(format!("/v1/calls/{}", placed.call)) {
        response.headers_mut().insert(LOCATION, location);
    }
    Ok(response)
}

/// How a request spelled its fields. The policy speaks of them as the first door does.
#[derive(Clone, Copy, Debug)]
pub(super) struct Spelled {
    phone: &'static str,
}

const SPELLINGS: [(&str, &str); 9] = [
    ("ctl_callbackUrl", "userdata"),
    ("ctl_userdata", "userdata"),
    ("maxduration", "max_duration"),
    ("phonecallerid", "phone_caller_id"),
    ("phonelogincode", "agent"),
    ("phonemaxdialtime", "phone_max_dial_time"),
    ("targetcallerid", "caller_id"),
    ("targetmaxdialtime", "target_max_dial_time"),
    ("var_", "vars"),
];

impl Spelled {
    /// How a request spelled them that has this first leg.
    pub(super) fn of(phone: &Phone) -> Self {
        let phone = match phone {
            Phone::Number(_) | Phone::SipTrunk => "phone",
            Phone::LoginCode(_) | Phone::Agent(_) => "agent",
        };
        Self { phone }
    }

    /// Why an order was not taken, in this API's terms.
    pub(super) fn declined(self, why: Declined) -> ApiError {
        match why {
            Declined::Refused(refusal) => self.refused(refusal),
            Declined::TooMany(too_many) => too_many.into(),
            Declined::Limited { message, seconds, .. } => ApiError::new(Kind::TooMany, message).after(seconds),
            Declined::KeyReused => ApiError::new(Kind::KeyReused, why.to_string()),
            Declined::NoActiveCall => ApiError::not_found(),
            Declined::Unavailable(why) => why.into(),
        }
    }

    fn refused(self, refusal: Refusal) -> ApiError {
        match refusal {
            Refusal::Invalid { field, message } => {
                let name = self.name(field);
                ApiError::new(Kind::Malformed, respelled(&message, field, name)).at(name)
            }
            Refusal::Forbidden(message) => self.forbidden(message),
            Refusal::Blocked(message) => ApiError::new(Kind::Policy, message),
            Refusal::Unknown(message) => ApiError::new(Kind::NotFound, message),
            Refusal::Offline(message) => ApiError::new(Kind::Impossible, message),
        }
    }

    /// A rule's sentence begins with the field that it judges, where it judges one.
    fn forbidden(self, message: String) -> ApiError {
        let first = message.split(' ').next().unwrap_or_default().to_ascii_lowercase();
        let judged = ["phone", "target", "phonecallerid", "targetcallerid"].into_iter().find(|field| *field == first);
        let Some(field) = judged else { return ApiError::new(Kind::Policy, message) };
        let name = self.name(field);
        ApiError::new(Kind::Policy, respelled(&message, field, name)).at(name)
    }

    fn name(self, field: &'static str) -> &'static str {
        if field == "phone" {
            return self.phone;
        }
        SPELLINGS.iter().find(|(door, _)| *door == field).map_or(field, |(_, name)| name)
    }
}

/// A sentence about a field, with the field's name as it is spelled here.
fn respelled(message: &str, field: &str, name: &str) -> String {
    if field == "var_" {
        return message
            .replace("Var_", "vars.")
            .replace("var_ parameters", "vars")
            .replace("var_ name", "name in vars");
    }
    match message.split_at_checked(field.len()) {
        Some((first, rest)) if first.eq_ignore_ascii_case(field) => format!("{name}{rest}"),
        // What is wrong with a URL is a sentence without its subject.
        _ if matches!(field, "callback.url" | "ctl_callbackUrl") => format!("{name}: {message}"),
        _ => message.to_owned(),
    }
}
