//! Tokens in the wrong hands: one that runs into the limits against fraud again and again is suspended.
//!
//! Somebody who has stolen a token calls one dear number over and over, or one country; nobody does at work.
//! The suspension stands in the directory, where an administrator sees and lifts it; it is made once and
//! for all that the token may do.

use std::collections::{HashMap, VecDeque};
use std::convert::Infallible;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::timeout;

use crate::directory::{Directory, Tenant};
use crate::http::Shared;
use crate::http::auth::Caller;
use crate::timestamp::Timestamp;

/// So many refusals within this time are no accident.
const TIMES: usize = 20;
const WITHIN: Duration = Duration::from_mins(10);

/// How long a refusal may wait for the suspension that it leads to.
const PATIENCE: Duration = Duration::from_secs(1);
/// How the audit calls who suspends a token.
const ACTOR: &str = "limits against fraud";

/// The last refusals of each token, by tenant and name.
#[derive(Debug, Default)]
pub(super) struct Suspects(Mutex<HashMap<(String, String), VecDeque<Timestamp>>>);

impl Suspects {
    /// Counts a refusal; whether it was one too many.
    fn count(&self, key: (String, String), now: Timestamp) -> bool {
        let mut suspects = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let refused = suspects.entry(key).or_default();
        refused.retain(|at| now.since(*at) < WITHIN);
        refused.push_back(now);
        if refused.len() < TIMES {
            return false;
        }
        refused.pop_front();
        true
    }
}

/// Counts a click that a limit against fraud refused, and suspends its token when there were too many.
pub(super) async fn note(shared: &Shared, caller: &Caller) {
    if !shared.suspects.count(caller.key(), shared.ports.clock.now()) {
        return;
    }
    let Caller { tenant, credential } = caller;
    let edit = shared.ports.editor.edit(ACTOR, |now| Ok::<_, Infallible>(suspended(now, caller)));
    let is_suspended = matches!(timeout(PATIENCE, edit).await, Ok(Ok(edited)) if !edited.changes.is_empty());
    if is_suspended {
        shared.ports.counters.suspend();
    }
    // A session is no token of the directory; its limits hold it all the same.
    tracing::warn!(
        tenant.id = %tenant.id,
        credential.name = %credential.name,
        is_suspended,
        "refused {TIMES} times within ten minutes by the limits on destinations or on calls abroad"
    );
}

/// The tenant with this token suspended.
fn suspended(now: &Directory, caller: &Caller) -> Vec<Tenant> {
    let mut tenants: Vec<Tenant> = now.tenant(&caller.tenant.id).map(|tenant| (**tenant).clone()).into_iter().collect();
    let tokens = tenants.iter_mut().flat_map(|tenant| &mut tenant.tokens);
    tokens.filter(|token| token.name == caller.credential.name).for_each(|token| token.suspended = true);
    tenants
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_many_refusals_in_a_short_time_are_suspicious() {
        let (suspects, key) = (Suspects::default(), || ("demo".to_owned(), "crm".to_owned()));
        let at = |seconds: i64| Timestamp::from_millis(seconds * 1000);
        assert!((0..100).all(|n| !suspects.count(key(), at(n * 32))), "nineteen in ten minutes");
        let suspects = Suspects::default();
        assert!((0..19).all(|n| !suspects.count(key(), at(n * 30))));
        assert!(!suspects.count(("demo".to_owned(), "other".to_owned()), at(570)));
        assert!(suspects.count(key(), at(599)));
    }
}
