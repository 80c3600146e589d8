//! The native API, health and the admin socket.

use std::sync::Arc;

use axum::body::Body;
use axum::http::{Request, StatusCode};

use super::rig::{Answer, EngineDoes, FIRST, Rig, get};
use crate::call::{
    CallRequest, EndBy, EndReason, Event, Journal, Leg, LegRecord, LineEvent, Phase, Recording, Status, Times, Verdict,
};
use crate::http::Peer;
use crate::link::LinkState;
use crate::store::{Entry, Snapshot};
use crate::timestamp::Timestamp;

fn ended(recording: Recording) -> Journal {
    let at = Timestamp::from_millis(1_700_000_009_000);
    let verdict = Verdict { reason: EndReason::Normal, by: EndBy::Target, status: Status::Completed, at };
    Journal {
        phase: Phase::Ended { verdict },
        times: Times { ended: Some(at), ..Times::default() },
        a: LegRecord::default(),
        b: LegRecord::default(),
        recording,
        wrap_up: None,
        sequence: 2,
    }
}

/// A rig whose store holds one call of tenant `demo`.
async fn with_a_call(recording: Recording) -> Rig {
    let rig = Rig::with(EngineDoes::Accept);
    rig.click("code=demo-code&action=call&phone=101&target=12125550101").await;
    let request = CallRequest { id: FIRST, ..rig.call() };
    let entry = |sequence, event| Entry { call: FIRST, sequence, at: request.accepted_at, event, commands: Vec::new() };
    *rig.store.ledger.lock().unwrap() =
        vec![entry(1, Event::Accepted), entry(2, Event::Line(Leg::A, LineEvent::Ringing))];
    rig.store.calls.lock().unwrap().push(Snapshot { request: Arc::new(request), journal: ended(recording) });
    rig
}

async fn read(rig: &Rig, path: &str, token: &str) -> Answer {
    let uri = format!("/v1/calls/{FIRST}{path}");
    rig.send(Request::get(uri).header("authorization", format!("Bearer {token}")).body(Body::empty()).unwrap()).await
}

#[tokio::test]
async fn a_call_is_told_to_its_tenant_and_to_nobody_else() {
    let rig = with_a_call(Recording::None).await;
    let answer = read(&rig, "", "demo-code").await;
    assert_eq!(answer.status, StatusCode::OK);
    assert_eq!(answer.json()["status"], "completed");
    assert_eq!(answer.json()["id"], FIRST.to_string());
    let other = read(&rig, "", "other-code").await;
    assert_eq!(
        (other.status, other.headers["content-type"].to_str().unwrap()),
        (StatusCode::NOT_FOUND, "application/problem+json")
    );
    assert_eq!(other.json()["type"], "urn:dialbridge:not-found");
}

#[tokio::test]
async fn an_agents_own_token_reads_that_agents_calls_alone() {
    let rig = with_a_call(Recording::Kept).await;
    assert_eq!(read(&rig, "", "demo-alice").await.status, StatusCode::OK);
    rig.store.calls.lock().unwrap().iter_mut().for_each(|call| {
        call.request = Arc::new(CallRequest { agent: None, ..(*call.request).clone() });
    });
    for path in ["", "/events", "/recording"] {
        assert_eq!(read(&rig, path, "demo-alice").await.status, StatusCode::NOT_FOUND, "{path}");
        assert_eq!(read(&rig, path, "demo-code").await.status, StatusCode::OK, "{path}");
    }
}

