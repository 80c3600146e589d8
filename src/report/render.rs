//! From a call that has ended to the callbacks that it owes.

use crate::call::{CallRequest, Journal};
use crate::report::Callback;
use crate::timestamp::Timestamp;

/// The callbacks that a call owes at its end: the user data's own, and the tenant's call record.
pub fn at_end(_request: &CallRequest, _journal: &Journal, _now: Timestamp) -> Vec<Callback> {
    Vec::new()
}
