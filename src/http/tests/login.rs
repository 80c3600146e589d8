//! Signing in and out: who gets in, how often one may be wrong, and what ends a session.

use std::time::Duration;

use axum::body::Body;
use axum::http::{HeaderMap, Request, StatusCode};

use super::rig::{Answer, Rig, get};
use crate::directory::{Directory, Sealed, Tenant};
use crate::http::Peer;

const FORM: &str = "application/x-www-form-urlencoded";

fn json(user: &str, password: &str, tenant: Option<&str>) -> Request<Body> {
    let body = serde_json::json!({"user": user, "password": password, "tenant": tenant.unwrap_or_default()});
    Request::post("/login").header("content-type", "application/json").body(Body::from(body.to_string())).unwrap()
}

fn form(body: &str, headers: &[(&str, &str)]) -> Request<Body> {
    let request = Request::post("/login").header("content-type", FORM);
    let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
    request.body(Body::from(body.to_owned())).unwrap()
}

const OWN: [(&str, &str); 1] = [("sec-fetch-site", "same-origin")];

/// Name and value of each cookie that an answer sets.
fn cookies(headers: &HeaderMap) -> Vec<(String, String)> {
    let set = headers.get_all("set-cookie").iter().map(|line| line.to_str().unwrap());
    set.map(|line| line.split(';').next().unwrap().split_once('=').unwrap())
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect()
}

/// The `Cookie` header of a browser that has got this answer.
fn jar(answer: &Answer) -> String {
    cookies(&answer.headers).iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("; ")
}

async fn page(rig: &Rig, cookie: &str) -> Answer {
    rig.send(Request::get("/login").header("cookie", cookie).body(Body::empty()).unwrap()).await
}

async fn is_signed_in(rig: &Rig, cookie: &str) -> bool {
    page(rig, cookie).await.body.contains("You are signed in")
}

/// A rig that is reached over HTTPS, as far as it can tell.
fn rig() -> Rig {
    let mut rig = Rig::new();
    rig.peer = Peer::Address("127.0.0.1".parse().unwrap());
    rig
}

fn change(rig: &Rig, change: impl Fn(&mut Tenant)) {
    let mut tenants: Vec<Tenant> = rig.directory.load().tenants.values().map(|tenant| (**tenant).clone()).collect();
    tenants.iter_mut().for_each(change);
    rig.directory.store(Directory::new(tenants).into());
}

#[tokio::test]
async fn an_agent_signs_in_by_extension_or_email_and_gets_two_cookies() {
    let rig = rig();
    for user in ["101", "alice@demo.example", " Alice@Demo.Example "] {
        let answer = rig.send(json(user, "demo-pass", None)).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
        assert_eq!((&answer.json()["tenant"], &answer.json()["agent"]["extension"]), (&"demo".into(), &"101".into()));
        let names: Vec<String> = cookies(&answer.headers).into_iter().map(|(name, _)| name).collect();
        assert_eq!(names, ["__Host-db", "__Host-dbdial"]);
        assert!(is_signed_in(&rig, &jar(&answer)).await);
    }
}

#[tokio::test]
async fn a_blocked_agent_may_sign_in() {
    let answer = rig().send(json("103", "demo-pass", None)).await;
    assert_eq!(answer.status, StatusCode::OK);
}

#[tokio::test]
async fn a_refusal_says_the_same_whatever_is_wrong() {
    let rig = rig();
    let mut said = Vec::new();
    // The last has no password at all.
    for (user, password, tenant) in
        [("101", "wrong", None), ("999", "demo-pass", None), ("101", "demo-pass", Some("other")), ("107", "", None)]
    {
        let password = if password.is_empty() { "x" } else { password };
        let answer = rig.send(json(user, password, tenant)).await;
        assert_eq!((answer.status, cookies(&answer.headers).len()), (StatusCode::UNAUTHORIZED, 0), "{user}");
        said.push(answer.body);
    }
    assert!(said.windows(2).all(|pair| pair[0] == pair[1]), "{said:?}");
}

#[tokio::test]
async fn an_extension_of_two_tenants_needs_the_tenant() {
    let rig = rig();
    let alice = rig.directory.load().tenant("demo").unwrap().agent("101").unwrap().clone();
    change(&rig, |tenant| {
        if tenant.id == "other" {
            tenant.agents.push(alice.clone());
        }
    });
    let answer = rig.send(json("101", "demo-pass", None)).await;
    assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
    assert!(answer.body.contains("the tenant is needed"), "{}", answer.body);
    let answer = rig.send(json("101", "demo-pass", Some("other"))).await;
    assert_eq!(answer.json()["tenant"], "other");
}

