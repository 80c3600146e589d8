//! The outbox as people look at it: lists, single rows with their attempts, and owing one anew.

use std::time::Duration;

use sqlx::sqlite::SqliteRow;
use sqlx::{Row, SqliteConnection, SqlitePool};

use super::error::unreadable;
use super::outbox::callback;
use crate::store::{Attempt, AuditLine, CallbackFilter, CallbackState, OutboxRow, StoreError};
use crate::timestamp::Timestamp;

/// A row, and its last attempt.
const ROWS: &str = "
SELECT o.*, a.at, a.took, a.status, a.note FROM outbox o
LEFT JOIN attempts a ON a.callback = o.id AND a.number = o.attempts
WHERE";

/// Rows of the outbox, newest first.
pub(super) async fn list(
    readers: &SqlitePool,
    filter: &CallbackFilter,
    (before, limit): (Option<u64>, u32),
) -> Result<Vec<OutboxRow>, StoreError> {
    let mut sql = sqlx::QueryBuilder::new(ROWS);
    sql.push(" o.number < ").push_bind(before.and_then(|number| i64::try_from(number).ok()).unwrap_or(i64::MAX));
    if let Some(tenant) = &filter.tenant {
        sql.push(" AND o.tenant = ").push_bind(tenant);
    }
    if let Some(state) = filter.state {
        sql.push(" AND o.state = ").push_bind(state.as_str());
    }
    if let Some(call) = filter.call {
        sql.push(" AND o.call = ").push_bind(call.to_string());
    }
    if let Some(kind) = &filter.kind {
        sql.push(" AND o.kind = ").push_bind(kind);
    }
    sql.push(" ORDER BY o.number DESC LIMIT ").push_bind(limit);
    sql.build().fetch_all(readers).await?.iter().map(outbox_row).collect()
}

/// One row.
pub(super) async fn one(readers: &SqlitePool, tenant: Option<&str>, id: &str) -> Result<Option<OutboxRow>, StoreError> {
    let mut sql = sqlx::QueryBuilder::new(ROWS);
    sql.push(" o.id = ").push_bind(id);
    if let Some(tenant) = tenant {
        sql.push(" AND o.tenant = ").push_bind(tenant);
    }
    sql.build().fetch_optional(readers).await?.as_ref().map(outbox_row).transpose()
}

/// All attempts at a callback, the first one first.
pub(super) async fn attempts(readers: &SqlitePool, id: &str) -> Result<Vec<Attempt>, StoreError> {
    let rows = sqlx::query("SELECT at, took, status, note FROM attempts WHERE callback = ? ORDER BY number");
    rows.bind(id).fetch_all(readers).await?.iter().map(attempt).collect()
}

/// Owes a callback anew; whether there is one. Its attempts stay, and are counted on from.
pub(super) async fn replay(connection: &mut SqliteConnection, id: &str, audit: &AuditLine) -> Result<bool, StoreError> {
    let update = sqlx::query(
        "UPDATE outbox
         SET due_at = ?3, owed_since = iif(state = 'pending', owed_since, ?3),
             tried_before = iif(state = 'pending', tried_before, attempts), state = 'pending'
         WHERE id = ?1 AND tenant = ?2",
    );
    let update = update.bind(id).bind(&audit.tenant).bind(audit.at.as_millis());
    Ok(update.execute(connection).await?.rows_affected() == 1)
}

fn outbox_row(row: &SqliteRow) -> Result<OutboxRow, StoreError> {
    let state: &str = row.try_get("state")?;
    let known = CallbackState::ALL.into_iter().find(|known| known.as_str() == state);
    let number: i64 = row.try_get("number")?;
    let at: Option<i64> = row.try_get("at")?;
    Ok(OutboxRow {
        number: u64::try_from(number).map_err(|error| unreadable("a callback's number", error))?,
        callback: callback(row)?,
        state: known.ok_or_else(|| unreadable("a callback's state", state))?,
        attempts: row.try_get("attempts")?,
        due_at: Timestamp::from_millis(row.try_get("due_at")?),
        last: at.map(|_| attempt(row)).transpose()?,
    })
}

fn attempt(row: &SqliteRow) -> Result<Attempt, StoreError> {
    let took: i64 = row.try_get("took")?;
    Ok(Attempt {
        at: Timestamp::from_millis(row.try_get("at")?),
        took: Duration::from_millis(u64::try_from(took).unwrap_or(0)),
        status: row.try_get("status")?,
        note: row.try_get("note")?,
    })
}
