//! What agents note after their calls: stored before it is answered, taken once.

use std::time::Duration;

use super::Rig;
use crate::call::{CallId, Gone, Leg, LineEvent, WrapUp, wrapup_tests};
use crate::engine::{Unavailable, Wrapped};

/// Call 1 has been placed for a queue, both have talked, and its lines are free.
async fn wrapping_up() -> Rig {
    let rig = Rig::start();
    let mut admission = rig.admission(1);
    admission.request.queue = Some(wrapup_tests::queue());
    rig.engine.submit(admission).await.expect("accepted");
    for leg in Leg::BOTH {
        rig.line(leg, LineEvent::Entered).await;
        rig.line(leg, LineEvent::Answered).await;
    }
    for leg in Leg::BOTH {
        rig.line(leg, LineEvent::Gone(Gone::Missing)).await;
    }
    rig
}

#[tokio::test(start_paused = true)]
async fn a_wrap_up_is_answered_once_it_is_stored_and_taken_once() {
    let mut rig = wrapping_up().await;
    let (tenant, call) = ("demo".to_owned(), CallId::from_bits(1));
    let noted = WrapUp { codes: Vec::new(), notes: "ring again".to_owned() };
    let heard = *rig.events.borrow_and_update();
    assert_eq!(rig.engine.wrap_up("other".to_owned(), call, noted.clone()).await, Ok(Wrapped::Over));
    assert_eq!(rig.engine.wrap_up(tenant.clone(), call, noted.clone()).await, Ok(Wrapped::Done));
    let stored = rig.store.batches.lock().expect("lock").last().expect("a batch").clone();
    assert_eq!(stored.snapshots[0].journal.wrap_up, Some(noted.clone()));
    assert_eq!(*rig.events.borrow(), heard + 1, "whoever streams events is woken");
    assert_eq!(rig.engine.wrap_up(tenant, call, noted).await, Ok(Wrapped::Over));
}

/// Refused means that it was not taken: the same again is not too late.
#[tokio::test(start_paused = true)]
async fn a_wrap_up_waits_for_a_slow_store_and_is_refused_by_one_that_is_away() {
    let rig = wrapping_up().await;
    let give = |notes: &str| {
        let noted = WrapUp { codes: Vec::new(), notes: notes.to_owned() };
        rig.engine.wrap_up("demo".to_owned(), CallId::from_bits(1), noted)
    };
    // The window in which the next click would be the same one.
    tokio::time::sleep(Duration::from_secs(5)).await;
    rig.store.slow(Duration::from_secs(5));
    let click = rig.engine.submit(rig.admission(2));
    let (refused, noted) = tokio::join!(click, async {
        tokio::time::sleep(Duration::from_secs(3)).await;
        assert_eq!(give("too early").await, Err(Unavailable::StoreAway));
        tokio::time::sleep(Duration::from_secs(10)).await;
        give("in time").await
    });
    assert_eq!((refused, noted), (Err(Unavailable::StoreAway), Ok(Wrapped::Done)));
    let batches = rig.store.batches.lock().expect("lock");
    let stored = batches.iter().flat_map(|batch| &batch.snapshots).filter_map(|call| call.journal.wrap_up.as_ref());
    assert_eq!(stored.map(|wrap_up| wrap_up.notes.as_str()).collect::<Vec<_>>(), ["in time"]);
}

#[tokio::test(start_paused = true)]
async fn a_wrap_up_of_a_call_that_is_up_comes_too_early() {
    let rig = Rig::start();
    let mut admission = rig.admission(1);
    admission.request.queue = Some(wrapup_tests::queue());
    rig.engine.submit(admission).await.expect("accepted");
    let early = rig.engine.wrap_up("demo".to_owned(), CallId::from_bits(1), WrapUp::default());
    assert_eq!(early.await, Ok(Wrapped::NotYet));
}
