//! Callbacks over the native API: who sees them, owing them anew, and trying a receiver.

use std::time::Duration;

use axum::body::Body;
use axum::http::{Request, StatusCode};
use serde_json::{Value, json};

use super::rig::{Answer, FIRST, Rig};
use crate::report::Callback;
use crate::store::{Attempt, CallbackState, OutboxRow};
use crate::timestamp::Timestamp;

async fn ask(rig: &Rig, token: &str, line: &str, body: Value) -> Answer {
    let (method, uri) = line.split_once(' ').unwrap();
    let request = Request::builder().method(method).uri(uri).header("authorization", format!("Bearer {token}"));
    let request = request.header("content-type", "application/json");
    rig.send(request.body(Body::from(body.to_string())).unwrap()).await
}

fn row(number: u64, tenant: &str, state: CallbackState) -> OutboxRow {
    let at = Timestamp::from_millis(1_700_000_000_000);
    let took = Duration::from_millis(31);
    OutboxRow {
        number,
        callback: Callback {
            id: format!("msg_{number}"),
            call: Some(FIRST),
            tenant: tenant.to_owned(),
            kind: "cdr".to_owned(),
            url: "https://crm.example/hook".to_owned(),
            content_type: "application/json".to_owned(),
            body: "{}".to_owned(),
            created_at: at,
        },
        state,
        attempts: 1,
        due_at: at,
        last: Some(Attempt { at, took, status: Some(503), note: "503".to_owned() }),
    }
}

fn with_rows() -> Rig {
    let rig = Rig::new();
    *rig.store.outbox.lock().unwrap() = vec![
        row(1, "demo", CallbackState::Dead),
        row(2, "other", CallbackState::Dead),
        row(3, "demo", CallbackState::Pending),
    ];
    rig
}

fn ids(answer: &Answer) -> Vec<String> {
    answer.json()["data"].as_array().unwrap().iter().map(|row| row["id"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn callbacks_are_listed_and_shown_with_their_attempts() {
    let rig = with_rows();
    assert_eq!(ids(&ask(&rig, "demo-code", "GET /v1/callbacks", Value::Null).await), ["msg_3", "msg_1"]);
    for (query, expected) in [
        ("state=dead", vec!["msg_1"]),
        ("state=delivered", vec![]),
        ("kind=cdr&limit=1", vec!["msg_3"]),
        (&format!("call={FIRST}"), vec!["msg_3", "msg_1"]),
    ] {
        let answer = ask(&rig, "demo-code", &format!("GET /v1/callbacks?{query}"), Value::Null).await;
        assert_eq!(ids(&answer), expected, "{query}");
    }
    let wrong = ask(&rig, "demo-code", "GET /v1/callbacks?state=lost", Value::Null).await;
    assert_eq!((wrong.status.as_u16(), wrong.json()["field"].clone()), (400, json!("state")));
    let shown = ask(&rig, "demo-code", "GET /v1/callbacks/msg_1", Value::Null).await.json();
    let log = json!([{ "at": "2023-11-14T22:13:20.000Z", "duration_ms": 31, "status": 503, "note": "503" }]);
    assert_eq!((&shown["log"], &shown["body"], &shown["due_at"]), (&log, &json!("{}"), &Value::Null));
    assert_eq!((&shown["last_status"], &shown["last_error"]), (&json!(503), &json!("503")));
}

#[tokio::test]
async fn a_callback_is_owed_anew_by_its_tenant_s_administrator() {
    let rig = with_rows();
    for (token, id, status) in [
        ("demo-code", "msg_1", StatusCode::FORBIDDEN),
        ("demo-alice", "msg_1", StatusCode::FORBIDDEN),
        ("demo-admin", "msg_2", StatusCode::NOT_FOUND),
        ("demo-admin", "msg_1", StatusCode::ACCEPTED),
    ] {
        let answer = ask(&rig, token, &format!("POST /v1/callbacks/{id}/replay"), Value::Null).await;
        assert_eq!(answer.status, status, "{token} {id}");
    }
    let states: Vec<_> = rig.store.outbox.lock().unwrap().iter().map(|row| row.state).collect();
    assert_eq!(states, [CallbackState::Pending, CallbackState::Dead, CallbackState::Pending]);
    let audit = rig.store.audit.lock().unwrap();
    assert_eq!((audit.len(), audit[0].actor.as_str(), audit[0].tenant.as_str()), (1, "demo-admin", "demo"));
}

#[tokio::test]
async fn a_receiver_is_tried_with_an_event_that_never_was() {
    let rig = Rig::new();
    let test = async |token: &str, body: Value| ask(&rig, token, "POST /v1/callbacks/test", body).await;
    let good = json!({ "url": "http://127.0.0.1:8091/hook", "type": "call.ended" });
    assert_eq!(test("demo-code", good.clone()).await.status, StatusCode::FORBIDDEN);
    let owed = test("demo-admin", good).await;
    assert_eq!(owed.status, StatusCode::ACCEPTED, "{}", owed.body);
    let line = format!("GET /v1/callbacks/{}", owed.json()["id"].as_str().unwrap());
    let shown = ask(&rig, "demo-code", &line, Value::Null).await.json();
    let event: Value = serde_json::from_str(shown["body"].as_str().unwrap()).unwrap();
    assert_eq!(
        (&event["type"], &event["id"], &shown["call"]),
        (&json!("call.ended"), &owed.json()["id"], &Value::Null)
    );
    for (body, field, status) in [
        (json!({ "url": "http://169.254.169.254/", "type": "call.ended" }), "url", 422),
        (json!({ "url": "http://127.0.0.1:8091/", "type": "call.lost" }), "type", 400),
        (json!({ "type": "call.ended" }), "url", 400),
    ] {
        let refused = test("demo-admin", body).await;
        assert_eq!((refused.status.as_u16(), refused.json()["field"].clone()), (status, json!(field)));
    }
    assert_eq!(rig.store.outbox.lock().unwrap().len(), 1);
}
