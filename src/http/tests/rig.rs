//! A daemon's HTTP side with a fake engine and a store in memory.

use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use arc_swap::ArcSwap;
use async_trait::async_trait;
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, Request, StatusCode};
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

use crate::call::{Call, CallId, Event};
use crate::clock::Clock;
use crate::config::SessionConfig;
use crate::device::{DeviceState, Devices};
use crate::dial::policy::{Admission, Exceeded, Hours, Limit};
use crate::directory::{Directory, file};
use crate::editor::Editor;
use crate::engine::{DoorOrder, Engine, Receipt, Usage, Wrapped};
use crate::http::order;
use crate::http::{Audio, Doors, HttpCounters, NoAudio, Peer, Ports, Recordings};
use crate::link::LinkState;
use crate::report::record;
use crate::store::{
    Attempt, AuditLine, Batch, CallEvent, CallFilter, CallKey, CallbackFilter, CallbackState, Due, Entry, EventFilter,
    Expired, Marked, OutboxRow, OutboxStats, Session, SessionToken, Settlement, Snapshot, Store, StoreError,
    TenantDocument,
};
use crate::timestamp::Timestamp;

const DIRECTORY: &str = include_str!("directory.toml");
pub(super) const DOOR: &str = "/ForwardDialer/click2call.aspx";
pub(super) const FIRST: CallId = CallId::from_bits(1);
const TOO_OFTEN: Exceeded =
    Exceeded { limit: Limit::DestinationPerTenMinutes, most: 3, retry_after: Duration::from_mins(4), ..BUSY };
const BUSY: Exceeded =
    Exceeded { limit: Limit::AgentActive, most: 1, hours: Hours::Office, retry_after: Duration::from_millis(4_100) };

/// An answer, read whole.
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: String,
}

impl Answer {
    pub(super) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap_or_else(|_| panic!("no JSON: {}", self.body))
    }

    /// `ERRORCODE` and `ERRORMESSAGE`, of either format.
    pub(super) fn verdict(&self) -> (i64, String) {
        if self.body.starts_with('{') {
            let json = self.json();
            return (json["ERRORCODE"].as_i64().unwrap(), json["ERRORMESSAGE"].as_str().unwrap().to_owned());
        }
        let strings: Vec<&str> =
            self.body.split("<string>").skip(1).filter_map(|s| s.split("</string>").next()).collect();
        (strings[0].parse().unwrap(), strings[1].to_owned())
    }
}

/// Time gone by, simulated where the test's is.
pub(super) struct Watch(Clock, Timestamp);

impl Watch {
    pub(super) fn start() -> Self {
        let clock = Clock::start();
        Self(clock, clock.now())
    }

    pub(super) fn elapsed(&self) -> Duration {
        self.0.now().since(self.1)
    }
}

/// What the engine of a test does with an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum EngineDoes {
    Accept,
    AcceptAndStore,
    SayDuplicate,
    SayAgentBusy,
    SayTooOften,
    SayKeyReused,
    Nothing,
}

pub(super) struct Rig {
    pub(super) doors: Doors,
    pub(super) ari: watch::Sender<LinkState>,
    pub(super) ami: watch::Sender<LinkState>,
    /// Keeps its other end alive.
    pub(super) events: watch::Sender<u64>,
    pub(super) store: Arc<MemoryStore>,
    pub(super) directory: Arc<ArcSwap<Directory>>,
    pub(super) counters: Arc<HttpCounters>,
    pub(super) stopping: CancellationToken,
    pub(super) orders: Arc<Mutex<Vec<DoorOrderSeen>>>,
    pub(super) peer: Peer,
}

/// What reached the engine.
#[derive(Debug)]
pub(super) enum DoorOrderSeen {
    Submit(Box<Admission>),
    Terminate(crate::engine::Termination),
}

impl Rig {
    pub(super) fn new() -> Self {
        Self::with(EngineDoes::Accept)
    }

