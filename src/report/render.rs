//! From a call that has ended to the callbacks that it owes.

use crate::call::{CallRequest, Journal};
use crate::report::Callback;
use crate::timestamp::Timestamp;

/// The callbacks that a call owes at its end: the user data's own, and the tenant's call record.
pub fn at_end(request: &CallRequest, _journal: &Journal, now: Timestamp) -> Vec<Callback> {
    vec![Callback {
        id: format!("msg_{}_cdr", request.id),
        call: request.id,
        tenant: String::new(),
        kind: String::new(),
        url: String::new(),
        content_type: String::new(),
        body: String::new(),
        created_at: now,
    }]
}
