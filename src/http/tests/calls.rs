//! `/v1/calls`: placing, trying, listing and ending calls.

use axum::http::StatusCode;
use serde_json::{Value, json};

use super::rig::{Answer, DoorOrderSeen, EngineDoes, FIRST, Rig};
use crate::call::Identity;
use crate::dial::number::Party;
use crate::engine::Termination;
use crate::link::LinkState;
use crate::report::event::EventKind;

const PLACE: &str = "POST /v1/calls";

/// A rig whose engine stores what it takes.
fn storing() -> Rig {
    Rig::with(EngineDoes::AcceptAndStore)
}

async fn place(rig: &Rig, body: Value) -> Answer {
    rig.api("demo-code", PLACE, body).await
}

fn plain() -> Value {
    json!({"agent": "101", "target": "+12125550101"})
}

fn plain_with(field: &str, value: impl Into<Value>) -> Value {
    let mut body = plain();
    body[field] = value.into();
    body
}

/// Status, `type` without its beginning, and the field at fault.
fn problem(answer: &Answer) -> (u16, String, Value) {
    assert_eq!(answer.headers["content-type"], "application/problem+json", "{}", answer.body);
    let json = answer.json();
    assert_eq!(json["status"], answer.status.as_u16());
    let kind = json["type"].as_str().unwrap().strip_prefix("urn:dialbridge:").unwrap().to_owned();
    (answer.status.as_u16(), kind, json["field"].clone())
}

#[tokio::test]
async fn a_call_that_was_placed_is_told_with_the_place_where_it_is() {
    let rig = storing();
    let answer = place(&rig, plain()).await;
    assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.body);
    let call = rig.call();
    let record = answer.json();
    assert_eq!(record["id"], call.id.to_string());
    assert_eq!(answer.headers["location"], format!("/v1/calls/{}", call.id));
    assert_eq!(
        (&record["status"], &record["phone"], &record["target"]),
        (&json!("queued"), &json!("101"), &json!("+12125550101"))
    );
    let shown = rig.api("demo-code", &format!("GET /v1/calls/{}", call.id), Value::Null).await;
    assert_eq!(shown.json(), record);
}

#[tokio::test]
async fn every_field_reaches_the_order() {
    let rig = storing();
    let body = json!({
        "phone": "700", "target": "(212) 555-0101",
        "caller_id": "+12125550100", "caller_name": "Sales", "phone_caller_id": "5550", "phone_caller_name": "Lead",
        "phone_max_dial_time": 20, "target_max_dial_time": 30, "max_duration": 600, "record": true,
        "phone_auto_answer": true, "target_auto_answer": false,
        "check_phone_device_state": true, "check_target_device_state": true,
        "language": "he", "vars": {"lead": "7", "hot": true, "score": 12},
        "userdata": {"lead": "4711", "n": 1}, "ext_record": {"id": "003", "type": "Lead"},
        "dialplan_id": 1, "callback": {"url": "http://127.0.0.1:8091/e", "events": ["call.ringing", "call.ended"]},
        "colour": "blue",
    });
    let answer = place(&rig, body).await;
    assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.body);
    let call = rig.call();
    assert_eq!((call.door.as_str(), call.credential.as_str()), ("api", "demo-code"));
    assert_eq!(call.b.party, Party::Outside("+12125550101".to_owned()));
    let name = |number: &str, name: &str| Identity { number: number.to_owned(), name: name.to_owned() };
    assert_eq!((&call.b.connected, &call.a.connected), (&name("+12125550100", "Sales"), &name("5550", "Lead")));
    assert_eq!(
        (call.a.max_dial_time.as_secs(), call.b.max_dial_time.as_secs(), call.max_duration.as_secs()),
        (20, 30, 600)
    );
    assert!(call.record);
    assert_eq!(call.language.as_deref(), Some("he"));
    assert_eq!(json!(call.vars), json!({"hot": "true", "lead": "7", "score": "12"}));
    assert_eq!(call.report.userdata.unwrap().to_string(), "[lead|4711][n|1]");
    assert_eq!(call.report.ext_transaction_data.unwrap().to_string(), "[extRecordId|003][extRecordType|Lead]");
    let events = call.report.events.unwrap();
    assert_eq!(events.url, "http://127.0.0.1:8091/e");
    assert_eq!(events.events, [EventKind::Ringing, EventKind::Ended].into());
    let device = "Extension 700 is in an unknown state";
    let warnings =
        ["unknown field colour ignored", "auto answer of the phone is ignored: a service answers by itself", device];
    assert_eq!(answer.json()["warnings"], json!(warnings));
}

