//! The one writer: group commit.
//!
//! While one transaction is on its way to the disk, writes gather in the queue; the next transaction
//! takes all of them. A write that comes alone does not wait for company. When a group fails, its
//! members are tried again one by one, so that one bad write does not fail the others; when the
//! database does not even let a transaction begin, nobody is kept waiting for a second try.

use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{Connection, SqliteConnection};
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;

use super::{callbacks, calls, events, marks, outbox, sessions, tenants};
use crate::report::Callback;
use crate::store::{
    Attempt, AuditLine, CallEvent, Due, Expired, Mark, Room, Session, Settlement, StoreError, TenantDocument,
};
use crate::timestamp::Timestamp;

/// Most writes in one transaction.
const GROUP: usize = 256;

/// One write.
#[derive(Debug)]
pub(super) enum Op {
    Commit {
        calls: Vec<calls::CallRow>,
        ledger: Vec<calls::EntryRow>,
        callbacks: Vec<Callback>,
        events: Vec<CallEvent>,
        marks: Vec<Mark>,
        audit: Vec<AuditLine>,
    },
    Claim {
        now: Timestamp,
        until: Timestamp,
        room: Room,
    },
    Settle {
        id: String,
        attempt: Attempt,
        settlement: Settlement,
    },
    Release(Vec<String>),
    Replay {
        id: String,
        audit: AuditLine,
    },
    PutTenants {
        documents: Vec<TenantDocument>,
        audit: Vec<AuditLine>,
        at: Timestamp,
    },
    OpenSession {
        session: Session,
        expired: Expired,
    },
    SessionSeen {
        strict: String,
        at: Timestamp,
    },
    EndSession(String),
    Ping(Timestamp),
}

/// What a write brought.
#[derive(Debug)]
pub(super) enum Done {
    Written,
    Claimed(Vec<Due>),
    Replayed(bool),
}

/// A write and who waits for it.
#[derive(Debug)]
pub(super) struct Job {
    pub(super) op: Op,
    pub(super) reply: oneshot::Sender<Result<Done, StoreError>>,
}

/// Why a group failed.
enum Trouble {
    /// No transaction could begin: it is not the group's fault.
    Begin(StoreError),
    /// A write, or the commit.
    Write(StoreError),
}

/// Owns the connection that writes.
#[derive(Debug)]
pub struct Writer {
    options: SqliteConnectOptions,
    /// None after trouble: connected again with the next group.
    pub(super) connection: Option<SqliteConnection>,
    queue: mpsc::Receiver<Job>,
}

impl Writer {
    pub(super) const fn new(
        options: SqliteConnectOptions,
        connection: SqliteConnection,
        queue: mpsc::Receiver<Job>,
    ) -> Self {
        Self { options, connection: Some(connection), queue }
    }

    /// Writes until `cancel` or until the store is dropped. On cancel it takes no more, finishes what
    /// waits in the queue, and closes the file: cancel it last of all tasks.
    pub async fn run(mut self, cancel: CancellationToken) {
        let mut group = Vec::new();
        loop {
            let got = tokio::select! {
                biased;
                got = self.queue.recv_many(&mut group, GROUP) => got,
                () = cancel.cancelled(), if !self.queue.is_closed() => { self.queue.close(); continue }
            };
            if got == 0 {
                break;
            }
            // Whoever is about to write in this very turn joins in.
            tokio::task::yield_now().await;
            while group.len() < GROUP {
                let Ok(job) = self.queue.try_recv() else { break };
                group.push(job);
            }
            self.write(std::mem::take(&mut group)).await;
        }
        if let Some(connection) = self.connection.take()
            && let Err(error) = connection.close().await
        {
            tracing::warn!(error = %error, "the database file did not close cleanly");
        }
    }

    async fn write(&mut self, mut group: Vec<Job>) {
        group.retain(|job| !job.reply.is_closed());
        if group.is_empty() {
            return;
        }
        match self.attempt(&group).await {
            Ok(done) => answer(group, done),
            Err(Trouble::Begin(error)) => refuse(group, &error),
            Err(Trouble::Write(error)) if group.len() == 1 => refuse(group, &error),
            Err(Trouble::Write(_)) => self.one_by_one(group).await,
        }
    }

