//! What must survive: calls, their ledger, the outbox, the directory.
//!
//! One trait, written so that several databases can stand behind it under one contract suite. A
//! commit is one transaction: the snapshots of the calls that changed, what happened to them, and
//! the callbacks that they owe appear together or not at all.

#[cfg(test)]
mod contract;
pub mod sqlite;

use std::collections::BTreeMap;
use std::time::Duration;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use url::Url;

use crate::call::{CallId, CallRequest, EndReason, Status};
pub use crate::ledger::{AuditLine, Batch, CallEvent, Entry, Mark, Snapshot};
use crate::report::Callback;
use crate::timestamp::Timestamp;

/// Why the store did not do what it was asked to.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// Not now: locked, full, or gone. Trying again may help.
    #[error("the store is unavailable: {0}")]
    Unavailable(String),
    /// Somebody else's write came first.
    #[error("the store holds something else: {0}")]
    Conflict(String),
    /// What is stored cannot be read.
    #[error("the store is corrupt: {0}")]
    Corrupt(String),
}

/// Which calls a list is of; what is not set lets all through.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CallFilter {
    /// The tenant.
    pub tenant: Option<String>,
    /// Extension of the agent.
    pub agent: Option<String>,
    /// The status.
    pub status: Option<Status>,
    /// Why they ended.
    pub end_reason: Option<EndReason>,
    /// The first leg's party: an extension, or E.164 with its plus.
    pub phone: Option<String>,
    /// The second leg's party, likewise.
    pub target: Option<String>,
    /// Accepted at this moment or after.
    pub since: Option<Timestamp>,
    /// Accepted before this moment.
    pub until: Option<Timestamp>,
    /// Whether nothing is left to do.
    pub is_over: Option<bool>,
}

/// What lists of calls are sorted by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct CallKey {
    /// When it was accepted.
    pub accepted_at: Timestamp,
    /// Its id.
    pub id: CallId,
}

impl CallKey {
    /// That of a call.
    pub fn of(request: &CallRequest) -> Self {
        Self { accepted_at: request.accepted_at, id: request.id }
    }
}

/// A callback that a worker has claimed, for the length of its lease.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Due {
    /// The callback.
    pub callback: Callback,
    /// How many attempts were made before this one, since it was owed (anew).
    pub attempts: u32,
}

/// How a callback stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum CallbackState {
    /// Owed.
    Pending,
    /// Delivered.
    Delivered,
    /// Given up.
    Dead,
}

impl CallbackState {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Pending, Self::Delivered, Self::Dead];

    /// As clients know it, and as it is stored.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Delivered => "delivered",
            Self::Dead => "dead",
        }
    }
}

/// Which callbacks are wanted; what is absent does not matter.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CallbackFilter {
    /// Of this tenant.
    pub tenant: Option<String>,
    /// In this state.
    pub state: Option<CallbackState>,
    /// Of this call.
    pub call: Option<CallId>,
    /// Of this kind.
    pub kind: Option<String>,
}

/// A row of the outbox.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutboxRow {
    /// Later rows have higher ones.
    pub number: u64,
    /// What is, or was, owed.
    pub callback: Callback,
    /// How it stands.
    pub state: CallbackState,
    /// Attempts in all.
    pub attempts: u32,
    /// When the next attempt is due, while it is owed.
    pub due_at: Timestamp,
    /// The last attempt.
    pub last: Option<Attempt>,
}

/// How much a worker can take on at the moment: in all, and of each endpoint.
///
/// Rows of an endpoint that answers slowly, or not at all, must not fill up a claim: whoever waits
/// behind them would wait for nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Room {
    /// At most this many in all.
    pub total: u32,
    /// At most this many of one endpoint (see [`endpoint`]) that is not named below.
    pub each: u32,
    /// At most this many of these endpoints; 0: none of theirs.
    pub named: BTreeMap<String, u32>,
}

impl Room {
    /// How many rows of this endpoint there is room for, the total aside.
    pub fn of(&self, endpoint: &str) -> u32 {
        self.named.get(endpoint).copied().unwrap_or(self.each)
    }

    /// The most that there is room for of any one endpoint.
    pub fn most(&self) -> u32 {
        self.named.values().copied().fold(self.each, u32::max)
    }
}