#[tokio::test]
async fn an_agent_is_named_by_extension_address_or_login_code() {
    for agent in ["101", "Alice@Demo.Example", "login:1111", "login:7777"] {
        let rig = storing();
        let answer = place(&rig, plain_with("agent", agent)).await;
        assert_eq!(answer.status, StatusCode::CREATED, "{agent}: {}", answer.body);
        assert_eq!(rig.call().a.party, Party::Extension("101".to_owned()), "{agent}");
    }
}

#[tokio::test]
async fn user_data_may_be_text_and_a_callback_without_a_list_is_told_of_the_end_alone() {
    let rig = storing();
    let mut body = plain_with("userdata", "[lead|1] rest");
    body["callback"] = json!({"url": "http://127.0.0.1:8091/e"});
    let answer = place(&rig, body).await;
    assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.body);
    let report = rig.call().report;
    assert_eq!(report.userdata.unwrap().to_string(), "[lead|1]");
    assert_eq!(report.events.unwrap().events, [EventKind::Ended].into());
}

#[tokio::test]
async fn what_is_wrong_with_a_body_is_said_by_field() {
    let rig = storing();
    for (body, field) in [
        (json!({"target": "1"}), json!("agent")),
        (json!({"agent": "101"}), json!("target")),
        (json!({"agent": "101", "target": ""}), json!("target")),
        (json!({"agent": "101", "phone": "101", "target": "1"}), json!("phone")),
        (json!({"phone": "1-800-FLOWERS", "target": "+12125550101"}), json!("phone")),
        (plain_with("target", 12), json!("target")),
        (plain_with("target", "100&Local/911@x"), json!("target")),
        (plain_with("target", "${SHELL(id)}"), json!("target")),
        (plain_with("target", "1".repeat(33)), json!("target")),
        (plain_with("target", "+1212555\u{0660}101"), json!("target")),
        (plain_with("target", "+12125550101\n"), json!("target")),
        (plain_with("target", "101"), json!("target")),
        (plain_with("target", "911"), json!("target")),
        (plain_with("caller_id", "x"), json!("caller_id")),
        (plain_with("phone_caller_id", "x"), json!("phone_caller_id")),
        (plain_with("phone_max_dial_time", 0), json!("phone_max_dial_time")),
        (plain_with("phone_max_dial_time", "60"), json!("phone_max_dial_time")),
        (plain_with("target_max_dial_time", 301), json!("target_max_dial_time")),
        (plain_with("max_duration", 1e9), json!("max_duration")),
        (plain_with("max_duration", 14_401), json!("max_duration")),
        (plain_with("record", "yes"), json!("record")),
        (plain_with("language", "klingon"), json!("language")),
        (plain_with("language", "e\u{0}"), json!("language")),
        (plain_with("vars", json!({"A=B": "1"})), json!("vars")),
        (plain_with("vars", json!({"a": "x".repeat(5000)})), json!("vars")),
        (plain_with("vars", json!({"a": ["b"]})), json!("vars.a")),
        (plain_with("vars", "a"), json!("vars")),
        (plain_with("userdata", "no pair"), json!("userdata")),
        (plain_with("userdata", 7), json!("userdata")),
        (plain_with("userdata", json!({"a": {"b": 1}})), json!("userdata.a")),
        (plain_with("userdata", json!({"a": "\u{1b}[31m"})), json!("userdata")),
        (plain_with("userdata", json!({"a": "x".repeat(40_000)})), json!("userdata")),
        (plain_with("userdata", json!({"ctl_callbackUrl": "http://10.0.0.1/"})), json!("userdata")),
        (plain_with("ext_record", json!({"type": "Lead"})), json!("ext_record.id")),
        (plain_with("queue_id", "seven"), json!("queue_id")),
        (plain_with("dialplan_id", -1), json!("dialplan_id")),
        (plain_with("ignore_do_not_call", "all"), json!("ignore_do_not_call")),
        (plain_with("callback", "http://127.0.0.1:8091/"), json!("callback")),
        (plain_with("callback", json!({"events": []})), json!("callback.url")),
        (plain_with("callback", json!({"url": "http://169.254.169.254/"})), json!("callback.url")),
        (plain_with("callback", json!({"url": "http://127.0.0.1:8091/", "events": []})), json!("callback.events")),
        (
            plain_with("callback", json!({"url": "http://127.0.0.1:8091/", "events": ["call.lost"]})),
            json!("callback.events[0]"),
        ),
        (json!([]), Value::Null),
    ] {
        let answer = place(&rig, body.clone()).await;
        assert_eq!(problem(&answer), (400, "malformed".to_owned(), field.clone()), "{body}: {}", answer.body);
        let detail = answer.json()["detail"].as_str().unwrap().to_owned();
        if let Some(field) = field.as_str().filter(|field| *field != "agent") {
            assert!(detail.contains(field) || detail.contains("user data"), "{detail}");
        }
    }
    assert!(rig.seen().is_empty(), "nothing may ring");
}

