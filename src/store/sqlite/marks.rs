//! Idempotency keys.

use sqlx::{Row, SqliteConnection, SqlitePool};

use super::calls::snapshot;
use crate::store::{Mark, Marked, StoreError};
use crate::timestamp::Timestamp;

const PUT: &str = "
INSERT INTO marks (tenant, credential, key, fingerprint, call, at) VALUES (?, ?, ?, ?, ?, ?)
ON CONFLICT (tenant, credential, key) DO UPDATE
SET fingerprint = excluded.fingerprint, call = excluded.call, at = excluded.at";

/// Writes keys down, and forgets those that are too old to stand for anything.
pub(super) async fn put(connection: &mut SqliteConnection, marks: &[Mark]) -> Result<(), StoreError> {
    let Some(newest) = marks.iter().map(|mark| mark.at).max() else { return Ok(()) };
    for mark in marks {
        let query = sqlx::query(PUT).bind(&mark.tenant).bind(&mark.credential).bind(&mark.idempotency.key);
        let query = query.bind(&mark.idempotency.fingerprint).bind(mark.call.to_string()).bind(mark.at.as_millis());
        query.execute(&mut *connection).await?;
    }
    let old = sqlx::query("DELETE FROM marks WHERE at < ?").bind((newest - Mark::LIFE).as_millis());
    old.execute(connection).await?;
    Ok(())
}

const FIND: &str = "
SELECT calls.id, calls.request, calls.journal, marks.fingerprint FROM marks JOIN calls ON calls.id = marks.call
WHERE marks.tenant = ? AND marks.credential = ? AND marks.key = ? AND marks.at >= ?";

/// What a key has stood for since `since` or later.
pub(super) async fn find(
    readers: &SqlitePool,
    (tenant, credential): (&str, &str),
    key: &str,
    since: Timestamp,
) -> Result<Option<Marked>, StoreError> {
    let row = sqlx::query(FIND).bind(tenant).bind(credential).bind(key).bind(since.as_millis());
    let Some(row) = row.fetch_optional(readers).await? else { return Ok(None) };
    Ok(Some(Marked { fingerprint: row.try_get("fingerprint")?, call: snapshot(&row)? }))
}
