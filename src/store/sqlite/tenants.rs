//! Tenants' directory documents, and the audit.

use sqlx::{Row, SqliteConnection, SqlitePool};

use crate::store::{AuditLine, StoreError, TenantDocument};
use crate::timestamp::Timestamp;

/// Every tenant's document, by name.
pub(super) async fn all(readers: &SqlitePool) -> Result<Vec<TenantDocument>, StoreError> {
    let rows = sqlx::query("SELECT tenant, document FROM tenants ORDER BY tenant").fetch_all(readers).await?;
    let document = |row: &sqlx::sqlite::SqliteRow| {
        Ok(TenantDocument { tenant: row.try_get("tenant")?, document: row.try_get("document")? })
    };
    rows.iter().map(document).collect()
}

/// Puts these tenants' documents in place of what was there.
pub(super) async fn put(
    connection: &mut SqliteConnection,
    documents: &[TenantDocument],
    at: Timestamp,
) -> Result<(), StoreError> {
    for TenantDocument { tenant, document } in documents {
        sqlx::query(
            "INSERT INTO tenants VALUES (?, ?, ?) ON CONFLICT (tenant) DO UPDATE
             SET document = excluded.document, changed_at = excluded.changed_at",
        )
        .bind(tenant)
        .bind(document)
        .bind(at.as_millis())
        .execute(&mut *connection)
        .await?;
    }
    Ok(())
}

/// Writes lines into the audit.
pub(super) async fn note(connection: &mut SqliteConnection, lines: &[AuditLine]) -> Result<(), StoreError> {
    for line in lines {
        sqlx::query("INSERT INTO audit (at, tenant, actor, action) VALUES (?, ?, ?, ?)")
            .bind(line.at.as_millis())
            .bind(&line.tenant)
            .bind(&line.actor)
            .bind(&line.action)
            .execute(&mut *connection)
            .await?;
    }
    Ok(())
}
