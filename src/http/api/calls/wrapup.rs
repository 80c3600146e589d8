//! `POST /v1/calls/{id}/wrapup`: what an agent notes after the talk.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde::Deserialize;

use super::find;
use crate::call::CallId;
use crate::engine::Wrapped;
use crate::http::api::{Dial, Id, JsonBody, May};
use crate::http::error::{ApiError, Kind, Problem};
use crate::http::{Shared, order};
use crate::report::record::CallRecord;

/// Codes and notes.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
pub(super) struct NewWrapUp {
    /// Codes of the queue's lists, in the order in which they were chosen.
    #[serde(default)]
    codes: Vec<CodeName>,
    /// Free text, at most 2,000 characters.
    #[serde(default)]
    notes: String,
}

/// One transaction code.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
struct CodeName {
    /// Name of the list.
    #[schema(example = "Outcome")]
    list: String,
    /// The short code.
    #[schema(example = "SOLD")]
    short: String,
}

/// Wrap a call up: say with which codes and notes it is done.
///
/// Possible once the lines of a call for a queue with code lists are free, until the time for it is over. The
/// agent is free in the queue again, and the callback that waits for codes and notes goes out.
#[utoipa::path(post, path = "/v1/calls/{id}/wrapup", tag = "calls", operation_id = "wrapUpCall",
    params(("id" = CallId, Path, description = "The call's id")),
    request_body = NewWrapUp,
    responses(
        (status = 200, description = "The call, wrapped up", body = CallRecord),
        (status = 409, description = "It is still up, or was wrapped up already", body = Problem,
         content_type = "application/problem+json"),
        (status = 422, description = "The queue has no such list or code", body = Problem,
         content_type = "application/problem+json"),
    ))]
pub(super) async fn wrap_up(
    State(shared): State<Arc<Shared>>,
    asker: May<Dial>,
    Id(id): Id,
    body: JsonBody<NewWrapUp>,
) -> Result<Json<CallRecord>, ApiError> {
    let call = find(&shared, &asker, &id).await?;
    let none = || ApiError::new(Kind::Conflict, "this call has no wrap-up");
    let queue = call.request.queue.as_ref().filter(|queue| queue.has_wrap_up()).ok_or_else(none)?;
    let NewWrapUp { codes, notes } = &body.value;
    let codes: Vec<_> = codes.iter().map(|code| (code.list.as_str(), code.short.as_str())).collect();
    let wrong = |error: crate::call::WrapUpError| ApiError::new(Kind::Impossible, error.message).at(error.field);
    let noted = queue.read(&codes, notes).map_err(wrong)?;
    match order::wrap_up(&shared, &call.request, noted).await? {
        Wrapped::Done => {}
        Wrapped::NotYet => return Err(ApiError::new(Kind::Conflict, "the call is still up")),
        Wrapped::Over => return Err(ApiError::new(Kind::Conflict, "the wrap-up of this call is over")),
    }
    let call = find(&shared, &asker, &id).await?;
    Ok(Json(CallRecord::new(&call.request, &call.journal)))
}
