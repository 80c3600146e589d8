//! The link against an Asterisk of a few lines, on loopback and in simulated time.

mod fake;

use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

use self::fake::{Fake, Put, order};
use super::{Ari, link};
use crate::asterisk::naming::channel_name;
use crate::call::{CallId, Command, Gone, Leg, LineEvent, Order};
use crate::clock::Clock;
use crate::config::{AriConfig, AriTransport};
use crate::link::{Action, Census, LinkState, Notice};

const OLD: &str = "16.28.0";
const NEW: &str = "22.10.1";

struct Rig {
    fake: Fake,
    ari: Ari,
    notices: mpsc::Receiver<Notice>,
    cancel: CancellationToken,
    running: JoinHandle<()>,
}

impl Rig {
    async fn new(version: &str) -> Self {
        let fake = Fake::start(version).await;
        let config = AriConfig {
            url: format!("http://{}/ari", fake.address),
            user: "dialbridge".into(),
            password: "secret".into(),
            password_file: None,
            app: "db".into(),
            transport: AriTransport::Auto,
            command_sockets: 4,
        };
        let (sender, notices) = mpsc::channel(1);
        let (ari, driver) = link(&config, Clock::start(), sender).unwrap();
        let cancel = CancellationToken::new();
        let running = tokio::spawn(driver.run(cancel.clone()));
        Self { fake, ari, notices, cancel, running }
    }

    async fn up(version: &str) -> Self {
        let mut rig = Self::new(version).await;
        rig.until(LinkState::is_up).await;
        rig.census().await;
        rig
    }

    async fn until(&self, wanted: impl FnMut(&LinkState) -> bool) {
        let mut state = self.ari.state();
        timeout(Duration::from_mins(2), state.wait_for(wanted)).await.expect("the state never comes").unwrap();
    }

    async fn next(&mut self) -> Notice {
        timeout(Duration::from_mins(2), self.notices.recv()).await.expect("no notice comes").unwrap()
    }

    /// The next notice that is no census.
    async fn line(&mut self) -> Notice {
        for _ in 0..10 {
            match self.next().await {
                Notice::Census(_) => {}
                notice => return notice,
            }
        }
        panic!("nothing but censuses; asked was {:#?}", self.fake.requests());
    }

    async fn census(&mut self) -> Census {
        loop {
            if let Notice::Census(census) = self.next().await {
                return census;
            }
        }
    }

    async fn end(self) {
        self.cancel.cancel();
        self.running.await.unwrap();
    }
}

fn entered(call: u128) -> Value {
    let id = channel_name(CallId::from_bits(call), Leg::A);
    json!({"type": "StasisStart", "channel": {"id": id, "state": "Down"}})
}

fn gone(call: &Order, leg: Leg, gone: Gone) -> Notice {
    Notice::Line(call.request.id, leg, LineEvent::Gone(gone))
}

