//! What is tried against a door that places calls, in all three dialects: it answers as its API does,
//! and nothing reaches the engine.

use axum::body::Body;
use axum::http::{Request, StatusCode};
use form_urlencoded::Serializer;

use super::rig::{Answer, DOOR, Rig, get, post};

/// The same parameters as query, form and JSON.
async fn in_all_dialects(rig: &Rig, params: &[(&str, &str)]) -> Vec<Answer> {
    let form = Serializer::new(String::new()).extend_pairs(params).finish();
    let members: Vec<String> = params
        .iter()
        .map(|(name, value)| format!("{}:{}", serde_json::json!(name), serde_json::json!(value)))
        .collect();
    let json = format!("{{{}}}", members.join(","));
    vec![
        rig.send(get(&format!("{DOOR}?{form}"))).await,
        rig.send(post("application/x-www-form-urlencoded", form)).await,
        rig.send(post("application/json", json)).await,
    ]
}

/// A click that would be placed, with these parameters instead of or beside its own.
fn click<'a>(changes: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    let good = [("code", "demo-code"), ("action", "call"), ("phone", "101"), ("target", "12125550101")];
    let mut params: Vec<_> =
        good.into_iter().filter(|(name, _)| !changes.iter().any(|(changed, _)| changed == name)).collect();
    params.extend_from_slice(changes);
    params
}

async fn refused(rig: &Rig, changes: &[(&str, &str)]) -> String {
    let mut messages = Vec::new();
    for answer in in_all_dialects(rig, &click(changes)).await {
        let (code, message) = answer.verdict();
        assert_eq!((answer.status, code), (StatusCode::OK, 1), "{changes:?}: {message}");
        messages.push(message);
    }
    assert!(messages.windows(2).all(|pair| pair[0] == pair[1]), "{messages:?}");
    assert!(rig.seen().is_empty(), "{changes:?}");
    messages.swap_remove(0)
}

#[tokio::test]
async fn numbers_that_are_missing() {
    let rig = Rig::new();
    for value in ["", "   "] {
        assert_eq!(refused(&rig, &[("phone", value)]).await, "Phone is missing");
        assert_eq!(refused(&rig, &[("target", value)]).await, "Target is missing");
    }
}

#[tokio::test]
async fn numbers_that_would_be_dial_strings() {
    let rig = Rig::new();
    for value in [
        "100&Local/911@x",
        "100,30,g",
        "100|x",
        "100/sip:evil@h",
        "100@other",
        "${SHELL(id)}",
        "$[1+1]",
        "SIP/101",
        "sip:101@h",
        "tel:+972501234567;ext=1",
        "1-800-FLOWERS",
        "Local/101@demo",
    ] {
        refused(&rig, &[("phone", value)]).await;
        refused(&rig, &[("target", value)]).await;
        refused(&rig, &[("targetcallerid", value)]).await;
    }
}

#[tokio::test]
async fn numbers_that_are_too_long_or_not_made_of_digits() {
    let rig = Rig::new();
    let (long, longer) = ("1".repeat(33), "1".repeat(10_000));
    for value in [&long, &longer, "１０１", "١٠١", "\u{202e}101", "101\u{0}", "101\r\nX: y", "%2B12125550101", "+1%2B1"]
    {
        refused(&rig, &[("target", value)]).await;
    }
    let raw = rig.send(get(&format!("{DOOR}?code=demo-code&action=call&phone=101&target=%ff"))).await;
    assert_eq!(raw.verdict().0, 1);
    assert!(rig.seen().is_empty());
}

#[tokio::test]
async fn a_plus_that_arrived_as_a_space_is_a_plus() {
    let rig = Rig::new();
    for query in ["target=+12125550101", "target=%2B12125550101", "target=%2B1+(212)+555-0101"] {
        assert_eq!(rig.click(&format!("code=demo-code&action=call&phone=101&{query}")).await.verdict().0, 0, "{query}");
        assert_eq!(rig.call().b.party.digits(), "12125550101");
    }
}

#[tokio::test]
async fn parameters_given_twice() {
    let rig = Rig::new();
    assert_eq!(refused(&rig, &[("phone", "101"), ("PHONE", "102")]).await, "PHONE is given twice");
}

#[tokio::test]
async fn variables_with_a_meaning_of_their_own() {
    let rig = Rig::new();
    let long = "x".repeat(5000);
    for (name, value) in
        [("var_CALLERID(num)", "911"), ("var_GLOBAL(x)", "1"), ("var_A=B", "1"), ("var_x", &long), ("var_x", "a\u{1}")]
    {
        refused(&rig, &[(name, value)]).await;
    }
    let names: Vec<String> = (0..11).map(|i| format!("var_{i}")).collect();
    refused(&rig, &names.iter().map(|name| (name.as_str(), "1")).collect::<Vec<_>>()).await;
}

#[tokio::test]
async fn caller_ids_that_are_not_ones_own() {
    let rig = Rig::new();
    for value in ["+97235550100", "+12125550102", "12025550100", "<script>"] {
        refused(&rig, &[("targetcallerid", value)]).await;
    }
    let named = "targetcallername=%22a%22%3C1%3E&code=demo-code&action=call&phone=101&target=12125550101";
    assert_eq!(rig.click(named).await.verdict().0, 0);
    assert!(!rig.call().b.connected.name.contains(['"', '<', '>']));
}

