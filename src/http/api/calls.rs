//! `/v1/calls/{id}`: one call, what happened to it, and its recording. Another tenant's call is no
//! call at all, and another agent's is none to an agent's own token.

use std::sync::Arc;

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::http::HeaderValue;
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_LENGTH, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use crate::call::{CallId, Recording};
use crate::http::api::{Asker, Id, May, Read};
use crate::http::error::{ApiError, Kind};
use crate::http::{NoAudio, Shared};
use crate::report::record::CallRecord;
use crate::report::sentence;
use crate::store::{Entry, Snapshot};

/// `GET /v1/calls/{id}`
pub(super) async fn show(
    State(shared): State<Arc<Shared>>,
    asker: May<Read>,
    Id(id): Id,
) -> Result<Json<CallRecord>, ApiError> {
    let call = find(&shared, &asker, &id).await?;
    Ok(Json(CallRecord::new(&call.request, &call.journal)))
}

/// One line of `GET /v1/calls/{id}/events`.
#[derive(Serialize)]
struct EventView {
    at: String,
    sequence: u32,
    event: String,
    text: String,
}

#[derive(Serialize)]
pub(in crate::http) struct Events {
    data: Vec<EventView>,
    /// Why it ended, in words; null before that.
    ending: Option<String>,
}

/// `GET /v1/calls/{id}/events`
pub(super) async fn events(
    State(shared): State<Arc<Shared>>,
    asker: May<Read>,
    Id(id): Id,
) -> Result<Json<Events>, ApiError> {
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

/// `GET /v1/calls/{id}/recording`: the WAV file, passed on as it comes from Asterisk.
pub(super) async fn recording(
    State(shared): State<Arc<Shared>>,
    asker: May<Read>,
    Id(id): Id,
) -> Result<Response, ApiError> {
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
