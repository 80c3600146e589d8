//! `/v1/directory`, on the admin socket: what it says, and what a file would make of it.
//!
//! A change is checked whole, stored with its line in the audit, and counts from that moment for every
//! new click; calls that are up never look at the directory again. One change at a time.

use std::io;
use std::sync::Arc;

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;
use serde::Serialize;

use crate::directory::file::{self, DirectoryFile};
use crate::directory::{self, Change, Directory, Flaw};
use crate::editor::NotEdited;
use crate::http::api::edit::sealed;
use crate::http::api::input::Query;
use crate::http::api::{Admin, May};
use crate::http::error::{ApiError, Kind};
use crate::http::{Shared, body};

/// What a file changes, or would.
#[derive(Debug, Serialize)]
pub(in crate::http) struct Outcome {
    changes: Vec<String>,
    warnings: Vec<String>,
    applied: bool,
}

/// `GET /v1/directory`: TOML, secrets named without their values.
pub(super) async fn export(State(shared): State<Arc<Shared>>) -> Result<impl IntoResponse, ApiError> {
    let text = file::export(&shared.ports.directory.load())
        .map_err(|error| ApiError::new(Kind::Impossible, error.to_string()))?;
    Ok(([(CONTENT_TYPE, "application/toml")], text))
}

/// `POST /v1/directory/check`: what the file would change, all of its flaws if it has any.
pub(super) async fn check(
    State(shared): State<Arc<Shared>>,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<Outcome>, ApiError> {
    let file = read(&shared, &headers, body).await?;
    would(&shared, file).map(Json)
}

/// `PUT /v1/directory`, with `?dry_run=true` the same as a check.
pub(super) async fn apply(
    State(shared): State<Arc<Shared>>,
    asker: May<Admin>,
    query: Query,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<Outcome>, ApiError> {
    let DirectoryFile { tenants, warnings } = read(&shared, &headers, body).await?;
    if query.flag("dry_run")?.unwrap_or(false) {
        return would(&shared, DirectoryFile { tenants, warnings }).map(Json);
    }
    let plan = |_: &Directory| Ok::<_, ApiError>(tenants);
    let edited = shared.ports.editor.edit(&asker.credential().name, plan).await.map_err(|why| match why {
        NotEdited::Refused(error) => error,
        NotEdited::Flawed { flaws, .. } => flawed(&flaws),
        NotEdited::Store(error) => error.into(),
    })?;
    Ok(Json(Outcome { changes: told(&edited.changes), warnings, applied: true }))
}

async fn read(shared: &Shared, headers: &HeaderMap, body: Body) -> Result<DirectoryFile, ApiError> {
    let bytes = body::read(headers, body, body::DOCUMENT).await?;
    let text = std::str::from_utf8(&bytes).map_err(|_| ApiError::new(Kind::Malformed, "the file is not UTF-8"))?;
    // Files beside the client's are the client's to read: a path means nothing here.
    let elsewhere = |_: &str| Err(io::Error::other("is read by the command line, not by the daemon"));
    let DirectoryFile { tenants, warnings } =
        file::parse_with(text, elsewhere).map_err(|error| ApiError::new(Kind::Impossible, error.to_string()))?;
    Ok(DirectoryFile { tenants: sealed(shared, tenants).await?, warnings })
}

fn would(shared: &Shared, file: DirectoryFile) -> Result<Outcome, ApiError> {
    let now = shared.ports.directory.load();
    directory::apply(&now, &file.tenants).map_err(|flaws| flawed(&flaws))?;
    let changes = told(&directory::diff(&now, &file.tenants));
    Ok(Outcome { changes, warnings: file.warnings, applied: false })
}

fn told(changes: &[Change]) -> Vec<String> {
    changes.iter().map(ToString::to_string).collect()
}

fn flawed(flaws: &[Flaw]) -> ApiError {
    let lines: Vec<String> = flaws.iter().map(ToString::to_string).collect();
    ApiError::new(Kind::Impossible, lines.join("\n"))
}
