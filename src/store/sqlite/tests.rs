//! The contract on SQLite, and what is SQLite's own.

use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::time::Duration;

use futures_util::future::join_all;
use sqlx::{Connection, Executor, SqliteConnection};
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

use super::SqliteStore;
use crate::clock::Clock;
use crate::store::contract::sample::{call, entry, id, owing};
use crate::store::contract::{Opened, Rig, contract};
use crate::store::{Batch, Store, StoreError};

struct File(TempDir);

impl File {
    fn new() -> Self {
        Self(TempDir::new().unwrap())
    }

    fn path(&self) -> PathBuf {
        self.0.path().join("dialbridge.db")
    }

    fn url(&self) -> String {
        format!("sqlite:{}", self.path().display())
    }

    async fn refusal(&self) -> StoreError {
        SqliteStore::open(&self.url(), Clock::start()).await.map(drop).unwrap_err()
    }

    /// Another program that uses the file.
    async fn other(&self) -> SqliteConnection {
        SqliteConnection::connect(&self.url()).await.unwrap()
    }
}

impl Rig for File {
    async fn open(&self) -> Opened {
        let (store, writer) = SqliteStore::open(&self.url(), Clock::start()).await.unwrap();
        let stop = CancellationToken::new();
        let driver = tokio::spawn(writer.run(stop.clone()));
        Opened { store, stop, driver }
    }
}

contract!(File::new());

fn one(n: u32) -> Batch {
    Batch { snapshots: vec![call(n)], ledger: vec![entry(n, 1)], ..Batch::default() }
}

#[tokio::test]
async fn the_file_and_its_log_are_for_us_alone() {
    let file = File::new();
    std::fs::write(file.path(), b"").unwrap();
    std::fs::set_permissions(file.path(), std::fs::Permissions::from_mode(0o666)).unwrap();
    let store = file.open().await;
    store.commit(&one(1)).await.unwrap();
    let mut seen = 0;
    for entry in std::fs::read_dir(file.0.path()).unwrap() {
        let mode = entry.unwrap().metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        seen += 1;
    }
    assert_eq!(seen, 3, "the database, its log and its index");
    store.close().await;
}

#[tokio::test]
async fn the_writer_syncs_each_commit_and_wipes_what_it_deletes() {
    let file = File::new();
    let options = super::open::options(&file.url()).unwrap();
    let mut connection = super::open::first(&options, Clock::start()).await.unwrap();
    let table = [
        ("PRAGMA journal_mode", "wal"),
        ("PRAGMA synchronous", "2"),
        ("PRAGMA foreign_keys", "1"),
        ("PRAGMA secure_delete", "1"),
        ("PRAGMA busy_timeout", "5000"),
        ("PRAGMA journal_size_limit", "67108864"),
    ];
    for (pragma, expected) in table {
        let row = sqlx::query(pragma).fetch_one(&mut connection).await.unwrap();
        let value = sqlx::Row::try_get_unchecked::<String, _>(&row, 0).unwrap();
        assert_eq!(value, expected, "{pragma}");
    }
}

#[tokio::test]
async fn a_file_of_a_newer_schema_is_refused_in_words() {
    let file = File::new();
    file.open().await.close().await;
    file.other().await.execute("PRAGMA user_version = 7").await.unwrap();
    let StoreError::Conflict(words) = file.refusal().await else { panic!("not a conflict") };
    assert!(words.contains("schema 7") && words.contains("newer dialbridge"), "{words}");
}

#[tokio::test]
async fn a_file_of_the_first_schema_keeps_what_it_owes() {
    let file = File::new();
    drop(std::fs::File::create(file.path()).unwrap());
    let mut first = file.other().await;
    first.execute(include_str!("../migrations/sqlite/0001_first.sql")).await.unwrap();
    first
        .execute(
            "INSERT INTO calls VALUES ('c', 'demo', 1, NULL, 'completed', 9, 1, '{}', '{}', '{}');
             INSERT INTO outbox (number, id, call, tenant, kind, endpoint, url, content_type, body, created_at, due_at)
             VALUES (7, 'msg_c_cdr', 'c', 'demo', 'cdr', 'http://x:80', 'http://x/', 'text/plain', 'body', 5, 6);
             INSERT INTO attempts VALUES ('msg_c_cdr', 1, 2, 3, 500, 'broken')",
        )
        .await
        .unwrap();
    first.close().await.unwrap();
    file.open().await.close().await;
    let mut now = file.other().await;
    let rows = "SELECT count(*) FROM outbox o JOIN attempts a ON a.callback = o.id JOIN calls c ON c.id = o.call
                WHERE o.number = 7 AND owed_since = 5 AND due_at = 6 AND a.note = 'broken'";
    assert_eq!(sqlx::query_scalar::<_, i64>(rows).fetch_one(&mut now).await.unwrap(), 1);
    now.execute("PRAGMA foreign_keys = ON; DELETE FROM calls").await.unwrap();
    let left = "SELECT (SELECT count(*) FROM outbox) + (SELECT count(*) FROM attempts)";
    assert_eq!(sqlx::query_scalar::<_, i64>(left).fetch_one(&mut now).await.unwrap(), 0, "they go with their call");
}