    pub(super) fn with(engine_does: EngineDoes) -> Self {
        let (orders, inbox) = mpsc::channel(16);
        let seen = Arc::new(Mutex::new(Vec::new()));
        let (ari, ari_link) = watch::channel(up("websocket"));
        let (ami, manager_link) = watch::channel(up("ami"));
        let directory = file::parse(DIRECTORY).unwrap_or_else(|error| panic!("{error}"));
        let directory = Arc::new(ArcSwap::from_pointee(Directory::new(directory.tenants)));
        let store = Arc::new(MemoryStore::default());
        tokio::spawn(engine(inbox, (Arc::clone(&seen), Arc::clone(&store)), engine_does));
        let counters = Arc::new(HttpCounters::default());
        let (events, events_heard) = watch::channel(0);
        let stopping = CancellationToken::new();
        let ports = Ports {
            engine: Engine::new(orders),
            store: Arc::clone(&store) as Arc<dyn Store>,
            directory: Arc::clone(&directory),
            editor: Arc::new(Editor::new(Arc::clone(&store) as Arc<dyn Store>, Arc::clone(&directory), Clock::start())),
            events: events_heard,
            owed: Arc::default(),
            devices: watch::channel(Arc::new(devices())).1,
            ari: ari_link,
            ami: manager_link,
            clock: Clock::start(),
            public_url: "http://127.0.0.1:8080".into(),
            trusted_proxies: Arc::new([]),
            session: SessionConfig { idle: Duration::from_hours(8), absolute: Duration::from_hours(24) },
            callback_check: Arc::new(|url| {
                if url.contains("//127.0.0.1:8091/") { Ok(()) } else { Err("leads to a forbidden address".to_owned()) }
            }),
            recordings: Arc::new(OneRecording),
            metrics: Arc::new(OneMetric),
            counters: Arc::clone(&counters),
            stopping: stopping.clone(),
        };
        let peer = Peer::Address("192.0.2.7".parse().unwrap());
        let doors = Doors::new(ports);
        Self { doors, ari, ami, events, store, directory, counters, stopping, orders: seen, peer }
    }

    /// Sends a request to the public router.
    pub(super) async fn send(&self, request: Request<Body>) -> Answer {
        self.send_to(self.doors.public(), request).await
    }

    pub(super) async fn send_to(&self, router: Router, mut request: Request<Body>) -> Answer {
        request.extensions_mut().insert(self.peer);
        let response = router.oneshot(request).await.unwrap();
        let (head, body) = response.into_parts();
        let body = to_bytes(body, 1 << 20).await.unwrap();
        Answer { status: head.status, headers: head.headers, body: String::from_utf8(body.to_vec()).unwrap() }
    }

    /// A request to the native API under this token, with a JSON body unless that is null.
    pub(super) async fn api(&self, token: &str, line: &str, body: serde_json::Value) -> Answer {
        let (method, uri) = line.split_once(' ').unwrap();
        let request = Request::builder().method(method).uri(uri).header("authorization", format!("Bearer {token}"));
        let request = if body.is_null() {
            request.body(Body::empty())
        } else {
            request.header("content-type", "application/json").body(body.to_string().into())
        };
        self.send(request.unwrap()).await
    }

    /// A click by GET.
    pub(super) async fn click(&self, query: &str) -> Answer {
        self.send(get(&format!("{DOOR}?{query}"))).await
    }

    /// Every order that has reached the engine.
    pub(super) fn seen(&self) -> Vec<DoorOrderSeen> {
        std::mem::take(&mut *self.orders.lock().unwrap())
    }

    /// The only order that has reached the engine, a call.
    pub(super) fn call(&self) -> crate::call::CallRequest {
        match self.seen().as_mut_slice() {
            [DoorOrderSeen::Submit(admission)] => admission.request.clone(),
            other => panic!("not one call: {other:?}"),
        }
    }
}

pub(super) fn get(uri: &str) -> Request<Body> {
    Request::get(uri).body(Body::empty()).unwrap()
}

pub(super) fn post(content_type: &str, body: impl Into<Body>) -> Request<Body> {
    Request::post(DOOR).header("content-type", content_type).body(body.into()).unwrap()
}

