//! Calls, their ledger, tenants, and the ways in which a commit may go wrong.

use std::sync::Arc;

use futures_util::future::join_all;

use super::Rig;
use super::sample::{at, call, callback, calling, ended, entry, event, id, journal};
use crate::call::{CallRequest, EndReason, Recording};
use crate::report::event::EventKind;
use crate::store::{AuditLine, Batch, EventFilter, Snapshot, StoreError, TenantDocument};

fn of(snapshot: Snapshot) -> Batch {
    Batch { snapshots: vec![snapshot], ..Batch::default() }
}

fn conflicts<T: std::fmt::Debug>(outcome: &Result<T, StoreError>) -> bool {
    matches!(outcome, Err(StoreError::Conflict(_)))
}

pub(crate) async fn a_batch_is_written_whole_or_not_at_all(rig: &impl Rig) {
    let store = rig.open().await;
    store.commit(&of(ended(1, EndReason::Normal))).await.unwrap();
    let batch = Batch {
        snapshots: vec![call(2), ended(1, EndReason::TargetBusy)],
        ledger: vec![entry(2, 1)],
        callbacks: vec![callback(2, "userdata", "http://crm.example/")],
        ..Batch::default()
    };
    assert!(conflicts(&store.commit(&batch).await));
    assert_eq!(store.call("demo", id(2)).await.unwrap(), None);
    assert_eq!(store.ledger(id(2)).await.unwrap(), []);
    assert_eq!(store.outbox_stats().await.unwrap().pending, 0);

    let orphan = Batch { snapshots: vec![call(3)], ledger: vec![entry(4, 1)], ..Batch::default() };
    assert!(conflicts(&store.commit(&orphan).await), "an entry of a call that nobody knows");
    assert_eq!(store.call("demo", id(3)).await.unwrap(), None);
    store.close().await;
}

pub(crate) async fn a_call_reads_back_as_it_was_written(rig: &impl Rig) {
    let store = rig.open().await;
    let entries = vec![entry(1, 1), entry(1, 2)];
    let batch = Batch { snapshots: vec![call(1)], ledger: entries.clone(), ..Batch::default() };
    store.commit(&batch).await.unwrap();
    assert_eq!(store.call("demo", id(1)).await.unwrap(), Some(call(1)));
    assert_eq!(store.ledger(id(1)).await.unwrap(), entries);
    store.close().await;
}

pub(crate) async fn a_later_snapshot_takes_the_place_of_the_journal_and_leaves_the_request(rig: &impl Rig) {
    let store = rig.open().await;
    store.commit(&of(call(1))).await.unwrap();
    let mut edited = (*call(1).request).clone();
    edited.language = Some("he".to_owned());
    let later = Snapshot { request: Arc::new(edited), journal: journal(calling(), 4) };
    store.commit(&of(later)).await.unwrap();
    let stored = store.call("demo", id(1)).await.unwrap().unwrap();
    assert_eq!(stored.journal.sequence, 4);
    assert_eq!(stored.request, call(1).request);
    store.close().await;
}

pub(crate) async fn a_call_that_is_over_keeps_its_verdict(rig: &impl Rig) {
    let store = rig.open().await;
    let end = ended(1, EndReason::Normal);
    store.commit(&of(end.clone())).await.unwrap();
    let alive = Snapshot { journal: journal(calling(), 10), ..end.clone() };
    assert!(conflicts(&store.commit(&of(alive)).await), "back to life");
    let mut other = ended(1, EndReason::TargetBusy);
    other.journal.sequence = 10;
    assert!(conflicts(&store.commit(&of(other)).await), "another verdict");
    assert_eq!(store.call("demo", id(1)).await.unwrap(), Some(end.clone()));

    let mut recorded = end;
    recorded.journal.recording = Recording::Kept;
    recorded.journal.sequence = 10;
    store.commit(&of(recorded.clone())).await.unwrap();
    assert_eq!(store.call("demo", id(1)).await.unwrap(), Some(recorded), "its recording may still come in");
    store.close().await;
}

