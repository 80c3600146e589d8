//! The 8x8 door: what it accepts, how it answers, and whom it asks first.

use std::sync::Arc;

use axum::body::Body;
use axum::http::{Request, StatusCode};

use super::rig::{Answer, DoorOrderSeen, EngineDoes, Rig, get};
use crate::call::Call;
use crate::call::tests::request;
use crate::directory::{Directory, Queue, Tenant};
use crate::http::Peer;
use crate::link::LinkState;
use crate::store::Snapshot;
use crate::timestamp::Timestamp;

const DOOR: &str = "/AGUI/make_call.php";
const FORM: &str = "application/x-www-form-urlencoded";
/// What a browser says of a link that somebody typed.
const TYPED: [(&str, &str); 4] = [
    ("sec-fetch-site", "none"),
    ("sec-fetch-mode", "navigate"),
    ("sec-fetch-dest", "document"),
    ("sec-fetch-user", "?1"),
];

/// A browser at this very machine, in which an agent has signed in.
struct Browser {
    rig: Rig,
    cookie: String,
}

impl Browser {
    async fn of(user: &str) -> Self {
        Self::with(user, Rig::new()).await
    }

    async fn with(user: &str, mut rig: Rig) -> Self {
        rig.peer = Peer::Address("127.0.0.1".parse().unwrap());
        let body = serde_json::json!({"user": user, "password": "demo-pass"}).to_string();
        let login = Request::post("/login").header("content-type", "application/json").body(Body::from(body)).unwrap();
        let answer = rig.send(login).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
        let cookies = answer.headers.get_all("set-cookie").iter().map(|line| line.to_str().unwrap());
        let pairs: Vec<&str> = cookies.map(|line| line.split(';').next().unwrap()).collect();
        Self { cookie: pairs.join("; "), rig }
    }

    fn request(&self, method: &str, uri: &str, headers: &[(&str, &str)]) -> axum::http::request::Builder {
        let request = Request::builder().method(method).uri(uri).header("cookie", &self.cookie);
        headers.iter().fold(request, |request, (name, value)| request.header(*name, *value))
    }

    async fn follow(&self, query: &str, headers: &[(&str, &str)]) -> Answer {
        let uri = format!("{DOOR}?{query}");
        self.rig.send(self.request("GET", &uri, headers).body(Body::empty()).unwrap()).await
    }

    async fn typed(&self, query: &str) -> Answer {
        self.follow(query, &TYPED).await
    }

    /// Sends a form of one of our own pages.
    async fn submit(&self, form: &[(String, String)]) -> Answer {
        let headers: Vec<_> = TYPED[1..].iter().copied().chain([("sec-fetch-site", "same-origin")]).collect();
        self.post(form, &headers).await
    }

    async fn post(&self, form: &[(String, String)], headers: &[(&str, &str)]) -> Answer {
        let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
        let request = self.request("POST", DOOR, headers).header("content-type", FORM);
        self.rig.send(request.body(Body::from(body)).unwrap()).await
    }
}

/// Names and values of a page's hidden fields.
fn hidden(page: &str) -> Vec<(String, String)> {
    let text =
        |text: &str| text.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", "\"").replace("&amp;", "&");
    let fields = page.split("<input type=\"hidden\" name=\"").skip(1);
    fields
        .map(|field| {
            let (name, rest) = field.split_once("\" value=\"").unwrap();
            (text(name), text(rest.split_once('"').unwrap().0))
        })
        .collect()
}

#[tokio::test]
async fn a_typed_link_rings_the_phone_of_whoever_is_signed_in() {
    let alice = Browser::of("101").await;
    let answer = alice.typed("prefix=1&phone=(212)%20555-0101&callerId=2125550100").await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
    assert!(
        answer.body.contains("<title>Calling</title>") && answer.body.contains("close this window"),
        "{}",
        answer.body
    );
    let call = alice.rig.call();
    assert_eq!((call.a.endpoint.as_str(), call.b.endpoint.as_str()), ("PJSIP/101", "PJSIP/+12125550101@carrier"));
    assert_eq!((call.door.as_str(), call.credential.as_str()), ("8x8", "session:101"));
    assert_eq!((call.agent.unwrap().extension.as_str(), call.report.caller_id.as_str()), ("101", "12125550100"));
}

