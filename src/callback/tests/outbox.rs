//! An outbox in memory, for simulated time; the real ones have their own contract.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::watch;

use crate::call::CallId;
use crate::report::Callback;
use crate::store::{
    Attempt, AuditLine, Batch, CallEvent, CallFilter, CallKey, CallbackFilter, Due, Entry, EventFilter, Expired,
    Marked, OutboxRow, OutboxStats, Room, Session, SessionToken, Settlement, Snapshot, Store, StoreError,
    TenantDocument, endpoint,
};
use crate::timestamp::Timestamp;

#[derive(Clone, Debug)]
pub(super) struct Row {
    pub(super) callback: Callback,
    pub(super) attempts: Vec<Attempt>,
    pub(super) settled: Option<Settlement>,
    endpoint: String,
    due_at: Timestamp,
    lease_until: Timestamp,
}

impl Row {
    fn is_owed(&self) -> bool {
        !matches!(self.settled, Some(Settlement::Delivered | Settlement::Dead))
    }
}

#[derive(Debug, Default)]
pub(super) struct Outbox {
    rows: Mutex<Vec<Row>>,
    changes: watch::Sender<u64>,
    /// Settling fails while this is set.
    pub(super) deaf: AtomicBool,
    /// Everything fails while this is set.
    pub(super) away: AtomicBool,
}

impl Outbox {
    /// Owes the `n`th callback to this URL.
    pub(super) fn owe(&self, n: u32, url: &str) {
        let past = Timestamp::from_millis(0);
        let call = CallId::from_bits(n.into());
        let callback = Callback {
            id: format!("msg_{call}_userdata"),
            call: Some(call),
            tenant: "demo".to_owned(),
            kind: "userdata".to_owned(),
            url: url.to_owned(),
            content_type: "application/x-www-form-urlencoded".to_owned(),
            body: "ctl_userdata=%5Bname%7Cשלום%5D".to_owned(),
            created_at: past,
        };
        let endpoint = endpoint(url);
        let row = Row { endpoint, due_at: past, lease_until: past, callback, attempts: Vec::new(), settled: None };
        self.rows.lock().unwrap().push(row);
    }

    pub(super) fn rows(&self) -> Vec<Row> {
        self.rows.lock().unwrap().clone()
    }

    pub(super) fn leased(&self, now: Timestamp) -> usize {
        self.rows().iter().filter(|row| row.is_owed() && row.lease_until > now).count()
    }

    /// Waits until this holds.
    pub(super) async fn until(&self, holds: impl Fn(&[Row]) -> bool) -> Vec<Row> {
        let mut watcher = self.changes.subscribe();
        loop {
            if holds(&self.rows.lock().unwrap()) {
                return self.rows();
            }
            watcher.changed().await.unwrap();
        }
    }

    /// Waits until nothing is owed any more.
    pub(super) async fn done(&self) -> Vec<Row> {
        self.until(|rows| rows.iter().all(|row| !row.is_owed())).await
    }

    fn answer(&self) -> Result<(), StoreError> {
        if self.away.load(Ordering::Relaxed) { Err(StoreError::Unavailable("away".to_owned())) } else { Ok(()) }
    }
}

#[async_trait]
impl Store for Outbox {
    async fn claim(&self, now: Timestamp, lease: Duration, limit: u32) -> Result<Vec<Due>, StoreError> {
        self.claim_within(now, lease, &Room { total: limit, each: limit, ..Room::default() }).await
    }

    async fn claim_within(&self, now: Timestamp, lease: Duration, room: &Room) -> Result<Vec<Due>, StoreError> {
        self.answer()?;
        let mut taken: BTreeMap<String, u32> = BTreeMap::new();
        let mut rows = self.rows.lock().unwrap();
        let mut ranked = Vec::new();
        for (index, row) in rows.iter().enumerate() {
            if !row.is_owed() || row.due_at > now || row.lease_until > now {
                continue;
            }
            let rank = taken.entry(row.endpoint.clone()).or_default();
            if *rank < room.of(&row.endpoint) {
                ranked.push((*rank, index));
                *rank += 1;
            }
        }
        ranked.sort_unstable();
        let mut claimed = Vec::new();
        for (_, index) in ranked.into_iter().take(room.total as usize) {
            let row = &mut rows[index];
            row.lease_until = now + lease;
            claimed.push(Due { callback: row.callback.clone(), attempts: u32::try_from(row.attempts.len()).unwrap() });
        }
        Ok(claimed)
    }

