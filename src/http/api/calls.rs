//! `/v1/calls`: placing them, and below: one call, what happened to it, its recording, its end. Another
//! tenant's call is no call at all, and another agent's is none to an agent's own token.

mod new_call;
mod page;
mod place;
mod preview;
mod wrapup;

use std::sync::Arc;

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_LENGTH, CONTENT_TYPE};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::call::{CallId, Recording};
use crate::http::api::{Asker, Id, May, Read, Terminate};
use crate::http::error::{ApiError, Kind, Problem};
use crate::http::order;
use crate::http::{NoAudio, Shared};
use crate::report::record::CallRecord;
use crate::report::sentence;
use crate::store::{Entry, Snapshot};

pub(super) fn routes() -> OpenApiRouter<Arc<Shared>> {
    OpenApiRouter::new()
        .routes(routes!(page::list, place::place))
        .routes(routes!(show, remove))
        .routes(routes!(events))
        .routes(routes!(wrapup::wrap_up))
        .routes(routes!(recording))
}

/// Show a call as it stands.
#[utoipa::path(get, path = "/v1/calls/{id}", tag = "calls", operation_id = "showCall", params(("id" = CallId, Path, description = "The call's id")),
    responses((status = 200, description = "The call", body = CallRecord)))]
async fn show(State(shared): State<Arc<Shared>>, asker: May<Read>, Id(id): Id) -> Result<Json<CallRecord>, ApiError> {
    let call = find(&shared, &asker, &id).await?;
    Ok(Json(CallRecord::new(&call.request, &call.journal)))
}

/// End a call: whoever's phone rings or who talks is hung up.
///
/// Answers before the lines are free; the end is told like any other.
#[utoipa::path(delete, path = "/v1/calls/{id}", tag = "calls", operation_id = "endCall", params(("id" = CallId, Path, description = "The call's id")),
    responses(
        (status = 202, description = "It is being ended", body = CallRecord),
        (status = 409, description = "It has ended already", body = Problem, content_type = "application/problem+json"),
    ))]
async fn remove(
    State(shared): State<Arc<Shared>>,
    asker: May<Terminate>,
    Id(id): Id,
) -> Result<(StatusCode, Json<CallRecord>), ApiError> {
    let call = find(&shared, &asker, &id).await?;
    let ended = order::end(&shared, &call.request).await?;
    ended.ok_or_else(|| ApiError::new(Kind::Conflict, "the call has ended already"))?;
    let call = find(&shared, &asker, &id).await?;
    Ok((StatusCode::ACCEPTED, Json(CallRecord::new(&call.request, &call.journal))))
}

/// One thing that happened to a call.
#[derive(Debug, Serialize, utoipa::ToSchema)]
struct EventView {
    /// When: RFC 3339, UTC, milliseconds.
    at: String,
    /// 1, 2, 3 … of the call.
    sequence: u32,
    /// A word for programs.
    event: String,
    /// A sentence for people.
    text: String,
}

/// All that happened to a call.
#[derive(Debug, Serialize, utoipa::ToSchema)]
struct Events {
    /// In order.
    data: Vec<EventView>,
    /// Why it ended, in words; null before that.
    ending: Option<String>,
}

/// Tell all that happened to a call, and why it ended.
#[utoipa::path(get, path = "/v1/calls/{id}/events", tag = "calls", operation_id = "listCallEvents", params(("id" = CallId, Path, description = "The call's id")),
    responses((status = 200, description = "Its history", body = Events)))]
async fn events(State(shared): State<Arc<Shared>>, asker: May<Read>, Id(id): Id) -> Result<Json<Events>, ApiError> {
    let call = find(&shared, &asker, &id).await?;
    let ledger = shared.ports.store.ledger(call.request.id).await?;
    let ending = sentence::ending(&call.request, &call.journal);
    Ok(Json(Events { data: ledger.iter().map(|entry| view(&call, entry)).collect(), ending }))
}

fn view(call: &Snapshot, entry: &Entry) -> EventView {
    EventView {
        at: entry.at.to_string(),
        sequence: entry.sequence,
        event: sentence::name(&entry.event),
        text: sentence::sentence(&entry.event, &call.request),
    }
}

/// Fetch a call's recording, a WAV file.
#[utoipa::path(get, path = "/v1/calls/{id}/recording", tag = "calls", operation_id = "fetchRecording", params(("id" = CallId, Path, description = "The call's id")),
    responses(
        (status = 200, description = "The recording", body = Vec<u8>, content_type = "audio/wav"),
        (status = 409, description = "It is still being recorded", body = Problem,
         content_type = "application/problem+json"),
    ))]
async fn recording(State(shared): State<Arc<Shared>>, asker: May<Read>, Id(id): Id) -> Result<Response, ApiError> {
    let call = find(&shared, &asker, &id).await?;
    let id = call.request.id;
    match call.journal.recording {
        Recording::None | Recording::Failed => return Err(ApiError::not_found()),
        Recording::Running if !call.journal.has_cleared() => {
            return Err(ApiError::new(Kind::Conflict, "the call is still being recorded"));
        }
        // A recording is complete only once its bridge is gone, after the call: then Asterisk knows.
        Recording::Running | Recording::Kept | Recording::Unknown => {}
    }
    let audio = shared.ports.recordings.fetch(id).await.map_err(|why| match why {
        NoAudio::NotFound => ApiError::not_found(),
        NoAudio::Unavailable => ApiError::new(Kind::Unavailable, why.to_string()),
    })?;
    let mut response = Body::from_stream(audio.bytes).into_response();
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("audio/wav"));
    if let Ok(name) = HeaderValue::try_from(format!("attachment; filename=\"{id}.wav\"")) {
        headers.insert(CONTENT_DISPOSITION, name);
    }
    if let Some(length) = audio.length {
        headers.insert(CONTENT_LENGTH, HeaderValue::from(length));
    }
    Ok(response)
}

/// A call that exists for whoever asks.
async fn find(shared: &Shared, asker: &Asker, id: &str) -> Result<Snapshot, ApiError> {
    let id: CallId = id.parse().map_err(|_| ApiError::not_found())?;
    let tenants: Vec<String> = match asker.only_tenant() {
        Some(tenant) => vec![tenant.id.clone()],
        None => shared.ports.directory.load().tenants.keys().cloned().collect(),
    };
    for tenant in tenants {
        if let Some(call) = shared.ports.store.call(&tenant, id).await? {
            return if asker.knows(&call.request) { Ok(call) } else { Err(ApiError::not_found()) };
        }
    }
    Err(ApiError::not_found())
}
