//! Agents who have signed in.

use super::Rig;
use super::sample::at;
use crate::store::{Expired, Session, SessionToken};

const NONE: Expired = Expired { opened_before: at(0), seen_before: at(0) };

fn session(name: &str, millis: i64) -> Session {
    Session {
        strict: format!("sha256:{name} strict"),
        dial: format!("sha256:{name} dial"),
        tenant: "demo".to_owned(),
        agent: "101".to_owned(),
        mark: "sha256:password".to_owned(),
        opened_at: at(millis),
        seen_at: at(millis),
    }
}

pub(crate) async fn a_session_is_found_by_either_of_its_tokens_until_it_ends(rig: &impl Rig) {
    let store = rig.open().await;
    let (alice, bob) = (session("alice", 1), session("bob", 2));
    store.open_session(&alice, &NONE).await.unwrap();
    store.open_session(&bob, &NONE).await.unwrap();
    assert_eq!(store.session(SessionToken::Strict, &alice.strict).await.unwrap().as_ref(), Some(&alice));
    assert_eq!(store.session(SessionToken::Dial, &bob.dial).await.unwrap().as_ref(), Some(&bob));
    assert_eq!(store.session(SessionToken::Strict, &alice.dial).await.unwrap(), None, "each token has its own power");
    assert_eq!(store.session(SessionToken::Dial, &alice.strict).await.unwrap(), None);
    store.session_seen(&alice.strict, at(60_000)).await.unwrap();
    store.session_seen(&alice.strict, at(50_000)).await.unwrap();
    store.close().await;
    let store = rig.open().await;
    let seen = store.session(SessionToken::Dial, &alice.dial).await.unwrap().unwrap();
    assert_eq!(seen, Session { seen_at: at(60_000), ..alice.clone() }, "there after a restart, and never seen earlier");
    store.end_session(&alice.strict).await.unwrap();
    store.end_session(&alice.strict).await.unwrap();
    assert_eq!(store.session(SessionToken::Strict, &alice.strict).await.unwrap(), None);
    assert_eq!(store.session(SessionToken::Dial, &alice.dial).await.unwrap(), None);
    assert!(store.session(SessionToken::Dial, &bob.dial).await.unwrap().is_some());
    store.close().await;
}

pub(crate) async fn opening_a_session_forgets_those_that_have_expired(rig: &impl Rig) {
    let store = rig.open().await;
    let (old, idle, fresh) = (session("old", 10), session("idle", 20), session("fresh", 20));
    for session in [&old, &idle, &fresh] {
        store.open_session(session, &NONE).await.unwrap();
    }
    store.session_seen(&old.strict, at(99)).await.unwrap();
    store.session_seen(&fresh.strict, at(99)).await.unwrap();
    let expired = Expired { opened_before: at(15), seen_before: at(50) };
    store.open_session(&session("next", 100), &expired).await.unwrap();
    for (session, left) in [(old, false), (idle, false), (fresh, true)] {
        let found = store.session(SessionToken::Strict, &session.strict).await.unwrap();
        assert_eq!(found.is_some(), left, "{}", session.strict);
    }
    store.close().await;
}