pub(crate) async fn a_journal_never_goes_back(rig: &impl Rig) {
    let store = rig.open().await;
    let with = |sequence| Snapshot { journal: journal(calling(), sequence), ..call(1) };
    store.commit(&of(with(5))).await.unwrap();
    assert!(conflicts(&store.commit(&of(with(4))).await));
    assert_eq!(store.call("demo", id(1)).await.unwrap(), Some(with(5)));
    store.close().await;
}

pub(crate) async fn a_call_of_another_tenant_is_not_there(rig: &impl Rig) {
    let store = rig.open().await;
    store.commit(&of(call(1))).await.unwrap();
    assert_eq!(store.call("other", id(1)).await.unwrap(), None);
    let mut stolen = (*call(1).request).clone();
    stolen.tenant = "other".to_owned();
    let stolen = Snapshot { request: Arc::new(stolen), journal: journal(calling(), 9) };
    assert!(conflicts(&store.commit(&of(stolen)).await), "a call does not change hands");
    store.close().await;
}

pub(crate) async fn the_same_batch_again_changes_nothing(rig: &impl Rig) {
    let store = rig.open().await;
    let batch = Batch {
        snapshots: vec![ended(1, EndReason::Normal)],
        ledger: vec![entry(1, 1), entry(1, 2)],
        callbacks: vec![callback(1, "userdata", "http://crm.example/")],
        ..Batch::default()
    };
    store.commit(&batch).await.unwrap();
    store.commit(&batch).await.unwrap();
    assert_eq!(store.ledger(id(1)).await.unwrap(), batch.ledger);
    assert_eq!(store.outbox_stats().await.unwrap().pending, 1);
    store.close().await;
}

pub(crate) async fn another_entry_under_the_same_number_is_a_conflict(rig: &impl Rig) {
    let store = rig.open().await;
    let batch = |commands| {
        let mut one = entry(1, 1);
        one.commands = commands;
        Batch { snapshots: vec![call(1)], ledger: vec![one], ..Batch::default() }
    };
    store.commit(&batch(Vec::new())).await.unwrap();
    assert!(conflicts(&store.commit(&batch(entry(1, 1).commands)).await));
    assert_eq!(store.ledger(id(1)).await.unwrap(), batch(Vec::new()).ledger);
    store.close().await;
}

pub(crate) async fn calls_are_listed_by_age_and_by_being_alive(rig: &impl Rig) {
    let store = rig.open().await;
    for snapshot in [call(3), ended(2, EndReason::Normal), call(1)] {
        store.commit(&of(snapshot)).await.unwrap();
    }
    assert_eq!(store.active_calls().await.unwrap(), [call(1), call(3)]);
    assert_eq!(store.calls_since(at(2)).await.unwrap(), [ended(2, EndReason::Normal), call(3)]);
    assert_eq!(store.calls_since(at(4)).await.unwrap(), []);
    store.close().await;
}

pub(crate) async fn calls_abroad_are_listed_apart(rig: &impl Rig) {
    let store = rig.open().await;
    let abroad = |n| {
        let Snapshot { request, journal } = ended(n, EndReason::Normal);
        Snapshot { request: Arc::new(CallRequest { abroad: true, ..Arc::unwrap_or_clone(request) }), journal }
    };
    for snapshot in [abroad(3), call(2), abroad(1)] {
        store.commit(&of(snapshot)).await.unwrap();
    }
    assert_eq!(store.calls_abroad_since(at(0)).await.unwrap(), [abroad(1), abroad(3)]);
    assert_eq!(store.calls_abroad_since(at(2)).await.unwrap(), [abroad(3)]);
    store.close().await;
}

pub(crate) async fn a_bad_batch_does_not_fail_the_others(rig: &impl Rig) {
    let store = rig.open().await;
    store.commit(&of(ended(0, EndReason::Normal))).await.unwrap();
    let batches: Vec<Batch> =
        (0..40).map(|n| of(if n % 10 == 0 { ended(0, EndReason::TargetBusy) } else { call(n) })).collect();
    let outcomes = join_all(batches.iter().map(|batch| store.commit(batch))).await;
    for (n, outcome) in outcomes.into_iter().enumerate() {
        assert_eq!(conflicts(&outcome), n % 10 == 0, "batch {n}");
    }
    assert_eq!(store.active_calls().await.unwrap().len(), 36);
    store.close().await;
}

