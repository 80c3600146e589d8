//! What is told of calls, in the order in which it was written.

use sqlx::sqlite::SqliteRow;
use sqlx::{QueryBuilder, Row, Sqlite, SqliteConnection, SqlitePool};

use super::error::unreadable;
use crate::store::{CallEvent, EventFilter, StoreError};
use crate::timestamp::Timestamp;

/// Writes events down. The same one again changes nothing.
pub(super) async fn put(connection: &mut SqliteConnection, events: &[CallEvent]) -> Result<(), StoreError> {
    for event in events {
        let insert = sqlx::query(
            "INSERT INTO events (id, call, tenant, agent, kind, at, body) VALUES (?, ?, ?, ?, ?, ?, ?)
             ON CONFLICT (id) DO NOTHING",
        );
        insert
            .bind(&event.id)
            .bind(event.call.to_string())
            .bind(&event.tenant)
            .bind(&event.agent)
            .bind(event.kind.as_str())
            .bind(event.at.as_millis())
            .bind(&event.body)
            .execute(&mut *connection)
            .await?;
    }
    Ok(())
}

/// Events behind this number.
pub(super) async fn after(
    readers: &SqlitePool,
    filter: &EventFilter,
    after: u64,
    limit: u32,
) -> Result<Vec<(u64, CallEvent)>, StoreError> {
    let after = i64::try_from(after).unwrap_or(i64::MAX);
    let mut query = QueryBuilder::<Sqlite>::new("SELECT * FROM events WHERE number > ");
    query.push_bind(after);
    if let Some(tenant) = &filter.tenant {
        query.push(" AND tenant = ").push_bind(tenant);
    }
    if let Some(agent) = &filter.agent {
        query.push(" AND agent = ").push_bind(agent);
    }
    query.push(" ORDER BY number LIMIT ").push_bind(limit);
    query.build().fetch_all(readers).await?.iter().map(event).collect()
}

/// The greatest number so far.
pub(super) async fn newest(readers: &SqlitePool) -> Result<u64, StoreError> {
    let newest = sqlx::query_scalar::<_, i64>("SELECT coalesce(max(number), 0) FROM events");
    Ok(newest.fetch_one(readers).await?.unsigned_abs())
}

fn event(row: &SqliteRow) -> Result<(u64, CallEvent), StoreError> {
    let id: String = row.try_get("id")?;
    let (call, kind): (&str, &str) = (row.try_get("call")?, row.try_get("kind")?);
    let event = CallEvent {
        call: call.parse().map_err(|error| unreadable(&format!("event {id}"), error))?,
        kind: kind.parse().map_err(|error| unreadable(&format!("event {id}"), error))?,
        tenant: row.try_get("tenant")?,
        agent: row.try_get("agent")?,
        at: Timestamp::from_millis(row.try_get("at")?),
        body: row.try_get("body")?,
        id,
    };
    Ok((row.try_get::<i64, _>("number")?.unsigned_abs(), event))
}