#[tokio::test]
async fn times_out_of_range() {
    let rig = Rig::new();
    for value in ["0", "-1", "1000000000", "1e9", "60abc"] {
        for name in ["phonemaxdialtime", "targetmaxdialtime", "maxduration"] {
            refused(&rig, &[(name, value)]).await;
        }
    }
    refused(&rig, &[("phonemaxdialtime", "301")]).await;
    refused(&rig, &[("maxduration", "14401")]).await;
}

#[tokio::test]
async fn actions_and_formats_that_do_not_exist() {
    let rig = Rig::new();
    refused(&rig, &[("action", "DELETE")]).await;
    assert_eq!(refused(&rig, &[("format", "jsonp"), ("callback", "alert")]).await, "Format must be XML or json");
    let jsonp = "Callback is not supported: answers are XML or JSON, never JSONP";
    assert_eq!(refused(&rig, &[("callback", "alert")]).await, jsonp);
    refused(&rig, &[("ignorednostatus", "3"), ("target", "12125550199")]).await;
    refused(&rig, &[("target", "12125550199")]).await;
}

#[tokio::test]
async fn callbacks_to_where_they_may_not_go() {
    let rig = Rig::new();
    refused(&rig, &[("ctl_userdata", "[ctl_callbackUrl|http://169.254.169.254/]")]).await;
}

#[tokio::test]
async fn a_wrong_token_is_told_nothing_else() {
    let rig = Rig::new();
    for changes in [&[("code", "wrong")][..], &[("code", "wrong"), ("phone", "")]] {
        assert_eq!(rig_with_fresh_gate(changes).await, "Code is invalid");
    }
    assert_eq!(refused(&rig, &[("code", "from-the-office")]).await, "Code is invalid");
    assert_eq!(refused(&rig, &[("code", "")]).await, "Code is missing");
}

async fn rig_with_fresh_gate(changes: &[(&str, &str)]) -> String {
    refused(&Rig::new(), changes).await
}

#[tokio::test(start_paused = true)]
async fn an_address_that_guesses_tokens_is_turned_away_for_a_while() {
    let mut rig = Rig::new();
    for _ in 0..5 {
        assert_eq!(rig.click("code=guess&action=call").await.status, StatusCode::OK);
    }
    let good = "code=demo-code&action=call&phone=101&target=700&format=json";
    let answer = rig.click(good).await;
    assert_eq!((answer.status, answer.verdict().0), (StatusCode::TOO_MANY_REQUESTS, 2));
    assert_eq!(answer.headers["retry-after"], "12");
    let home = std::mem::replace(&mut rig.peer, super::super::Peer::Address("198.51.100.1".parse().unwrap()));
    assert_eq!(rig.click(good).await.verdict().0, 0);
    rig.peer = home;
    tokio::time::advance(std::time::Duration::from_secs(12)).await;
    assert_eq!(rig.click(good).await.verdict().0, 0);
}

#[tokio::test(start_paused = true)]
async fn a_token_that_asks_too_often_is_told_when_to_come_back() {
    let rig = Rig::new();
    let query = "code=other-code&action=call&phone=201&target=0501234567";
    for _ in 0..10 {
        assert_eq!(rig.click(query).await.verdict().0, 0);
    }
    let answer = rig.click(query).await;
    assert_eq!((answer.status, answer.verdict().0), (StatusCode::TOO_MANY_REQUESTS, 2));
    assert_eq!(answer.headers["retry-after"], "1");
    assert_eq!(rig.click("code=demo-code&action=call&phone=101&target=700").await.verdict().0, 0);
}

#[tokio::test(start_paused = true)]
async fn guessing_login_codes_locks_login_codes_and_nothing_else() {
    let rig = Rig::new();
    let by_code = |code: u32| format!("code=demo-code&action=call&phone=logincode&phonelogincode={code}&target=700");
    for code in 1..=5 {
        let answer = rig.click(&by_code(code)).await;
        assert_eq!((answer.status, answer.verdict().0), (StatusCode::OK, 1));
    }
    assert_eq!(rig.click(&by_code(1111)).await.status, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(rig.click("code=demo-code&action=call&phone=101&target=700").await.verdict().0, 0);
    let other_token = by_code(1111).replace("demo-code", "demo-admin");
    assert_eq!(rig.click(&other_token).await.verdict().0, 0);
    tokio::time::advance(std::time::Duration::from_mins(1)).await;
    assert_eq!(rig.click(&by_code(1111)).await.verdict().0, 0);
}

#[tokio::test]
async fn requests_that_nobody_meant() {
    let rig = Rig::new();
    let uri = format!("{DOOR}?code=demo-code&action=call&phone=101&target=700");
    let head = rig.send(Request::head(&uri).body(Body::empty()).unwrap()).await;
    assert_eq!((head.status, head.headers["allow"].to_str().unwrap()), (StatusCode::METHOD_NOT_ALLOWED, "GET, POST"));
    let options = Request::options(&uri).header("origin", "https://evil.example").body(Body::empty()).unwrap();
    let options = rig.send(options).await;
    assert_eq!((options.status, options.headers["allow"].to_str().unwrap()), (StatusCode::NO_CONTENT, "GET, POST"));
    assert!(!options.headers.contains_key("access-control-allow-origin"));
    for (name, value) in [("sec-purpose", "prefetch;prerender"), ("purpose", "prefetch"), ("x-moz", "prefetch")] {
        let answer = rig.send(Request::get(&uri).header(name, value).body(Body::empty()).unwrap()).await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "{name}");
    }
    assert!(rig.seen().is_empty());
}
