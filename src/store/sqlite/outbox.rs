//! The outbox: what is owed, who works on it, what became of it.

use std::collections::BTreeMap;

use sqlx::sqlite::SqliteRow;
use sqlx::{Row, SqliteConnection, SqlitePool};

use super::error::unreadable;
use crate::report::Callback;
use crate::store::{Attempt, Due, OutboxStats, Room, Settlement, StoreError, endpoint};
use crate::timestamp::Timestamp;

/// Writes callbacks down. The same one again is fine; another under its id is not.
pub(super) async fn put(connection: &mut SqliteConnection, callbacks: &[Callback]) -> Result<(), StoreError> {
    for callback in callbacks {
        let insert = sqlx::query(
            "INSERT INTO outbox (id, call, tenant, kind, endpoint, url, content_type, body, created_at, owed_since,
                                 due_at)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?9, ?9) ON CONFLICT (id) DO NOTHING",
        )
        .bind(&callback.id)
        .bind(callback.call.map(|call| call.to_string()))
        .bind(&callback.tenant)
        .bind(&callback.kind)
        .bind(endpoint(&callback.url))
        .bind(&callback.url)
        .bind(&callback.content_type)
        .bind(&callback.body)
        .bind(callback.created_at.as_millis());
        if insert.execute(&mut *connection).await?.rows_affected() == 1 {
            continue;
        }
        let stored = sqlx::query("SELECT * FROM outbox WHERE id = ?").bind(&callback.id).fetch_one(&mut *connection);
        if due(&stored.await?)?.callback != *callback {
            return Err(StoreError::Conflict(format!("callback {} was rendered with other words", callback.id)));
        }
    }
    Ok(())
}

/// The oldest due rows of each endpoint, few of each: it hops from endpoint to endpoint through the
/// index, so a million rows owed to one endpoint cost what a handful does.
const CANDIDATES: &str = "
WITH RECURSIVE e (endpoint) AS (
    SELECT min(endpoint) FROM outbox WHERE state = 'pending'
    UNION ALL
    SELECT (SELECT min(endpoint) FROM outbox WHERE state = 'pending' AND endpoint > e.endpoint)
    FROM e WHERE e.endpoint IS NOT NULL
)
SELECT o.number, o.endpoint FROM e JOIN outbox o ON o.number IN (
    SELECT x.number FROM outbox x
    WHERE x.state = 'pending' AND x.endpoint = e.endpoint AND x.due_at <= ?1 AND x.lease_until <= ?1
      AND NOT EXISTS (SELECT 1 FROM outbox y WHERE y.state = 'pending' AND y.call = x.call
                      AND y.endpoint = x.endpoint AND y.number < x.number)
    ORDER BY x.due_at, x.number LIMIT ?2
)
WHERE e.endpoint NOT IN (SELECT value FROM json_each(?3))
ORDER BY o.due_at, o.number";

/// Claims what is due and what there is room for.
pub(super) async fn claim(
    connection: &mut SqliteConnection,
    now: Timestamp,
    until: Timestamp,
    room: &Room,
) -> Result<Vec<Due>, StoreError> {
    let full: Vec<&str> = room.named.iter().filter(|(_, room)| **room == 0).map(|(endpoint, _)| &**endpoint).collect();
    let candidates = sqlx::query(CANDIDATES).bind(now.as_millis()).bind(room.most()).bind(json(&full)?);
    let chosen = choose(&candidates.fetch_all(&mut *connection).await?, room)?;
    if chosen.is_empty() {
        return Ok(Vec::new());
    }
    let lease = sqlx::query(
        "UPDATE outbox SET lease_until = ?1 WHERE number IN (SELECT value FROM json_each(?2)) AND state = 'pending'",
    );
    let claimed = lease.bind(until.as_millis()).bind(json(&chosen)?).execute(&mut *connection).await?.rows_affected();
    if claimed != chosen.len() as u64 {
        return Err(StoreError::Corrupt(format!("{claimed} of {} callbacks could be claimed", chosen.len())));
    }
    // json_each keeps the order of the array: what was chosen first comes first.
    let rows = sqlx::query("SELECT o.* FROM json_each(?) j CROSS JOIN outbox o ON o.number = j.value ORDER BY j.key");
    rows.bind(json(&chosen)?).fetch_all(connection).await?.iter().map(due).collect()
}

/// Of candidates in the order of their age: the first of each endpoint, then the second of each, …
fn choose(candidates: &[SqliteRow], room: &Room) -> Result<Vec<i64>, StoreError> {
    let mut taken: BTreeMap<&str, u32> = BTreeMap::new();
    let mut ranked = Vec::with_capacity(candidates.len());
    for row in candidates {
        let endpoint: &str = row.try_get("endpoint")?;
        let rank = taken.entry(endpoint).or_default();
        if *rank < room.of(endpoint) {
            ranked.push((*rank, row.try_get("number")?));
            *rank += 1;
        }
    }
    ranked.sort_by_key(|(rank, _)| *rank);
    let total = usize::try_from(room.total).unwrap_or(usize::MAX);
    Ok(ranked.into_iter().take(total).map(|(_, number)| number).collect())
}