#[tokio::test]
async fn refusals_have_their_own_kinds() {
    let rig = storing();
    for (body, status, kind, field) in [
        (plain_with("agent", "999"), 404, "not-found", json!("agent")),
        (plain_with("agent", "nobody@demo.example"), 404, "not-found", json!("agent")),
        (plain_with("agent", "login:0"), 404, "not-found", Value::Null),
        (plain_with("agent", "201"), 404, "not-found", json!("agent")),
        (plain_with("target", "299"), 404, "not-found", Value::Null),
        (plain_with("queue_id", 99), 404, "not-found", Value::Null),
        (plain_with("dialplan_id", 99), 404, "not-found", Value::Null),
        (plain_with("agent", "103"), 403, "policy", Value::Null),
        (plain_with("target", "+12125550199"), 403, "policy", json!("target")),
        (plain_with("target", "+442071234567"), 403, "policy", json!("target")),
        (plain_with("caller_id", "+12125550102"), 403, "policy", json!("caller_id")),
        (plain_with("ignore_do_not_call", "target"), 403, "policy", Value::Null),
        (json!({"agent": "102", "target": "700", "check_phone_device_state": true}), 422, "impossible", Value::Null),
    ] {
        let answer = place(&rig, body.clone()).await;
        assert_eq!(problem(&answer), (status, kind.to_owned(), field), "{body}: {}", answer.body);
    }
    assert!(rig.seen().is_empty(), "nothing may ring");
}

#[tokio::test]
async fn nobody_places_calls_without_the_scope_or_a_token() {
    let rig = storing();
    assert_eq!(problem(&rig.api("read-only", PLACE, plain()).await), (403, "forbidden".to_owned(), Value::Null));
    assert_eq!(problem(&rig.api("wrong", PLACE, plain()).await), (401, "unauthorized".to_owned(), Value::Null));
    let other = rig.api("demo-alice", PLACE, plain_with("agent", "102")).await;
    assert_eq!(problem(&other), (403, "policy".to_owned(), Value::Null));
    assert!(rig.seen().is_empty());
}

#[tokio::test]
async fn the_same_order_again_gets_the_first_call() {
    let rig = storing();
    let marked = |body: Value| {
        let request = axum::http::Request::post("/v1/calls").header("authorization", "Bearer demo-code");
        let request = request.header("idempotency-key", "k1").header("content-type", "application/json");
        rig.send(request.body(body.to_string().into()).unwrap())
    };
    let first = marked(plain()).await;
    assert_eq!(first.status, StatusCode::CREATED);
    let second = marked(plain()).await;
    assert_eq!((second.status, second.json()["id"].clone()), (StatusCode::OK, first.json()["id"].clone()));
    assert_eq!(problem(&marked(plain_with("record", true)).await), (422, "key-reused".to_owned(), Value::Null));
    assert_eq!(rig.seen().len(), 1);
}

