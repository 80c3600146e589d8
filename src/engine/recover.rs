//! What the engine knows before its first turn: the calls that the last process left, and what counts on.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use crate::call::CallId;
use crate::clock::Clock;
use crate::dial::policy::Limit;
use crate::store::{Snapshot, Store, StoreError};
use crate::switchboard::Switchboard;
use crate::timestamp::Timestamp;

/// A call is accepted at most so long after its door has taken it.
const INBOX: Duration = Duration::from_secs(20);

/// A switchboard with every call that was under way, with the clicks of the last minute, for as long as
/// each tenant's `duplicate_window` says, and with what the limits on calls still count.
pub async fn switchboard(
    store: &Arc<dyn Store>,
    clock: Clock,
    duplicate_window: impl Fn(&str) -> Duration,
) -> Result<Switchboard, StoreError> {
    let mut board = Switchboard::restore(store.active_calls().await?);
    let now = clock.now();
    for Snapshot { request, journal } in recent(store, now).await? {
        board.remember_call(&request, journal.a.created.unwrap_or(request.accepted_at), now);
        let until = request.accepted_at + duplicate_window(&request.tenant);
        if now < until {
            board.remember_click(&request, until);
        }
    }
    Ok(board)
}

/// Calls within the windows of the limits: all of the last minutes, those abroad of the last day. None that
/// were not to be.
async fn recent(store: &Arc<dyn Store>, now: Timestamp) -> Result<Vec<Snapshot>, StoreError> {
    let windows = |limits: &[Limit]| limits.iter().filter_map(|limit| limit.window()).max().unwrap_or_default() + INBOX;
    let (abroad, near): (Vec<_>, Vec<_>) = Limit::ALL.into_iter().partition(|limit| limit.is_abroad());
    let mut calls = store.calls_since(now - windows(&near)).await?;
    calls.extend(store.calls_abroad_since(now - windows(&abroad)).await?);
    let calls = calls.into_iter().filter(|call| !call.was_abandoned());
    let each: BTreeMap<CallId, Snapshot> = calls.map(|call| (call.request.id, call)).collect();
    Ok(each.into_values().collect())
}
