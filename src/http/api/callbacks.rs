//! `/v1/callbacks`: what is, or was, owed to the outside; how each attempt went; owing one anew, and trying
//! a receiver with an event that never was.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::call::CallId;
use crate::http::Shared;
use crate::http::api::{Admin, Asker, Id, JsonBody, List, May, Page, Query, Read};
use crate::http::error::{ApiError, Kind, Problem};
use crate::report::event::EventKind;
use crate::report::sample::{Sampled, callback};
use crate::store::{Attempt, AuditLine, Batch, CallbackFilter, CallbackState, OutboxRow};

pub(super) fn routes() -> OpenApiRouter<Arc<Shared>> {
    OpenApiRouter::new().routes(routes!(list)).routes(routes!(show)).routes(routes!(replay)).routes(routes!(test))
}

/// A callback.
#[derive(Debug, Serialize, utoipa::ToSchema)]
struct CallbackView {
    /// `webhook-id` of every attempt.
    id: String,
    /// The call that it tells of; null: it only tries a receiver.
    call: Option<CallId>,
    /// What it tells: an event's type, `userdata` or `cdr`.
    #[schema(example = "call.ended")]
    kind: String,
    /// Where it goes.
    url: String,
    /// How it stands.
    state: CallbackState,
    /// Attempts so far.
    attempts: u32,
    /// When it was rendered: RFC 3339, UTC.
    created_at: String,
    /// When the next attempt is due; null: there will be none.
    due_at: Option<String>,
    /// HTTP status of the last attempt, where there was an answer.
    last_status: Option<u16>,
    /// What was wrong at the last attempt; null: nothing was.
    last_error: Option<String>,
}

impl CallbackView {
    fn new(row: &OutboxRow) -> Self {
        let failed = |attempt: &&Attempt| !matches!(attempt.status, Some(200..=299));
        Self {
            id: row.callback.id.clone(),
            call: row.callback.call,
            kind: row.callback.kind.clone(),
            url: row.callback.url.clone(),
            state: row.state,
            attempts: row.attempts,
            created_at: row.callback.created_at.to_string(),
            due_at: (row.state == CallbackState::Pending).then(|| row.due_at.to_string()),
            last_status: row.last.as_ref().and_then(|attempt| attempt.status),
            last_error: row.last.as_ref().filter(failed).map(|attempt| attempt.note.clone()),
        }
    }
}

/// A callback with its words and its attempts.
#[derive(Debug, Serialize, utoipa::ToSchema)]
struct CallbackDetail {
    #[serde(flatten)]
    callback: CallbackView,
    /// `Content-Type` of the body.
    content_type: String,
    /// The body, the same at every attempt.
    body: String,
    /// All attempts, the first one first.
    log: Vec<AttemptView>,
}

/// An attempt to deliver a callback.
#[derive(Debug, Serialize, utoipa::ToSchema)]
struct AttemptView {
    /// When it began: RFC 3339, UTC.
    at: String,
    /// How long it took, milliseconds.
    duration_ms: u64,
    /// HTTP status, where there was an answer.
    status: Option<u16>,
    /// What was wrong, or how the answer begins.
    note: String,
}

impl AttemptView {
    fn new(attempt: Attempt) -> Self {
        Self {
            at: attempt.at.to_string(),
            duration_ms: u64::try_from(attempt.took.as_millis()).unwrap_or(u64::MAX),
            status: attempt.status,
            note: attempt.note,
        }
    }
}

/// List callbacks, newest first.
#[utoipa::path(get, path = "/v1/callbacks", tag = "callbacks", operation_id = "listCallbacks",
    params(
        ("limit" = Option<u32>, Query, minimum = 1, maximum = 200, description = "Callbacks on a page; by default 50"),
        ("cursor" = Option<String>, Query, description = "`next_cursor` of the page before"),
        ("state" = Option<CallbackState>, Query, description = "Callbacks in this state"),
        ("call" = Option<CallId>, Query, description = "Callbacks of this call"),
        ("kind" = Option<String>, Query, description = "Callbacks of this kind: an event's type, `userdata` or `cdr`"),
    ),
    responses((status = 200, description = "A page of callbacks", body = List<CallbackView>)))]
async fn list(
    State(shared): State<Arc<Shared>>,
    asker: May<Read>,
    query: Query,
) -> Result<Json<List<CallbackView>>, ApiError> {
    let page: Page<u64> = Page::of(&query)?;
    let filter = CallbackFilter {
        tenant: only_tenant(&asker)?,
        state: query.word("state")?,
        call: query.value("call", "must be a call's id")?,
        kind: query.text("kind").map(str::to_owned),
    };
    let rows = shared.ports.store.callbacks(&filter, page.after, page.fetch()).await?;
    Ok(Json(List::page(&page, rows, |row| row.number.to_string(), |row| CallbackView::new(&row))))
}