#[tokio::test]
async fn beyond_a_limit_and_without_the_pbx_the_time_to_wait_is_said() {
    let busy = Rig::with(EngineDoes::SayAgentBusy);
    let answer = place(&busy, plain()).await;
    assert_eq!(problem(&answer), (429, "too-many-requests".to_owned(), Value::Null));
    assert!(answer.headers.contains_key("retry-after"));
    let away = storing();
    away.ari.send(LinkState::Down).unwrap();
    let answer = place(&away, plain()).await;
    assert_eq!(problem(&answer), (503, "unavailable".to_owned(), Value::Null));
    assert!(answer.headers.contains_key("retry-after"));
}

#[tokio::test]
async fn a_body_of_another_type_and_what_was_fetched_ahead_place_nothing() {
    let rig = storing();
    let send = |name: &'static str, value: &'static str| {
        let request = axum::http::Request::post("/v1/calls").header("authorization", "Bearer demo-code");
        rig.send(request.header(name, value).body(plain().to_string().into()).unwrap())
    };
    assert_eq!(send("content-type", "text/plain").await.status, StatusCode::UNSUPPORTED_MEDIA_TYPE);
    let request = axum::http::Request::post("/v1/calls").header("authorization", "Bearer demo-code");
    let request = request.header("content-type", "application/json").header("sec-purpose", "prefetch");
    assert_eq!(rig.send(request.body(plain().to_string().into()).unwrap()).await.status, StatusCode::FORBIDDEN);
    assert!(rig.seen().is_empty());
}

#[tokio::test]
async fn a_dry_run_says_what_would_happen_and_does_nothing() {
    let rig = storing();
    let mut body = plain_with("dry_run", true);
    body["phone_auto_answer"] = true.into();
    body["colour"] = "blue".into();
    let answer = place(&rig, body).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
    insta::assert_snapshot!(serde_json::to_string_pretty(&answer.json()).unwrap());
    assert!(rig.seen().is_empty() && rig.store.calls.lock().unwrap().is_empty());
}

#[tokio::test]
async fn a_dry_run_says_why_an_order_would_be_refused() {
    let rig = storing();
    let answer = place(&rig, {
        let mut body = plain_with("target", "212-555-0199");
        body["dry_run"] = true.into();
        body
    })
    .await;
    assert_eq!(answer.status, StatusCode::OK);
    let json = answer.json();
    assert_eq!((&json["would"], &json["problem"]["status"]), (&json!("refused"), &json!(403)));
    assert_eq!(json["problem"]["detail"], "target is on the do-not-call list");
    assert_eq!((&json["target"]["party"], &json["do_not_call"]["target"]), (&json!("+12125550199"), &json!(true)));
    assert!(rig.seen().is_empty());
}

#[tokio::test]
async fn calls_are_listed_newest_first_and_page_by_page() {
    let rig = storing();
    for n in 0..5 {
        place(&rig, plain_with("target", format!("+1212555011{n}"))).await;
    }
    let (mut seen, mut cursor) = (Vec::new(), String::new());
    for _ in 0..3 {
        let page = rig.api("demo-code", &format!("GET /v1/calls?limit=2{cursor}"), Value::Null).await.json();
        seen.extend(page["data"].as_array().unwrap().iter().map(|call| call["target"].as_str().unwrap().to_owned()));
        cursor = page["next_cursor"].as_str().map(|cursor| format!("&cursor={cursor}")).unwrap_or_default();
    }
    assert_eq!(seen, (0..5).rev().map(|n| format!("+1212555011{n}")).collect::<Vec<_>>());
    assert_eq!(cursor, "", "the last page says that it is the last");
    let found = rig.api("demo-code", "GET /v1/calls?target=+12125550113&limit=200", Value::Null).await.json();
    assert_eq!(found["data"].as_array().unwrap().len(), 1);
    assert_eq!(found["next_cursor"], Value::Null);
}