pub(super) fn up(transport: &'static str) -> LinkState {
    LinkState::Up { version: "22.10.1".to_owned(), transport }
}

fn devices() -> Devices {
    let mut devices = Devices::default();
    devices.set("PJSIP/101", DeviceState::NotInuse);
    devices.set("PJSIP/102", DeviceState::Unavailable);
    devices
}

type Noted = (Arc<Mutex<Vec<DoorOrderSeen>>>, Arc<MemoryStore>);

async fn engine(mut inbox: mpsc::Receiver<DoorOrder>, (seen, store): Noted, does: EngineDoes) {
    let mut unanswered = Vec::new();
    while let Some(order) = inbox.recv().await {
        match order {
            DoorOrder::Submit(admission, reply) => {
                let receipt = match does {
                    EngineDoes::Accept => Receipt::Accepted(admission.request.id),
                    EngineDoes::AcceptAndStore => {
                        store.calls.lock().unwrap().push(accepted(&admission));
                        Receipt::Accepted(admission.request.id)
                    }
                    EngineDoes::SayDuplicate => Receipt::Duplicate(FIRST),
                    EngineDoes::SayAgentBusy => Receipt::TooMany(BUSY),
                    EngineDoes::SayTooOften => Receipt::TooMany(TOO_OFTEN),
                    EngineDoes::SayKeyReused => Receipt::KeyReused,
                    EngineDoes::Nothing => {
                        unanswered.push(reply);
                        continue;
                    }
                };
                seen.lock().unwrap().push(DoorOrderSeen::Submit(admission));
                reply.send(Ok(receipt)).unwrap();
            }
            DoorOrder::Terminate(which, reply) => {
                let newest = matches!(does, EngineDoes::Accept | EngineDoes::AcceptAndStore).then_some(FIRST);
                seen.lock().unwrap().push(DoorOrderSeen::Terminate(which));
                reply.send(Ok(newest)).unwrap();
            }
            DoorOrder::Usage((_, caps), reply) => {
                let usage = caps.into_iter().map(|cap| Usage { cap, used: 0, wait: None });
                reply.send(Ok(usage.collect())).unwrap();
            }
            DoorOrder::WrapUp(_, reply) => {
                let wrapped = if does == EngineDoes::Accept { Wrapped::Done } else { Wrapped::Over };
                reply.send(Ok(wrapped)).unwrap();
            }
        }
    }
}

/// The call as it is stored before its door hears of it.
fn accepted(admission: &Admission) -> Snapshot {
    let mut call = Call::new(Arc::new(admission.request.clone()));
    call.on_event(admission.request.accepted_at, &Event::Accepted);
    Snapshot { request: Arc::clone(call.request()), journal: call.journal().clone() }
}

struct OneRecording;

#[async_trait]
impl Recordings for OneRecording {
    async fn fetch(&self, call: CallId) -> Result<Audio, NoAudio> {
        if call != FIRST {
            return Err(NoAudio::NotFound);
        }
        let pieces = ["RIFF", "wave"].map(|piece| io::Result::Ok(piece.into()));
        Ok(Audio { length: Some(8), bytes: Box::pin(futures_util::stream::iter(pieces)) })
    }
}

/// A store in memory: only what the HTTP side asks of one.
#[derive(Default)]
pub(super) struct MemoryStore {
    pub(super) calls: Mutex<Vec<Snapshot>>,
    pub(super) ledger: Mutex<Vec<Entry>>,
    pub(super) events: Mutex<Vec<CallEvent>>,
    pub(super) documents: Mutex<Vec<TenantDocument>>,
    pub(super) audit: Mutex<Vec<AuditLine>>,
    pub(super) outbox: Mutex<Vec<OutboxRow>>,
    pub(super) sessions: Mutex<Vec<Session>>,
    pub(super) broken: Mutex<bool>,
}

impl MemoryStore {
    fn well(&self) -> Result<(), StoreError> {
        if *self.broken.lock().unwrap() { Err(StoreError::Unavailable("full".to_owned())) } else { Ok(()) }
    }
}

