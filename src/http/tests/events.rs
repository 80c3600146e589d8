//! `/v1/events`: what a client hears, what it hears after it was away, and how long.

use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, BodyDataStream};
use axum::http::{Request, StatusCode};
use futures_util::StreamExt;
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};
use tokio::net::TcpListener;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

use super::rig::{Rig, Watch};
use crate::call::CallId;
use crate::directory::{Directory, Tenant};
use crate::http::client::Wire;
use crate::http::serve::Talk;
use crate::http::{Crowd, Listener, Peer, serve};
use crate::report::event::EventKind;
use crate::store::CallEvent;
use crate::timestamp::Timestamp;

/// The `n`th event of all, of a call of Alice's.
fn event(n: u32) -> CallEvent {
    let kind = EventKind::ALL[(n % 7) as usize];
    let call = CallId::from_bits(u128::from(n / 7) + 1);
    CallEvent {
        id: format!("evt_{call}_{n}"),
        tenant: "demo".to_owned(),
        call,
        agent: Some("101".to_owned()),
        kind,
        at: Timestamp::from_millis(i64::from(n)),
        body: format!(r#"{{"id":"evt_{call}_{n}","type":"{}"}}"#, kind.as_str()),
    }
}

impl Rig {
    fn tell(&self, event: CallEvent) {
        self.store.events.lock().unwrap().push(event);
        self.events.send_modify(|commits| *commits += 1);
    }
}

fn request(token: &str, query: &str, last: Option<u64>) -> Request<Body> {
    let request = Request::get(format!("/v1/events{query}")).header("authorization", format!("Bearer {token}"));
    let request = match last {
        Some(last) => request.header("last-event-id", last.to_string()),
        None => request,
    };
    request.body(Body::empty()).unwrap()
}

/// One event as a client reads it.
#[derive(Debug, PartialEq, Eq)]
struct Heard {
    number: u64,
    kind: String,
    data: Value,
}

/// What a client has read and not yet understood.
#[derive(Default)]
struct Text(String);

impl Text {
    /// The next event, where it is complete.
    fn event(&mut self) -> Option<Heard> {
        while let Some((frame, rest)) = self.0.split_once("\n\n") {
            let field = |name: &str| frame.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
            let heard = field("event").map(|kind| Heard {
                number: field("id").unwrap().parse().unwrap(),
                kind: kind.to_owned(),
                data: serde_json::from_str(field("data").unwrap()).unwrap(),
            });
            self.0 = rest.to_owned();
            if heard.is_some() {
                return heard;
            }
        }
        None
    }
}

/// A client that follows.
struct Ear {
    body: BodyDataStream,
    text: Text,
}

impl Ear {
    async fn of(rig: &Rig, request: Request<Body>) -> Self {
        let response = rig.doors.public().oneshot(request).await.unwrap();
        assert_eq!(response.status(), StatusCode::OK);
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        assert_eq!(response.headers()["cache-control"], "no-store");
        Self { body: response.into_body().into_data_stream(), text: Text::default() }
    }

    /// The next event; none: the stream has ended.
    async fn hear(&mut self) -> Option<Heard> {
        loop {
            if let Some(heard) = self.text.event() {
                return Some(heard);
            }
            let piece = self.body.next().await?.unwrap();
            self.text.0.push_str(std::str::from_utf8(&piece).unwrap());
        }
    }

    async fn hears_nothing(&mut self) -> bool {
        timeout(Duration::from_mins(1), self.hear()).await.is_err()
    }
}

fn following(token: &str) -> Request<Body> {
    request(token, "", None)
}

/// Tells the events of a thousand calls, as fast as they are heard.
fn tell_a_thousand_calls(rig: &Arc<Rig>) {
    let rig = Arc::clone(rig);
    tokio::spawn(async move {
        for n in 0..7000 {
            rig.tell(event(n));
            if n % 13 == 0 {
                tokio::task::yield_now().await;
            }
        }
    });
}

#[tokio::test]
async fn a_client_that_comes_and_goes_hears_a_thousand_calls_and_each_event_once() {
    for seed in 1..=5_u64 {
        let rig = Arc::new(Rig::new());
        tell_a_thousand_calls(&rig);
        let (mut last, mut chance, mut visits) = (0, seed, 0);
        while last < 7000 {
            // So many events, then it goes away in the middle of the stream, perhaps of a page.
            chance = chance.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let patience = (chance >> 33) % 200;
            let mut ear = Ear::of(&rig, request("demo-code", "", Some(last))).await;
            for _ in 0..patience.min(7000 - last) {
                let heard = ear.hear().await.unwrap();
                assert_eq!(heard.number, last + 1, "seed {seed}");
                assert_eq!(heard.data["id"], event(u32::try_from(last).unwrap()).id);
                last = heard.number;
            }
            visits += 1;
        }
        assert!(visits > 20, "seed {seed}");
    }
}

#[tokio::test]
async fn over_tcp_too_a_client_that_is_cut_off_misses_nothing() {
    let rig = Arc::new(Rig::new());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/v1/events", listener.local_addr().unwrap());
    let crowd = Crowd::new(10, Vec::new());
    tokio::spawn(serve(Listener::Tcp(listener), rig.doors.public(), crowd, rig.stopping.clone()));
    tell_a_thousand_calls(&rig);
    let client = reqwest::Client::new();
    let (mut last, mut visits) = (0, 0);
    while last < 7000 {
        let asked = client.get(&url).bearer_auth("demo-code").header("last-event-id", last.to_string());
        let mut response = asked.send().await.unwrap().error_for_status().unwrap();
        let (mut text, until) = (Text::default(), (last + 997).min(7000));
        while last < until {
            text.0.push_str(std::str::from_utf8(&response.chunk().await.unwrap().unwrap()).unwrap());
            while let Some(heard) = text.event().filter(|_| last < until) {
                assert_eq!(heard.number, last + 1);
                last = heard.number;
            }
        }
        visits += 1;
    }
    assert_eq!(visits, 8);
}

#[tokio::test(start_paused = true)]
async fn without_a_beginning_it_begins_now() {
    let rig = Rig::new();
    rig.tell(event(0));
    let mut ear = Ear::of(&rig, following("demo-code")).await;
    assert!(ear.hears_nothing().await);
    rig.tell(event(1));
    assert_eq!(ear.hear().await.unwrap().number, 2);
    for (query, last) in [("?after=0", None), ("?after=1", Some(0)), ("", Some(0))] {
        let mut ear = Ear::of(&rig, request("demo-code", query, last)).await;
        assert_eq!(ear.hear().await.unwrap().number, 1, "{query}");
    }
    // A number of another database, whose events were more.
    let mut ear = Ear::of(&rig, request("demo-code", "", Some(99))).await;
    rig.tell(event(2));
    assert_eq!(ear.hear().await.unwrap().number, 3);
}

#[tokio::test(start_paused = true)]
async fn only_the_types_asked_for_are_told() {
    let rig = Rig::new();
    let mut ear = Ear::of(&rig, request("demo-code", "?types=call.ended,%20recording.ready", None)).await;
    (0..14).for_each(|n| rig.tell(event(n)));
    let mut heard = Vec::new();
    for _ in 0..4 {
        heard.push(ear.hear().await.unwrap());
    }
    assert_eq!(heard.iter().map(|heard| heard.number).collect::<Vec<_>>(), [5, 7, 12, 14]);
    assert_eq!(heard[0].kind, "call.ended");
    assert!(ear.hears_nothing().await);
}

#[tokio::test(start_paused = true)]
async fn each_hears_what_is_its_own() {
    let rig = Rig::new();
    let mut admin = {
        let mut request = following("demo-code");
        request.extensions_mut().insert(rig.peer);
        let response = rig.doors.admin().oneshot(request).await.unwrap();
        Ear { body: response.into_body().into_data_stream(), text: Text::default() }
    };
    let mut ears = Vec::new();
    for token in ["demo-code", "demo-alice", "other-code"] {
        ears.push(Ear::of(&rig, following(token)).await);
    }
    rig.tell(event(0));
    rig.tell(CallEvent { agent: Some("102".to_owned()), ..event(1) });
    rig.tell(CallEvent { agent: None, ..event(2) });
    rig.tell(CallEvent { tenant: "other".to_owned(), ..event(3) });
    for (ear, own) in ears.iter_mut().zip([vec![1, 2, 3], vec![1], vec![4]]) {
        for number in own {
            assert_eq!(ear.hear().await.unwrap().number, number);
        }
        assert!(ear.hears_nothing().await);
    }
    for number in 1..=4 {
        assert_eq!(admin.hear().await.unwrap().number, number);
    }
}

#[tokio::test]
async fn what_cannot_be_understood_is_named() {
    let rig = Rig::new();
    for (query, header, field) in [
        ("?after=x", None, "after"),
        ("?after=-1", None, "after"),
        ("?types=call.lost", None, "types"),
        ("", Some("x"), "Last-Event-ID"),
    ] {
        let request = Request::get(format!("/v1/events{query}")).header("authorization", "Bearer demo-code");
        let request = header.into_iter().fold(request, |request, value| request.header("last-event-id", value));
        let answer = rig.send(request.body(Body::empty()).unwrap()).await;
        assert_eq!((answer.status.as_u16(), answer.json()["field"].clone()), (400, field.into()), "{query}");
    }
    assert_eq!(rig.send(following("from-the-office")).await.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn a_token_has_32_streams_and_gets_a_seat_back_when_one_ends() {
    let rig = Rig::new();
    let mut ears = Vec::new();
    for _ in 0..32 {
        ears.push(Ear::of(&rig, following("demo-code")).await);
    }
    let answer = rig.send(following("demo-code")).await;
    assert_eq!(answer.status, StatusCode::TOO_MANY_REQUESTS);
    assert!(answer.headers.contains_key("retry-after"));
    Ear::of(&rig, following("demo-alice")).await;
    ears.pop();
    Ear::of(&rig, following("demo-code")).await;
}

fn without_token(rig: &Rig, name: &str) {
    let mut tenants: Vec<Tenant> = rig.directory.load().tenants.values().map(|tenant| (**tenant).clone()).collect();
    for tenant in &mut tenants {
        tenant.tokens.retain(|token| token.name != name);
    }
    rig.directory.store(Directory::new(tenants).into());
}

#[tokio::test(start_paused = true)]
async fn a_stream_ends_with_the_process_the_store_and_its_token() {
    let rig = Rig::new();
    let mut ear = Ear::of(&rig, following("demo-alice")).await;
    assert!(ear.hears_nothing().await);
    without_token(&rig, "demo-alice");
    rig.tell(event(0));
    assert_eq!(ear.hear().await, None, "not one event more");

    let mut ear = Ear::of(&rig, following("demo-code")).await;
    assert!(ear.hears_nothing().await);
    *rig.store.broken.lock().unwrap() = true;
    assert_eq!(ear.hear().await, None);
    *rig.store.broken.lock().unwrap() = false;

    let mut ear = Ear::of(&rig, following("demo-code")).await;
    assert!(ear.hears_nothing().await);
    rig.stopping.cancel();
    assert_eq!(ear.hear().await, None);
}

#[tokio::test]
async fn a_client_that_was_cut_off_before_its_first_event_knows_where_to_go_on() {
    let rig = Rig::new();
    (0..7).for_each(|n| rig.tell(event(n)));
    let mut ear = Ear::of(&rig, following("demo-code")).await;
    let sign = ear.body.next().await.unwrap().unwrap();
    assert_eq!(sign, ": keep-alive\nid: 7\n\n");
}

/// A connection to the doors, in simulated time.
fn connection(rig: &Rig, buffer: usize) -> tokio::io::DuplexStream {
    let (near, far) = duplex(buffer);
    let place = Crowd::new(1, Vec::new()).enter(Peer::Local).unwrap();
    let router = rig.doors.public();
    let talk = Talk { router, from: (Peer::Local, Wire::Plain), stop: CancellationToken::new(), place };
    tokio::spawn(talk.over(far));
    near
}

const REQUEST: &[u8] = b"GET /v1/events?after=0 HTTP/1.1\r\nhost: x\r\nauthorization: Bearer demo-code\r\n\r\n";

#[tokio::test(start_paused = true)]
async fn a_stream_lives_for_hours_and_shows_every_15_seconds_that_it_does() {
    let rig = Rig::new();
    let (mut client, watch) = (connection(&rig, 4096), Watch::start());
    client.write_all(REQUEST).await.unwrap();
    let mut signs = 0;
    while watch.elapsed() < Duration::from_hours(3) {
        let mut piece = [0; 512];
        let read = client.read(&mut piece).await.unwrap();
        assert!(read > 0, "cut off after {:?}", watch.elapsed());
        signs += String::from_utf8_lossy(&piece[..read]).matches(": keep-alive").count();
    }
    assert!((715..=725).contains(&signs), "{signs}");
    rig.tell(event(0));
    let mut piece = [0; 512];
    let read = client.read(&mut piece).await.unwrap();
    assert!(String::from_utf8_lossy(&piece[..read]).contains("evt_"));
}

#[tokio::test(start_paused = true)]
async fn a_client_that_does_not_read_is_dropped_and_its_seat_is_free() {
    let rig = Rig::new();
    (0..7000).for_each(|n| rig.tell(event(n)));
    let mut clients = Vec::new();
    for _ in 0..32 {
        let mut client = connection(&rig, 256);
        client.write_all(REQUEST).await.unwrap();
        clients.push(client);
    }
    sleep(Duration::from_secs(1)).await;
    assert_eq!(rig.send(following("demo-code")).await.status, StatusCode::TOO_MANY_REQUESTS);
    sleep(Duration::from_secs(15)).await;
    Ear::of(&rig, following("demo-code")).await;
}