/// The endpoint of a URL: `scheme://host:port`, the port written out; the whole text where it is no
/// URL with a host.
pub fn endpoint(url: &str) -> String {
    let Ok(parsed) = Url::parse(url) else { return url.to_owned() };
    match (parsed.host_str(), parsed.port_or_known_default()) {
        (Some(host), Some(port)) => format!("{}://{host}:{port}", parsed.scheme()),
        _ => url.to_owned(),
    }
}

/// How an attempt ended, for the outbox.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Settlement {
    /// Delivered.
    Delivered,
    /// To be tried again at this moment.
    RetryAt(Timestamp),
    /// Given up.
    Dead,
}

/// What one attempt met.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attempt {
    /// When it began.
    pub at: Timestamp,
    /// How long it took.
    pub took: Duration,
    /// HTTP status, where there was an answer.
    pub status: Option<u16>,
    /// What went wrong, or the start of the answer (at most 2 KiB).
    pub note: String,
}

/// The outbox at a glance.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OutboxStats {
    /// Rows still owed.
    pub pending: u64,
    /// Rows given up.
    pub dead: u64,
    /// Since when the oldest row still owed is owed.
    pub oldest: Option<Timestamp>,
}

/// Whose events are wanted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EventFilter {
    /// One tenant's; none: every tenant's.
    pub tenant: Option<String>,
    /// Those of calls on behalf of the agent with this extension; none: of all calls.
    pub agent: Option<String>,
}

/// What an idempotency key stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Marked {
    /// Of what was asked for under it.
    pub fingerprint: String,
    /// What came of it.
    pub call: Snapshot,
}

/// One tenant's directory document as stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TenantDocument {
    /// The tenant's id.
    pub tenant: String,
    /// The document, JSON.
    pub document: String,
}

/// An agent who has signed in: two tokens of different power, known by their hashes alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    /// Hash of the token for the console and the API; names the session.
    pub strict: String,
    /// Hash of the token that can do no more than place calls.
    pub dial: String,
    /// The agent's tenant.
    pub tenant: String,
    /// The agent's extension.
    pub agent: String,
    /// Hash of the password's hash at sign-in: another password ends the session.
    pub mark: String,
    /// When the agent signed in.
    pub opened_at: Timestamp,
    /// When the session was last used, to the minute.
    pub seen_at: Timestamp,
}

/// Which of a session's two tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SessionToken {
    /// For the console and the API.
    Strict,
    /// For clicks alone.
    Dial,
}

/// Which sessions are over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Expired {
    /// Those opened before this moment.
    pub opened_before: Timestamp,
    /// Those last used before this moment.
    pub seen_before: Timestamp,
}