pub(crate) async fn a_thousand_commits_at_once_all_arrive(rig: &impl Rig) {
    let store = rig.open().await;
    let batches: Vec<Batch> =
        (0..1000).map(|n| Batch { snapshots: vec![call(n)], ledger: vec![entry(n, 1)], ..Batch::default() }).collect();
    for outcome in join_all(batches.iter().map(|batch| store.commit(batch))).await {
        outcome.unwrap();
    }
    assert_eq!(store.active_calls().await.unwrap().len(), 1000);
    store.close().await;
}

pub(crate) async fn a_caller_that_stops_waiting_leaves_no_half(rig: &impl Rig) {
    let store = rig.open().await;
    let mut dropped = 0;
    for n in 0..200 {
        let callbacks = vec![callback(n, "userdata", "http://crm.example/")];
        let batch = Batch { snapshots: vec![call(n)], callbacks, ..Batch::default() };
        let patience = async {
            for _ in 0..n {
                tokio::task::yield_now().await;
            }
        };
        tokio::select! {
            biased;
            outcome = store.commit(&batch) => outcome.unwrap(),
            () = patience => dropped += 1,
        }
    }
    assert!(dropped > 0, "everybody waited to the end");
    // Whatever was queued before this is written by now, or never.
    store.ping().await.unwrap();
    let calls = store.active_calls().await.unwrap().len() as u64;
    assert_eq!(store.outbox_stats().await.unwrap().pending, calls);
    assert!(calls >= 200 - dropped);
    store.close().await;
}

pub(crate) async fn what_was_written_is_there_after_a_restart(rig: &impl Rig) {
    let store = rig.open().await;
    let batch = Batch {
        snapshots: vec![call(1), ended(2, EndReason::Normal)],
        ledger: vec![entry(1, 1)],
        callbacks: vec![callback(2, "userdata", "http://crm.example/")],
        events: vec![event(2, EventKind::Ended)],
        audit: vec![audit("ignored do-not-call")],
        ..Batch::default()
    };
    store.commit(&batch).await.unwrap();
    store.put_tenants(&[document("demo", "{}")], &[audit("applied")]).await.unwrap();
    store.close().await;

    let store = rig.open().await;
    assert_eq!(store.active_calls().await.unwrap(), [call(1)]);
    assert_eq!(store.ledger(id(1)).await.unwrap(), batch.ledger);
    let events = store.events_after(&EventFilter::default(), 0, 10).await.unwrap();
    assert_eq!(events.into_iter().map(|(_, event)| event).collect::<Vec<_>>(), batch.events);
    assert_eq!(store.tenants().await.unwrap(), [document("demo", "{}")]);
    let due = store.claim(at(10), std::time::Duration::from_mins(1), 10).await.unwrap();
    assert_eq!(due.into_iter().map(|due| due.callback).collect::<Vec<_>>(), batch.callbacks);
    store.close().await;
}

pub(crate) async fn tenants_are_replaced_and_kept_apart(rig: &impl Rig) {
    let store = rig.open().await;
    assert_eq!(store.tenants().await.unwrap(), []);
    store.put_tenants(&[document("other", "{}"), document("demo", "{\"a\":1}")], &[]).await.unwrap();
    store.put_tenants(&[document("demo", "{\"a\":2}")], &[audit("applied")]).await.unwrap();
    assert_eq!(store.tenants().await.unwrap(), [document("demo", "{\"a\":2}"), document("other", "{}")]);
    store.close().await;
}

pub(crate) async fn a_ping_is_answered(rig: &impl Rig) {
    let store = rig.open().await;
    store.ping().await.unwrap();
    store.ping().await.unwrap();
    store.close().await;
}

fn document(tenant: &str, document: &str) -> TenantDocument {
    TenantDocument { tenant: tenant.to_owned(), document: document.to_owned() }
}

fn audit(action: &str) -> AuditLine {
    AuditLine { at: at(0), tenant: "demo".to_owned(), actor: "admin socket".to_owned(), action: action.to_owned() }
}
