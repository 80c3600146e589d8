//! `/v1/directory`, on the admin socket: what it says, and what a file would make of it.
//!
//! A change is checked whole, stored with its line in the audit, and counts from that moment for every
//! new click; calls that are up never look at the directory again. One change at a time.

use std::io;
use std::sync::Arc;

use axum::Json;
use axum::body::Body;
use axum::extract::{Query, State};
use axum::http::HeaderMap;
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;
use serde::{Deserialize, Serialize};

use crate::directory::file::{self, DirectoryFile};
use crate::directory::{self, Change, Directory, Tenant};
use crate::http::error::{ApiError, Kind};
use crate::http::{Ports, Shared, body};
use crate::store::{AuditLine, TenantDocument};

/// How the audit calls whoever comes over the socket.
const ACTOR: &str = "admin socket";

#[derive(Deserialize)]
pub(in crate::http) struct Mode {
    #[serde(default)]
    dry_run: bool,
}

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
    let file = read(&headers, body).await?;
    let proposal = propose(&shared.ports.directory.load(), file)?;
    Ok(Json(proposal.outcome(false)))
}

/// `PUT /v1/directory`, with `?dry_run=true` the same as a check.
pub(super) async fn apply(
    State(shared): State<Arc<Shared>>,
    Query(mode): Query<Mode>,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<Outcome>, ApiError> {
    let file = read(&headers, body).await?;
    let _editing = shared.editing.lock().await;
    let proposal = propose(&shared.ports.directory.load(), file)?;
    if mode.dry_run {
        return Ok(Json(proposal.outcome(false)));
    }
    if !proposal.changes.is_empty() {
        proposal.store(&shared.ports).await?;
        shared.ports.directory.store(Arc::new(proposal.next.clone()));
        tracing::info!(changes = proposal.changes.len(), "the directory was changed");
    }
    Ok(Json(proposal.outcome(true)))
}

async fn read(headers: &HeaderMap, body: Body) -> Result<DirectoryFile, ApiError> {
    let bytes = body::read(headers, body, body::DOCUMENT).await?;
    let text = std::str::from_utf8(&bytes).map_err(|_| ApiError::new(Kind::Malformed, "the file is not UTF-8"))?;
    // Files beside the client's are the client's to read: a path means nothing here.
    let elsewhere = |_: &str| Err(io::Error::other("is read by the command line, not by the daemon"));
    file::parse_with(text, elsewhere).map_err(|error| ApiError::new(Kind::Impossible, error.to_string()))
}

/// A change that is sound, and not made yet.
struct Proposal {
    next: Directory,
    changes: Vec<Change>,
    warnings: Vec<String>,
}

fn propose(now: &Directory, file: DirectoryFile) -> Result<Proposal, ApiError> {
    let changes = directory::diff(now, &file.tenants);
    let next = directory::apply(now, &file.tenants).map_err(|flaws| {
        let lines: Vec<String> = flaws.iter().map(ToString::to_string).collect();
        ApiError::new(Kind::Impossible, lines.join("\n"))
    })?;
    Ok(Proposal { next, changes, warnings: file.warnings })
}

impl Proposal {
    /// Only tenants that change are written.
    async fn store(&self, ports: &Ports) -> Result<(), ApiError> {
        let at = ports.clock.now();
        let tenants: Vec<&Arc<Tenant>> =
            self.next.tenants.values().filter(|tenant| self.changes.iter().any(|c| c.tenant == tenant.id)).collect();
        let document = |tenant: &&Arc<Tenant>| TenantDocument {
            tenant: tenant.id.clone(),
            document: directory::to_document(tenant),
        };
        let line = |change: &Change| AuditLine {
            at,
            tenant: change.tenant.clone(),
            actor: ACTOR.to_owned(),
            action: format!("directory: {}", change.line),
        };
        let documents: Vec<_> = tenants.iter().map(document).collect();
        let audit: Vec<_> = self.changes.iter().map(line).collect();
        Ok(ports.store.put_tenants(&documents, &audit).await?)
    }

    fn outcome(self, applied: bool) -> Outcome {
        Outcome { changes: self.changes.iter().map(ToString::to_string).collect(), warnings: self.warnings, applied }
    }
}
