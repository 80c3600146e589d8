//! The directory over the native API: members, settings, tokens, passwords, desks, and the do-not-call list.

use axum::body::Body;
use axum::http::{Method, Request, StatusCode};
use serde_json::{Value, json};

use super::rig::{Answer, Rig};
use crate::directory::{Sealed, password};

/// A request with a token and, where there is one, a JSON body; the pairs are further headers.
async fn ask(rig: &Rig, token: &str, line: &str, body: Value, more: &[(&str, &str)]) -> Answer {
    let (method, uri) = line.split_once(' ').unwrap();
    let mut request = Request::builder().method(method).uri(uri).header("authorization", format!("Bearer {token}"));
    if !body.is_null() {
        request = request.header("content-type", "application/json");
    }
    for (name, value) in more {
        request = request.header(*name, *value);
    }
    let body = if body.is_null() { Body::empty() } else { Body::from(body.to_string()) };
    rig.send(request.body(body).unwrap()).await
}

async fn admin(rig: &Rig, line: &str, body: Value) -> Answer {
    ask(rig, "demo-admin", line, body, &[]).await
}

fn etag(answer: &Answer) -> String {
    answer.headers["etag"].to_str().unwrap().to_owned()
}

fn detail(answer: &Answer) -> String {
    answer.json()["detail"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_member_is_made_read_replaced_and_taken_away() {
    let rig = Rig::new();
    let heidi = json!({ "name": "Heidi", "email": "heidi@demo.example", "device": "PJSIP/109", "login_code": "9999" });
    let made = admin(&rig, "PUT /v1/agents/109", heidi).await;
    assert_eq!(made.status, StatusCode::CREATED, "{}", made.body);
    assert_eq!(made.headers["location"], "/v1/agents/109");
    assert_eq!((made.json()["extension"].clone(), made.json()["login_code"].clone()), (json!("109"), json!("9999")));
    assert_eq!(rig.directory.load().tenant("demo").unwrap().agent("109").unwrap().name, "Heidi", "it counts at once");

    let mut seen = admin(&rig, "GET /v1/agents/109", Value::Null).await.json();
    seen["name"] = "Heidi II".into();
    let replaced = admin(&rig, "PUT /v1/agents/109", seen).await;
    assert_eq!((replaced.status, replaced.json()["name"].clone()), (StatusCode::OK, json!("Heidi II")));
    assert_eq!(admin(&rig, "DELETE /v1/agents/109", Value::Null).await.status, StatusCode::NO_CONTENT);
    assert_eq!(admin(&rig, "GET /v1/agents/109", Value::Null).await.status, StatusCode::NOT_FOUND);
    assert_eq!(admin(&rig, "DELETE /v1/agents/109", Value::Null).await.status, StatusCode::NOT_FOUND);
    let audit: Vec<_> = rig.store.audit.lock().unwrap().iter().map(|line| line.action.clone()).collect();
    assert_eq!(
        audit,
        [
            "directory: agent 109 added",
            "directory: agent 109 changed: name Heidi → Heidi II",
            "directory: agent 109 removed"
        ]
    );
    assert!(rig.store.audit.lock().unwrap().iter().all(|line| line.actor == "demo-admin" && line.tenant == "demo"));
    assert!(rig.seen().is_empty(), "calls that are up are not touched");
}

#[tokio::test]
async fn every_list_is_read_and_written_alike() {
    let rig = Rig::new();
    for (address, member) in [
        ("/v1/agents/109", json!({ "extension": "109", "name": "H", "email": "h@demo.example" })),
        ("/v1/numbers/+12125550103", json!({ "number": "+12125550103", "name": "Third", "shared_with": ["101"] })),
        ("/v1/services/701", json!({ "extension": "701", "name": "Menu", "endpoint": "Local/701@services/n" })),
        ("/v1/routes/second%20trunk", json!({ "name": "second trunk", "endpoint": "PJSIP/{number}@second" })),
        ("/v1/dial-plans/9", json!({ "id": 9, "route": "trunk", "rewrite": [{ "strip": "9", "add": "" }] })),
        ("/v1/queues/8", json!({ "id": 8, "queue": "sales" })),
    ] {
        let list = address.rsplit_once('/').unwrap().0;
        let before = admin(&rig, &format!("GET {list}"), Value::Null).await.json()["data"].as_array().unwrap().len();
        let made = admin(&rig, &format!("PUT {address}"), member.clone()).await;
        assert_eq!(made.status, StatusCode::CREATED, "{address}: {}", made.body);
        let shown = admin(&rig, &format!("GET {address}"), Value::Null).await;
        assert_eq!((shown.status, etag(&shown)), (StatusCode::OK, etag(&made)));
        for (field, value) in member.as_object().unwrap() {
            assert_eq!(&shown.json()[field], value, "{address}");
        }
        let list = admin(&rig, &format!("GET {list}"), Value::Null).await.json();
        assert!(list["data"].as_array().unwrap().contains(&shown.json()) && list["next_cursor"].is_null());
        assert_eq!(list["data"].as_array().unwrap().len(), before + 1);
        assert_eq!(admin(&rig, &format!("DELETE {address}"), Value::Null).await.status, StatusCode::NO_CONTENT);
    }
}

#[tokio::test]
async fn a_list_is_read_page_by_page_in_the_order_of_its_keys() {
    let rig = Rig::new();
    for extension in ["1000", "99"] {
        let agent = json!({ "name": "A", "email": format!("{extension}@demo.example") });
        admin(&rig, &format!("PUT /v1/agents/{extension}"), agent).await;
    }
    let (mut seen, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = admin(&rig, &format!("GET /v1/agents?limit=2&cursor={cursor}"), Value::Null).await.json();
        seen.extend(page["data"].as_array().unwrap().iter().map(|agent| agent["extension"].clone()));
        let Some(next) = page["next_cursor"].as_str() else { break };
        next.clone_into(&mut cursor);
    }
    assert_eq!(seen, ["99", "101", "102", "103", "107", "1000"]);
}

#[tokio::test]
async fn nobody_overwrites_what_they_have_not_seen() {
    let rig = Rig::new();
    let seen = admin(&rig, "GET /v1/agents/101", Value::Null).await;
    let alice = seen.json();
    let tag = etag(&seen);
    let put = async |conditions: &[(&str, &str)], name: &str| {
        let mut alice = alice.clone();
        alice["name"] = name.into();
        ask(&rig, "demo-admin", "PUT /v1/agents/101", alice, conditions).await.status
    };
    assert_eq!(put(&[("if-none-match", "*")], "First").await, StatusCode::PRECONDITION_FAILED);
    assert_eq!(put(&[("if-match", &tag)], "First").await, StatusCode::OK);
    assert_eq!(put(&[("if-match", &tag)], "Second").await, StatusCode::PRECONDITION_FAILED);
    let stale = ask(&rig, "demo-admin", "DELETE /v1/agents/102", Value::Null, &[("if-match", &tag)]).await;
    assert_eq!(stale.status, StatusCode::PRECONDITION_FAILED);
    assert_eq!(stale.json()["type"], "urn:dialbridge:precondition-failed");
    let now = admin(&rig, "GET /v1/agents/101", Value::Null).await;
    assert_eq!(now.json()["name"], "First");
    let again = ask(&rig, "demo-admin", "GET /v1/agents/101", Value::Null, &[("if-none-match", &etag(&now))]).await;
    assert_eq!((again.status, again.body.as_str()), (StatusCode::NOT_MODIFIED, ""));
    let settings = admin(&rig, "GET /v1/tenant", Value::Null).await;
    let patch = |tag: &str| [("if-match".to_owned(), tag.to_owned())];
    for (tag, status) in [(etag(&settings), StatusCode::OK), (etag(&settings), StatusCode::PRECONDITION_FAILED)] {
        let [(name, value)] = patch(&tag);
        let body = json!({ "duplicate_window": 7 });
        assert_eq!(ask(&rig, "demo-admin", "PATCH /v1/tenant", body, &[(&name, &value)]).await.status, status);
    }
}

#[tokio::test]
async fn what_is_wrong_is_told_by_its_field() {
    let rig = Rig::new();
    let alice = json!({ "name": "A", "email": "a@demo.example" });
    let with = |field: &str, value: Value| {
        let mut agent = alice.clone();
        agent[field] = value;
        agent
    };
    for (line, body, status, field, detail_is) in [
        ("PUT /v1/agents/109", with("colour", json!(1)), 400, json!("colour"), "colour is unknown"),
        ("PUT /v1/agents/109", with("blocked", json!("no")), 400, json!("blocked"), "blocked must be true or false"),
        ("PUT /v1/agents/109", json!({ "name": "A" }), 400, json!("email"), "email is missing"),
        ("PUT /v1/agents/109", json!([]), 400, Value::Null, "the body must be an object"),
        (
            "PUT /v1/agents/109",
            with("extension", json!("110")),
            422,
            json!("extension"),
            "extension is not what the address says",
        ),
        ("PUT /v1/agents/109", with("email", json!("Alice@Demo.Example")), 422, json!("email"), "email is there twice"),
        ("PUT /v1/agents/x", alice.clone(), 422, json!("extension"), "extension is not 1 to 16 digits"),
        ("PUT /v1/agents/700", alice.clone(), 422, json!("extension"), "extension is there twice"),
        (
            "PUT /v1/agents/109",
            with("device", json!("PJSIP/201")),
            422,
            json!("device"),
            "device is another tenant's phone",
        ),
        ("PUT /v1/queues/x", json!({ "queue": "q" }), 422, json!("id"), "id is not what the address says"),
        ("DELETE /v1/routes/trunk", Value::Null, 422, Value::Null, "dial plan 1: route is not one of routes"),
        ("PATCH /v1/tenant", json!({ "region": null }), 422, json!("region"), "region is not a region such as US"),
        ("PATCH /v1/tenant", json!({ "limits": { "x": 1 } }), 400, json!("limits.x"), "limits.x is unknown"),
        ("PATCH /v1/tenant", json!({ "agents": [] }), 422, json!("agents"), "agents is not changed here"),
        ("PATCH /v1/tenant", json!({ "id": "x" }), 422, json!("id"), "id is not changed here"),
    ] {
        let answer = admin(&rig, line, body.clone()).await;
        assert_eq!(answer.status.as_u16(), status, "{line} {body}: {}", answer.body);
        assert_eq!((answer.json()["field"].clone(), detail(&answer)), (field, detail_is.to_owned()), "{line} {body}");
    }
    assert!(rig.store.audit.lock().unwrap().is_empty(), "nothing was changed");
}

#[tokio::test]
async fn settings_are_patched_and_secrets_never_come_out() {
    let rig = Rig::new();
    let secret = "whsec_ZGlhbGJyaWRnZS1kZW1vLWNhbGxiYWNrLXNlY3JldCE=";
    let patch = json!({
        "callback_secrets": [{ "name": "a", "secret": secret }],
        "callback_header": { "name": "Authorization", "secret": "Bearer hush" },
        "time_zone": "Europe/Berlin",
    });
    let patched = admin(&rig, "PATCH /v1/tenant", patch).await;
    assert_eq!(patched.status, StatusCode::OK, "{}", patched.body);
    let named = json!({ "callback_secrets": [{ "name": "a" }], "callback_header": { "name": "X-Key" } });
    let kept = admin(&rig, "PATCH /v1/tenant", named).await;
    assert_eq!(kept.status, StatusCode::OK, "{}", kept.body);
    for answer in [&patched, &kept, &admin(&rig, "GET /v1/tenant", Value::Null).await] {
        assert!(!answer.body.contains("whsec_") && !answer.body.contains("hush"), "{}", answer.body);
    }
    let tenant = rig.directory.load().tenant("demo").unwrap().clone();
    assert_eq!(tenant.callback_secrets[0].secret.expose(), secret);
    assert_eq!(tenant.callback_header.as_ref().unwrap().secret.expose(), "Bearer hush");
    assert_eq!(tenant.time_zone, "Europe/Berlin");
    let audit = format!("{:?}", rig.store.audit.lock().unwrap());
    assert!(!audit.contains("whsec_") && !audit.contains("hush"), "{audit}");
}

#[tokio::test]
async fn a_token_is_shown_once_and_works_until_it_is_revoked() {
    let rig = Rig::new();
    let wanted = json!({ "name": "crm 2", "scopes": ["read"], "networks": ["192.0.2.0/24"] });
    let made = admin(&rig, "POST /v1/tokens", wanted.clone()).await;
    assert_eq!((made.status, made.headers["location"].to_str().unwrap()), (StatusCode::CREATED, "/v1/tokens/crm%202"));
    let token = made.json()["token"].as_str().unwrap().to_owned();
    assert_eq!(token.len(), 46, "db_ and 256 bits");
    assert_eq!(ask(&rig, &token, "GET /v1/agents", Value::Null, &[]).await.status, StatusCode::OK);
    assert_eq!(admin(&rig, "POST /v1/tokens", wanted).await.status, StatusCode::CONFLICT);
    let listed = admin(&rig, "GET /v1/tokens", Value::Null).await;
    assert!(listed.body.contains("crm 2") && !listed.body.contains(&token) && !listed.body.contains("sha256:"));
    assert_eq!(admin(&rig, "DELETE /v1/tokens/crm%202", Value::Null).await.status, StatusCode::NO_CONTENT);
    assert_eq!(ask(&rig, &token, "GET /v1/agents", Value::Null, &[]).await.status, StatusCode::UNAUTHORIZED);
    let documents = format!("{:?}{:?}", rig.store.documents.lock().unwrap(), rig.store.audit.lock().unwrap());
    assert!(!documents.contains(&token), "only its hash is kept");
}

#[tokio::test]
async fn nobody_gives_away_more_than_they_have() {
    let rig = Rig::new();
    let made = admin(&rig, "POST /v1/tokens", json!({ "name": "small", "scopes": ["admin", "read"] })).await;
    let small = made.json()["token"].as_str().unwrap().to_owned();
    for (scopes, status) in [(json!(["read"]), 201), (json!(["admin"]), 201), (json!(["dnc_override"]), 403)] {
        let name = format!("from small {scopes}");
        let body = json!({ "name": name, "scopes": scopes });
        let answer = ask(&rig, &small, "POST /v1/tokens", body, &[]).await;
        assert_eq!(answer.status.as_u16(), status, "{}", answer.body);
    }
    for (body, field) in [
        (json!({ "name": "x", "scopes": ["root"] }), "scopes[0]"),
        (json!({ "scopes": [] }), "name"),
        (json!({ "name": "session:101", "scopes": [] }), "name"),
        (json!({ "name": "x", "scopes": [], "agent": "999" }), "agent"),
        (json!({ "name": "x", "scopes": [], "networks": ["x"] }), "networks[0]"),
        (json!({ "name": "x", "scopes": [], "secret_hash": "sha256:00" }), "secret_hash"),
    ] {
        assert_eq!(admin(&rig, "POST /v1/tokens", body.clone()).await.json()["field"], field, "{body}");
    }
}

#[tokio::test]
async fn an_agent_s_password_is_set_and_never_shown() {
    let rig = Rig::new();
    let hash = |rig: &Rig| rig.directory.load().tenant("demo").unwrap().agent("101").unwrap().password_hash.clone();
    let set = async |token: &str, extension: &str, body: Value| {
        ask(&rig, token, &format!("PUT /v1/agents/{extension}/password"), body, &[]).await
    };
    assert_eq!(set("demo-admin", "101", json!({ "password": "open sesame" })).await.status, StatusCode::NO_CONTENT);
    assert!(password::fits(&Sealed::new("open sesame"), &hash(&rig).unwrap()));
    let short = set("demo-admin", "101", json!({ "password": "short" })).await;
    assert_eq!((short.status.as_u16(), short.json()["field"].clone()), (422, json!("password")));
    assert_eq!(set("demo-admin", "999", json!({ "password": "open sesame" })).await.status, StatusCode::NOT_FOUND);

    let own = json!({ "password": "closed sesame", "current": "open sesame" });
    assert_eq!(set("demo-alice", "102", own.clone()).await.status, StatusCode::FORBIDDEN);
    assert_eq!(set("demo-code", "101", own.clone()).await.status, StatusCode::FORBIDDEN);
    for wrong in [json!({ "password": "closed sesame" }), json!({ "password": "closed sesame", "current": "x" })] {
        let refused = set("demo-alice", "101", wrong).await;
        assert_eq!((refused.status, refused.json()["field"].clone()), (StatusCode::FORBIDDEN, json!("current")));
    }
    assert_eq!(set("demo-alice", "101", own).await.status, StatusCode::NO_CONTENT);
    let kept = hash(&rig);
    assert!(password::fits(&Sealed::new("closed sesame"), kept.as_ref().unwrap()));

    let mut alice = admin(&rig, "GET /v1/agents/101", Value::Null).await.json();
    assert!(alice.get("password_hash").is_none());
    alice["name"] = "Alicia".into();
    assert_eq!(admin(&rig, "PUT /v1/agents/101", alice.clone()).await.status, StatusCode::OK);
    assert_eq!(hash(&rig), kept, "what is not named stays");
    alice["password"] = "third sesame".into();
    let answer = admin(&rig, "PUT /v1/agents/101", alice).await;
    assert!(!answer.body.contains("sesame") && !answer.body.contains("argon2"), "{}", answer.body);
    assert!(password::fits(&Sealed::new("third sesame"), &hash(&rig).unwrap()));
    let stored = format!("{:?}{:?}", rig.store.documents.lock().unwrap(), rig.store.audit.lock().unwrap());
    assert!(!stored.contains("sesame"));
}

#[tokio::test]
async fn wrong_passwords_are_counted() {
    let rig = Rig::new();
    let set = async |current: &str| {
        let body = json!({ "password": "closed sesame", "current": current });
        ask(&rig, "demo-alice", "PUT /v1/agents/101/password", body, &[]).await
    };
    let tries = futures_util::future::join_all((0..12).map(|_| set("x"))).await;
    let turned_away = tries.iter().find(|answer| answer.status == StatusCode::TOO_MANY_REQUESTS).expect("it ends");
    assert!(turned_away.headers.contains_key("retry-after"));
}

#[tokio::test]
async fn an_agent_logs_in_at_a_phone_and_out_again() {
    let rig = Rig::new();
    let rings_at = async || {
        let answer = rig
            .click("code=demo-code&action=call&phone=logincode&phonelogincode=7777&target=12125550101&format=json")
            .await;
        (answer.verdict().0 == 0).then(|| rig.call().a.endpoint)
    };
    assert_eq!(rings_at().await.as_deref(), Some("PJSIP/101"));
    let moved = admin(&rig, "POST /v1/agents/107/desk", json!({ "at": "102" })).await;
    assert_eq!((moved.status, moved.json()["logged_in_at"].clone()), (StatusCode::OK, json!("102")));
    assert_eq!(rings_at().await.as_deref(), Some("PJSIP/102"));
    assert_eq!(admin(&rig, "DELETE /v1/agents/107/desk", Value::Null).await.status, StatusCode::NO_CONTENT);
    assert_eq!(rings_at().await, None);
    assert_eq!(admin(&rig, "DELETE /v1/agents/107/desk", Value::Null).await.status, StatusCode::CONFLICT);
    let nowhere = admin(&rig, "POST /v1/agents/107/desk", json!({ "at": "700" })).await;
    assert_eq!((nowhere.status.as_u16(), nowhere.json()["field"].clone()), (422, json!("at")));
    assert_eq!(ask(&rig, "demo-alice", "POST /v1/agents/101/desk", json!({ "at": "102" }), &[]).await.status, 403);
}

async fn csv(rig: &Rig, method: Method, body: &str) -> Answer {
    let request = Request::builder().method(method).uri("/v1/do-not-call");
    let request = request.header("authorization", "Bearer demo-admin").header("content-type", "text/csv");
    rig.send(request.body(Body::from(body.to_owned())).unwrap()).await
}

#[tokio::test]
async fn the_do_not_call_list_comes_in_whole_or_not_at_all_and_goes_out_as_it_came() {
    let rig = Rig::new();
    let bad = csv(&rig, Method::PUT, "number\n(212) 555-0111\n=1+1\nCALL-ME\n").await;
    assert_eq!(bad.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(detail(&bad).starts_with("line 3 contains") && detail(&bad).contains("\nline 4 must not"), "{}", bad.body);
    assert_eq!(rig.directory.load().tenant("demo").unwrap().do_not_call, ["+12125550199"], "nothing came in");

    let taken = csv(&rig, Method::PUT, "name,number\nA,(212) 555-0111\nB,+972 3 555 0100\n").await;
    assert_eq!(taken.json(), json!({ "added": 2, "removed": 1, "total": 2 }));
    let added = csv(&rig, Method::POST, "'+12125550112\n").await;
    assert_eq!(added.json(), json!({ "added": 1, "removed": 0, "total": 3 }));
    let refused = rig.click("code=demo-code&action=call&phone=101&target=12125550111&format=json").await;
    assert_ne!(refused.verdict().0, 0, "it counts at once");

    let exported = ask(&rig, "demo-admin", "GET /v1/do-not-call", Value::Null, &[("accept", "text/csv")]).await;
    assert_eq!(exported.headers["content-type"], "text/csv; charset=utf-8");
    assert_eq!(exported.body, "\"number\"\n\"'+12125550111\"\n\"'+12125550112\"\n\"'+97235550100\"\n");
    let again = csv(&rig, Method::PUT, &exported.body).await;
    assert_eq!(again.json(), json!({ "added": 0, "removed": 0, "total": 3 }));
    let tag = etag(&exported);
    let conditions = [("accept", "text/csv"), ("if-none-match", tag.as_str())];
    let known = ask(&rig, "demo-admin", "GET /v1/do-not-call", Value::Null, &conditions);
    assert_eq!(known.await.status, StatusCode::NOT_MODIFIED);
}

#[tokio::test]
async fn the_do_not_call_list_is_edited_number_by_number() {
    let rig = Rig::new();
    let added = admin(&rig, "POST /v1/do-not-call", json!({ "numbers": ["+1 212 555 0111", "2125550112"] })).await;
    assert_eq!(added.json(), json!({ "added": 2, "removed": 0, "total": 3 }));
    let bad = admin(&rig, "POST /v1/do-not-call", json!({ "numbers": ["+12125550113", "x"] })).await;
    assert_eq!((bad.status.as_u16(), bad.json()["field"].clone()), (422, json!("numbers[1]")));
    let page = admin(&rig, "GET /v1/do-not-call?limit=2", Value::Null).await.json();
    assert_eq!(page["data"], json!(["+12125550111", "+12125550112"]));
    let next = format!("GET /v1/do-not-call?limit=2&cursor={}", page["next_cursor"].as_str().unwrap());
    assert_eq!(admin(&rig, &next, Value::Null).await.json()["data"], json!(["+12125550199"]));
    assert_eq!(admin(&rig, "DELETE /v1/do-not-call/+12125550111", Value::Null).await.status, StatusCode::NO_CONTENT);
    assert_eq!(admin(&rig, "DELETE /v1/do-not-call/+12125550111", Value::Null).await.status, StatusCode::NOT_FOUND);
    assert_eq!(admin(&rig, "DELETE /v1/do-not-call/x", Value::Null).await.status, StatusCode::NOT_FOUND);
    assert_eq!(ask(&rig, "demo-alice", "GET /v1/do-not-call", Value::Null, &[]).await.status, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn an_agent_s_own_token_sees_what_it_needs() {
    let rig = Rig::new();
    let keys = async |list: &str, key: &str| {
        let answer = ask(&rig, "demo-alice", &format!("GET {list}"), Value::Null, &[]).await;
        let data = answer.json()["data"].as_array().unwrap().clone();
        data.iter().map(|member| member[key].to_string().replace('"', "")).collect::<Vec<_>>()
    };
    assert_eq!(keys("/v1/agents", "extension").await, ["101"]);
    assert_eq!(keys("/v1/numbers", "number").await, ["+12125550100"]);
    assert_eq!(keys("/v1/services", "extension").await, ["700", "800"]);
    assert_eq!(keys("/v1/dial-plans", "id").await, ["1"]);
    assert_eq!(keys("/v1/routes", "name").await, Vec::<String>::new());
    assert_eq!(keys("/v1/tokens", "name").await, Vec::<String>::new());
    let own = ask(&rig, "demo-alice", "GET /v1/agents/101", Value::Null, &[]).await.json();
    assert_eq!(own["login_code"], "1111");
    for hidden in ["/v1/agents/102", "/v1/numbers/+12125550102", "/v1/routes/trunk", "/v1/tokens/demo-code"] {
        let answer = ask(&rig, "demo-alice", &format!("GET {hidden}"), Value::Null, &[]).await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND, "{hidden}");
    }
    let tenant = ask(&rig, "demo-alice", "GET /v1/tenant", Value::Null, &[]).await.json();
    let fields: Vec<&String> = tenant.as_object().unwrap().keys().collect();
    assert_eq!(fields, ["id", "language", "region", "time_zone"]);
    let read = ask(&rig, "read-only", "GET /v1/agents/101", Value::Null, &[]).await.json();
    assert!(read.get("login_code").is_none(), "a login code is the agent's own and the administrator's");
}

#[tokio::test]
async fn a_store_that_fails_changes_nothing() {
    let rig = Rig::new();
    *rig.store.broken.lock().unwrap() = true;
    let answer = admin(&rig, "PATCH /v1/tenant", json!({ "duplicate_window": 9 })).await;
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(rig.directory.load().tenant("demo").unwrap().duplicate_window, 5);
}

#[tokio::test]
async fn the_admin_socket_edits_every_tenant() {
    let rig = Rig::new();
    let ask = async |line: &str, body: Value| {
        let (method, uri) = line.split_once(' ').unwrap();
        let request = Request::builder().method(method).uri(uri).header("content-type", "application/json");
        rig.send_to(rig.doors.admin(), request.body(Body::from(body.to_string())).unwrap()).await
    };
    let unnamed = ask("PATCH /v1/tenant", json!({ "language": "de" })).await;
    assert_eq!((unnamed.status.as_u16(), unnamed.json()["field"].clone()), (400, json!("tenant")));
    assert_eq!(ask("PATCH /v1/tenant?tenant=other", json!({ "language": "de" })).await.status, StatusCode::OK);
    assert_eq!(ask("PATCH /v1/tenant?tenant=nobody", json!({ "language": "de" })).await.status, StatusCode::NOT_FOUND);
    assert_eq!(rig.directory.load().tenant("other").unwrap().language, "de");
    assert_eq!(rig.store.audit.lock().unwrap()[0].actor, "admin socket");
    let tenants = ask("GET /v1/tenants", Value::Null).await.json();
    assert_eq!(
        tenants["data"].as_array().unwrap().iter().map(|t| t["id"].clone()).collect::<Vec<_>>(),
        ["demo", "other"]
    );
    assert_eq!(admin(&rig, "GET /v1/tenants", Value::Null).await.status, StatusCode::NOT_FOUND, "not for tenants");
}
