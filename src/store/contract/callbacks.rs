//! The outbox as people look at it, and what is owed anew.

use std::time::Duration;

use super::Rig;
use super::sample::{at, callback, ended, id, owing};
use crate::call::EndReason;
use crate::report::Callback;
use crate::store::{Attempt, AuditLine, Batch, CallbackFilter, CallbackState, Due, OutboxRow, Settlement, Store};

const LEASE: Duration = Duration::from_mins(1);
const CRM: &str = "http://crm.example/hook";

fn name(n: u32) -> String {
    format!("msg_{}_userdata", id(n))
}

fn attempt(millis: i64, status: u16) -> Attempt {
    Attempt { at: at(millis), took: Duration::from_millis(12), status: Some(status), note: "so it went".to_owned() }
}

fn line(millis: i64) -> AuditLine {
    let action = "callback owed anew".to_owned();
    AuditLine { at: at(millis), tenant: "demo".to_owned(), actor: "demo-admin".to_owned(), action }
}

async fn listed(store: &dyn Store, filter: &CallbackFilter) -> Vec<String> {
    let rows = store.callbacks(filter, None, 100).await.unwrap();
    rows.into_iter().map(|row| row.callback.id).collect()
}

async fn shown(store: &dyn Store, id: &str) -> OutboxRow {
    store.callback(None, id).await.unwrap().unwrap()
}

pub(crate) async fn callbacks_are_listed_newest_first_and_page_by_page(rig: &impl Rig) {
    let store = rig.open().await;
    for n in 1..=5 {
        store.commit(&owing(n, CRM)).await.unwrap();
    }
    let everything = CallbackFilter::default();
    let first = store.callbacks(&everything, None, 2).await.unwrap();
    assert_eq!(first.iter().map(|row| row.callback.id.clone()).collect::<Vec<_>>(), [name(5), name(4)]);
    store.commit(&owing(6, CRM)).await.unwrap();
    let second = store.callbacks(&everything, Some(first[1].number), 2).await.unwrap();
    assert_eq!(second.iter().map(|row| row.callback.id.clone()).collect::<Vec<_>>(), [name(3), name(2)]);
    store.close().await;
}

pub(crate) async fn callbacks_are_listed_by_tenant_state_call_and_kind(rig: &impl Rig) {
    let store = rig.open().await;
    let mut others = owing(1, CRM);
    others.callbacks[0].tenant = "other".to_owned();
    others.callbacks.push(callback(1, "cdr", CRM));
    store.commit(&others).await.unwrap();
    store.commit(&owing(2, CRM)).await.unwrap();
    store.settle(&name(2), &attempt(0, 410), &Settlement::Dead).await.unwrap();
    let cdr = format!("msg_{}_cdr", id(1));
    let any = CallbackFilter::default();
    let tenant = |tenant: &str| CallbackFilter { tenant: Some(tenant.to_owned()), ..any.clone() };
    let kind = |kind: &str| CallbackFilter { kind: Some(kind.to_owned()), ..any.clone() };
    let state = |state| CallbackFilter { state: Some(state), ..any.clone() };
    let table = [
        (tenant("demo"), vec![name(2), cdr.clone()]),
        (tenant("other"), vec![name(1)]),
        (tenant("nobody"), vec![]),
        (kind("cdr"), vec![cdr.clone()]),
        (state(CallbackState::Dead), vec![name(2)]),
        (state(CallbackState::Pending), vec![cdr.clone(), name(1)]),
        (state(CallbackState::Delivered), vec![]),
        (CallbackFilter { call: Some(id(1)), ..tenant("demo") }, vec![cdr]),
    ];
    for (filter, expected) in table {
        assert_eq!(listed(&*store, &filter).await, expected, "{filter:?}");
    }
    store.close().await;
}

pub(crate) async fn a_callback_is_shown_with_its_attempts_and_to_its_tenant_alone(rig: &impl Rig) {
    let store = rig.open().await;
    store.commit(&owing(1, CRM)).await.unwrap();
    let fresh = shown(&*store, &name(1)).await;
    assert_eq!((fresh.state, fresh.attempts, fresh.due_at, fresh.last), (CallbackState::Pending, 0, at(1), None));
    let tries = [attempt(10, 500), Attempt { status: None, note: "refused".to_owned(), ..attempt(20, 0) }];
    store.settle(&name(1), &tries[0], &Settlement::RetryAt(at(20))).await.unwrap();
    store.settle(&name(1), &tries[1], &Settlement::RetryAt(at(99))).await.unwrap();
    let row = store.callback(Some("demo"), &name(1)).await.unwrap().unwrap();
    assert_eq!((row.callback, row.attempts, row.due_at), (callback(1, "userdata", CRM), 2, at(99)));
    assert_eq!(row.last.as_ref(), Some(&tries[1]));
    assert_eq!(store.attempts(&name(1)).await.unwrap(), tries);
    assert_eq!(store.callback(Some("other"), &name(1)).await.unwrap(), None);
    assert_eq!(store.callback(None, "msg_unknown").await.unwrap(), None);
    store.close().await;
}

