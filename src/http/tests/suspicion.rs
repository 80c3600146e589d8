//! A token that runs into the limits against fraud again and again.

use axum::body::Body;
use axum::http::{Request, StatusCode};

use super::rig::{EngineDoes, Rig, get};

const CLICK: &str = "action=call&phone=101&target=%2B972501234567";

async fn click(rig: &Rig, token: &str) -> (i64, String) {
    rig.click(&format!("code={token}&{CLICK}")).await.verdict()
}

async fn refused_so_often(rig: &Rig, token: &str, times: usize) {
    for _ in 0..times {
        let refused = "Limit reached: 3 calls to one number in ten minutes".to_owned();
        assert_eq!(click(rig, token).await, (2, refused));
    }
}

#[tokio::test]
async fn it_is_suspended_at_every_door_and_only_its_holder_learns_so() {
    let rig = Rig::with(EngineDoes::SayTooOften);
    refused_so_often(&rig, "demo-code", 20).await;
    assert_eq!(click(&rig, "demo-code").await, (1, "Code is suspended".to_owned()));
    assert_eq!(click(&rig, "demo-cod").await, (1, "Code is invalid".to_owned()));
    let getdesk = "/ClickToCallAPI?phone_number=12125550101&email=alice@demo.example&token=demo-code";
    assert_eq!(rig.send(get(getdesk)).await.status, StatusCode::FORBIDDEN);
    let api = Request::get("/v1/calls").header("authorization", "Bearer demo-code").body(Body::empty()).unwrap();
    let api = rig.send(api).await;
    assert_eq!((api.status, api.json()["detail"].as_str()), (StatusCode::FORBIDDEN, Some("this token is suspended")));
    assert_eq!(click(&rig, "demo-admin").await.0, 2, "another token of the same tenant");
    assert_eq!(rig.counters.suspensions(), 1);
}

#[tokio::test]
async fn the_suspension_is_stored_with_a_line_in_the_audit_and_can_be_lifted() {
    let rig = Rig::with(EngineDoes::SayTooOften);
    let before = crate::directory::file::export(&rig.directory.load()).unwrap();
    refused_so_often(&rig, "demo-code", 20).await;
    let audit: Vec<_> = std::mem::take(&mut *rig.store.audit.lock().unwrap());
    let told: Vec<_> = audit.iter().map(|line| (line.actor.as_str(), line.action.as_str())).collect();
    assert_eq!(told, [("limits against fraud", "directory: token demo-code changed: suspended false → true")]);
    assert_eq!(rig.store.documents.lock().unwrap().len(), 1);
    let request = Request::put("/v1/directory").body(Body::from(before)).unwrap();
    assert_eq!(rig.send_to(rig.doors.admin(), request).await.status, StatusCode::OK);
    assert_eq!(click(&rig, "demo-code").await.0, 2, "the token counts again");
}

#[tokio::test]
async fn nineteen_refusals_or_those_of_other_limits_are_no_reason() {
    let rig = Rig::with(EngineDoes::SayTooOften);
    refused_so_often(&rig, "demo-code", 19).await;
    refused_so_often(&rig, "demo-admin", 19).await;
    assert_eq!(rig.counters.suspensions(), 0);
    let rig = Rig::with(EngineDoes::SayAgentBusy);
    for _ in 0..30 {
        assert_eq!(click(&rig, "demo-code").await, (2, "The agent is in a call already".to_owned()));
    }
    assert_eq!(rig.counters.suspensions(), 0);
    let counted: Vec<_> = rig.counters.refusals().filter(|(_, count)| *count > 0).collect();
    assert_eq!(counted, [("agent_active", 30)]);
}

#[tokio::test]
async fn a_store_that_is_away_puts_it_off_until_the_next_refusal() {
    let rig = Rig::with(EngineDoes::SayTooOften);
    refused_so_often(&rig, "demo-code", 19).await;
    *rig.store.broken.lock().unwrap() = true;
    refused_so_often(&rig, "demo-code", 1).await;
    assert_eq!(rig.counters.suspensions(), 0);
    *rig.store.broken.lock().unwrap() = false;
    refused_so_often(&rig, "demo-code", 1).await;
    assert_eq!(click(&rig, "demo-code").await.0, 1);
}
