//! `Idempotency-Key` at the doors: the same order again is the same call, whatever has changed since.

use std::sync::Arc;

use axum::body::Body;
use axum::http::{Request, StatusCode};

use super::rig::{Answer, DOOR, EngineDoes, Rig};
use crate::call::{Call, CallRequest, EndBy, EndReason, Phase, Status, Verdict};
use crate::link::LinkState;
use crate::store::Snapshot;

const CLICK: &str = "code=demo-code&action=call&phone=101&target=12125550101&format=json";

async fn click(rig: &Rig, key: &str, query: &str) -> Answer {
    let request = Request::get(format!("{DOOR}?{query}")).header("Idempotency-Key", key);
    rig.send(request.body(Body::empty()).unwrap()).await
}

/// Puts what reached the engine into the store.
fn stored(rig: &Rig) -> CallRequest {
    let request = Arc::new(rig.call());
    let journal = Call::new(Arc::clone(&request)).journal().clone();
    rig.store.calls.lock().unwrap().push(Snapshot { request: Arc::clone(&request), journal });
    Arc::unwrap_or_clone(request)
}

#[tokio::test]
async fn the_same_key_and_request_give_the_first_call_even_where_it_would_be_refused_by_now() {
    let rig = Rig::new();
    let first = click(&rig, "k-1", CLICK).await.json();
    let request = stored(&rig);
    assert_eq!(request.idempotency.unwrap().key, "k-1");
    rig.ari.send_replace(LinkState::Down);
    assert_eq!(click(&rig, "k-1", CLICK).await.json(), first);
    assert_eq!(click(&rig, "k-2", CLICK).await.verdict().0, 2, "another key is another order");
    assert!(rig.seen().is_empty());
}

#[tokio::test]
async fn the_same_key_on_another_request_is_refused() {
    let rig = Rig::new();
    click(&rig, "k-1", CLICK).await;
    stored(&rig);
    let other = click(&rig, "k-1", &format!("{CLICK}&record=true")).await;
    assert_eq!(other.verdict(), (1, "This Idempotency-Key was used for another request".to_owned()));
    assert_eq!(other.status, StatusCode::OK);
    let counted: Vec<_> = rig.counters.refusals().filter(|(_, count)| *count > 0).collect();
    assert_eq!(counted, [("key_reused", 1)]);
}

#[tokio::test]
async fn a_body_counts_as_much_as_a_query() {
    let rig = Rig::new();
    let post = |body: &'static str| {
        Request::post(DOOR).header("content-type", "application/json").header("Idempotency-Key", "k").body(body.into())
    };
    let json = r#"{"code":"demo-code","action":"call","phone":"101","target":"12125550101","format":"json"}"#;
    let first = rig.send(post(json).unwrap()).await.json();
    stored(&rig);
    assert_eq!(rig.send(post(json).unwrap()).await.json(), first);
    let other = r#"{"code":"demo-code","action":"call","phone":"101","target":"12125550102","format":"json"}"#;
    assert_eq!(rig.send(post(other).unwrap()).await.verdict().0, 1);
}

#[tokio::test]
async fn a_key_whose_call_never_came_about_is_free_again() {
    let rig = Rig::new();
    click(&rig, "k", CLICK).await;
    let CallRequest { id: first, accepted_at: at, .. } = stored(&rig);
    let verdict = Verdict { reason: EndReason::PbxLost, by: EndBy::Pbx, status: Status::Failed, at };
    rig.store.calls.lock().unwrap()[0].journal.phase = Phase::Ended { verdict };
    assert_eq!(click(&rig, "k", CLICK).await.verdict().0, 0);
    assert_ne!(rig.call().id, first);
}

#[tokio::test]
async fn a_malformed_key_is_refused_and_only_to_whoever_has_a_token() {
    let rig = Rig::new();
    for key in ["", "two words", &"k".repeat(256)] {
        let message = "Idempotency-Key must be 1 to 255 visible ASCII characters".to_owned();
        assert_eq!(click(&rig, key, CLICK).await.verdict(), (1, message), "{key}");
    }
    let stranger = click(&rig, "", "code=wrong&action=call&phone=101&target=700").await;
    assert_eq!(stranger.verdict(), (1, "Code is invalid".to_owned()));
    assert!(rig.seen().is_empty());
}

#[tokio::test]
async fn without_the_store_nobody_knows_and_nothing_is_placed() {
    let rig = Rig::with(EngineDoes::Accept);
    *rig.store.broken.lock().unwrap() = true;
    assert_eq!(click(&rig, "k", CLICK).await.verdict(), (2, "The call could not be stored".to_owned()));
    assert!(rig.seen().is_empty());
}

#[tokio::test]
async fn ending_a_call_needs_no_key_and_minds_none() {
    let rig = Rig::new();
    assert_eq!(click(&rig, "k", "code=demo-code&action=terminate&phone=101").await.verdict().0, 0);
    assert_eq!(click(&rig, "", "code=demo-code&action=terminate&phone=102").await.verdict().0, 0);
}
