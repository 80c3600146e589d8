//! The outbox.

use std::collections::BTreeMap;
use std::time::Duration;

use super::Rig;
use super::sample::{at, callback, ended, id, owing};
use crate::call::EndReason;
use crate::store::{Attempt, Batch, Due, OutboxStats, Room, Settlement, StoreError};

const LEASE: Duration = Duration::from_mins(1);
const CRM: &str = "http://crm.example/hook";

fn ids(due: &[Due]) -> Vec<String> {
    due.iter().map(|due| due.callback.id.clone()).collect()
}

fn name(n: u32, kind: &str) -> String {
    format!("msg_{}_{kind}", id(n))
}

fn attempt(status: u16) -> Attempt {
    Attempt { at: at(0), took: Duration::from_millis(12), status: Some(status), note: "so it went".to_owned() }
}

pub(crate) async fn a_claim_is_held_until_its_lease_is_over(rig: &impl Rig) {
    let store = rig.open().await;
    store.commit(&owing(1, CRM)).await.unwrap();
    assert_eq!(store.claim(at(0), LEASE, 10).await.unwrap(), [], "not due yet");
    let claimed = store.claim(at(1), LEASE, 10).await.unwrap();
    assert_eq!(claimed, [Due { callback: callback(1, "userdata", CRM), attempts: 0 }]);
    assert_eq!(store.claim(at(60_000), LEASE, 10).await.unwrap(), [], "claimed");
    assert_eq!(store.claim(at(60_001), LEASE, 10).await.unwrap(), claimed, "the lease is over");
    store.close().await;
}

pub(crate) async fn rows_of_one_call_to_one_endpoint_go_out_in_order(rig: &impl Rig) {
    let store = rig.open().await;
    let callbacks = vec![callback(1, "first", CRM), callback(1, "second", "http://crm.example:80/else")];
    let batch = Batch { snapshots: vec![ended(1, EndReason::Normal)], callbacks, ..Batch::default() };
    store.commit(&batch).await.unwrap();
    let both = [name(1, "first"), name(1, "second")];
    assert_eq!(ids(&store.claim(at(9), LEASE, 10).await.unwrap()), both[..1]);
    assert_eq!(store.claim(at(10), LEASE, 10).await.unwrap(), [], "the first is being sent");
    store.settle(&both[0], &attempt(500), &Settlement::RetryAt(at(5_000))).await.unwrap();
    assert_eq!(store.claim(at(11), LEASE, 10).await.unwrap(), [], "the first is still owed");
    assert_eq!(ids(&store.claim(at(5_000), LEASE, 10).await.unwrap()), both[..1]);
    store.settle(&both[0], &attempt(200), &Settlement::Delivered).await.unwrap();
    assert_eq!(ids(&store.claim(at(5_001), LEASE, 10).await.unwrap()), both[1..]);
    store.close().await;
}

pub(crate) async fn a_receiver_that_is_away_does_not_hold_back_another_of_the_same_call(rig: &impl Rig) {
    let store = rig.open().await;
    let callbacks = vec![callback(1, "userdata", CRM), callback(1, "cdr", "https://cdr.example/")];
    let batch = Batch { snapshots: vec![ended(1, EndReason::Normal)], callbacks, ..Batch::default() };
    store.commit(&batch).await.unwrap();
    let both = [name(1, "userdata"), name(1, "cdr")];
    assert_eq!(ids(&store.claim(at(9), LEASE, 10).await.unwrap()), both);
    store.close().await;
}

pub(crate) async fn a_callback_rendered_twice_is_owed_once(rig: &impl Rig) {
    let store = rig.open().await;
    store.commit(&owing(1, CRM)).await.unwrap();
    store.settle(&name(1, "userdata"), &attempt(200), &Settlement::Delivered).await.unwrap();
    store.commit(&owing(1, CRM)).await.unwrap();
    assert_eq!(store.claim(at(9), LEASE, 10).await.unwrap(), [], "it is delivered already");
    let mut other = owing(1, CRM);
    other.callbacks[0].body.push('!');
    assert!(matches!(store.commit(&other).await, Err(StoreError::Conflict(_))), "the same id, other words");
    store.close().await;
}

pub(crate) async fn an_attempt_settles_its_callback(rig: &impl Rig) {
    let store = rig.open().await;
    store.commit(&owing(1, CRM)).await.unwrap();
    let id = name(1, "userdata");
    for (attempts, time) in [(0, 1), (1, 5_000), (2, 10_000)] {
        let due = store.claim(at(time), LEASE, 10).await.unwrap();
        assert_eq!(due, [Due { callback: callback(1, "userdata", CRM), attempts }], "the same words each time");
        let unanswered = Attempt { status: None, ..attempt(0) };
        store.settle(&id, &unanswered, &Settlement::RetryAt(at(time + 4_000))).await.unwrap();
        assert_eq!(store.claim(at(time + 3_999), LEASE, 10).await.unwrap(), []);
    }
    store.settle(&id, &attempt(410), &Settlement::Dead).await.unwrap();
    assert_eq!(store.claim(at(999_999), LEASE, 10).await.unwrap(), []);
    store.close().await;
}