#[tokio::test]
async fn prefix_and_number_make_the_target() {
    let alice = Browser::of("101").await;
    for (query, endpoint) in [
        ("prefix=&phone=12125550101", "PJSIP/+12125550101@carrier"),
        ("phone=2125550101", "PJSIP/+12125550101@carrier"),
        ("prefix=1212&phone=555-0101", "PJSIP/+12125550101@carrier"),
        ("prefix=011&phone=972501234567", "PJSIP/+972501234567@carrier"),
        ("prefix=1&phone=%2B1%20212.555.0101", "PJSIP/+12125550101@carrier"),
        ("phone=+972501234567", "PJSIP/+972501234567@carrier"),
        ("prefix=7&phone=00", "Local/700@services/n"),
    ] {
        let answer = alice.typed(query).await;
        assert_eq!(answer.status, StatusCode::OK, "{query}: {}", answer.body);
        assert_eq!(alice.rig.call().b.endpoint, endpoint, "{query}");
    }
}

/// The call that was placed before, as it is stored.
fn first() -> Snapshot {
    let mut request = request(1, Timestamp::from_millis(1_000));
    request.b.connected.number = "+12125550100".to_owned();
    let request = Arc::new(request);
    let journal = Call::new(Arc::clone(&request)).journal().clone();
    Snapshot { request, journal }
}