/// Show a callback: its words, and how each attempt went.
#[utoipa::path(get, path = "/v1/callbacks/{id}", tag = "callbacks", operation_id = "showCallback",
    params(("id" = String, Path, description = "The callback's id")),
    responses((status = 200, description = "The callback", body = CallbackDetail)))]
async fn show(
    State(shared): State<Arc<Shared>>,
    asker: May<Read>,
    Id(id): Id,
) -> Result<Json<CallbackDetail>, ApiError> {
    let row = find(&shared, &asker, &id).await?;
    let log = shared.ports.store.attempts(&id).await?.into_iter().map(AttemptView::new).collect();
    let callback = CallbackView::new(&row);
    Ok(Json(CallbackDetail { callback, content_type: row.callback.content_type, body: row.callback.body, log }))
}

/// Send a callback again: the same words under the same id.
///
/// One that was delivered or given up is owed anew, with all attempts ahead of it; one that is still owed is due now.
#[utoipa::path(post, path = "/v1/callbacks/{id}/replay", tag = "callbacks", operation_id = "replayCallback",
    params(("id" = String, Path, description = "The callback's id")),
    responses((status = 202, description = "It is on its way", body = CallbackView)))]
async fn replay(
    State(shared): State<Arc<Shared>>,
    asker: May<Admin>,
    Id(id): Id,
) -> Result<(StatusCode, Json<CallbackView>), ApiError> {
    let row = find(&shared, &asker, &id).await?;
    let line = line(&shared, &asker, &row.callback.tenant, format!("callback {id} owed anew"));
    if !shared.ports.store.replay(&id, &line).await? {
        return Err(ApiError::not_found());
    }
    shared.ports.owed.notify_one();
    let row = find(&shared, &asker, &id).await?;
    Ok((StatusCode::ACCEPTED, Json(CallbackView::new(&row))))
}

/// What to try a receiver with.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
struct NewTest {
    /// Where it goes: judged like any callback's address.
    #[schema(example = "https://crm.example/hook")]
    url: String,
    /// Which event is made up.
    #[serde(rename = "type")]
    kind: EventKind,
}

/// The callback that tries a receiver.
#[derive(Debug, Serialize, utoipa::ToSchema)]
struct Tested {
    /// Its id.
    id: String,
}

/// Try a receiver: a made-up event, signed and delivered like any other.
#[utoipa::path(post, path = "/v1/callbacks/test", tag = "callbacks", operation_id = "testCallback",
    request_body = NewTest,
    responses(
        (status = 202, description = "It is on its way", body = Tested),
        (status = 422, description = "No callback may go there", body = Problem, content_type = "application/problem+json"),
    ))]
async fn test(
    State(shared): State<Arc<Shared>>,
    asker: May<Admin>,
    body: JsonBody<NewTest>,
) -> Result<(StatusCode, Json<Tested>), ApiError> {
    let NewTest { url, kind } = body.value;
    let ports = &shared.ports;
    let tenant = asker.tenant(&ports.directory.load())?;
    (ports.callback_check)(&url).map_err(|why| ApiError::new(Kind::Impossible, format!("url {why}")).at("url"))?;
    let (call, now) = (ports.clock.call_id(), ports.clock.now());
    let sampled = Sampled { call, tenant: &tenant.id, public_url: &ports.public_url, now };
    let unknown = || ApiError::new(Kind::Impossible, "there is no sample of this type").at("type");
    let callback = callback(&sampled, kind, url).ok_or_else(unknown)?;
    let id = callback.id.clone();
    let audit = vec![line(&shared, &asker, &tenant.id, format!("callback {id} owed, to try a receiver"))];
    ports.store.commit(&Batch { callbacks: vec![callback], audit, ..Batch::default() }).await?;
    ports.owed.notify_one();
    Ok((StatusCode::ACCEPTED, Json(Tested { id })))
}

/// Whose callbacks there are for whoever asks; none: everybody's. An agent's own credential needs none.
fn only_tenant(asker: &Asker) -> Result<Option<String>, ApiError> {
    if asker.agent().is_some() {
        return Err(ApiError::forbidden());
    }
    Ok(asker.only_tenant().map(|tenant| tenant.id.clone()))
}

async fn find(shared: &Shared, asker: &Asker, id: &str) -> Result<OutboxRow, ApiError> {
    let tenant = only_tenant(asker)?;
    shared.ports.store.callback(tenant.as_deref(), id).await?.ok_or_else(ApiError::not_found)
}

fn line(shared: &Shared, asker: &Asker, tenant: &str, action: String) -> AuditLine {
    let actor = asker.credential().name.clone();
    AuditLine { at: shared.ports.clock.now(), tenant: tenant.to_owned(), actor, action }
}