/// The embedded or shared database behind one daemon.
#[async_trait]
pub trait Store: Send + Sync + 'static {
    /// Makes a batch durable: all of it, or none. The same batch again changes nothing, so a commit
    /// of unknown outcome may be repeated. A call that is over never gets another verdict, and a
    /// journal never goes back: [`StoreError::Conflict`].
    ///
    /// A caller that stops waiting leaves all or nothing behind, never a half.
    async fn commit(&self, batch: &Batch) -> Result<(), StoreError>;

    /// Calls that are not over, oldest first.
    async fn active_calls(&self) -> Result<Vec<Snapshot>, StoreError>;

    /// Calls accepted at or after a moment, oldest first.
    async fn calls_since(&self, since: Timestamp) -> Result<Vec<Snapshot>, StoreError>;

    /// Calls that a filter lets through, newest first: those behind `before`, at most `limit`.
    async fn calls_page(
        &self,
        filter: &CallFilter,
        before: Option<CallKey>,
        limit: u32,
    ) -> Result<Vec<Snapshot>, StoreError>;

    /// Calls abroad accepted at or after a moment, oldest first.
    async fn calls_abroad_since(&self, since: Timestamp) -> Result<Vec<Snapshot>, StoreError>;

    /// One call of one tenant.
    async fn call(&self, tenant: &str, id: CallId) -> Result<Option<Snapshot>, StoreError>;

    /// The order that an idempotency key has stood for since `since` or later.
    async fn marked(
        &self,
        tenant_and_credential: (&str, &str),
        key: &str,
        since: Timestamp,
    ) -> Result<Option<Marked>, StoreError>;

    /// All that happened to a call, in order.
    async fn ledger(&self, id: CallId) -> Result<Vec<Entry>, StoreError>;

    /// Events with a greater number than `after`, in the order of their numbers, at most `limit`. Numbers grow
    /// with every commit, so whoever has seen one has missed nothing before it.
    async fn events_after(
        &self,
        filter: &EventFilter,
        after: u64,
        limit: u32,
    ) -> Result<Vec<(u64, CallEvent)>, StoreError>;

    /// The greatest number of an event so far; 0 where there was none.
    async fn newest_event(&self) -> Result<u64, StoreError>;

    /// Claims up to `limit` callbacks that are due at `now`, oldest first, for the length of `lease`;
    /// of one call only the first that is still owed to the same endpoint: one receiver hears of a
    /// call in order, and a receiver that is away does not keep the news from another. A claim that
    /// is not settled is due again when its lease is over.
    async fn claim(&self, now: Timestamp, lease: Duration, limit: u32) -> Result<Vec<Due>, StoreError>;

    /// As [`Store::claim`], but with room for so many of each endpoint: first the oldest row of each
    /// endpoint, then the second oldest of each, and so on. A store for which all endpoints are alike
    /// may leave out the difference.
    async fn claim_within(&self, now: Timestamp, lease: Duration, room: &Room) -> Result<Vec<Due>, StoreError> {
        self.claim(now, lease, room.total).await
    }

    /// Writes down an attempt, and what follows from it. A callback that is not owed (any more) is a
    /// [`StoreError::Conflict`].
    async fn settle(&self, id: &str, attempt: &Attempt, settlement: &Settlement) -> Result<(), StoreError>;

    /// Gives claimed callbacks back: they are due again as they were before the claim.
    async fn release(&self, ids: &[String]) -> Result<(), StoreError>;

    /// The next moment at which a callback will be due, if any is owed.
    async fn next_due(&self) -> Result<Option<Timestamp>, StoreError>;

    /// The outbox at a glance.
    async fn outbox_stats(&self) -> Result<OutboxStats, StoreError>;

    /// Callbacks, newest first: those with a number below `before`, at most `limit`.
    async fn callbacks(
        &self,
        filter: &CallbackFilter,
        before: Option<u64>,
        limit: u32,
    ) -> Result<Vec<OutboxRow>, StoreError>;

    /// One callback, of this tenant where one is named.
    async fn callback(&self, tenant: Option<&str>, id: &str) -> Result<Option<OutboxRow>, StoreError>;

    /// All attempts at a callback, the first one first.
    async fn attempts(&self, id: &str) -> Result<Vec<Attempt>, StoreError>;

    /// Owes a callback of the audit line's tenant anew, from that line's moment, and writes the line:
    /// the same words under the same id, with all attempts ahead of it again. One that is still owed is
    /// due now; an attempt that is under way goes on. False: there is no such callback.
    async fn replay(&self, id: &str, audit: &AuditLine) -> Result<bool, StoreError>;

    /// Every tenant's document.
    async fn tenants(&self) -> Result<Vec<TenantDocument>, StoreError>;

    /// Replaces these tenants' documents, and writes down who did it, in one transaction.
    async fn put_tenants(&self, documents: &[TenantDocument], audit: &[AuditLine]) -> Result<(), StoreError>;

    /// Keeps a new session, and forgets those that have expired: there are never more than were opened
    /// within their longest life.
    async fn open_session(&self, session: &Session, expired: &Expired) -> Result<(), StoreError>;

    /// The session with a token of this hash, expired or not.
    async fn session(&self, token: SessionToken, hash: &str) -> Result<Option<Session>, StoreError>;

    /// Writes down that the session with this strict hash was used.
    async fn session_seen(&self, strict: &str, at: Timestamp) -> Result<(), StoreError>;

    /// Forgets the session with this strict hash, if there is one.
    async fn end_session(&self, strict: &str) -> Result<(), StoreError>;

    /// Answers when the database can be written to.
    async fn ping(&self) -> Result<(), StoreError>;
}
