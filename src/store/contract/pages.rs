//! Lists of calls, filtered, a page at a time.

use std::sync::Arc;

use super::Rig;
use super::sample::{at, call, ended, id};
use crate::call::{CallRequest, EndReason, Status};
use crate::dial::number::Party;
use crate::store::{Batch, CallFilter, CallKey, Snapshot, Store};

async fn put(store: &dyn Store, snapshots: impl IntoIterator<Item = Snapshot>) {
    for snapshot in snapshots {
        store.commit(&Batch { snapshots: vec![snapshot], ..Batch::default() }).await.unwrap();
    }
}

fn with(snapshot: &Snapshot, edit: impl FnOnce(&mut CallRequest)) -> Snapshot {
    let mut request = (*snapshot.request).clone();
    edit(&mut request);
    Snapshot { request: Arc::new(request), journal: snapshot.journal.clone() }
}

async fn listed(store: &dyn Store, filter: CallFilter) -> Vec<Snapshot> {
    store.calls_page(&filter, None, 100).await.unwrap()
}

pub(crate) async fn calls_are_listed_page_by_page(rig: &impl Rig) {
    let store = rig.open().await;
    // Three in one moment: the id decides.
    let calls = (1..=7).map(|n| with(&call(n), |request| request.accepted_at = at(i64::from(n.clamp(3, 5)))));
    put(&*store, calls.clone()).await;
    let newest_first: Vec<_> = calls.rev().collect();
    let (mut seen, mut before) = (Vec::new(), None);
    loop {
        let page = store.calls_page(&CallFilter::default(), before, 2).await.unwrap();
        let Some(last) = page.last() else { break };
        before = Some(CallKey::of(&last.request));
        seen.extend(page);
        // Whoever comes in meanwhile is on a page before.
        put(&*store, [call(100 + u32::try_from(seen.len()).unwrap())]).await;
    }
    assert_eq!(seen, newest_first);
    store.close().await;
}

pub(crate) async fn calls_are_listed_by_whatever_a_filter_names(rig: &impl Rig) {
    let store = rig.open().await;
    let outside = with(&ended(2, EndReason::TargetBusy), |request| {
        request.agent = None;
        request.a.party = Party::Outside("+12125550177".to_owned());
        request.b.party = Party::Extension("700".to_owned());
    });
    let elsewhere = with(&call(3), |request| request.tenant = "other".to_owned());
    let (alive, normal) = (call(1), ended(4, EndReason::Normal));
    put(&*store, [alive.clone(), outside.clone(), elsewhere.clone(), normal.clone()]).await;
    let (all, words) = (CallFilter::default(), |word: &str| Some(word.to_owned()));
    for (filter, calls) in [
        (all.clone(), vec![&normal, &elsewhere, &outside, &alive]),
        (CallFilter { tenant: words("demo"), ..all.clone() }, vec![&normal, &outside, &alive]),
        (CallFilter { agent: words("101"), ..all.clone() }, vec![&normal, &elsewhere, &alive]),
        (CallFilter { status: Some(Status::InProgress), ..all.clone() }, vec![&elsewhere, &alive]),
        (CallFilter { end_reason: Some(EndReason::TargetBusy), ..all.clone() }, vec![&outside]),
        (CallFilter { phone: words("+12125550177"), ..all.clone() }, vec![&outside]),
        (CallFilter { phone: words("101"), tenant: words("demo"), ..all.clone() }, vec![&normal, &alive]),
        (CallFilter { target: words("700"), ..all.clone() }, vec![&outside]),
        (CallFilter { since: Some(at(2)), until: Some(at(4)), ..all.clone() }, vec![&elsewhere, &outside]),
        (CallFilter { is_over: Some(false), ..all.clone() }, vec![&elsewhere, &alive]),
        (CallFilter { is_over: Some(true), ..all.clone() }, vec![&normal, &outside]),
        (CallFilter { tenant: words("nobody"), ..all.clone() }, vec![]),
    ] {
        let found = listed(&*store, filter.clone()).await;
        assert_eq!(found.iter().collect::<Vec<_>>(), calls, "{filter:?}");
    }
    assert_eq!(normal.request.id, id(4));
    store.close().await;
}
