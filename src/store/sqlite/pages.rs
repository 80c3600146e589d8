//! Lists of calls, filtered, a page at a time.
//!
//! What is filtered by has an index that also sorts as the list does, so a page costs what it shows.

use sqlx::SqlitePool;

use super::calls::snapshot;
use crate::call::{EndReason, Status};
use crate::store::{CallFilter, CallKey, Snapshot, StoreError};

/// Calls that a filter lets through, newest first.
pub(super) async fn page(
    readers: &SqlitePool,
    filter: &CallFilter,
    (before, limit): (Option<CallKey>, u32),
) -> Result<Vec<Snapshot>, StoreError> {
    let mut sql = sqlx::QueryBuilder::new("SELECT id, request, journal FROM calls WHERE true");
    let words = [
        (" AND tenant = ", filter.tenant.as_deref()),
        (" AND agent = ", filter.agent.as_deref()),
        (" AND status = ", filter.status.map(Status::as_str)),
        (" AND end_reason = ", filter.end_reason.map(EndReason::as_str)),
        (" AND phone = ", filter.phone.as_deref()),
        (" AND target = ", filter.target.as_deref()),
    ];
    for (column, word) in words {
        if let Some(word) = word {
            sql.push(column).push_bind(word);
        }
    }
    if let Some(since) = filter.since {
        sql.push(" AND accepted_at >= ").push_bind(since.as_millis());
    }
    if let Some(until) = filter.until {
        sql.push(" AND accepted_at < ").push_bind(until.as_millis());
    }
    match filter.is_over {
        // As the index of living calls says it.
        Some(false) => drop(sql.push(" AND over = 0")),
        Some(true) => drop(sql.push(" AND over = 1")),
        None => {}
    }
    if let Some(before) = before {
        sql.push(" AND (accepted_at, id) < (").push_bind(before.accepted_at.as_millis());
        sql.push(", ").push_bind(before.id.to_string()).push(")");
    }
    sql.push(" ORDER BY accepted_at DESC, id DESC LIMIT ").push_bind(limit);
    sql.build().fetch_all(readers).await?.iter().map(snapshot).collect()
}
