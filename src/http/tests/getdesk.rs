//! The Getdesk door: who is told what, in which order, and what is called.

use std::time::Duration;

use axum::body::Body;
use axum::http::{Request, StatusCode};

use super::rig::{Answer, EngineDoes, FIRST, Rig, get};
use crate::http::Peer;
use crate::link::LinkState;

const DOOR: &str = "/ClickToCallAPI";
const CLICK: &str = "phone_number=12125550101&email=alice@demo.example&token=demo-code";

async fn click(rig: &Rig, query: &str) -> Answer {
    rig.send(get(&format!("{DOOR}?{query}"))).await
}

/// Status and message of a refusal, which has nothing else to say.
async fn refused(rig: &Rig, query: &str) -> (u16, String) {
    let answer = click(rig, query).await;
    let json = answer.json();
    assert_eq!(answer.headers["content-type"], "application/json", "{query}");
    assert_eq!((&json["status"], &json["call_id"]), (&"error".into(), &serde_json::Value::Null), "{query}");
    assert!(rig.seen().is_empty(), "{query}");
    (answer.status.as_u16(), json["message"].as_str().unwrap().to_owned())
}

fn because(status: u16, message: &str) -> (u16, String) {
    (status, message.to_owned())
}

#[tokio::test]
async fn a_click_rings_the_agent_with_this_email_and_then_the_number() {
    let rig = Rig::new();
    let answer = click(&rig, CLICK).await;
    let call = rig.call();
    assert_eq!(answer.status, StatusCode::OK);
    let body = format!(r#"{{"status":"success","message":"Call initiated successfully","call_id":"{}"}}"#, call.id);
    assert_eq!(answer.body, body);
    assert_eq!((call.a.endpoint.as_str(), call.b.endpoint.as_str()), ("PJSIP/101", "PJSIP/+12125550101@carrier"));
    assert_eq!((call.door.as_str(), call.credential.as_str()), ("getdesk", "demo-code"));
    assert_eq!(call.agent.unwrap().email, "alice@demo.example");
}

#[tokio::test]
async fn names_and_emails_count_whatever_their_case() {
    let rig = Rig::new();
    let query = "Phone_Number=%2B1+(212)+555-0101&EMAIL=Alice@Demo.Example&Token=demo-code&source=crm";
    assert_eq!(click(&rig, query).await.status, StatusCode::OK);
    let call = rig.call();
    assert_eq!(call.b.party.digits(), "12125550101");
    assert_eq!(call.warnings, ["unknown parameter source ignored"]);
}

#[tokio::test]
async fn an_agent_rings_where_they_are_logged_in() {
    let rig = Rig::new();
    assert_eq!(click(&rig, &CLICK.replace("alice", "grace")).await.status, StatusCode::OK);
    let call = rig.call();
    assert_eq!((call.a.endpoint.as_str(), call.agent.unwrap().extension.as_str()), ("PJSIP/101", "107"));
}

#[tokio::test]
async fn a_phone_that_is_away_is_found_out_by_ringing_it() {
    let rig = Rig::new();
    assert_eq!(click(&rig, &CLICK.replace("alice", "bob")).await.status, StatusCode::OK);
    assert_eq!(rig.call().a.endpoint, "PJSIP/102");
}

#[tokio::test]
async fn the_same_click_again_is_answered_with_the_first_call() {
    let answer = click(&Rig::with(EngineDoes::SayDuplicate), CLICK).await;
    assert_eq!((answer.status, answer.json()["call_id"].as_str()), (StatusCode::OK, Some(&*FIRST.to_string())));
}

#[tokio::test]
async fn an_idempotency_key_comes_along_and_one_of_another_request_is_refused() {
    let marked = |key: &str| {
        let request = Request::get(format!("{DOOR}?{CLICK}")).header("idempotency-key", key);
        request.body(Body::empty()).unwrap()
    };
    let rig = Rig::new();
    assert_eq!(rig.send(marked("k-1")).await.status, StatusCode::OK);
    assert_eq!(rig.call().idempotency.unwrap().key, "k-1");
    assert_eq!(rig.send(marked("k 1")).await.status, StatusCode::BAD_REQUEST);
    let reused = Rig::with(EngineDoes::SayKeyReused).send(marked("k-1")).await;
    assert_eq!(reused.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(reused.json()["message"], "This Idempotency-Key was used for another request");
}

#[tokio::test]
async fn an_agent_in_a_call_is_one_call_too_many_for_now() {
    let answer = click(&Rig::with(EngineDoes::SayAgentBusy), CLICK).await;
    assert_eq!((answer.status, &answer.headers["retry-after"]), (StatusCode::TOO_MANY_REQUESTS, &"5".parse().unwrap()));
    assert_eq!(answer.json()["message"], "The agent is in a call already");
}

#[tokio::test]
async fn all_parameters_that_are_missing_are_named() {
    let rig = Rig::new();
    for (query, missing) in [
        ("", "phone_number, email, token"),
        ("phone_number=12125550101", "email, token"),
        ("phone_number=%20&email=alice@demo.example&token=demo-code", "phone_number"),
        ("phone_number=12125550101&email=&token=demo-code", "email"),
        ("phone_number=12125550101&email=alice@demo.example&token=", "token"),
    ] {
        let message = format!("Mandatory parameters are missing: {missing}");
        assert_eq!(refused(&rig, query).await, (400, message), "{query}");
    }
}

#[tokio::test]
async fn numbers_that_are_no_numbers() {
    let rig = Rig::new();
    let long = "1".repeat(33);
    for value in [
        "100%26Local/911@x",
        "100,30,g",
        "100|x",
        "100/sip:evil@h",
        "100@other",
        "$%7BSHELL(id)%7D",
        "SIP/101",
        "sip:101@h",
        "tel:%2B972501234567;ext=1",
        "1-800-FLOWERS",
        "%EF%BC%91%EF%BC%92",
        "%E2%80%8F12125550101",
        "12125550101%00",
        "12125550101%0D%0AX:y",
        "%ff",
        "%252B12125550101",
        "199",
        &long,
    ] {
        let query = format!("phone_number={value}&email=alice@demo.example&token=demo-code");
        let (status, message) = refused(&rig, &query).await;
        assert_eq!(status, 400, "{value}: {message}");
    }
    let (_, message) = refused(&rig, &CLICK.replace("12125550101", "letters")).await;
    assert!(message.starts_with("phone_number "), "{message}");
    assert_eq!(refused(&rig, &format!("{CLICK}&Token=x")).await, because(400, "Token is given twice"));
}

#[tokio::test]
async fn the_token_is_judged_before_the_email() {
    for email in ["alice@demo.example", "nobody@demo.example", "yael@other.example"] {
        let rig = Rig::new();
        let query = |token: &str| format!("phone_number=12125550101&email={email}&token={token}");
        for token in ["wrong", "from-the-office"] {
            assert_eq!(refused(&rig, &query(token)).await, because(401, "Token is invalid"), "{email}");
        }
        let message = "This token may not place calls";
        assert_eq!(refused(&rig, &query("read-only")).await, because(403, message), "{email}");
    }
}

#[tokio::test]
async fn an_email_of_nobody_or_of_another_tenant_is_not_found() {
    let rig = Rig::new();
    for email in ["nobody@demo.example", "yael@other.example", "101", "*"] {
        let query = format!("phone_number=12125550101&email={email}&token=demo-code");
        assert_eq!(refused(&rig, &query).await, because(404, "No agent has this email"), "{email}");
    }
    let mut directory = (**rig.directory.load()).clone();
    let demo = directory.tenants.get_mut("demo").unwrap();
    std::sync::Arc::make_mut(demo).agents[1].device = None;
    rig.directory.store(std::sync::Arc::new(directory));
    let query = CLICK.replace("alice", "bob");
    assert_eq!(refused(&rig, &query).await, because(404, "Extension 102 has no phone"));
}

#[tokio::test]
async fn an_agents_own_token_acts_for_that_agent_and_knows_no_other_email() {
    let rig = Rig::new();
    let own = CLICK.replace("demo-code", "demo-alice");
    assert_eq!(click(&rig, &own).await.status, StatusCode::OK);
    rig.call();
    for email in ["bob", "nobody"] {
        let message = "This token may act for extension 101 only";
        assert_eq!(refused(&rig, &own.replace("alice@", &format!("{email}@"))).await, because(403, message), "{email}");
    }
}

#[tokio::test]
async fn what_a_rule_forbids_is_forbidden() {
    let rig = Rig::new();
    for (query, message) in [
        (CLICK.replace("alice", "carol"), "Extension 103 is blocked for Click2Call"),
        (CLICK.replace("12125550101", "12125550199"), "phone_number is on the do-not-call list"),
        (CLICK.replace("12125550101", "%2B442079460000"), "phone_number is not an allowed destination"),
    ] {
        assert_eq!(refused(&rig, &query).await, because(403, message), "{query}");
    }
}

#[tokio::test(start_paused = true)]
async fn who_asks_too_often_is_told_when_to_come_back() {
    let mut rig = Rig::new();
    let query = "phone_number=0501234567&email=yael@other.example&token=other-code";
    for _ in 0..10 {
        assert_eq!(click(&rig, query).await.status, StatusCode::OK);
    }
    rig.seen();
    let answer = click(&rig, query).await;
    assert_eq!((answer.status, &answer.headers["retry-after"]), (StatusCode::TOO_MANY_REQUESTS, &"1".parse().unwrap()));
    assert_eq!(answer.json()["status"], "error");
    for _ in 0..5 {
        assert_eq!(refused(&rig, &CLICK.replace("demo-code", "guess")).await.0, 401);
    }
    let answer = click(&rig, CLICK).await;
    assert_eq!(
        (answer.status, &answer.headers["retry-after"]),
        (StatusCode::TOO_MANY_REQUESTS, &"12".parse().unwrap())
    );
    rig.peer = Peer::Address("198.51.100.1".parse().unwrap());
    tokio::time::advance(Duration::from_secs(12)).await;
    assert_eq!(click(&rig, CLICK).await.status, StatusCode::OK);
}

#[tokio::test(start_paused = true)]
async fn what_is_away_says_so() {
    let rig = Rig::new();
    rig.ari.send_replace(LinkState::Down);
    assert_eq!(refused(&rig, CLICK).await, because(503, "The PBX is not reachable"));
    let silent = Rig::with(EngineDoes::Nothing);
    assert_eq!(refused(&silent, CLICK).await, because(500, "The call could not be stored"));
}

#[tokio::test]
async fn only_get_places_a_call_and_only_where_it_is_meant() {
    let rig = Rig::new();
    let uri = format!("{DOOR}?{CLICK}");
    for method in ["POST", "PUT", "DELETE", "PATCH", "HEAD"] {
        let request = Request::builder().method(method).uri(&uri).body(Body::empty()).unwrap();
        let answer = rig.send(request).await;
        assert_eq!(
            (answer.status, &answer.headers["allow"]),
            (StatusCode::METHOD_NOT_ALLOWED, &"GET".parse().unwrap())
        );
        assert!(method == "HEAD" || answer.json()["status"] == "error", "{method}");
    }
    let options = rig.send(Request::options(&uri).body(Body::empty()).unwrap()).await;
    assert_eq!((options.status, &options.headers["allow"]), (StatusCode::NO_CONTENT, &"GET".parse().unwrap()));
    assert!(!options.headers.contains_key("access-control-allow-origin"));
    for (name, value) in [("sec-purpose", "prefetch;prerender"), ("purpose", "prefetch"), ("x-moz", "prefetch")] {
        let answer = rig.send(Request::get(&uri).header(name, value).body(Body::empty()).unwrap()).await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "{name}");
    }
    for path in ["/clicktocallapi", "/ClickToCallAPI/", "//ClickToCallAPI", "/ClickToCall%41PI"] {
        assert_eq!(rig.send(get(&format!("{path}?{CLICK}"))).await.status, StatusCode::NOT_FOUND, "{path}");
    }
    assert!(rig.seen().is_empty());
    let counted: Vec<_> = rig.counters.read().filter(|(.., count)| *count > 0).collect();
    assert_eq!(counted, [("getdesk", "2xx", 1), ("getdesk", "4xx", 8), ("other", "4xx", 4)]);
}