#[async_trait]
impl Store for MemoryStore {
    async fn commit(&self, batch: &Batch) -> Result<(), StoreError> {
        self.well()?;
        assert!(batch.snapshots.is_empty() && batch.ledger.is_empty(), "calls are the engine's");
        let mut rows = self.outbox.lock().unwrap();
        for callback in &batch.callbacks {
            let number = rows.len() as u64 + 1;
            let (state, due_at) = (CallbackState::Pending, callback.created_at);
            rows.push(OutboxRow { number, callback: callback.clone(), state, attempts: 0, due_at, last: None });
        }
        self.audit.lock().unwrap().extend_from_slice(&batch.audit);
        Ok(())
    }
    async fn active_calls(&self) -> Result<Vec<Snapshot>, StoreError> {
        Ok(self.calls.lock().unwrap().iter().filter(|call| !call.journal.is_over()).cloned().collect())
    }
    async fn calls_since(&self, _: Timestamp) -> Result<Vec<Snapshot>, StoreError> {
        Ok(Vec::new())
    }
    async fn calls_page(
        &self,
        filter: &CallFilter,
        before: Option<CallKey>,
        limit: u32,
    ) -> Result<Vec<Snapshot>, StoreError> {
        self.well()?;
        let fits = |call: &Snapshot| {
            before.is_none_or(|before| CallKey::of(&call.request) < before)
                && filter.tenant.as_ref().is_none_or(|tenant| *tenant == call.request.tenant)
                && filter.agent.as_ref().is_none_or(|agent| order::is_of_agent(&call.request, agent))
                && filter.target.as_ref().is_none_or(|target| *target == record::number(&call.request.b.party))
        };
        let mut calls: Vec<_> = self.calls.lock().unwrap().iter().filter(|call| fits(call)).cloned().collect();
        calls.sort_by_key(|call| std::cmp::Reverse(CallKey::of(&call.request)));
        calls.truncate(limit as usize);
        Ok(calls)
    }
    async fn calls_abroad_since(&self, _: Timestamp) -> Result<Vec<Snapshot>, StoreError> {
        Ok(Vec::new())
    }
    async fn call(&self, tenant: &str, id: CallId) -> Result<Option<Snapshot>, StoreError> {
        self.well()?;
        let calls = self.calls.lock().unwrap();
        Ok(calls.iter().find(|call| call.request.id == id && call.request.tenant == tenant).cloned())
    }
    async fn marked(&self, _: (&str, &str), key: &str, _: Timestamp) -> Result<Option<Marked>, StoreError> {
        self.well()?;
        let calls = self.calls.lock().unwrap();
        let marks = calls.iter().rev().filter_map(|call| Some((call.request.idempotency.clone()?, call)));
        let found = marks.into_iter().find(|(mark, _)| mark.key == key);
        Ok(found.map(|(mark, call)| Marked { fingerprint: mark.fingerprint, call: call.clone() }))
    }
    async fn ledger(&self, _: CallId) -> Result<Vec<Entry>, StoreError> {
        Ok(self.ledger.lock().unwrap().clone())
    }
    async fn events_after(
        &self,
        filter: &EventFilter,
        after: u64,
        limit: u32,
    ) -> Result<Vec<(u64, CallEvent)>, StoreError> {
        self.well()?;
        let is_wanted = |event: &CallEvent| {
            filter.tenant.as_ref().is_none_or(|tenant| event.tenant == *tenant)
                && (filter.agent.is_none() || event.agent == filter.agent)
        };
        let events = self.events.lock().unwrap();
        let numbered = (1..).zip(events.iter().cloned()).filter(|(number, event)| *number > after && is_wanted(event));
        Ok(numbered.take(limit as usize).collect())
    }
    async fn newest_event(&self) -> Result<u64, StoreError> {
        self.well()?;
        Ok(self.events.lock().unwrap().len() as u64)
    }
    async fn claim(&self, _: Timestamp, _: Duration, _: u32) -> Result<Vec<Due>, StoreError> {
        Ok(Vec::new())
    }
    async fn settle(&self, _: &str, _: &Attempt, _: &Settlement) -> Result<(), StoreError> {
        unreachable!("doors settle nothing")
    }
    async fn release(&self, _: &[String]) -> Result<(), StoreError> {
        Ok(())
    }
    async fn next_due(&self) -> Result<Option<Timestamp>, StoreError> {
        Ok(None)
    }
    async fn outbox_stats(&self) -> Result<OutboxStats, StoreError> {
        Ok(OutboxStats::default())
    }
    async fn callbacks(
        &self,
        filter: &CallbackFilter,
        before: Option<u64>,
        limit: u32,
    ) -> Result<Vec<OutboxRow>, StoreError> {
        let fits = |row: &&OutboxRow| {
            before.is_none_or(|before| row.number < before)
                && filter.tenant.as_ref().is_none_or(|tenant| *tenant == row.callback.tenant)
                && filter.state.is_none_or(|state| state == row.state)
                && filter.call.is_none_or(|call| row.callback.call == Some(call))
                && filter.kind.as_ref().is_none_or(|kind| *kind == row.callback.kind)
        };
        Ok(self.outbox.lock().unwrap().iter().rev().filter(fits).take(limit as usize).cloned().collect())
    }
    async fn callback(&self, tenant: Option<&str>, id: &str) -> Result<Option<OutboxRow>, StoreError> {
        let is_it =
            |row: &&OutboxRow| row.callback.id == id && tenant.is_none_or(|tenant| tenant == row.callback.tenant);
        Ok(self.outbox.lock().unwrap().iter().find(is_it).cloned())
    }
    async fn attempts(&self, id: &str) -> Result<Vec<Attempt>, StoreError> {
        let rows = self.outbox.lock().unwrap();
        Ok(rows.iter().filter(|row| row.callback.id == id).filter_map(|row| row.last.clone()).collect())
    }
    async fn replay(&self, id: &str, audit: &AuditLine) -> Result<bool, StoreError> {
        self.well()?;
        let mut rows = self.outbox.lock().unwrap();
        let row = rows.iter_mut().find(|row| row.callback.id == id && row.callback.tenant == audit.tenant);
        let Some(row) = row else { return Ok(false) };
        (row.state, row.due_at) = (CallbackState::Pending, audit.at);
        self.audit.lock().unwrap().push(audit.clone());
        Ok(true)
    }
    async fn tenants(&self) -> Result<Vec<TenantDocument>, StoreError> {
        Ok(self.documents.lock().unwrap().clone())
    }
    async fn put_tenants(&self, documents: &[TenantDocument], audit: &[AuditLine]) -> Result<(), StoreError> {
        self.well()?;
        self.documents.lock().unwrap().extend_from_slice(documents);
        self.audit.lock().unwrap().extend_from_slice(audit);
        Ok(())
    }
    async fn open_session(&self, session: &Session, _: &Expired) -> Result<(), StoreError> {
        self.well()?;
        self.sessions.lock().unwrap().push(session.clone());
        Ok(())
    }
    async fn session(&self, token: SessionToken, hash: &str) -> Result<Option<Session>, StoreError> {
        self.well()?;
        let sessions = self.sessions.lock().unwrap();
        let of = |session: &&Session| match token {
            SessionToken::Strict => session.strict == hash,
            SessionToken::Dial => session.dial == hash,
        };
        Ok(sessions.iter().find(of).cloned())
    }
    async fn session_seen(&self, strict: &str, at: Timestamp) -> Result<(), StoreError> {
        let mut sessions = self.sessions.lock().unwrap();
        sessions.iter_mut().filter(|session| session.strict == strict).for_each(|session| session.seen_at = at);
        Ok(())
    }
    async fn end_session(&self, strict: &str) -> Result<(), StoreError> {
        self.sessions.lock().unwrap().retain(|session| session.strict != strict);
        Ok(())
    }
    async fn ping(&self) -> Result<(), StoreError> {
        self.well()
    }
}

struct OneMetric;

#[async_trait]
impl crate::http::MetricsText for OneMetric {
    async fn text(&self) -> String {
        "# HELP x y\n# TYPE x gauge\nx 1\n".to_owned()
    }
}