    async fn one_by_one(&mut self, group: Vec<Job>) {
        let mut rest = group.into_iter();
        while let Some(job) = rest.next() {
            let alone = [job];
            let outcome = self.attempt(&alone).await;
            match outcome {
                Ok(done) => answer(Vec::from(alone), done),
                Err(Trouble::Write(error)) => refuse(Vec::from(alone), &error),
                Err(Trouble::Begin(error)) => {
                    refuse(Vec::from(alone), &error);
                    return refuse(rest.collect(), &error);
                }
            }
        }
    }

    /// All of the group in one transaction. After trouble with the database itself (not with what
    /// was written) the connection is given up, since a file that was replaced or a disk that was
    /// repaired shows only to a new one.
    async fn attempt(&mut self, group: &[Job]) -> Result<Vec<Done>, Trouble> {
        let outcome = self.transact(group).await;
        if let Err(Trouble::Begin(error) | Trouble::Write(error)) = &outcome
            && !matches!(error, StoreError::Conflict(_))
        {
            self.connection = None;
        }
        outcome
    }

    async fn transact(&mut self, group: &[Job]) -> Result<Vec<Done>, Trouble> {
        let connection = match &mut self.connection {
            Some(connection) => connection,
            none => {
                let fresh = SqliteConnection::connect_with(&self.options).await;
                none.insert(fresh.map_err(|error| Trouble::Begin(error.into()))?)
            }
        };
        let begun = connection.begin_with("BEGIN IMMEDIATE").await;
        let mut transaction = begun.map_err(|error| Trouble::Begin(error.into()))?;
        let mut done = Vec::with_capacity(group.len());
        for job in group {
            done.push(apply(&mut transaction, &job.op).await.map_err(Trouble::Write)?);
        }
        transaction.commit().await.map_err(|error| Trouble::Write(error.into()))?;
        Ok(done)
    }
}

async fn apply(connection: &mut SqliteConnection, op: &Op) -> Result<Done, StoreError> {
    match op {
        Op::Commit { calls, ledger, callbacks, events, marks, audit } => {
            calls::put(connection, calls).await?;
            calls::append(connection, ledger).await?;
            outbox::put(connection, callbacks).await?;
            events::put(connection, events).await?;
            marks::put(connection, marks).await?;
            tenants::note(connection, audit).await?;
        }
        Op::Claim { now, until, room } => {
            return outbox::claim(connection, *now, *until, room).await.map(Done::Claimed);
        }
        Op::Settle { id, attempt, settlement } => outbox::settle(connection, id, attempt, settlement).await?,
        Op::Release(ids) => outbox::release(connection, ids).await?,
        Op::Replay { id, audit } => {
            let replayed = callbacks::replay(connection, id, audit).await?;
            if replayed {
                tenants::note(connection, std::slice::from_ref(audit)).await?;
            }
            return Ok(Done::Replayed(replayed));
        }
        Op::PutTenants { documents, audit, at } => {
            tenants::put(connection, documents, *at).await?;
            tenants::note(connection, audit).await?;
        }
        Op::OpenSession { session, expired } => sessions::open(connection, session, expired).await?,
        Op::SessionSeen { strict, at } => sessions::seen(connection, strict, *at).await?,
        Op::EndSession(strict) => sessions::end(connection, strict).await?,
        Op::Ping(at) => {
            let pulse = sqlx::query("INSERT INTO pulse VALUES (1, ?) ON CONFLICT (id) DO UPDATE SET at = excluded.at");
            pulse.bind(at.as_millis()).execute(connection).await?;
        }
    }
    Ok(Done::Written)
}

fn answer(group: Vec<Job>, done: Vec<Done>) {
    for (job, done) in group.into_iter().zip(done) {
        // Nobody waits any more: the write is done all the same.
        let _ = job.reply.send(Ok(done));
    }
}

fn refuse(group: Vec<Job>, error: &StoreError) {
    for job in group {
        let _ = job.reply.send(Err(error.clone()));
    }
}
