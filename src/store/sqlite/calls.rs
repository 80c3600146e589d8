//! Calls and their ledger.

use sqlx::sqlite::SqliteRow;
use sqlx::{Row, SqliteConnection, SqlitePool};

use super::error::unreadable;
use crate::call::CallId;
use crate::store::{Entry, Snapshot, StoreError};
use crate::timestamp::Timestamp;

/// A snapshot as its table holds it.
#[derive(Debug)]
pub(super) struct CallRow {
    id: String,
    tenant: String,
    accepted_at: i64,
    agent: Option<String>,
    abroad: bool,
    status: &'static str,
    end_reason: Option<&'static str>,
    sequence: u32,
    verdict: Option<String>,
    request: String,
    journal: String,
}

impl CallRow {
    pub(super) fn new(snapshot: &Snapshot) -> Result<Self, StoreError> {
        let Snapshot { request, journal } = snapshot;
        let verdict = journal.verdict().filter(|_| journal.is_over()).as_ref().map(to_json).transpose()?;
        Ok(Self {
            id: request.id.to_string(),
            tenant: request.tenant.clone(),
            accepted_at: request.accepted_at.as_millis(),
            agent: request.agent.as_ref().map(|agent| agent.extension.clone()),
            abroad: request.abroad,
            status: journal.status().as_str(),
            end_reason: journal.verdict().map(|verdict| verdict.reason.as_str()),
            sequence: journal.sequence,
            verdict,
            request: to_json(&**request)?,
            journal: to_json(journal)?,
        })
    }
}

/// A ledger entry as its table holds it.
#[derive(Debug)]
pub(super) struct EntryRow {
    call: String,
    sequence: u32,
    at: i64,
    event: String,
    commands: String,
}

impl EntryRow {
    pub(super) fn new(entry: &Entry) -> Result<Self, StoreError> {
        Ok(Self {
            call: entry.call.to_string(),
            sequence: entry.sequence,
            at: entry.at.as_millis(),
            event: to_json(&entry.event)?,
            commands: to_json(&entry.commands)?,
        })
    }
}

const PUT: &str = "
INSERT INTO calls
    (id, tenant, accepted_at, agent, status, sequence, over, verdict, request, journal, abroad, end_reason)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7 IS NOT NULL, ?7, ?8, ?9, ?10, ?11)
ON CONFLICT (id) DO UPDATE
SET status = excluded.status, sequence = excluded.sequence, over = excluded.over, verdict = excluded.verdict,
    journal = excluded.journal, end_reason = excluded.end_reason
WHERE calls.tenant = excluded.tenant AND calls.sequence <= excluded.sequence
  AND (calls.over = 0 OR calls.verdict = excluded.verdict)";

/// Writes calls down. The request is written once; a journal only goes forward.
pub(super) async fn put(connection: &mut SqliteConnection, rows: &[CallRow]) -> Result<(), StoreError> {
    for row in rows {
        let query = sqlx::query(PUT)
            .bind(&row.id)
            .bind(&row.tenant)
            .bind(row.accepted_at)
            .bind(&row.agent)
            .bind(row.status)
            .bind(row.sequence)
            .bind(&row.verdict)
            .bind(&row.request)
            .bind(&row.journal)
            .bind(row.abroad)
            .bind(row.end_reason);
        if query.execute(&mut *connection).await?.rows_affected() != 1 {
            return Err(StoreError::Conflict(format!(
                "call {} is further than sequence {}, or over",
                row.id, row.sequence
            )));
        }
    }
    Ok(())
}

