//! Which clicks place a call: every combination of what browsers say of a request, of where it comes
//! from, of its method and of a session, through the real router. The table below is the whole truth.

use axum::body::Body;
use axum::http::{Request, StatusCode};

use super::rig::Rig;
use crate::directory::{Directory, Tenant};
use crate::http::Peer;

/// What becomes of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome {
    Called,
    Asked,
    SignIn,
    Forbidden,
    NoSuchMethod,
    Preflight,
}

use Outcome::{Asked, Called, Forbidden, NoSuchMethod, Preflight, SignIn};

/// What a browser says: `Sec-Fetch-Site`, `-Mode`, `-Dest`, `-User`; empty is not sent.
type Fetch = [&'static str; 4];

const NOTHING: Fetch = ["", "", "", ""];
const TYPED: Fetch = ["none", "navigate", "document", "?1"];
const OWN_LINK: Fetch = ["same-origin", "navigate", "document", "?1"];
const OTHER_LINK: Fetch = ["cross-site", "navigate", "document", "?1"];
const BY_SCRIPT: Fetch = ["cross-site", "navigate", "document", ""];
const FRAME: Fetch = ["cross-site", "navigate", "iframe", "?1"];
const IMAGE: Fetch = ["cross-site", "no-cors", "image", ""];
const FETCH: Fetch = ["same-origin", "cors", "empty", ""];

/// What a page of each origin sends as `Referer`: none, a listed CRM, this daemon, a stranger, an opaque one.
const REFERERS: [&str; 5] =
    ["", "https://crm.example/lead/7", "http://127.0.0.1:8080/login", "https://evil.example/", "about:blank"];

/// GET and POST with a session: a row for each of the above, in their order.
const WITH_SESSION: [(Fetch, [Outcome; 5]); 8] = [
    //            none    listed     own     strange  opaque
    (NOTHING, [Asked, Called, Called, Asked, Asked]),
    (TYPED, [Called, Called, Called, Called, Called]),
    (OWN_LINK, [Called, Called, Called, Called, Called]),
    (OTHER_LINK, [Asked, Called, Asked, Asked, Asked]),
    (BY_SCRIPT, [Asked, Asked, Asked, Asked, Asked]),
    (FRAME, [Forbidden; 5]),
    (IMAGE, [Forbidden; 5]),
    (FETCH, [Forbidden; 5]),
];

const METHODS: [&str; 6] = ["GET", "POST", "HEAD", "OPTIONS", "PUT", "DELETE"];

/// Beside all that.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Variant {
    Plain,
    Prefetch,
    Preview,
    /// The tenant wants to be asked about links that come from no page.
    TypedLinksAsked,
}

const VARIANTS: [Variant; 4] = [Variant::Plain, Variant::Prefetch, Variant::Preview, Variant::TypedLinksAsked];

struct Case {
    fetch: Fetch,
    referer: &'static str,
    method: &'static str,
    has_session: bool,
    variant: Variant,
}

impl Case {
    /// What the table says.
    fn expected(&self, row: [Outcome; 5]) -> Outcome {
        let column = REFERERS.iter().position(|referer| *referer == self.referer).unwrap();
        match (self.method, self.variant, row[column]) {
            ("OPTIONS", ..) => Preflight,
            ("HEAD" | "PUT" | "DELETE", ..) => NoSuchMethod,
            (_, Variant::Prefetch | Variant::Preview, _) | (.., Forbidden) => Forbidden,
            _ if !self.has_session => SignIn,
            (_, Variant::TypedLinksAsked, _) if self.fetch == TYPED => Asked,
            (.., outcome) => outcome,
        }
    }

    fn request(&self, cookie: &str, number: usize) -> Request<Body> {
        let uri = format!("/AGUI/make_call.php?phone=1212555{number:04}");
        let mut request = Request::builder().method(self.method).uri(uri);
        let names = ["sec-fetch-site", "sec-fetch-mode", "sec-fetch-dest", "sec-fetch-user"];
        let said = names.into_iter().zip(self.fetch).chain([("referer", self.referer)]);
        for (name, value) in said.filter(|(_, value)| !value.is_empty()) {
            request = request.header(name, value);
        }
        request = match self.variant {
            Variant::Prefetch => request.header("sec-purpose", "prefetch;prerender"),
            Variant::Preview => request.header("x-purpose", "preview"),
            Variant::Plain | Variant::TypedLinksAsked => request,
        };
        if self.has_session {
            request = request.header("cookie", cookie);
        }
        request.body(Body::empty()).unwrap()
    }
}

