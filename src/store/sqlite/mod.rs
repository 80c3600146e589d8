//! SQLite, embedded: the default store.
//!
//! One connection writes, the rest read (write-ahead log). Every write goes through a queue to the
//! [`Writer`], which puts whatever waits there into one transaction: one fsync for all (group
//! commit), and each caller gets its own result. `synchronous = FULL`: when a write returns, it is
//! on the disk.
//!
//! The writer works through its queue by itself, so a caller that stops waiting never leaves half a
//! write behind. A write whose caller has already gone when its turn comes is left out.

mod callbacks;
mod calls;
mod error;
mod events;
mod marks;
mod open;
mod outbox;
mod pages;
mod sessions;
mod tenants;
#[cfg(test)]
mod tests;
mod writer;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use sqlx::SqlitePool;
use tokio::sync::{mpsc, oneshot};

pub use self::writer::Writer;

use self::writer::{Done, Job, Op};
use crate::call::CallId;
use crate::clock::Clock;
use crate::store::{
    Attempt, AuditLine, Batch, CallEvent, CallFilter, CallKey, CallbackFilter, Due, Entry, EventFilter, Expired,
    Marked, OutboxRow, OutboxStats, Room, Session, SessionToken, Settlement, Snapshot, Store, StoreError,
    TenantDocument,
};
use crate::timestamp::Timestamp;

/// Writes that may wait for the writer; more wait at the door.
const QUEUE: usize = 1024;

/// A SQLite database file.
#[derive(Debug)]
pub struct SqliteStore {
    readers: SqlitePool,
    jobs: mpsc::Sender<Job>,
    clock: Clock,
}

impl SqliteStore {
    /// Opens the file named by `url` (`sqlite:PATH`), makes it if there is none, brings its schema up
    /// to date and looks it over (`quick_check`, for at most two seconds).
    ///
    /// Nothing is written until [`Writer::run`] runs. A file that is damaged, of a newer schema or of
    /// another program is [`StoreError::Corrupt`] or [`StoreError::Conflict`], said in words.
    pub async fn open(url: &str, clock: Clock) -> Result<(Arc<Self>, Writer), StoreError> {
        let options = open::options(url)?;
        let connection = open::first(&options, clock).await?;
        let readers = open::readers(&options);
        let (jobs, queue) = mpsc::channel(QUEUE);
        let writer = Writer::new(options, connection, queue);
        Ok((Arc::new(Self { readers, jobs, clock }), writer))
    }

    /// Puts a write into the queue and waits for what became of it.
    async fn write(&self, op: Op) -> Result<Done, StoreError> {
        let stopped = || StoreError::Unavailable("the writer has stopped".to_owned());
        let (reply, answer) = oneshot::channel();
        self.jobs.send(Job { op, reply }).await.map_err(|_| stopped())?;
        answer.await.unwrap_or_else(|_| Err(stopped()))
    }
}

#[async_trait]
impl Store for SqliteStore {
    async fn commit(&self, batch: &Batch) -> Result<(), StoreError> {
        if batch.is_empty() {
            return Ok(());
        }
        let op = Op::Commit {
            calls: batch.snapshots.iter().map(calls::CallRow::new).collect::<Result<_, _>>()?,
            ledger: batch.ledger.iter().map(calls::EntryRow::new).collect::<Result<_, _>>()?,
            callbacks: batch.callbacks.clone(),
            events: batch.events.clone(),
            marks: batch.marks.clone(),
            audit: batch.audit.clone(),
        };
        self.write(op).await.map(drop)
    }

    async fn active_calls(&self) -> Result<Vec<Snapshot>, StoreError> {
        calls::active(&self.readers).await
    }

    async fn calls_since(&self, since: Timestamp) -> Result<Vec<Snapshot>, StoreError> {
        calls::since(&self.readers, since).await
    }

    async fn calls_page(
        &self,
        filter: &CallFilter,
        before: Option<CallKey>,
        limit: u32,
    ) -> Result<Vec<Snapshot>, StoreError> {
        pages::page(&self.readers, filter, (before, limit)).await
    }
    async fn calls_abroad_since(&self, since: Timestamp) -> Result<Vec<Snapshot>, StoreError> {
        calls::abroad_since(&self.readers, since).await
    }

    async fn call(&self, tenant: &str, id: CallId) -> Result<Option<Snapshot>, StoreError> {
        calls::one(&self.readers, tenant, id).await
    }