#[tokio::test(start_paused = true)]
async fn a_link_registers_filters_and_counts_what_there_is_again_and_again() {
    let mut rig = Rig::new(OLD).await;
    rig.fake.answer("GET", "/ari/channels", 200, r#"[{"id":"db-00000000000000000000000000000001-b1","state":"Up"}]"#);
    rig.fake.answer(
        "GET",
        "/ari/bridges",
        200,
        r#"[{"id":"db-00000000000000000000000000000001","name":"db"},{"id":"x"}]"#,
    );
    rig.until(LinkState::is_up).await;
    let (first, second, third) = (rig.census().await, rig.census().await, rig.census().await);
    assert_eq!(first.boot, "boot-1");
    assert_eq!(first.bridges, [CallId::from_bits(1)]);
    assert_eq!(first.channels.len(), 1);
    let waits =
        [second.asked_at.since(first.asked_at), third.asked_at.since(second.asked_at)].map(|wait| wait.as_secs());
    assert_eq!(waits, [3, 15]);
    let filter = rig.fake.requests().into_iter().find(|request| request.starts_with("PUT")).unwrap();
    assert!(filter.contains("disallowed") && !filter.contains("\"allowed"), "{filter}");
    rig.end().await;
}

#[tokio::test(start_paused = true)]
async fn each_version_gets_its_transport() {
    for (version, transport, apps) in [(OLD, "http", 1), (NEW, "websocket", 5)] {
        let rig = Rig::up(version).await;
        assert_eq!(*rig.ari.state().borrow(), LinkState::Up { version: version.into(), transport });
        assert_eq!(rig.fake.sockets(), apps);
        rig.end().await;
    }
}

#[tokio::test(start_paused = true)]
async fn orders_of_one_call_arrive_in_their_order() {
    for version in [OLD, NEW] {
        let rig = Rig::up(version).await;
        for command in [Command::CreateBridge, Command::Create(Leg::A), Command::JoinAndDial(Leg::A)] {
            rig.ari.send(Action::Order(order(7, command)));
        }
        let sent = rig.fake.wait_for_posts(4).await;
        let end = |line: &str| {
            let path = line.split([' ', '?']).nth(1).unwrap_or_default();
            path.rsplit('/').next().unwrap_or_default().to_owned()
        };
        let ends: Vec<_> = sent.iter().map(|line| end(line)).collect();
        assert_eq!(ends, ["db-00000000000000000000000000000007", "create", "addChannel", "dial"], "{version}");
        rig.end().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_create_in_doubt_is_looked_up_twice_and_sent_once() {
    for version in [OLD, NEW] {
        let mut rig = Rig::up(version).await;
        rig.fake.answer("POST", "/ari/channels/create", 409, r#"{"message":"exists"}"#);
        let create = order(7, Command::Create(Leg::A));
        rig.ari.send(Action::Order(create.clone()));
        assert_eq!(rig.line().await, gone(&create, Leg::A, Gone::Missing), "{version}");
        let requests = rig.fake.requests();
        let looks = requests.iter().filter(|line| line.starts_with("GET /ari/channels/db-")).count();
        assert_eq!((rig.fake.posts().len(), looks), (1, 2));
        rig.end().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_create_in_doubt_that_is_there_has_entered() {
    let mut rig = Rig::up(NEW).await;
    let create = order(7, Command::Create(Leg::A));
    rig.fake.answer("POST", "/ari/channels/create", 0, "");
    let found = r#"{"id":"x","state":"Down","dialplan":{"app_name":"Stasis"}}"#;
    rig.fake.answer("GET", &format!("/ari/channels/{}", channel_name(create.request.id, Leg::A)), 200, found);
    rig.ari.send(Action::Order(create.clone()));
    assert_eq!(rig.line().await, Notice::Line(create.request.id, Leg::A, LineEvent::Entered));
    assert_eq!(rig.ari.counters().timed_out_requests.load(Relaxed), 1);
    assert_eq!(rig.fake.posts().len(), 1);
    rig.end().await;
}

#[tokio::test(start_paused = true)]
async fn what_is_refused_for_good_is_told_at_once() {
    let mut rig = Rig::up(OLD).await;
    rig.fake.answer("POST", "/ari/channels/create", 500, r#"{"error":"Allocation failed"}"#);
    let create = order(7, Command::Create(Leg::B));
    rig.ari.send(Action::Order(create.clone()));
    assert_eq!(rig.line().await, gone(&create, Leg::B, Gone::Refused(500)));
    assert_eq!(rig.ari.counters().refused_requests.load(Relaxed), 1);
    rig.end().await;
}

#[tokio::test(start_paused = true)]
async fn without_a_link_nothing_is_sent_and_everybody_is_told() {
    let mut rig = Rig::up(NEW).await;
    rig.fake.refuse_connections();
    rig.fake.put(Put::Close);
    rig.until(|state| *state == LinkState::Down).await;
    let create = order(7, Command::Create(Leg::A));
    rig.ari.send(Action::Order(create.clone()));
    assert_eq!(rig.line().await, gone(&create, Leg::A, Gone::NotSent));
    assert_eq!(rig.fake.posts().len(), 0);
    rig.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_silent_asterisk_is_known_within_ten_seconds_and_found_again() {
    let mut rig = Rig::up(OLD).await;
    let clock = Clock::start();
    let silenced = clock.now();
    rig.fake.put(Put::Silence);
    rig.until(|state| *state == LinkState::Down).await;
    assert_eq!(clock.now().since(silenced).as_secs(), 10);
    rig.until(LinkState::is_up).await;
    rig.census().await;
    assert_eq!(rig.ari.counters().reconnects.load(Relaxed), 1);
    rig.end().await;
}

#[tokio::test(start_paused = true)]
async fn an_asterisk_that_answers_pings_is_never_dropped() {
    let rig = Rig::up(NEW).await;
    let mut state = rig.ari.state();
    state.mark_unchanged();
    let drain = async {
        let mut notices = rig.notices;
        while notices.recv().await.is_some() {}
    };
    tokio::select! {
        () = sleep(Duration::from_mins(5)) => {}
        () = drain => panic!("the driver ended"),
        _ = state.changed() => panic!("the link went down"),
    }
    rig.cancel.cancel();
}

#[tokio::test(start_paused = true)]
async fn a_link_that_was_taken_over_stands_by_for_a_minute() {
    for version in [OLD, NEW] {
        let mut rig = Rig::up(version).await;
        let sockets = rig.fake.sockets();
        rig.fake.put(Put::Text(json!({"type": "ApplicationReplaced", "application": "db"}).to_string()));
        rig.until(|state| *state == LinkState::StandBy).await;
        sleep(Duration::from_secs(59)).await;
        assert_eq!((rig.fake.sockets(), rig.ari.state().borrow().clone()), (sockets, LinkState::StandBy));
        rig.until(LinkState::is_up).await;
        rig.census().await;
        rig.end().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_wrong_password_is_tried_twice_a_minute() {
    let rig = Rig::new(OLD).await;
    rig.fake.answer("GET", "/ari/asterisk/info", 401, "");
    sleep(Duration::from_secs(100)).await;
    assert_eq!(rig.fake.requests().len(), 4);
    rig.end().await;
}

#[tokio::test(start_paused = true)]
async fn an_engine_that_does_not_listen_costs_no_event() {
    let mut rig = Rig::up(OLD).await;
    for call in 0..5_000 {
        rig.fake.put(Put::Text(entered(call).to_string()));
    }
    sleep(Duration::from_secs(1)).await;
    for call in 0..5_000 {
        let expected = Notice::Line(CallId::from_bits(call), Leg::A, LineEvent::Entered);
        assert_eq!(rig.line().await, expected);
    }
    assert_eq!(rig.ari.counters().dropped_events.load(Relaxed), 0);
    rig.end().await;
}

#[tokio::test(start_paused = true)]
async fn nonsense_is_counted_and_survived() {
    let mut rig = Rig::up(OLD).await;
    for text in ["", "nonsense", "{}", r#"{"type":"Novelty"}"#, r#"{"type":"Dial","peer":7}"#] {
        rig.fake.put(Put::Text(text.into()));
    }
    rig.fake.put(Put::Text(entered(9).to_string()));
    assert_eq!(rig.line().await, Notice::Line(CallId::from_bits(9), Leg::A, LineEvent::Entered));
    assert_eq!(rig.ari.counters().unknown_events.load(Relaxed), 5);
    assert!(rig.ari.state().borrow().is_up());
    rig.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_message_without_end_drops_the_link_and_not_the_process() {
    let mut rig = Rig::up(OLD).await;
    rig.fake.put(Put::Text("x".repeat(5 * 1024 * 1024)));
    rig.until(|state| *state == LinkState::Down).await;
    rig.until(LinkState::is_up).await;
    rig.census().await;
    rig.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_hangup_without_an_answer_is_sent_three_times_in_all() {
    let rig = Rig::up(NEW).await;
    let hangup = order(7, Command::Hangup(Leg::A));
    let path = format!("/ari/channels/{}", channel_name(hangup.request.id, Leg::A));
    rig.fake.answer("DELETE", &path, 0, "");
    rig.ari.send(Action::Order(hangup));
    let drain = async {
        let mut notices = rig.notices;
        while notices.recv().await.is_some() {}
    };
    tokio::select! {
        () = sleep(Duration::from_secs(40)) => {}
        () = drain => {}
    }
    let sent = rig.fake.requests().into_iter().filter(|line| line.starts_with("DELETE")).count();
    assert_eq!(sent, 3);
    rig.cancel.cancel();
}

#[tokio::test(start_paused = true)]
async fn a_recording_is_streamed_or_said_to_be_missing() {
    use http_body_util::BodyExt;
    let rig = Rig::up(NEW).await;
    let path = "/ari/recordings/stored/db-00000000000000000000000000000007/file";
    rig.fake.answer("GET", path, 200, "RIFF");
    let recording = rig.ari.stored_recording(CallId::from_bits(7)).await.unwrap();
    assert_eq!(recording.content_length(), Some(4));
    assert_eq!(recording.collect().await.unwrap().to_bytes(), "RIFF");
    let missing = rig.ari.stored_recording(CallId::from_bits(8)).await.err();
    assert_eq!(missing, Some(super::RecordingError::NotFound));
    rig.end().await;
}