#[tokio::test]
async fn a_form_is_heard_from_our_own_pages_alone() {
    let rig = rig();
    let body = "user=101&password=demo-pass&next=%2Fx%3Fa%3D1";
    for headers in [&[("sec-fetch-site", "cross-site")][..], &[("origin", "https://evil.example")], &[]] {
        let answer = rig.send(form(body, headers)).await;
        assert_eq!((answer.status, cookies(&answer.headers).len()), (StatusCode::FORBIDDEN, 0), "{headers:?}");
    }
    for headers in [&OWN[..], &[("origin", "http://127.0.0.1:8080")], &[("origin", "http://h"), ("host", "h")]] {
        let answer = rig.send(form(body, headers)).await;
        assert_eq!((answer.status, &answer.headers["location"]), (StatusCode::SEE_OTHER, &"/x?a=1".parse().unwrap()));
        assert_eq!(cookies(&answer.headers).len(), 2);
    }
    let elsewhere = rig.send(form("user=101&password=demo-pass&next=//evil.example", &OWN)).await;
    assert_eq!(elsewhere.headers["location"], "/login");
}

#[tokio::test]
async fn a_form_that_is_refused_comes_back_with_the_way_on() {
    let rig = rig();
    let answer = rig.send(form("user=101&password=wrong&next=%2Fx%3Fa%3D%22%3E%26b%3D1", &OWN)).await;
    assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
    assert!(answer.body.contains("role=\"alert\""), "{}", answer.body);
    let next = "name=\"next\" value=\"/x?a=%22%3E&amp;b=1\"";
    assert!(answer.body.contains(next) && !answer.body.contains("wrong\""), "{}", answer.body);
    let policy = answer.headers["content-security-policy"].to_str().unwrap();
    assert!(policy.contains("frame-ancestors 'none'") && policy.contains("style-src 'sha256-"), "{policy}");
    assert_eq!(
        (&answer.headers["x-frame-options"], &answer.headers["cache-control"]),
        (&"DENY".parse().unwrap(), &"no-store".parse().unwrap())
    );
}

#[tokio::test]
async fn the_page_speaks_the_readers_language() {
    let rig = rig();
    let english = rig.send(get("/login")).await.body;
    assert!(english.contains("lang=\"en\"") && english.contains("<title>Sign in</title>"), "{english}");
    let hebrew = Request::get("/login").header("accept-language", "he-IL,he;q=0.9").body(Body::empty()).unwrap();
    assert!(rig.send(hebrew).await.body.contains("lang=\"he\" dir=\"rtl\""));
    let yael = rig.send(json("201", "demo-pass", None)).await;
    assert!(page(&rig, &jar(&yael)).await.body.contains("<bdi dir=\"ltr\">201</bdi>"));
}

#[tokio::test]
async fn nothing_is_answered_over_plain_http() {
    let mut rig = rig();
    rig.peer = Peer::Address("192.0.2.7".parse().unwrap());
    for request in [get("/login"), json("101", "demo-pass", None), form("user=101&password=demo-pass", &OWN)] {
        let answer = rig.send(request).await;
        assert_eq!((answer.status, cookies(&answer.headers).len()), (StatusCode::FORBIDDEN, 0));
        assert!(answer.body.contains("HTTPS"), "{}", answer.body);
    }
}

#[tokio::test(start_paused = true)]
async fn five_wrong_passwords_a_minute_from_one_address() {
    let mut rig = rig();
    for n in 0..5 {
        assert_eq!(rig.send(json(&format!("88{n}"), "x", None)).await.status, StatusCode::UNAUTHORIZED);
    }
    let turned_away = rig.send(json("101", "demo-pass", None)).await;
    assert_eq!(turned_away.status, StatusCode::TOO_MANY_REQUESTS, "be it the right one");
    assert_eq!(turned_away.headers["retry-after"], "12");
    rig.peer = Peer::Address("::1".parse().unwrap());
    assert_eq!(rig.send(json("101", "demo-pass", None)).await.status, StatusCode::OK);
    rig.peer = Peer::Address("127.0.0.1".parse().unwrap());
    tokio::time::advance(Duration::from_secs(12)).await;
    assert_eq!(rig.send(json("101", "demo-pass", None)).await.status, StatusCode::OK);
}