fn cases() -> Vec<(Case, Outcome)> {
    let mut cases = Vec::new();
    for (fetch, row) in &WITH_SESSION {
        for referer in REFERERS {
            for method in METHODS {
                for has_session in [true, false] {
                    for variant in VARIANTS {
                        let case = Case { fetch: *fetch, referer, method, has_session, variant };
                        let expected = case.expected(*row);
                        cases.push((case, expected));
                    }
                }
            }
        }
    }
    cases
}

async fn rig(asks_typed: bool) -> (Rig, String) {
    let mut rig = Rig::new();
    rig.peer = Peer::Address("127.0.0.1".parse().unwrap());
    let mut tenants: Vec<Tenant> = rig.directory.load().tenants.values().map(|tenant| (**tenant).clone()).collect();
    for tenant in &mut tenants {
        tenant.confirm_typed_links = asks_typed;
        (tenant.limits.token_burst, tenant.limits.token_per_minute) = (10_000, 60_000);
    }
    rig.directory.store(Directory::new(tenants).into());
    let body = r#"{"user":"101","password":"demo-pass"}"#;
    let login = Request::post("/login").header("content-type", "application/json").body(Body::from(body)).unwrap();
    let cookies: Vec<String> = rig
        .send(login)
        .await
        .headers
        .get_all("set-cookie")
        .iter()
        .map(|line| line.to_str().unwrap().to_owned())
        .collect();
    (rig, cookies.join("; "))
}

fn outcome(status: StatusCode, body: &str) -> Option<Outcome> {
    Some(match status {
        StatusCode::OK if body.contains("<title>Calling</title>") => Called,
        StatusCode::OK if body.contains("<title>Place this call?</title>") => Asked,
        StatusCode::UNAUTHORIZED => SignIn,
        StatusCode::FORBIDDEN => Forbidden,
        StatusCode::METHOD_NOT_ALLOWED => NoSuchMethod,
        StatusCode::NO_CONTENT => Preflight,
        _ => return None,
    })
}

#[tokio::test]
async fn each_of_1920_requests_ends_as_the_table_says_and_only_a_call_places_one() {
    let rigs = [rig(false).await, rig(true).await];
    let cases = cases();
    assert_eq!(cases.len(), 1_920);
    let mut wrong = Vec::new();
    for (number, (case, expected)) in cases.iter().enumerate() {
        let (rig, cookie) = &rigs[usize::from(case.variant == Variant::TypedLinksAsked)];
        let answer = rig.send(case.request(cookie, number)).await;
        let found = outcome(answer.status, &answer.body);
        let placed = rig.seen().len();
        if found != Some(*expected) || placed != usize::from(*expected == Called) {
            wrong.push(format!(
                "{:?} {} {} session {} {:?}: {found:?}, not {expected:?}; {placed} placed",
                case.fetch, case.referer, case.method, case.has_session, case.variant
            ));
        }
        assert!(!answer.headers.contains_key("access-control-allow-origin"));
    }
    assert!(wrong.is_empty(), "{} of {} are wrong:\n{}", wrong.len(), cases.len(), wrong.join("\n"));
}

#[tokio::test]
async fn the_origin_of_a_form_counts_before_its_referrer() {
    let (rig, cookie) = rig(false).await;
    for (origin, expected) in [
        ("https://crm.example", Called),
        ("https://evil.example", Asked),
        ("null", Asked),
        ("https://crm.example.evil", Asked),
    ] {
        let case = Case {
            fetch: OTHER_LINK,
            referer: "https://crm.example/lead/7",
            method: "POST",
            has_session: true,
            variant: Variant::Plain,
        };
        let mut request = case.request(&cookie, 1);
        request.headers_mut().insert("origin", origin.parse().unwrap());
        let answer = rig.send(request).await;
        assert_eq!(outcome(answer.status, &answer.body), Some(expected), "{origin}");
    }
}
