//! What is told of calls.

use super::Rig;
use super::sample::{call, ended, event, id};
use crate::call::EndReason;
use crate::report::event::EventKind;
use crate::store::{Batch, CallEvent, EventFilter, Snapshot, Store, StoreError};

fn batch(snapshot: Snapshot, events: Vec<CallEvent>) -> Batch {
    Batch { snapshots: vec![snapshot], events, ..Batch::default() }
}

async fn kinds(store: &dyn Store, filter: &EventFilter) -> Vec<EventKind> {
    let events = store.events_after(filter, 0, 99).await.unwrap();
    events.into_iter().map(|(_, event)| event.kind).collect()
}

pub(crate) async fn events_are_read_in_the_order_in_which_they_were_written(rig: &impl Rig) {
    let store = rig.open().await;
    assert_eq!(store.newest_event().await.unwrap(), 0);
    let (late, early) = (event(2, EventKind::Accepted), event(1, EventKind::Accepted));
    store.commit(&batch(call(2), vec![late.clone(), event(2, EventKind::Ringing)])).await.unwrap();
    store.commit(&batch(call(1), vec![early.clone()])).await.unwrap();
    let events = store.events_after(&EventFilter::default(), 0, 99).await.unwrap();
    assert_eq!((&events[0].1, &events[2].1), (&late, &early));
    assert!(events.is_sorted_by(|(one, _), (next, _)| one < next));
    assert_eq!(store.newest_event().await.unwrap(), events[2].0);
    store.close().await;

    let store = rig.open().await;
    assert_eq!(store.newest_event().await.unwrap(), events[2].0);
    store.close().await;
}

pub(crate) async fn an_event_told_twice_is_there_once(rig: &impl Rig) {
    let store = rig.open().await;
    let told = batch(ended(1, EndReason::Normal), vec![event(1, EventKind::Ended)]);
    store.commit(&told).await.unwrap();
    let newest = store.newest_event().await.unwrap();
    store.commit(&told).await.unwrap();
    assert_eq!(store.newest_event().await.unwrap(), newest);

    let of_nobody = Batch { events: vec![event(9, EventKind::Ended)], ..Batch::default() };
    assert!(matches!(store.commit(&of_nobody).await, Err(StoreError::Conflict(_))), "{} is not there", id(9));
    assert_eq!(kinds(&*store, &EventFilter::default()).await, [EventKind::Ended]);
    store.close().await;
}

pub(crate) async fn events_are_those_of_a_tenant_or_of_an_agent(rig: &impl Rig) {
    let store = rig.open().await;
    let of = |kind, tenant: &str, agent: Option<&str>| CallEvent {
        tenant: tenant.to_owned(),
        agent: agent.map(str::to_owned),
        ..event(1, kind)
    };
    let events = vec![
        of(EventKind::Accepted, "demo", Some("101")),
        of(EventKind::Ringing, "demo", Some("104")),
        of(EventKind::Answered, "other", Some("101")),
        of(EventKind::Connected, "demo", None),
    ];
    store.commit(&batch(call(1), events)).await.unwrap();
    let filter = |tenant: Option<&str>, agent: Option<&str>| EventFilter {
        tenant: tenant.map(str::to_owned),
        agent: agent.map(str::to_owned),
    };
    assert_eq!(kinds(&*store, &filter(None, None)).await.len(), 4);
    let of_demo = [EventKind::Accepted, EventKind::Ringing, EventKind::Connected];
    assert_eq!(kinds(&*store, &filter(Some("demo"), None)).await, of_demo);
    assert_eq!(kinds(&*store, &filter(Some("demo"), Some("101"))).await, [EventKind::Accepted]);
    assert_eq!(kinds(&*store, &filter(Some("nobody"), None)).await, []);
    store.close().await;
}

pub(crate) async fn events_can_be_read_on_from_any_number_a_few_at_a_time(rig: &impl Rig) {
    let store = rig.open().await;
    for n in 0..20 {
        store.commit(&batch(call(n), vec![event(n, EventKind::Accepted)])).await.unwrap();
    }
    let (mut after, mut seen) = (0, Vec::new());
    loop {
        let events = store.events_after(&EventFilter::default(), after, 7).await.unwrap();
        let Some((number, _)) = events.last() else { break };
        after = *number;
        seen.extend(events.into_iter().map(|(_, event)| event.call));
    }
    assert_eq!(seen, (0..20).map(id).collect::<Vec<_>>());
    assert_eq!(store.events_after(&EventFilter::default(), u64::MAX, 7).await.unwrap(), []);
    store.close().await;
}