#[tokio::test]
async fn lists_are_kept_apart_by_tenant_and_agent() {
    let rig = storing();
    place(&rig, plain()).await;
    place(&rig, json!({"agent": "102", "target": "700"})).await;
    for (token, query, count) in
        [("demo-code", "", 2), ("demo-alice", "", 1), ("demo-alice", "?agent=102", 0), ("other-code", "", 0)]
    {
        let answer = rig.api(token, &format!("GET /v1/calls{query}"), Value::Null).await.json();
        assert_eq!(answer["data"].as_array().unwrap().len(), count, "{token} {query}");
    }
    let elsewhere = rig.api("other-code", "GET /v1/calls?tenant=demo", Value::Null).await;
    assert_eq!(elsewhere.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_list_refuses_what_it_cannot_understand_by_name() {
    let rig = storing();
    for (query, field) in [
        ("limit=0", "limit"),
        ("limit=201", "limit"),
        ("limit=x", "limit"),
        ("limit=1&limit=2", "limit"),
        ("cursor=x", "cursor"),
        ("cursor=MTIz", "cursor"),
        ("status=done", "status"),
        ("end_reason=bored", "end_reason"),
        ("since=yesterday", "since"),
        ("until=2026-13-01", "until"),
        ("active=1", "active"),
        ("phone=abc", "phone"),
        ("target=%00", "target"),
    ] {
        let answer = rig.api("demo-code", &format!("GET /v1/calls?{query}"), Value::Null).await;
        assert_eq!(problem(&answer), (400, "malformed".to_owned(), json!(field)), "{query}: {}", answer.body);
    }
    assert_eq!(rig.api("demo-code", "GET /v1/calls?status=%ff", Value::Null).await.status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn a_call_is_ended_by_whoever_may_and_only_once() {
    let rig = storing();
    let id = place(&rig, plain()).await.json()["id"].as_str().unwrap().to_owned();
    rig.seen();
    let line = format!("DELETE /v1/calls/{id}");
    for (token, status) in [("read-only", 403), ("other-code", 404)] {
        assert_eq!(rig.api(token, &line, Value::Null).await.status.as_u16(), status, "{token}");
    }
    assert!(rig.seen().is_empty());
    let answer = rig.api("demo-alice", &line, Value::Null).await;
    assert_eq!((answer.status, answer.json()["id"].as_str().unwrap()), (StatusCode::ACCEPTED, id.as_str()));
    let seen = rig.seen();
    assert!(matches!(&seen[..], [DoorOrderSeen::Terminate(Termination::Call { tenant, call })]
        if tenant == "demo" && call.to_string() == id));
    let nothing = rig.api("demo-code", &format!("DELETE /v1/calls/{FIRST}"), Value::Null).await;
    assert_eq!(nothing.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn an_agents_own_token_ends_that_agents_calls_alone() {
    let rig = storing();
    let id = place(&rig, json!({"agent": "102", "target": "700"})).await.json()["id"].as_str().unwrap().to_owned();
    rig.seen();
    assert_eq!(
        rig.api("demo-alice", &format!("DELETE /v1/calls/{id}"), Value::Null).await.status,
        StatusCode::NOT_FOUND
    );
    assert!(rig.seen().is_empty());
}

#[tokio::test]
async fn who_asks_is_told_who_it_is_and_what_may_be_shown() {
    let rig = storing();
    let me = rig.api("demo-alice", "GET /v1/me", Value::Null).await.json();
    let alice = json!({"extension": "101", "email": "alice@demo.example", "name": "Alice"});
    let scopes = json!(["dial", "terminate", "read"]);
    assert_eq!(me, json!({"tenant": "demo", "credential": "demo-alice", "agent": alice, "scopes": scopes}));
    let ids = rig.api("demo-alice", "GET /v1/caller-ids", Value::Null).await.json();
    assert_eq!(ids["data"], json!([{"number": "+12125550100", "name": "Demo Main", "default": true}]));
    let devices = rig.api("demo-alice", "GET /v1/devices", Value::Null).await.json();
    let alice = json!({"device": "PJSIP/101", "state": "not_inuse", "extension": "101", "agent": "Alice"});
    assert_eq!(devices["data"][0], alice);
    assert_eq!(devices["data"][1]["state"], "unavailable");
}