#[tokio::test]
async fn programs_get_the_same_in_json() {
    let alice = Browser::with("101", Rig::with(EngineDoes::SayDuplicate)).await;
    alice.rig.store.calls.lock().unwrap().push(first());
    let json = |query: &str| {
        let headers: Vec<_> = TYPED.into_iter().chain([("accept", "application/json")]).collect();
        let query = query.to_owned();
        let alice = &alice;
        async move { alice.follow(&query, &headers).await }
    };
    let answer = json("phone=12125550101").await;
    insta::assert_snapshot!(answer.body, @r#"{"status":"calling","message":"Calling +1 212 555 0101 as +1 212 555 0100","call_id":"00000000000000000000000000000001"}"#);
    let page = alice.typed("phone=12125550101").await.body;
    assert!(
        page.contains("Calling <bdi dir=\"ltr\">+1 212 555 0101</bdi> as <bdi dir=\"ltr\">+1 212 555 0100</bdi>."),
        "{page}"
    );
    let answer = json("").await;
    insta::assert_snapshot!(answer.body, @r#"{"status":"error","message":"Phone is missing","call_id":null}"#);
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn user_data_may_come_in_query_or_body_wrapped_and_with_broken_tokens() {
    let alice = Browser::of("101").await;
    let userdata = "[foreign_key|12345678]\r\n [start_time|$call_answered_time][x|$nonsense$ $]\
                    [ctl_callbackUrl|http://127.0.0.1:8091/clicktodial/callback?\n  transaction=$transaction_id$]";
    let ext = "[extRecordId|0015][extRecordType|Account]";
    let fields = [(" ctl_userdata", userdata), ("extTransactionData\n", ext), ("\r\n phone", "12125550101\r\n")];
    let form = fields.map(|(name, value)| (name.to_owned(), value.to_owned()));
    let query = form_urlencoded::Serializer::new(String::new()).extend_pairs(&form).finish();
    let answers = [alice.typed(&query).await, alice.submit(&form).await];
    for answer in answers {
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
    }
    let calls = alice.rig.seen();
    assert_eq!(calls.len(), 2);
    for seen in calls {
        let DoorOrderSeen::Submit(admission) = seen else { panic!("{seen:?}") };
        let report = admission.request.report;
        let pairs = report.userdata.unwrap().pairs;
        assert_eq!(pairs[1], ("start_time".to_owned(), "$call_answered_time".to_owned()));
        let url = "http://127.0.0.1:8091/clicktodial/callback?transaction=$transaction_id$";
        assert_eq!(report.callback_url.as_deref(), Some(url));
        assert_eq!(report.ext_transaction_data.unwrap().pairs.len(), 2);
    }
}

#[tokio::test]
async fn queue_and_dial_plan_are_those_of_the_directory() {
    let alice = Browser::of("101").await;
    change(&alice.rig, |tenant| {
        tenant.queues.push(Queue { id: 7, queue: "support".to_owned(), wrap_up_time: 120, code_lists: Vec::new() });
    });
    assert_eq!(alice.typed("phone=12125550101&queue_id=7&dialplan_id=1").await.status, StatusCode::OK);
    assert_eq!(alice.rig.call().queue.unwrap().queue, "support");
    for (query, status, said) in [
        ("queue_id=8", StatusCode::NOT_FOUND, "Queue 8 is unknown"),
        ("dialplan_id=9", StatusCode::NOT_FOUND, "Dial plan 9 is unknown"),
        ("queue_id=x", StatusCode::BAD_REQUEST, "queue_id must be digits"),
        ("dialplan_id=99999999999", StatusCode::BAD_REQUEST, "dialplan_id must be digits"),
    ] {
        let answer = alice.typed(&format!("phone=12125550101&{query}")).await;
        assert_eq!(answer.status, status, "{query}");
        assert!(answer.body.contains(said), "{query}: {}", answer.body);
    }
    assert!(alice.rig.seen().is_empty());
}

#[tokio::test]
async fn what_is_wrong_is_said_with_its_status_and_nothing_rings() {
    let alice = Browser::of("101").await;
    for (query, status, said) in [
        ("", StatusCode::BAD_REQUEST, "Phone is missing."),
        ("prefix=1&phone=", StatusCode::BAD_REQUEST, "Phone is missing"),
        ("prefix=1x&phone=2125550101", StatusCode::BAD_REQUEST, "Prefix must be digits"),
        ("phone=1-800-FLOWERS", StatusCode::BAD_REQUEST, "Phone must not contain letters"),
        ("phone=SIP/101", StatusCode::BAD_REQUEST, "Phone"),
        ("phone=%24%7BSHELL(id)%7D", StatusCode::BAD_REQUEST, "Phone"),
        ("phone=%3Cscript%3E", StatusCode::BAD_REQUEST, "Phone"),
        ("phone=12125550101%00", StatusCode::BAD_REQUEST, "control characters"),
        ("phone=%FF%FE", StatusCode::BAD_REQUEST, "not valid UTF-8"),
        ("phone=12125550101&Phone=1", StatusCode::BAD_REQUEST, "Phone is given twice"),
        ("phone=12125550199", StatusCode::FORBIDDEN, "Phone is on the do-not-call list"),
        ("phone=19005550101", StatusCode::FORBIDDEN, "Phone is a premium-rate number"),
        ("phone=911", StatusCode::BAD_REQUEST, "Phone is an emergency number"),
        ("phone=12125550101&callerId=2125550102", StatusCode::FORBIDDEN, "CallerId is not allowed"),
        ("phone=12125550101&callerId=97235550100", StatusCode::FORBIDDEN, "CallerId is not allowed"),
        ("phone=555", StatusCode::NOT_FOUND, "Extension 555 is unknown"),
        ("phone=101", StatusCode::BAD_REQUEST, "Phone is the phone itself"),
        ("phone=107", StatusCode::UNPROCESSABLE_ENTITY, "Extension 107 has no phone"),
        ("phone=12125550101&ctl_userdata=x", StatusCode::BAD_REQUEST, "ctl_userdata: user data holds no"),
        (
            "phone=12125550101&ctl_userdata=[ctl_callbackUrl|http://127.0.0.1:5038/]",
            StatusCode::BAD_REQUEST,
            "forbidden address",
        ),
    ] {
        let answer = alice.typed(query).await;
        let body = answer.body.to_lowercase();
        assert_eq!(answer.status, status, "{query}: {body}");
        assert!(body.contains(&said.to_lowercase()) && !body.contains("<script>"), "{query}: {body}");
    }
    assert!(alice.rig.seen().is_empty());
}

#[tokio::test]
async fn too_much_user_data_is_refused() {
    let alice = Browser::of("101").await;
    for userdata in ["[a|b]".repeat(257), format!("[a|{}]", "x".repeat(33 * 1024)), "[".repeat(20_000)] {
        let form = [("phone", "12125550101"), ("ctl_userdata", &userdata)];
        let answer = alice.submit(&form.map(|(name, value)| (name.to_owned(), value.to_owned()))).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{}", answer.body);
    }
    let form = [("phone".to_owned(), "1".repeat(70_000))];
    assert_eq!(alice.submit(&form).await.status, StatusCode::PAYLOAD_TOO_LARGE);
    assert!(alice.rig.seen().is_empty());
}

#[tokio::test]
async fn a_blocked_agent_is_told_so() {
    let carol = Browser::of("103").await;
    let answer = carol.typed("phone=12125550101").await;
    assert_eq!(answer.status, StatusCode::FORBIDDEN);
    assert!(answer.body.contains("Extension 103 is blocked for Click2Call"), "{}", answer.body);
    assert!(carol.rig.seen().is_empty());
}

#[tokio::test]
async fn limits_and_what_is_away_are_pages_with_the_time_to_wait() {
    let alice = Browser::with("101", Rig::with(EngineDoes::SayAgentBusy)).await;
    let answer = alice.typed("phone=12125550101").await;
    assert_eq!(answer.status, StatusCode::TOO_MANY_REQUESTS);
    assert!(answer.headers.contains_key("retry-after") && answer.body.contains("in a call already"), "{}", answer.body);
    alice.rig.ari.send_replace(LinkState::Down);
    let answer = alice.typed("phone=12125550102").await;
    assert_eq!(
        (answer.status, &answer.headers["retry-after"]),
        (StatusCode::SERVICE_UNAVAILABLE, &"1".parse().unwrap())
    );
    *alice.rig.store.broken.lock().unwrap() = true;
    assert_eq!(alice.typed("phone=12125550103").await.status, StatusCode::SERVICE_UNAVAILABLE);
}

#[tokio::test]
async fn a_session_has_the_rate_of_a_token() {
    let yael = Browser::of("201").await;
    let mut last = yael.typed("phone=0501234567").await;
    for _ in 0..10 {
        last = yael.typed("phone=0501234567").await;
    }
    assert_eq!(last.status, StatusCode::TOO_MANY_REQUESTS);
    assert!(last.headers.contains_key("retry-after"));
}

#[tokio::test]
async fn a_page_is_in_the_tenants_language_with_numbers_from_left_to_right() {
    let yael = Browser::of("201").await;
    let asked = yael.follow("phone=0501234567", &[]).await.body;
    assert!(asked.contains("<html lang=\"he\" dir=\"rtl\">"), "{asked}");
    assert!(asked.contains("<bdi dir=\"ltr\">+972 50 123 4567</bdi>"), "{asked}");
    assert!(asked.contains("<bdi dir=\"ltr\">+972 3 555 0100</bdi>"), "{asked}");
    let refused = yael.typed("phone=abc").await.body;
    assert!(refused.contains("<p lang=\"en\" dir=\"ltr\">Phone must not contain letters</p>"), "{refused}");
}

#[tokio::test]
async fn a_page_can_be_framed_by_nobody_and_is_kept_nowhere() {
    let alice = Browser::of("101").await;
    for answer in [alice.typed("phone=12125550101").await, alice.follow("phone=1", &[]).await, alice.typed("").await] {
        let header = |name: &str| answer.headers[name].to_str().unwrap().to_owned();
        let policy = header("content-security-policy");
        for part in ["default-src 'none'", "frame-ancestors 'none'", "base-uri 'none'", "form-action 'self'"] {
            assert!(policy.contains(part), "{policy}");
        }
        assert_eq!((header("x-frame-options"), header("cache-control")), ("DENY".to_owned(), "no-store".to_owned()));
        assert_eq!(
            (header("referrer-policy"), header("x-content-type-options")),
            ("same-origin".to_owned(), "nosniff".to_owned())
        );
        assert!(!answer.body.contains("<script") && answer.body.contains("role=\"status\""), "{}", answer.body);
    }
}

#[tokio::test]
async fn a_question_is_answered_by_its_form_once() {
    let alice = Browser::of("101").await;
    let asked = alice.follow("prefix=1&phone=212%20555%200101&ctl_userdata=[a|%3C%22%26%3E]", &[]).await;
    assert_eq!(asked.status, StatusCode::OK);
    assert!(asked.body.contains("Call <bdi dir=\"ltr\">+1 212 555 0101</bdi> as"), "{}", asked.body);
    assert!(alice.rig.seen().is_empty(), "nothing rings before the answer");
    let form = hidden(&asked.body);
    let answer = alice.submit(&form).await;
    assert!(answer.body.contains("<title>Calling</title>"), "{}", answer.body);
    let call = alice.rig.call();
    assert_eq!(call.b.endpoint, "PJSIP/+12125550101@carrier");
    assert_eq!(call.report.userdata.unwrap().pairs, [("a".to_owned(), "<\"&>".to_owned())]);
    let again = alice.submit(&form).await;
    assert_eq!(again.status, StatusCode::CONFLICT);
    assert!(alice.rig.seen().is_empty());
}

#[tokio::test]
async fn an_answer_is_good_for_the_very_click_and_session() {
    let alice = Browser::of("101").await;
    let form = hidden(&alice.follow("phone=12125550101", &[]).await.body);
    let mut other = form.clone();
    other[0].1 = "12125550105".to_owned();
    let mut longer = form.clone();
    longer.push(("callerId".to_owned(), "2125550100".to_owned()));
    let mut unknown = form.clone();
    unknown.last_mut().unwrap().1 = "AAAAAAAAAAAAAAAAAAAAAA".to_owned();
    for form in [other, longer, unknown] {
        let answer = alice.submit(&form).await;
        assert!(answer.body.contains("<title>Place this call?</title>"), "{}", answer.body);
    }
    let login = Browser::with("103", alice.rig).await;
    let alice = Browser { cookie: alice.cookie, rig: login.rig };
    let carol = Browser { cookie: login.cookie, rig: alice.rig };
    assert_eq!(carol.submit(&form).await.status, StatusCode::FORBIDDEN, "another session, and blocked besides");
    assert!(carol.rig.seen().is_empty());
    let alice = Browser { cookie: alice.cookie, rig: carol.rig };
    assert!(alice.submit(&form).await.body.contains("<title>Calling</title>"));
}

#[tokio::test(start_paused = true)]
async fn a_question_that_is_a_minute_old_is_put_again() {
    let alice = Browser::of("101").await;
    let form = hidden(&alice.follow("phone=12125550101", &[]).await.body);
    tokio::time::advance(std::time::Duration::from_mins(1)).await;
    let answer = alice.submit(&form).await;
    assert!(answer.body.contains("<title>Place this call?</title>"), "{}", answer.body);
    assert!(alice.rig.seen().is_empty());
    assert!(alice.submit(&hidden(&answer.body)).await.body.contains("<title>Calling</title>"));
}

#[tokio::test]
async fn whoever_comes_from_the_sign_in_page_is_asked_first() {
    let mut rig = Rig::new();
    rig.peer = Peer::Address("127.0.0.1".parse().unwrap());
    let nobody = Browser { rig, cookie: String::new() };
    let answer = nobody.typed("prefix=1&phone=2125550101").await;
    assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
    let (_, link) = answer.body.split_once("<a href=\"").unwrap();
    let login = nobody.rig.send(get(link.split_once('"').unwrap().0)).await.body;
    let mut form = hidden(&login);
    assert_eq!(form[0].1, format!("{DOOR}?prefix=1&phone=2125550101&confirm="));
    // Whoever made the link may have left that out: it is put there again.
    form[0].1 = format!("{DOOR}?prefix=1&phone=2125550101");
    form.extend([("user", "101"), ("password", "demo-pass")].map(|(name, value)| (name.to_owned(), value.to_owned())));
    let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(&form).finish();
    let request = Request::post("/login").header("content-type", FORM).header("sec-fetch-site", "same-origin");
    let signed_in = nobody.rig.send(request.body(Body::from(body)).unwrap()).await;
    let way = signed_in.headers["location"].to_str().unwrap().to_owned();
    let cookies = signed_in.headers.get_all("set-cookie").iter().map(|line| line.to_str().unwrap().to_owned());
    let alice = Browser { cookie: cookies.collect::<Vec<_>>().join("; "), rig: nobody.rig };
    let query = way.strip_prefix(&format!("{DOOR}?")).unwrap();
    let own: Vec<_> = TYPED[1..].iter().copied().chain([("sec-fetch-site", "same-origin")]).collect();
    let answer = alice.follow(query, &own).await;
    assert!(answer.body.contains("<title>Place this call?</title>"), "{}", answer.body);
    assert!(alice.rig.seen().is_empty());
}

#[tokio::test]
async fn a_form_of_another_site_comes_without_its_cookie_and_can_be_sent_again_from_here() {
    let alice = Browser::of("101").await;
    let form = [("phone".to_owned(), "12125550101".to_owned()), ("ctl_userdata".to_owned(), "[a|b]".to_owned())];
    let cross: Vec<_> = TYPED[1..]
        .iter()
        .copied()
        .chain([("sec-fetch-site", "cross-site"), ("origin", "https://crm.example")])
        .collect();
    let without = Browser { cookie: String::new(), rig: alice.rig };
    let answer = without.post(&form, &cross).await;
    assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
    let again = hidden(&answer.body);
    assert_eq!(again.len(), 3);
    let alice = Browser { cookie: alice.cookie, rig: without.rig };
    let asked = alice.submit(&again).await;
    assert!(asked.body.contains("<title>Place this call?</title>"), "{}", asked.body);
    assert!(alice.rig.seen().is_empty());
    assert!(alice.submit(&hidden(&asked.body)).await.body.contains("<title>Calling</title>"));
}

#[tokio::test]
async fn a_wrong_expired_or_foreign_session_is_none() {
    let alice = Browser::of("101").await;
    let cookie = alice.cookie.clone();
    let (strict, dial) = cookie.split_once("; ").unwrap();
    let (strict, dial) = (strict.split_once('=').unwrap().1, dial.split_once('=').unwrap().1);
    let cookies = [
        String::new(),
        "__Host-dbdial=".to_owned(),
        "__Host-dbdial=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA".to_owned(),
        format!("__Host-dbdial={strict}"),
        format!("__Host-db={dial}"),
        format!("__Host-dbdial={dial}; __Host-dbdial={dial}"),
    ];
    let mut browser = alice;
    for cookie in cookies {
        browser = Browser { cookie, rig: browser.rig };
        let answer = browser.typed("phone=12125550101").await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{}", browser.cookie);
    }
    let right = Browser { cookie: format!("__Host-dbdial={dial}"), rig: browser.rig };
    assert_eq!(right.typed("phone=12125550101").await.status, StatusCode::OK);
    change(&right.rig, |tenant| tenant.agents.iter_mut().for_each(|agent| agent.password_hash = None));
    assert_eq!(right.typed("phone=12125550105").await.status, StatusCode::UNAUTHORIZED);
    assert_eq!(right.rig.seen().len(), 1);
}

#[tokio::test]
async fn plain_http_from_another_machine_is_turned_away() {
    let mut alice = Browser::of("101").await;
    alice.rig.peer = Peer::Address("192.0.2.7".parse().unwrap());
    let answer = alice.typed("phone=12125550101").await;
    assert_eq!(answer.status, StatusCode::FORBIDDEN);
    assert!(answer.body.contains("Only over HTTPS"), "{}", answer.body);
    assert!(alice.rig.seen().is_empty());
}

#[tokio::test]
async fn the_path_may_be_in_any_case() {
    let alice = Browser::of("101").await;
    let request = alice.request("GET", "/agui/Make_Call.PHP?phone=12125550101", &TYPED).body(Body::empty()).unwrap();
    assert_eq!(alice.rig.send(request).await.status, StatusCode::OK);
    assert_eq!(alice.rig.call().b.endpoint, "PJSIP/+12125550101@carrier");
}

#[tokio::test]
async fn an_idempotency_key_is_the_calls() {
    let alice = Browser::of("101").await;
    let headers: Vec<_> = TYPED.into_iter().chain([("idempotency-key", "k1")]).collect();
    assert_eq!(alice.follow("phone=12125550101", &headers).await.status, StatusCode::OK);
    assert_eq!(alice.rig.call().idempotency.unwrap().key, "k1");
    let headers: Vec<_> = TYPED.into_iter().chain([("idempotency-key", "two words")]).collect();
    assert_eq!(alice.follow("phone=12125550101", &headers).await.status, StatusCode::BAD_REQUEST);
}

fn change(rig: &Rig, change: impl Fn(&mut Tenant)) {
    let mut tenants: Vec<Tenant> = rig.directory.load().tenants.values().map(|tenant| (**tenant).clone()).collect();
    tenants.iter_mut().for_each(change);
    rig.directory.store(Directory::new(tenants).into());
}
