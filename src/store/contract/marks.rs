//! Idempotency keys.

use super::Rig;
use super::sample::{at, call, id};
use crate::call::Idempotency;
use crate::store::{Batch, Mark, Marked};

fn mark(key: &str, (fingerprint, n): (&str, u32), millis: i64) -> Mark {
    let (tenant, credential) = ("demo".to_owned(), "crm".to_owned());
    let idempotency = Idempotency { key: key.to_owned(), fingerprint: fingerprint.to_owned() };
    Mark { tenant, credential, idempotency, call: id(n), at: at(millis) }
}

fn of(n: u32, mark: Mark) -> Batch {
    Batch { snapshots: vec![call(n)], marks: vec![mark], ..Batch::default() }
}

pub(crate) async fn a_key_stands_for_its_call_under_its_own_credential(rig: &impl Rig) {
    let store = rig.open().await;
    let batch = of(1, mark("k", ("f", 1), 10));
    store.commit(&batch).await.unwrap();
    store.commit(&batch).await.unwrap();
    store.close().await;

    let store = rig.open().await;
    let found = store.marked(("demo", "crm"), "k", at(10)).await.unwrap();
    assert_eq!(found, Some(Marked { fingerprint: "f".to_owned(), call: call(1) }));
    for (whose, key, since) in
        [(("other", "crm"), "k", 0), (("demo", "else"), "k", 0), (("demo", "crm"), "K", 0), (("demo", "crm"), "k", 11)]
    {
        assert_eq!(store.marked(whose, key, at(since)).await.unwrap(), None, "{whose:?} {key} {since}");
    }
    store.close().await;
}

pub(crate) async fn a_key_may_stand_for_a_call_that_another_click_placed(rig: &impl Rig) {
    let store = rig.open().await;
    store.commit(&of(1, mark("k", ("f", 1), 10))).await.unwrap();
    let another = Batch { marks: vec![mark("l", ("g", 1), 20)], ..Batch::default() };
    store.commit(&another).await.unwrap();
    let found = store.marked(("demo", "crm"), "l", at(0)).await.unwrap().unwrap();
    assert_eq!((found.fingerprint.as_str(), found.call), ("g", call(1)));
    store.commit(&of(2, mark("k", ("h", 2), 30))).await.unwrap();
    let found = store.marked(("demo", "crm"), "k", at(0)).await.unwrap().unwrap();
    assert_eq!((found.fingerprint.as_str(), found.call), ("h", call(2)), "the newest order under a key counts");
    store.close().await;
}

pub(crate) async fn a_key_of_old_is_forgotten(rig: &impl Rig) {
    let store = rig.open().await;
    store.commit(&of(1, mark("k", ("f", 1), 10))).await.unwrap();
    let day = i64::try_from(Mark::LIFE.as_millis()).unwrap();
    store.commit(&of(2, mark("l", ("f", 2), 10 + day))).await.unwrap();
    assert!(store.marked(("demo", "crm"), "k", at(0)).await.unwrap().is_some(), "a day old to the millisecond");
    store.commit(&of(3, mark("m", ("f", 3), 11 + day))).await.unwrap();
    assert_eq!(store.marked(("demo", "crm"), "k", at(0)).await.unwrap(), None);
    store.close().await;
}