#[tokio::test]
async fn a_call_is_read_with_a_token_that_may_read() {
    let mut rig = with_a_call(Recording::None).await;
    let missing = rig.send(get(&format!("/v1/calls/{FIRST}"))).await;
    assert_eq!(
        (missing.status, missing.headers["www-authenticate"].to_str().unwrap()),
        (StatusCode::UNAUTHORIZED, "Bearer")
    );
    assert_eq!(read(&rig, "", "wrong").await.status, StatusCode::UNAUTHORIZED);
    assert_eq!(read(&rig, "", "read-only").await.status, StatusCode::OK);
    rig.peer = Peer::Address("10.1.1.1".parse().unwrap());
    assert_eq!(read(&rig, "", "from-the-office").await.status, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn ids_that_are_none_are_not_found_and_other_methods_not_allowed() {
    let rig = with_a_call(Recording::None).await;
    for id in ["x", "00000000000000000000000000000002", "..%2f"] {
        let request = Request::get(format!("/v1/calls/{id}")).header("authorization", "bearer demo-code");
        assert_eq!(rig.send(request.body(Body::empty()).unwrap()).await.status, StatusCode::NOT_FOUND, "{id}");
    }
    let put = rig.send(Request::put(format!("/v1/calls/{FIRST}")).body(Body::empty()).unwrap()).await;
    assert_eq!(
        (put.status, put.headers["allow"].to_str().unwrap()),
        (StatusCode::METHOD_NOT_ALLOWED, "GET,HEAD,DELETE")
    );
}

#[tokio::test]
async fn the_ledger_is_told_with_a_sentence_for_each_step() {
    let rig = with_a_call(Recording::None).await;
    let events = read(&rig, "/events", "demo-code").await.json();
    assert_eq!(events["data"].as_array().unwrap().len(), 2);
    assert_eq!(events["data"][1]["sequence"], 2);
    assert!(events["data"][1]["text"].as_str().unwrap().contains("rings"));
    assert!(events["ending"].is_string());
}

#[tokio::test]
async fn a_recording_is_passed_on_once_it_is_complete() {
    let kept = read(&with_a_call(Recording::Kept).await, "/recording", "demo-code").await;
    assert_eq!((kept.status, kept.body.as_str()), (StatusCode::OK, "RIFFwave"));
    assert_eq!(
        (kept.headers["content-type"].to_str().unwrap(), kept.headers["content-length"].to_str().unwrap()),
        ("audio/wav", "8")
    );
    for (recording, status) in [
        (Recording::None, StatusCode::NOT_FOUND),
        (Recording::Failed, StatusCode::NOT_FOUND),
        // The call is over: whether there is a file, Asterisk knows.
        (Recording::Running, StatusCode::OK),
    ] {
        assert_eq!(
            read(&with_a_call(recording).await, "/recording", "demo-code").await.status,
            status,
            "{recording:?}"
        );
    }
    assert_eq!(
        read(&with_a_call(Recording::Kept).await, "/recording", "other-code").await.status,
        StatusCode::NOT_FOUND
    );
}

#[tokio::test]
async fn a_store_that_is_away_is_said_so() {
    let rig = with_a_call(Recording::None).await;
    *rig.store.broken.lock().unwrap() = true;
    assert_eq!(read(&rig, "", "demo-code").await.status, StatusCode::SERVICE_UNAVAILABLE);
}

#[tokio::test]
async fn readiness_names_what_is_missing() {
    let rig = Rig::new();
    let ready = rig.send(get("/readyz")).await;
    assert_eq!((ready.status, &ready.json()["components"]["ari"]["transport"]), (StatusCode::OK, &"websocket".into()));
    rig.ami.send_replace(LinkState::Down);
    let unready = rig.send(get("/readyz")).await;
    assert_eq!(unready.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(unready.json()["components"]["ami"]["ready"], false);
    assert_eq!(unready.json()["components"]["ari"]["ready"], true);
    rig.ami.send_replace(super::rig::up("ami"));
    *rig.store.broken.lock().unwrap() = true;
    assert_eq!(rig.send(get("/readyz")).await.json()["components"]["store"]["ready"], false);
    assert_eq!(rig.send(get("/healthz")).await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_process_that_is_ending_is_not_ready() {
    let rig = Rig::new();
    rig.stopping.cancel();
    let answer = rig.send(get("/readyz")).await;
    assert_eq!((answer.status, &answer.json()["status"]), (StatusCode::SERVICE_UNAVAILABLE, &"stopping".into()));
}

#[tokio::test]
async fn metrics_have_a_listener_of_their_own() {
    let rig = Rig::new();
    let metrics = rig.send_to(rig.doors.metrics(), get("/metrics")).await;
    assert_eq!(metrics.headers["content-type"], "text/plain; version=0.0.4; charset=utf-8");
    assert!(metrics.body.ends_with("x 1\n"));
    assert_eq!(rig.send_to(rig.doors.metrics(), get("/healthz")).await.status, StatusCode::OK);
    assert_eq!(rig.send_to(rig.doors.metrics(), get("/v1/directory")).await.status, StatusCode::NOT_FOUND);
    assert_eq!(rig.send(get("/metrics")).await.status, StatusCode::NOT_FOUND);
}

async fn admin(rig: &Rig, method: &str, uri: &str, body: String) -> Answer {
    let request = Request::builder().method(method).uri(uri).body(Body::from(body)).unwrap();
    rig.send_to(rig.doors.admin(), request).await
}

#[tokio::test]
async fn the_administrator_reads_calls_of_all_tenants() {
    let rig = with_a_call(Recording::None).await;
    assert_eq!(admin(&rig, "GET", &format!("/v1/calls/{FIRST}"), String::new()).await.status, StatusCode::OK);
}

#[tokio::test]
async fn the_directory_is_the_administrators_alone() {
    let rig = Rig::new();
    for method in ["GET", "PUT", "POST"] {
        let request = Request::builder().method(method).uri("/v1/directory").body(Body::empty()).unwrap();
        assert_eq!(rig.send(request).await.status, StatusCode::NOT_FOUND);
    }
}

#[tokio::test]
async fn an_exported_directory_changes_nothing_when_applied() {
    let rig = Rig::new();
    let export = admin(&rig, "GET", "/v1/directory", String::new()).await;
    assert!(!export.body.contains("sha256:"), "{}", export.body);
    let applied = admin(&rig, "PUT", "/v1/directory", export.body).await.json();
    assert_eq!(applied["changes"], serde_json::json!([]));
    assert!(rig.store.documents.lock().unwrap().is_empty());
}

const BLOCK: (&str, &str) = ("device = \"PJSIP/101\"\nauto_answer = true", "device = \"PJSIP/101\"\nblocked = true");

/// The directory, with Alice blocked.
fn blocked() -> String {
    let text = include_str!("directory.toml");
    let changed = text.replace(BLOCK.0, BLOCK.1);
    assert_ne!(changed, text);
    changed
}

const CLICK: &str = "code=demo-code&action=call&phone=101&target=700";

#[tokio::test]
async fn a_change_counts_at_once_and_is_stored_with_its_audit() {
    let rig = Rig::new();
    assert_eq!(rig.click(CLICK).await.verdict().0, 0);
    let answer = admin(&rig, "PUT", "/v1/directory", blocked()).await.json();
    assert_eq!(answer["applied"], true);
    assert!(answer["changes"][0].as_str().unwrap().contains("101"), "{answer}");
    assert!(!answer["warnings"].as_array().unwrap().is_empty(), "secrets in clear");
    assert_eq!(rig.click(CLICK).await.verdict().0, 4);
    let documents: Vec<_> = rig.store.documents.lock().unwrap().iter().map(|doc| doc.tenant.clone()).collect();
    assert_eq!(documents, ["demo"]);
    let audit = rig.store.audit.lock().unwrap();
    assert!(audit.iter().all(|line| line.actor == "admin socket" && line.tenant == "demo"));
    assert!(!audit.is_empty());
}

#[tokio::test]
async fn a_dry_run_and_a_check_change_nothing() {
    let rig = Rig::new();
    let before = rig.directory.load_full();
    for (method, uri) in [("PUT", "/v1/directory?dry_run=true"), ("POST", "/v1/directory/check")] {
        let answer = admin(&rig, method, uri, blocked()).await.json();
        assert_eq!((&answer["applied"], answer["changes"].as_array().unwrap().len()), (&false.into(), 1), "{uri}");
    }
    assert!(Arc::ptr_eq(&before, &rig.directory.load_full()));
    assert!(rig.store.documents.lock().unwrap().is_empty());
}

#[tokio::test]
async fn a_directory_that_cannot_be_stored_does_not_count() {
    let rig = Rig::new();
    *rig.store.broken.lock().unwrap() = true;
    let answer = admin(&rig, "PUT", "/v1/directory", blocked()).await;
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(rig.click(CLICK).await.verdict().0, 0);
}

#[tokio::test]
async fn a_directory_with_flaws_is_refused_with_all_of_them() {
    let rig = Rig::new();
    let flawed =
        include_str!("directory.toml").replace("+97235550100", "97x").replace("region = \"US\"", "region = \"Q\"");
    let answer = admin(&rig, "PUT", "/v1/directory", flawed).await;
    assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
    let detail = answer.json()["detail"].as_str().unwrap().to_owned();
    assert!(detail.contains("region") && detail.contains("caller_id"), "{detail}");
    let file = include_str!("directory.toml").replace("secret = \"demo-code\"", "secret_file = \"/etc/shadow\"");
    assert_eq!(admin(&rig, "PUT", "/v1/directory", file).await.status, StatusCode::UNPROCESSABLE_ENTITY);
}