/// Writes ledger entries down. The same entry again is fine, another in its place is not.
pub(super) async fn append(connection: &mut SqliteConnection, rows: &[EntryRow]) -> Result<(), StoreError> {
    for row in rows {
        let insert = sqlx::query("INSERT INTO ledger VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING")
            .bind(&row.call)
            .bind(row.sequence)
            .bind(row.at)
            .bind(&row.event)
            .bind(&row.commands);
        if insert.execute(&mut *connection).await?.rows_affected() == 1 {
            continue;
        }
        let same = sqlx::query("SELECT 1 FROM ledger WHERE (call, sequence, at, event, commands) = (?, ?, ?, ?, ?)")
            .bind(&row.call)
            .bind(row.sequence)
            .bind(row.at)
            .bind(&row.event)
            .bind(&row.commands);
        if same.fetch_optional(&mut *connection).await?.is_none() {
            return Err(StoreError::Conflict(format!("call {} has another entry {}", row.call, row.sequence)));
        }
    }
    Ok(())
}

/// Calls that are not over, oldest first.
pub(super) async fn active(readers: &SqlitePool) -> Result<Vec<Snapshot>, StoreError> {
    let rows = sqlx::query("SELECT id, request, journal FROM calls WHERE over = 0 ORDER BY accepted_at, id");
    rows.fetch_all(readers).await?.iter().map(snapshot).collect()
}

/// Calls accepted at or after a moment, oldest first.
pub(super) async fn since(readers: &SqlitePool, since: Timestamp) -> Result<Vec<Snapshot>, StoreError> {
    let rows = sqlx::query("SELECT id, request, journal FROM calls WHERE accepted_at >= ? ORDER BY accepted_at, id");
    rows.bind(since.as_millis()).fetch_all(readers).await?.iter().map(snapshot).collect()
}

/// Calls abroad accepted at or after a moment, oldest first.
pub(super) async fn abroad_since(readers: &SqlitePool, since: Timestamp) -> Result<Vec<Snapshot>, StoreError> {
    let rows = sqlx::query(
        "SELECT id, request, journal FROM calls WHERE abroad = 1 AND accepted_at >= ? ORDER BY accepted_at, id",
    );
    rows.bind(since.as_millis()).fetch_all(readers).await?.iter().map(snapshot).collect()
}

/// One call of one tenant.
pub(super) async fn one(readers: &SqlitePool, tenant: &str, id: CallId) -> Result<Option<Snapshot>, StoreError> {
    let row = sqlx::query("SELECT id, request, journal FROM calls WHERE id = ? AND tenant = ?");
    row.bind(id.to_string()).bind(tenant).fetch_optional(readers).await?.as_ref().map(snapshot).transpose()
}

/// All that happened to a call, in order.
pub(super) async fn ledger(readers: &SqlitePool, id: CallId) -> Result<Vec<Entry>, StoreError> {
    let rows = sqlx::query("SELECT sequence, at, event, commands FROM ledger WHERE call = ? ORDER BY sequence");
    rows.bind(id.to_string()).fetch_all(readers).await?.iter().map(|row| entry(id, row)).collect()
}

/// The call in a row with its `id`, `request` and `journal`.
pub(super) fn snapshot(row: &SqliteRow) -> Result<Snapshot, StoreError> {
    let id: &str = row.try_get("id")?;
    let told = |error| unreadable(&format!("call {id}"), error);
    Ok(Snapshot {
        request: serde_json::from_str(row.try_get("request")?).map_err(told)?,
        journal: serde_json::from_str(row.try_get("journal")?).map_err(told)?,
    })
}

fn entry(call: CallId, row: &SqliteRow) -> Result<Entry, StoreError> {
    let sequence: u32 = row.try_get("sequence")?;
    let told = |error| unreadable(&format!("entry {sequence} of call {call}"), error);
    Ok(Entry {
        call,
        sequence,
        at: Timestamp::from_millis(row.try_get("at")?),
        event: serde_json::from_str(row.try_get("event")?).map_err(told)?,
        commands: serde_json::from_str(row.try_get("commands")?).map_err(told)?,
    })
}

fn to_json(value: &impl serde::Serialize) -> Result<String, StoreError> {
    serde_json::to_string(value).map_err(|error| unreadable("cannot be written as JSON", error))
}