pub(crate) async fn a_callback_that_is_not_owed_cannot_be_settled(rig: &impl Rig) {
    let store = rig.open().await;
    store.commit(&owing(1, CRM)).await.unwrap();
    let id = name(1, "userdata");
    store.settle(&id, &attempt(200), &Settlement::Delivered).await.unwrap();
    for id in [id.as_str(), "msg_unknown"] {
        let again = store.settle(id, &attempt(500), &Settlement::RetryAt(at(9))).await;
        assert!(matches!(again, Err(StoreError::Conflict(_))), "{id}: {again:?}");
    }
    assert_eq!(store.outbox_stats().await.unwrap().pending, 0);
    store.close().await;
}

pub(crate) async fn what_is_released_is_due_at_once_and_counts_no_attempt(rig: &impl Rig) {
    let store = rig.open().await;
    store.commit(&owing(1, CRM)).await.unwrap();
    store.commit(&owing(2, CRM)).await.unwrap();
    let claimed = store.claim(at(9), LEASE, 10).await.unwrap();
    store.settle(&name(2, "userdata"), &attempt(200), &Settlement::Delivered).await.unwrap();
    store.release(&ids(&claimed)).await.unwrap();
    assert_eq!(store.claim(at(9), LEASE, 10).await.unwrap(), claimed[..1], "what was settled stays settled");
    store.close().await;
}

pub(crate) async fn claims_take_turns_between_endpoints(rig: &impl Rig) {
    let store = rig.open().await;
    for n in 0..20 {
        store.commit(&owing(n, "http://black.hole/")).await.unwrap();
    }
    store.commit(&owing(20, "https://live.example/a")).await.unwrap();
    store.commit(&owing(21, "https://live.example/b")).await.unwrap();
    let room = Room { total: 5, each: 4, named: BTreeMap::new() };
    let claimed = ids(&store.claim_within(at(99), LEASE, &room).await.unwrap());
    let expected = [0, 20, 1, 21, 2].map(|n| name(n, "userdata"));
    assert_eq!(claimed, expected);
    let rest = ids(&store.claim_within(at(99), LEASE, &room).await.unwrap());
    assert_eq!(rest, [3, 4, 5, 6].map(|n| name(n, "userdata")), "at most four of one");
    store.close().await;
}

pub(crate) async fn an_endpoint_without_room_is_left_out(rig: &impl Rig) {
    let store = rig.open().await;
    for n in 0..9 {
        let url = ["http://a.example/", "http://b.example/", "http://c.example/"][n as usize % 3];
        store.commit(&owing(n, url)).await.unwrap();
    }
    let named = BTreeMap::from([("http://a.example:80".to_owned(), 0), ("http://b.example:80".to_owned(), 1)]);
    let claimed = store.claim_within(at(99), LEASE, &Room { total: 64, each: 3, named }).await.unwrap();
    assert_eq!(ids(&claimed), [1, 2, 5, 8].map(|n| name(n, "userdata")));
    store.close().await;
}

pub(crate) async fn the_next_due_moment_minds_retries_and_leases(rig: &impl Rig) {
    let store = rig.open().await;
    assert_eq!(store.next_due().await.unwrap(), None);
    store.commit(&owing(1, CRM)).await.unwrap();
    assert_eq!(store.next_due().await.unwrap(), Some(at(1)));
    store.claim(at(5), LEASE, 1).await.unwrap();
    assert_eq!(store.next_due().await.unwrap(), Some(at(60_005)), "when the lease is over");
    store.settle(&name(1, "userdata"), &attempt(503), &Settlement::RetryAt(at(7_000))).await.unwrap();
    assert_eq!(store.next_due().await.unwrap(), Some(at(7_000)));
    store.settle(&name(1, "userdata"), &attempt(200), &Settlement::Delivered).await.unwrap();
    assert_eq!(store.next_due().await.unwrap(), None);
    store.close().await;
}

pub(crate) async fn the_outbox_counts_what_is_owed_and_what_is_given_up(rig: &impl Rig) {
    let store = rig.open().await;
    assert_eq!(store.outbox_stats().await.unwrap(), OutboxStats::default());
    for n in 1..=4 {
        store.commit(&owing(n, CRM)).await.unwrap();
    }
    store.settle(&name(1, "userdata"), &attempt(200), &Settlement::Delivered).await.unwrap();
    store.settle(&name(2, "userdata"), &attempt(410), &Settlement::Dead).await.unwrap();
    let expected = OutboxStats { pending: 2, dead: 1, oldest: Some(at(3)) };
    assert_eq!(store.outbox_stats().await.unwrap(), expected);
    store.close().await;
}