#[tokio::test]
async fn another_programs_database_is_refused() {
    let file = File::new();
    drop(std::fs::File::create(file.path()).unwrap());
    file.other().await.execute("CREATE TABLE cdr (id INTEGER)").await.unwrap();
    assert!(matches!(file.refusal().await, StoreError::Conflict(_)));
}

#[tokio::test]
async fn a_file_that_is_no_database_or_damaged_is_refused_as_corrupt() {
    let file = File::new();
    std::fs::write(file.path(), vec![b'x'; 9000]).unwrap();
    assert!(matches!(file.refusal().await, StoreError::Corrupt(_)));

    let file = File::new();
    let store = file.open().await;
    for n in 0..200 {
        store.commit(&one(n)).await.unwrap();
    }
    store.close().await;
    let mut bytes = std::fs::read(file.path()).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle..middle + 4096].fill(0xa5);
    std::fs::write(file.path(), bytes).unwrap();
    assert!(matches!(file.refusal().await, StoreError::Corrupt(_)));
}

#[tokio::test]
async fn only_sqlite_urls_with_a_path_are_taken() {
    for url in ["postgres://localhost/x", "sqlite:", "sqlite::memory:", "/var/lib/x.db"] {
        let refused = SqliteStore::open(url, Clock::start()).await.map(drop);
        assert!(matches!(refused, Err(StoreError::Unavailable(_))), "{url}");
    }
    let nowhere = SqliteStore::open("sqlite:/nonexistent/x.db", Clock::start()).await.map(drop);
    assert!(matches!(nowhere, Err(StoreError::Unavailable(_))));
}

#[tokio::test]
async fn a_locked_file_is_unavailable_and_recovers_by_itself() {
    let file = File::new();
    let store = file.open().await;
    let mut other = file.other().await;
    other.execute("BEGIN IMMEDIATE").await.unwrap();
    let batches: Vec<Batch> = (0..20).map(one).collect();
    for outcome in join_all(batches.iter().map(|batch| store.commit(batch))).await {
        assert!(matches!(outcome, Err(StoreError::Unavailable(_))), "{outcome:?}");
    }
    assert_eq!(store.active_calls().await.unwrap(), [], "readers go on");
    other.execute("ROLLBACK").await.unwrap();
    store.commit(&one(1)).await.unwrap();
    store.close().await;
}

#[tokio::test]
async fn a_full_disk_is_unavailable_and_the_next_write_finds_its_way() {
    let file = File::new();
    let (store, mut writer) = SqliteStore::open(&file.url(), Clock::start()).await.unwrap();
    // As a full disk: SQLite says SQLITE_FULL.
    writer.connection.as_mut().unwrap().execute("PRAGMA max_page_count = 60").await.unwrap();
    let stop = CancellationToken::new();
    let driver = tokio::spawn(writer.run(stop.clone()));
    let mut big = owing(1, "http://crm.example/");
    big.callbacks[0].body = "x".repeat(1 << 20);
    let outcome = store.commit(&big).await;
    assert!(matches!(outcome, Err(StoreError::Unavailable(_))), "{outcome:?}");
    assert_eq!(store.call("demo", id(1)).await.unwrap(), None);
    store.commit(&one(2)).await.unwrap();
    Opened { store, stop, driver }.close().await;
}

#[tokio::test]
async fn after_the_writer_has_stopped_writes_are_unavailable_and_reads_go_on() {
    let file = File::new();
    let Opened { store, stop, driver } = file.open().await;
    store.commit(&one(1)).await.unwrap();
    stop.cancel();
    driver.await.unwrap();
    assert!(matches!(store.ping().await, Err(StoreError::Unavailable(_))));
    assert_eq!(store.active_calls().await.unwrap().len(), 1);
}

#[tokio::test]
async fn what_waits_in_the_queue_at_the_end_is_still_written() {
    let file = File::new();
    let Opened { store, stop, driver } = file.open().await;
    let batches: Vec<Batch> = (0..300).map(one).collect();
    let commits = join_all(batches.iter().map(|batch| store.commit(batch)));
    let end = async { stop.cancel() };
    let (outcomes, ()) = tokio::join!(commits, end);
    driver.await.unwrap();
    let written = outcomes.iter().filter(|outcome| outcome.is_ok()).count();
    assert_eq!(store.active_calls().await.unwrap().len(), written, "an answer is the truth");
    assert!(written >= 1);
}

/// Prints a number; fails when it is absurdly small.
#[tokio::test(flavor = "multi_thread")]
async fn two_hundred_committers_share_their_syncs() {
    let file = File::new();
    let store = file.open().await;
    let clock = Clock::start();
    let start = clock.now();
    let committers = (0..200u32).map(|committer| {
        let store = store.store.clone();
        async move {
            for turn in 0..25 {
                store.commit(&one(committer * 25 + turn)).await.unwrap();
            }
        }
    });
    join_all(committers).await;
    let took = clock.now().since(start).max(Duration::from_millis(1));
    let rate = 5_000.0 / took.as_secs_f64();
    eprintln!("200 committers: {rate:.0} commits a second");
    assert!(rate > 160.0, "{rate}");
    store.close().await;
}
