//! Sessions of agents who have signed in.

use sqlx::{Row, SqliteConnection, SqlitePool};

use crate::store::{Expired, Session, SessionToken, StoreError};
use crate::timestamp::Timestamp;

/// The session with this token.
pub(super) async fn find(readers: &SqlitePool, token: SessionToken, hash: &str) -> Result<Option<Session>, StoreError> {
    let query = match token {
        SessionToken::Strict => sqlx::query("SELECT * FROM sessions WHERE strict = ?"),
        SessionToken::Dial => sqlx::query("SELECT * FROM sessions WHERE dial = ?"),
    };
    let Some(row) = query.bind(hash).fetch_optional(readers).await? else { return Ok(None) };
    Ok(Some(Session {
        strict: row.try_get("strict")?,
        dial: row.try_get("dial")?,
        tenant: row.try_get("tenant")?,
        agent: row.try_get("agent")?,
        mark: row.try_get("mark")?,
        opened_at: Timestamp::from_millis(row.try_get("opened_at")?),
        seen_at: Timestamp::from_millis(row.try_get("seen_at")?),
    }))
}

/// Keeps a session, and forgets the expired ones.
pub(super) async fn open(
    connection: &mut SqliteConnection,
    session: &Session,
    expired: &Expired,
) -> Result<(), StoreError> {
    sqlx::query("DELETE FROM sessions WHERE opened_at < ? OR seen_at < ?")
        .bind(expired.opened_before.as_millis())
        .bind(expired.seen_before.as_millis())
        .execute(&mut *connection)
        .await?;
    sqlx::query("INSERT INTO sessions VALUES (?, ?, ?, ?, ?, ?, ?)")
        .bind(&session.strict)
        .bind(&session.dial)
        .bind(&session.tenant)
        .bind(&session.agent)
        .bind(&session.mark)
        .bind(session.opened_at.as_millis())
        .bind(session.seen_at.as_millis())
        .execute(connection)
        .await?;
    Ok(())
}

/// Writes down when it was used last.
pub(super) async fn seen(connection: &mut SqliteConnection, strict: &str, at: Timestamp) -> Result<(), StoreError> {
    sqlx::query("UPDATE sessions SET seen_at = max(seen_at, ?) WHERE strict = ?")
        .bind(at.as_millis())
        .bind(strict)
        .execute(connection)
        .await?;
    Ok(())
}

/// Forgets it.
pub(super) async fn end(connection: &mut SqliteConnection, strict: &str) -> Result<(), StoreError> {
    sqlx::query("DELETE FROM sessions WHERE strict = ?").bind(strict).execute(connection).await?;
    Ok(())
}
