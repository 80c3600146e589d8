//! The outbox on a real database, with a restart between the end of a call and its callback.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::sync::Arc;
use std::time::Duration;

use dialbridge::callback::guard::Guard;
use dialbridge::callback::sign::Key;
use dialbridge::callback::{Client, Courier, Secrets, Worker};
use dialbridge::clock::Clock;
use dialbridge::config::CallbackConfig;
use dialbridge::report::Callback;
use dialbridge::store::sqlite::SqliteStore;
use dialbridge::store::{Batch, OutboxStats, Snapshot, Store};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

struct Unsigned;

impl Secrets for Unsigned {
    fn keys(&self, _tenant: &str) -> Vec<Key> {
        Vec::new()
    }
}

const CALL: &str = "0190aa00000070008000000000000001";

/// A call that is over, and the callback that it owes.
fn owing(url: String, clock: Clock) -> Batch {
    let minute = json!({ "secs": 60, "nanos": 0 });
    let nobody = json!({ "number": "", "name": "" });
    let leg: Value = json!({ "party": { "extension": "101" }, "endpoint": "PJSIP/101", "device": null,
        "max_dial_time": minute, "caller": nobody, "connected": nobody, "headers": [] });
    let report = json!({ "userdata": null, "ext_transaction_data": null, "callback_url": url, "cdr_url": null,
        "time_zone": "UTC", "caller_id": "", "public_url": "" });
    let request = json!({ "id": CALL, "tenant": "demo", "credential": "demo-code", "door": "voicenter",
        "accepted_at": clock.now(), "agent": null, "a": leg, "b": leg, "max_duration": minute, "record": false,
        "language": null, "vars": {}, "report": report, "warnings": [] });
    let verdict = json!({ "reason": "normal", "by": "agent", "status": "completed", "at": clock.now() });
    let (times, idle) = (json!({}), json!({ "status": "idle", "cause": null, "created": null }));
    let journal = json!({ "phase": { "ended": { "verdict": verdict } }, "times": times, "a": idle, "b": idle,
        "recording": "none", "sequence": 9 });
    let request = serde_json::from_value(request).unwrap();
    let snapshot = Snapshot { request: Arc::new(request), journal: serde_json::from_value(journal).unwrap() };
    let callback = Callback {
        id: format!("msg_{CALL}_userdata"),
        call: Some(CALL.parse().unwrap()),
        tenant: "demo".to_owned(),
        kind: "userdata".to_owned(),
        url,
        content_type: "text/plain".to_owned(),
        body: "so it ended".to_owned(),
        created_at: clock.now(),
    };
    Batch { snapshots: vec![snapshot], callbacks: vec![callback], ..Batch::default() }
}

async fn until_settled(store: &SqliteStore) -> OutboxStats {
    loop {
        let stats = store.outbox_stats().await.unwrap();
        if stats.pending == 0 {
            return stats;
        }
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_callback_that_is_owed_goes_out_after_a_restart() {
    let dir = tempfile::TempDir::new().unwrap();
    let (url, clock) = (format!("sqlite:{}", dir.path().join("x.db").display()), Clock::start());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let hook = format!("http://{}/hook", listener.local_addr().unwrap());

    let (store, writer) = SqliteStore::open(&url, clock).await.unwrap();
    let driver = tokio::spawn(writer.run(CancellationToken::new()));
    store.commit(&owing(hook, clock)).await.unwrap();
    driver.abort();
    drop(store);

    let (store, writer) = SqliteStore::open(&url, clock).await.unwrap();
    let stop = CancellationToken::new();
    let driver = tokio::spawn(writer.run(stop.clone()));
    let config = CallbackConfig {
        allow_networks: vec!["127.0.0.1/32".parse().unwrap()],
        allow_ports: Vec::new(),
        in_flight: 64,
        in_flight_per_endpoint: 4,
        timeout: Duration::from_secs(15),
    };
    let guard = Guard::new(&config.allow_networks, &config.allow_ports).unwrap();
    let client = Client::new(guard, config.timeout).unwrap();
    let worker = Worker::new(store.clone(), Courier::new(client, Arc::new(Unsigned), clock), &config);
    let working = tokio::spawn(worker.run(stop.clone()));

    let (mut socket, _) = listener.accept().await.unwrap();
    let mut request = String::new();
    while !request.ends_with("so it ended") {
        let mut bytes = [0; 1024];
        let count = socket.read(&mut bytes).await.unwrap();
        request.push_str(std::str::from_utf8(&bytes[..count]).unwrap());
    }
    assert!(request.contains(&format!("webhook-id: msg_{CALL}_userdata")), "{request}");
    socket.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await.unwrap();
    assert_eq!(until_settled(&store).await, OutboxStats::default());
    stop.cancel();
    working.await.unwrap();
    driver.await.unwrap();
}