pub(crate) async fn a_callback_owed_anew_goes_out_in_the_same_words_with_all_attempts_ahead_of_it(rig: &impl Rig) {
    let store = rig.open().await;
    store.commit(&owing(1, CRM)).await.unwrap();
    store.settle(&name(1), &attempt(10, 500), &Settlement::RetryAt(at(20))).await.unwrap();
    store.settle(&name(1), &attempt(20, 410), &Settlement::Dead).await.unwrap();
    for (moment, status, settlement) in
        [(1_000, 200, Settlement::Delivered), (2_000, 500, Settlement::RetryAt(at(2_100)))]
    {
        assert!(store.replay(&name(1), &line(moment)).await.unwrap());
        assert_eq!(store.claim(at(moment - 1), LEASE, 9).await.unwrap(), []);
        let due = store.claim(at(moment), LEASE, 9).await.unwrap();
        assert_eq!(due, [Due { callback: callback(1, "userdata", CRM), attempts: 0 }]);
        store.settle(&name(1), &attempt(moment, status), &settlement).await.unwrap();
    }
    assert_eq!(store.claim(at(2_100), LEASE, 9).await.unwrap()[0].attempts, 1);
    let row = shown(&*store, &name(1)).await;
    assert_eq!((row.attempts, row.last), (4, Some(attempt(2_000, 500))));
    assert_eq!(store.attempts(&name(1)).await.unwrap().len(), 4, "what was tried before is not forgotten");
    store.close().await;
}

pub(crate) async fn a_callback_that_is_still_owed_becomes_due_and_stays_with_whoever_is_sending_it(rig: &impl Rig) {
    let store = rig.open().await;
    store.commit(&owing(1, CRM)).await.unwrap();
    store.settle(&name(1), &attempt(1, 500), &Settlement::RetryAt(at(500_000))).await.unwrap();
    assert!(store.replay(&name(1), &line(10)).await.unwrap());
    assert_eq!(store.next_due().await.unwrap(), Some(at(10)));
    let due = store.claim(at(10), LEASE, 9).await.unwrap();
    assert_eq!(due[0].attempts, 1, "it is the same owing");
    assert!(store.replay(&name(1), &line(20)).await.unwrap());
    assert_eq!(store.claim(at(20), LEASE, 9).await.unwrap(), [], "it is on its way");
    store.settle(&name(1), &attempt(20, 200), &Settlement::Delivered).await.unwrap();
    assert_eq!(shown(&*store, &name(1)).await.state, CallbackState::Delivered);
    store.close().await;
}

pub(crate) async fn a_callback_owed_anew_is_as_old_as_its_replay(rig: &impl Rig) {
    let store = rig.open().await;
    store.commit(&owing(1, CRM)).await.unwrap();
    store.settle(&name(1), &attempt(1, 410), &Settlement::Dead).await.unwrap();
    store.replay(&name(1), &line(900_000)).await.unwrap();
    let stats = store.outbox_stats().await.unwrap();
    assert_eq!((stats.pending, stats.dead, stats.oldest), (1, 0, Some(at(900_000))));
    assert_eq!(shown(&*store, &name(1)).await.callback.created_at, at(1), "its words are as old as they are");
    store.commit(&owing(1, CRM)).await.unwrap();
    store.close().await;
}

pub(crate) async fn nobody_replays_what_is_another_tenants(rig: &impl Rig) {
    let store = rig.open().await;
    store.commit(&owing(1, CRM)).await.unwrap();
    store.settle(&name(1), &attempt(1, 200), &Settlement::Delivered).await.unwrap();
    let others = AuditLine { tenant: "other".to_owned(), ..line(10) };
    assert!(!store.replay(&name(1), &others).await.unwrap());
    assert!(!store.replay("msg_unknown", &line(10)).await.unwrap());
    assert_eq!(shown(&*store, &name(1)).await.state, CallbackState::Delivered);
    store.close().await;
}

pub(crate) async fn a_callback_may_belong_to_no_call(rig: &impl Rig) {
    let store = rig.open().await;
    let test = |n: u32| Callback { call: None, id: format!("msg_test_{n}"), ..callback(1, "call.ended", CRM) };
    let batch = Batch { callbacks: vec![test(1), test(2)], ..Batch::default() };
    store.commit(&batch).await.unwrap();
    store.commit(&batch).await.unwrap();
    let due = store.claim(at(9), LEASE, 9).await.unwrap();
    assert_eq!(due.into_iter().map(|due| due.callback).collect::<Vec<_>>(), [test(1), test(2)], "neither waits");
    store.commit(&Batch { snapshots: vec![ended(1, EndReason::Normal)], ..Batch::default() }).await.unwrap();
    store.settle("msg_test_1", &attempt(9, 200), &Settlement::Delivered).await.unwrap();
    assert_eq!(shown(&*store, "msg_test_1").await.callback, test(1));
    store.close().await;
}
