//! What the engine knows before its first turn: the calls that the last process left.

use std::sync::Arc;
use std::time::Duration;

use crate::clock::Clock;
use crate::store::{Store, StoreError};
use crate::switchboard::Switchboard;

/// The longest window in which a click can be a duplicate.
const LONGEST_DUPLICATE_WINDOW: Duration = Duration::from_mins(1);

/// A switchboard with every call that was under way, and with the clicks of the last minute, for as
/// long as each tenant's `duplicate_window` says.
pub async fn switchboard(
    store: &Arc<dyn Store>,
    clock: Clock,
    duplicate_window: impl Fn(&str) -> Duration,
) -> Result<Switchboard, StoreError> {
    let mut board = Switchboard::restore(store.active_calls().await?);
    let now = clock.now();
    for recent in store.calls_since(now - LONGEST_DUPLICATE_WINDOW).await? {
        let until = recent.request.accepted_at + duplicate_window(&recent.request.tenant);
        if now < until && !recent.was_abandoned() {
            board.remember_click(&recent.request, until);
        }
    }
    Ok(board)
}
