//! `GET /v1/calls`: calls, newest first, as many as fit a page.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use axum::Json;
use axum::extract::State;

use crate::call::{EndReason, Status};
use crate::dial::number::{self, NumberError, Party};
use crate::directory::Tenant;
use crate::http::Shared;
use crate::http::api::{Asker, List, May, Page, Query, Read};
use crate::http::error::ApiError;
use crate::report::record::CallRecord;
use crate::store::{CallFilter, CallKey, Snapshot};
use crate::timestamp::Timestamp;

/// List calls, newest first.
#[utoipa::path(
    get,
    path = "/v1/calls",
    tag = "calls",
    operation_id = "listCalls",
    params(
        ("limit" = Option<u32>, Query, minimum = 1, maximum = 200, description = "Calls on a page; by default 50"),
        ("cursor" = Option<String>, Query, description = "`next_cursor` of the page before"),
        ("status" = Option<Status>, Query, description = "Calls of this status"),
        ("end_reason" = Option<EndReason>, Query, description = "Calls that ended for this reason"),
        ("agent" = Option<String>, Query, description = "Calls of the agent with this extension"),
        ("phone" = Option<String>, Query, description = "Calls whose first leg is this extension or number"),
        ("target" = Option<String>, Query, description = "Calls to this extension or number"),
        ("since" = Option<String>, Query, format = DateTime, description = "Calls accepted at this moment or after"),
        ("until" = Option<String>, Query, format = DateTime, description = "Calls accepted before this moment"),
        ("active" = Option<bool>, Query, description = "Only calls that are not over, or only those that are"),
    ),
    responses((status = 200, description = "A page of calls", body = List<CallRecord>))
)]
pub(in crate::http::api) async fn list(
    State(shared): State<Arc<Shared>>,
    asker: May<Read>,
    query: Query,
) -> Result<Json<List<CallRecord>>, ApiError> {
    let page: Page<Cursor> = Page::of(&query)?;
    let mut filter = filter(&shared, &asker, &query)?;
    if let Some(own) = asker.agent() {
        // An agent's own credential knows of no other agent.
        if filter.agent.is_some_and(|agent| agent != own) {
            return Ok(Json(List::whole(Vec::new())));
        }
        filter.agent = Some(own.to_owned());
    }
    let before = page.after.as_ref().map(|Cursor(key)| *key);
    let calls = shared.ports.store.calls_page(&filter, before, page.fetch()).await?;
    let key = |call: &Snapshot| Cursor(CallKey::of(&call.request)).to_string();
    Ok(Json(List::page(&page, calls, key, |call| CallRecord::new(&call.request, &call.journal))))
}

fn filter(shared: &Shared, asker: &Asker, query: &Query) -> Result<CallFilter, ApiError> {
    let directory = shared.ports.directory.load();
    let party = |name: &'static str| match query.raw(name) {
        Some(typed) => party(name, typed, &*asker.tenant(&directory)?).map(Some),
        None => Ok(None),
    };
    Ok(CallFilter {
        tenant: asker.only_tenant().map(|tenant| tenant.id.clone()),
        agent: query.text("agent").map(str::to_owned),
        status: query.word("status")?,
        end_reason: query.word("end_reason")?,
        phone: party("phone")?,
        target: party("target")?,
        since: query.moment("since")?,
        until: query.moment("until")?,
        is_over: query.flag("active")?.map(|active| !active),
    })
}

/// A number in any usual spelling. Digits that are no extension any more may have been one.
fn party(name: &'static str, typed: &str, tenant: &Tenant) -> Result<String, ApiError> {
    match number::parse(typed, &tenant.region, |digits| tenant.is_extension(digits)) {
        Ok(Party::Extension(number) | Party::Outside(number)) => Ok(number),
        Err(NumberError::UnknownExtension) => Ok(typed.trim().to_owned()),
        Err(error) => Err(ApiError::malformed(name, &error.to_string())),
    }
}

/// The last call of a page.
struct Cursor(CallKey);

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.0.accepted_at.as_millis(), self.0.id)
    }
}

/// Not a cursor of this list.
struct NotACursor;

impl FromStr for Cursor {
    type Err = NotACursor;

    fn from_str(text: &str) -> Result<Self, NotACursor> {
        let (at, id) = text.rsplit_once('-').ok_or(NotACursor)?;
        let accepted_at = Timestamp::from_millis(at.parse().map_err(|_| NotACursor)?);
        Ok(Self(CallKey { accepted_at, id: id.parse().map_err(|_| NotACursor)? }))
    }
}