/// Writes down an attempt, and what follows from it.
pub(super) async fn settle(
    connection: &mut SqliteConnection,
    id: &str,
    attempt: &Attempt,
    settlement: &Settlement,
) -> Result<(), StoreError> {
    let (state, due_at) = match settlement {
        Settlement::Delivered => ("delivered", None),
        Settlement::RetryAt(at) => ("pending", Some(at.as_millis())),
        Settlement::Dead => ("dead", None),
    };
    let update = sqlx::query(
        "UPDATE outbox SET state = ?2, due_at = coalesce(?3, due_at), attempts = attempts + 1, lease_until = 0
         WHERE id = ?1 AND state = 'pending'",
    );
    if update.bind(id).bind(state).bind(due_at).execute(&mut *connection).await?.rows_affected() != 1 {
        return Err(StoreError::Conflict(format!("callback {id} is not owed")));
    }
    sqlx::query(
        "INSERT INTO attempts (callback, number, at, took, status, note)
         SELECT id, attempts, ?2, ?3, ?4, ?5 FROM outbox WHERE id = ?1",
    )
    .bind(id)
    .bind(attempt.at.as_millis())
    .bind(i64::try_from(attempt.took.as_millis()).unwrap_or(i64::MAX))
    .bind(attempt.status)
    .bind(&attempt.note)
    .execute(connection)
    .await?;
    Ok(())
}

/// Ends the leases of these callbacks; those that are settled by now are left alone.
pub(super) async fn release(connection: &mut SqliteConnection, ids: &[String]) -> Result<(), StoreError> {
    let update = sqlx::query(
        "UPDATE outbox SET lease_until = 0 WHERE state = 'pending' AND id IN (SELECT value FROM json_each(?))",
    );
    update.bind(json(ids)?).execute(connection).await?;
    Ok(())
}

/// The next moment at which a callback will be due.
pub(super) async fn next_due(readers: &SqlitePool) -> Result<Option<Timestamp>, StoreError> {
    let next = sqlx::query_scalar::<_, Option<i64>>(
        "SELECT min(max(x.due_at, x.lease_until)) FROM outbox x WHERE x.state = 'pending'
         AND NOT EXISTS (SELECT 1 FROM outbox y WHERE y.state = 'pending' AND y.call = x.call
                         AND y.endpoint = x.endpoint AND y.number < x.number)",
    );
    Ok(next.fetch_one(readers).await?.map(Timestamp::from_millis))
}

/// The outbox at a glance.
pub(super) async fn stats(readers: &SqlitePool) -> Result<OutboxStats, StoreError> {
    let row = sqlx::query(
        "SELECT (SELECT count(*) FROM outbox WHERE state = 'pending') AS pending,
                (SELECT count(*) FROM outbox WHERE state = 'dead') AS dead,
                (SELECT min(owed_since) FROM outbox WHERE state = 'pending') AS oldest",
    )
    .fetch_one(readers)
    .await?;
    let count = |name| row.try_get::<i64, _>(name).map(|count| u64::try_from(count).unwrap_or(0));
    let oldest: Option<i64> = row.try_get("oldest")?;
    Ok(OutboxStats { pending: count("pending")?, dead: count("dead")?, oldest: oldest.map(Timestamp::from_millis) })
}

fn due(row: &SqliteRow) -> Result<Due, StoreError> {
    let attempts: u32 = row.try_get("attempts")?;
    let before: u32 = row.try_get("tried_before")?;
    Ok(Due { callback: callback(row)?, attempts: attempts.saturating_sub(before) })
}

/// The callback in a row.
pub(super) fn callback(row: &SqliteRow) -> Result<Callback, StoreError> {
    let id: String = row.try_get("id")?;
    let call: Option<&str> = row.try_get("call")?;
    let call = call.map(str::parse).transpose().map_err(|error| unreadable(&format!("callback {id}"), error))?;
    Ok(Callback {
        call,
        tenant: row.try_get("tenant")?,
        kind: row.try_get("kind")?,
        url: row.try_get("url")?,
        content_type: row.try_get("content_type")?,
        body: row.try_get("body")?,
        created_at: Timestamp::from_millis(row.try_get("created_at")?),
        id,
    })
}

fn json(value: &(impl serde::Serialize + ?Sized)) -> Result<String, StoreError> {
    serde_json::to_string(value).map_err(|error| unreadable("cannot be written as JSON", error))
}
