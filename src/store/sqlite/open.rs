//! Opening the file: who may read it, how SQLite is to treat it, whether it is ours, whole and of a
//! schema that we know.

use std::fs::{OpenOptions, Permissions};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::Path;
use std::time::Duration;

use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{ConnectOptions, Connection, SqliteConnection, SqlitePool};

use crate::clock::Clock;
use crate::store::StoreError;

/// `Dial`: what `PRAGMA application_id` says of a file of ours.
const APPLICATION_ID: i64 = 0x4469_616c;
/// Each takes the schema one version further, and says so in `PRAGMA user_version`.
const MIGRATIONS: [&str; 2] =
    [include_str!("../migrations/sqlite/0001_first.sql"), include_str!("../migrations/sqlite/0002_doors.sql")];
/// Other programs may hold the file for this long before we give up.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
const QUICK_CHECK_BUDGET: Duration = Duration::from_secs(2);
const READERS: u32 = 4;
/// Virtual machine steps between two looks at the clock.
const STEPS: i32 = 10_000;

/// How to connect to the file that `url` names.
pub(super) fn options(url: &str) -> Result<SqliteConnectOptions, StoreError> {
    let path = url.strip_prefix("sqlite:").map(|path| path.strip_prefix("//").unwrap_or(path));
    let Some(path) = path.filter(|path| !path.is_empty() && *path != ":memory:") else {
        return Err(StoreError::Unavailable(format!("store.url must be sqlite:PATH, not {url:?}")));
    };
    Ok(SqliteConnectOptions::new()
        .filename(path)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .busy_timeout(BUSY_TIMEOUT)
        .foreign_keys(true)
        .pragma("secure_delete", "ON")
        .pragma("journal_size_limit", "67108864")
        .pragma("trusted_schema", "OFF")
        .disable_statement_logging())
}

/// The first connection: makes the file, looks it over, migrates it.
pub(super) async fn first(options: &SqliteConnectOptions, clock: Clock) -> Result<SqliteConnection, StoreError> {
    keep_private(options.get_filename())?;
    let mut connection = SqliteConnection::connect_with(options).await?;
    quick_check(&mut connection, clock).await?;
    migrate(&mut connection).await?;
    Ok(connection)
}

/// Connections that only read.
pub(super) fn readers(options: &SqliteConnectOptions) -> SqlitePool {
    let options = options.clone().pragma("query_only", "ON");
    SqlitePoolOptions::new().max_connections(READERS).acquire_timeout(BUSY_TIMEOUT).connect_lazy_with(options)
}

/// Nobody but us reads the file: mode 0600, which SQLite gives to the files beside it, too.
fn keep_private(path: &Path) -> Result<(), StoreError> {
    let told = |error| StoreError::Unavailable(format!("{}: {error}", path.display()));
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false).mode(0o600);
    let file = options.open(path).map_err(told)?;
    file.set_permissions(Permissions::from_mode(0o600)).map_err(told)
}

/// Looks for damage, for as long as the budget lasts: a big file that is not done by then passes.
async fn quick_check(connection: &mut SqliteConnection, clock: Clock) -> Result<(), StoreError> {
    let end = clock.now() + QUICK_CHECK_BUDGET;
    connection.lock_handle().await?.set_progress_handler(STEPS, move || clock.now() < end);
    let found = sqlx::query_scalar::<_, String>("PRAGMA quick_check(1)").fetch_one(&mut *connection).await;
    connection.lock_handle().await?.remove_progress_handler();
    match found {
        Ok(verdict) if verdict == "ok" => Ok(()),
        Ok(damage) => Err(StoreError::Corrupt(format!("quick_check found: {damage}"))),
        Err(_) if clock.now() >= end => Ok(()),
        Err(error) => Err(error.into()),
    }
}

async fn migrate(connection: &mut SqliteConnection) -> Result<(), StoreError> {
    let mut transaction = connection.begin_with("BEGIN IMMEDIATE").await?;
    let version = sqlx::query_scalar::<_, i64>("PRAGMA user_version").fetch_one(&mut *transaction).await?;
    let owner = sqlx::query_scalar::<_, i64>("PRAGMA application_id").fetch_one(&mut *transaction).await?;
    let tables =
        sqlx::query_scalar::<_, i64>("SELECT count(*) FROM sqlite_schema").fetch_one(&mut *transaction).await?;
    if tables > 0 && owner != APPLICATION_ID {
        return Err(StoreError::Conflict("the file is another program's database".to_owned()));
    }
    let known = MIGRATIONS.len();
    let done = usize::try_from(version).unwrap_or(usize::MAX);
    let Some(to_do) = MIGRATIONS.get(done..) else {
        return Err(StoreError::Conflict(format!(
            "the database has schema {version}, and this program knows schemas up to {known}: \
             a newer dialbridge has used it, start that one again"
        )));
    };
    for migration in to_do {
        sqlx::raw_sql(*migration).execute(&mut *transaction).await?;
    }
    transaction.commit().await?;
    Ok(())
}