    async fn marked(&self, whose: (&str, &str), key: &str, since: Timestamp) -> Result<Option<Marked>, StoreError> {
        marks::find(&self.readers, whose, key, since).await
    }

    async fn ledger(&self, id: CallId) -> Result<Vec<Entry>, StoreError> {
        calls::ledger(&self.readers, id).await
    }

    async fn events_after(
        &self,
        filter: &EventFilter,
        after: u64,
        limit: u32,
    ) -> Result<Vec<(u64, CallEvent)>, StoreError> {
        events::after(&self.readers, filter, after, limit).await
    }

    async fn newest_event(&self) -> Result<u64, StoreError> {
        events::newest(&self.readers).await
    }

    async fn claim(&self, now: Timestamp, lease: Duration, limit: u32) -> Result<Vec<Due>, StoreError> {
        let room = Room { total: limit, each: limit, ..Room::default() };
        self.claim_within(now, lease, &room).await
    }

    async fn claim_within(&self, now: Timestamp, lease: Duration, room: &Room) -> Result<Vec<Due>, StoreError> {
        if room.total == 0 || room.most() == 0 {
            return Ok(Vec::new());
        }
        match self.write(Op::Claim { now, until: now + lease, room: room.clone() }).await? {
            Done::Claimed(due) => Ok(due),
            Done::Written | Done::Replayed(_) => Ok(Vec::new()),
        }
    }

    async fn settle(&self, id: &str, attempt: &Attempt, settlement: &Settlement) -> Result<(), StoreError> {
        let op = Op::Settle { id: id.to_owned(), attempt: attempt.clone(), settlement: settlement.clone() };
        self.write(op).await.map(drop)
    }

    async fn release(&self, ids: &[String]) -> Result<(), StoreError> {
        if ids.is_empty() {
            return Ok(());
        }
        self.write(Op::Release(ids.to_vec())).await.map(drop)
    }

    async fn next_due(&self) -> Result<Option<Timestamp>, StoreError> {
        outbox::next_due(&self.readers).await
    }

    async fn outbox_stats(&self) -> Result<OutboxStats, StoreError> {
        outbox::stats(&self.readers).await
    }

    async fn callbacks(
        &self,
        filter: &CallbackFilter,
        before: Option<u64>,
        limit: u32,
    ) -> Result<Vec<OutboxRow>, StoreError> {
        callbacks::list(&self.readers, filter, (before, limit)).await
    }

    async fn callback(&self, tenant: Option<&str>, id: &str) -> Result<Option<OutboxRow>, StoreError> {
        callbacks::one(&self.readers, tenant, id).await
    }

    async fn attempts(&self, id: &str) -> Result<Vec<Attempt>, StoreError> {
        callbacks::attempts(&self.readers, id).await
    }

    async fn replay(&self, id: &str, audit: &AuditLine) -> Result<bool, StoreError> {
        let op = Op::Replay { id: id.to_owned(), audit: audit.clone() };
        Ok(matches!(self.write(op).await?, Done::Replayed(true)))
    }

    async fn tenants(&self) -> Result<Vec<TenantDocument>, StoreError> {
        tenants::all(&self.readers).await
    }

    async fn put_tenants(&self, documents: &[TenantDocument], audit: &[AuditLine]) -> Result<(), StoreError> {
        let op = Op::PutTenants { documents: documents.to_vec(), audit: audit.to_vec(), at: self.clock.now() };
        self.write(op).await.map(drop)
    }

    async fn open_session(&self, session: &Session, expired: &Expired) -> Result<(), StoreError> {
        self.write(Op::OpenSession { session: session.clone(), expired: *expired }).await.map(drop)
    }

    async fn session(&self, token: SessionToken, hash: &str) -> Result<Option<Session>, StoreError> {
        sessions::find(&self.readers, token, hash).await
    }

    async fn session_seen(&self, strict: &str, at: Timestamp) -> Result<(), StoreError> {
        self.write(Op::SessionSeen { strict: strict.to_owned(), at }).await.map(drop)
    }

    async fn end_session(&self, strict: &str) -> Result<(), StoreError> {
        self.write(Op::EndSession(strict.to_owned())).await.map(drop)
    }

    async fn ping(&self) -> Result<(), StoreError> {
        self.write(Op::Ping(self.clock.now())).await.map(drop)
    }
}