#[tokio::test(start_paused = true)]
async fn ten_wrong_passwords_lock_an_account_wherever_they_come_from() {
    let mut rig = rig();
    for (user, n) in ["101", "alice@demo.example"].into_iter().cycle().zip(1..=10) {
        rig.peer = Peer::Address(format!("127.0.0.{n}").parse().unwrap());
        assert_eq!(rig.send(json(user, "x", None)).await.status, StatusCode::UNAUTHORIZED);
    }
    rig.peer = Peer::Address("127.0.0.99".parse().unwrap());
    assert_eq!(rig.send(json("101", "demo-pass", None)).await.status, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(rig.send(json("103", "demo-pass", None)).await.status, StatusCode::OK, "another account");
}

#[tokio::test(start_paused = true)]
async fn right_passwords_are_never_too_many() {
    let rig = rig();
    for _ in 0..30 {
        assert_eq!(rig.send(json("101", "demo-pass", None)).await.status, StatusCode::OK);
    }
}

#[tokio::test]
async fn signing_out_ends_both_cookies_and_signing_in_the_session_before() {
    let rig = rig();
    let first = jar(&rig.send(json("101", "demo-pass", None)).await);
    let mut again = json("101", "demo-pass", None);
    again.headers_mut().insert("cookie", first.parse().unwrap());
    let second = jar(&rig.send(again).await);
    assert_ne!(first, second);
    assert!(!is_signed_in(&rig, &first).await && is_signed_in(&rig, &second).await);
    let foreign = Request::post("/logout").header("cookie", &second).header("origin", "https://evil.example");
    assert_eq!(rig.send(foreign.body(Body::empty()).unwrap()).await.status, StatusCode::FORBIDDEN);
    assert!(is_signed_in(&rig, &second).await);
    // Either cookie is enough to end the session.
    let dial = second.split("; ").last().unwrap();
    let out = rig.send(Request::post("/logout").header("cookie", dial).body(Body::empty()).unwrap()).await;
    assert_eq!(out.status, StatusCode::NO_CONTENT);
    assert!(cookies(&out.headers).iter().all(|(_, value)| value.is_empty()));
    assert!(!is_signed_in(&rig, &second).await && rig.store.sessions.lock().unwrap().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_session_ends_after_eight_idle_hours_and_after_a_day_in_any_case() {
    let rig = rig();
    let idle = jar(&rig.send(json("101", "demo-pass", None)).await);
    let used = jar(&rig.send(json("101", "demo-pass", None)).await);
    for hour in 1..=23 {
        tokio::time::advance(Duration::from_hours(1)).await;
        assert!(is_signed_in(&rig, &used).await, "hour {hour}");
    }
    assert!(!is_signed_in(&rig, &idle).await);
    tokio::time::advance(Duration::from_hours(1) + Duration::from_secs(1)).await;
    assert!(!is_signed_in(&rig, &used).await);
}

#[tokio::test]
async fn another_password_or_none_ends_the_session() {
    let rig = rig();
    let cookie = jar(&rig.send(json("101", "demo-pass", None)).await);
    for hash in [Some("$argon2id$another"), None] {
        let before = rig.directory.load_full();
        change(&rig, |tenant| {
            tenant.agents.iter_mut().for_each(|agent| agent.password_hash = hash.map(Sealed::new));
        });
        assert!(!is_signed_in(&rig, &cookie).await, "{hash:?}");
        rig.directory.store(before);
    }
    assert!(is_signed_in(&rig, &cookie).await);
    change(&rig, |tenant| tenant.agents.retain(|agent| agent.extension != "101"));
    assert!(!is_signed_in(&rig, &cookie).await);
}

#[tokio::test]
async fn a_cookie_that_is_wrong_or_of_the_other_kind_signs_nobody_in() {
    let rig = rig();
    let cookies = cookies(&rig.send(json("101", "demo-pass", None)).await.headers);
    for cookie in [
        "__Host-db=",
        "__Host-db=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
        &format!("__Host-db={}", cookies[1].1),
        &format!("__Host-db={}", rig.store.sessions.lock().unwrap()[0].strict.clone()),
        &format!("db={}", cookies[0].1),
    ] {
        assert!(!is_signed_in(&rig, cookie).await, "{cookie}");
    }
}

#[tokio::test]
async fn what_cannot_be_read_or_done_is_said() {
    let rig = rig();
    for (content_type, body) in
        [("application/json", "{"), ("application/json", "{\"user\":\"101\"}"), ("text/plain", "user=101&password=x")]
    {
        let request =
            Request::post("/login").header("content-type", content_type).header("sec-fetch-site", "same-origin");
        let answer = rig.send(request.body(Body::from(body)).unwrap()).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{content_type} {body}: {}", answer.body);
    }
    *rig.store.broken.lock().unwrap() = true;
    assert_eq!(rig.send(json("101", "demo-pass", None)).await.status, StatusCode::SERVICE_UNAVAILABLE);
}