    async fn settle(&self, id: &str, attempt: &Attempt, settlement: &Settlement) -> Result<(), StoreError> {
        self.answer()?;
        if self.deaf.load(Ordering::Relaxed) {
            return Err(StoreError::Unavailable("disk full".to_owned()));
        }
        let mut rows = self.rows.lock().unwrap();
        let row = rows.iter_mut().find(|row| row.callback.id == id && row.is_owed());
        let row = row.ok_or_else(|| StoreError::Conflict("not owed".to_owned()))?;
        row.attempts.push(attempt.clone());
        row.lease_until = row.callback.created_at;
        if let Settlement::RetryAt(at) = settlement {
            row.due_at = *at;
        }
        row.settled = Some(settlement.clone());
        self.changes.send_modify(|changes| *changes += 1);
        Ok(())
    }

    async fn release(&self, ids: &[String]) -> Result<(), StoreError> {
        self.answer()?;
        for row in self.rows.lock().unwrap().iter_mut().filter(|row| ids.contains(&row.callback.id)) {
            row.lease_until = row.callback.created_at;
        }
        Ok(())
    }

    async fn next_due(&self) -> Result<Option<Timestamp>, StoreError> {
        self.answer()?;
        Ok(self
            .rows
            .lock()
            .unwrap()
            .iter()
            .filter(|row| row.is_owed())
            .map(|row| row.due_at.max(row.lease_until))
            .min())
    }

    async fn commit(&self, _: &Batch) -> Result<(), StoreError> {
        self.answer()
    }
    async fn active_calls(&self) -> Result<Vec<Snapshot>, StoreError> {
        Ok(Vec::new())
    }
    async fn calls_since(&self, _: Timestamp) -> Result<Vec<Snapshot>, StoreError> {
        Ok(Vec::new())
    }
    async fn calls_page(&self, _: &CallFilter, _: Option<CallKey>, _: u32) -> Result<Vec<Snapshot>, StoreError> {
        unreachable!("not asked by the worker")
    }

    async fn call(&self, _: &str, _: CallId) -> Result<Option<Snapshot>, StoreError> {
        Ok(None)
    }
    async fn calls_abroad_since(&self, _: Timestamp) -> Result<Vec<Snapshot>, StoreError> {
        unreachable!("not asked by the worker")
    }
    async fn marked(&self, _: (&str, &str), _: &str, _: Timestamp) -> Result<Option<Marked>, StoreError> {
        unreachable!("not asked by the worker")
    }
    async fn ledger(&self, _: CallId) -> Result<Vec<Entry>, StoreError> {
        Ok(Vec::new())
    }
    async fn outbox_stats(&self) -> Result<OutboxStats, StoreError> {
        Ok(OutboxStats::default())
    }
    async fn events_after(&self, _: &EventFilter, _: u64, _: u32) -> Result<Vec<(u64, CallEvent)>, StoreError> {
        Ok(Vec::new())
    }
    async fn newest_event(&self) -> Result<u64, StoreError> {
        Ok(0)
    }
    async fn callbacks(&self, _: &CallbackFilter, _: Option<u64>, _: u32) -> Result<Vec<OutboxRow>, StoreError> {
        unreachable!("the worker only works")
    }
    async fn callback(&self, _: Option<&str>, _: &str) -> Result<Option<OutboxRow>, StoreError> {
        unreachable!("the worker only works")
    }
    async fn attempts(&self, _: &str) -> Result<Vec<Attempt>, StoreError> {
        unreachable!("the worker only works")
    }
    async fn replay(&self, _: &str, _: &AuditLine) -> Result<bool, StoreError> {
        unreachable!("the worker only works")
    }
    async fn tenants(&self) -> Result<Vec<TenantDocument>, StoreError> {
        Ok(Vec::new())
    }
    async fn put_tenants(&self, _: &[TenantDocument], _: &[AuditLine]) -> Result<(), StoreError> {
        Ok(())
    }
    async fn open_session(&self, _: &Session, _: &Expired) -> Result<(), StoreError> {
        unreachable!("the outbox signs nobody in")
    }
    async fn session(&self, _: SessionToken, _: &str) -> Result<Option<Session>, StoreError> {
        unreachable!("the outbox signs nobody in")
    }
    async fn session_seen(&self, _: &str, _: Timestamp) -> Result<(), StoreError> {
        unreachable!("the outbox signs nobody in")
    }
    async fn end_session(&self, _: &str) -> Result<(), StoreError> {
        unreachable!("the outbox signs nobody in")
    }
    async fn ping(&self) -> Result<(), StoreError> {
        self.answer()
    }
}
