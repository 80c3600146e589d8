//! The composition root: the one place that sees both sides, and the one that spawns tasks.
//!
//! Everything is made from the outside in: store, directory, links, then the engine on what the store
//! remembers, then the callback worker, and the doors last, so that no click comes in before there is
//! somebody to take it. On the way out it is the other way round: the doors close first, the engine
//! finishes what it has taken, the links carry out what it has ordered, the worker settles what is in
//! flight, and the store's writer ends when nobody writes any more. Calls that are up stay up: the next process adopts them.

mod directory;
mod exporter;
mod forward;
mod listen;
mod part;
mod recordings;
mod worker;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use arc_swap::ArcSwap;
use futures_util::FutureExt as _;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::{Notify, mpsc, watch};
use tokio_util::sync::CancellationToken;

pub use self::forward::courier;
use self::part::Part;
use crate::asterisk::{ami, ari};
use crate::callback::guard::Guard;
use crate::cli::{Reached, Start};
use crate::clock::Clock;
use crate::config::{AmiConfig, AriConfig};
use crate::directory::Directory;
use crate::editor::Editor;
use crate::engine::turn::{Loop, Ports, Turn};
use crate::engine::{DoorOrder, Engine, recover};
use crate::http::Doors;
use crate::link::{Notice, QueueMember};
use crate::metrics::Metrics;
use crate::report::render::check_callback_url;
use crate::store::Store;
use crate::store::sqlite::SqliteStore;
use crate::switchboard::Switchboard;
use crate::systemd::{self, Heart, Heartbeats, Milestone};

/// Orders from the doors that may wait for the engine.
const ORDERS: usize = 1024;
/// Notices from the link that may wait for the engine; the link holds more.
const NOTICES: usize = 4096;

/// Runs until SIGTERM or SIGINT, or until something fails that no repetition will mend.
pub async fn serve(start: Start) -> anyhow::Result<()> {
    let clock = Clock::start();
    let signals = Signals::new()?;
    let (fail, failed) = mpsc::channel(1);
    let (store, writer) = SqliteStore::open(&start.config.store.url, clock).await.context("opening the store")?;
    let writing = Part::new(&fail);
    writing.spawn("the store's writer", writer.run(writing.stop.clone()).map(Ok));
    let ended = match Running::start(&start, (Arc::clone(&store), clock), (&fail, failed)).await {
        Ok(running) => running.until_told(&start, signals).await,
        Err(error) => Err(error),
    };
    writing.end(WRITER_ENDS).await;
    // Its writer ends with its last handle: here, and not before it was told to.
    drop(store);
    ended
}

/// What the outside may tell a daemon.
struct Signals {
    term: Signal,
    int: Signal,
    hup: Signal,
}

impl Signals {
    fn new() -> std::io::Result<Self> {
        let (term, int) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
        Ok(Self { term, int, hup: signal(SignalKind::hangup())? })
    }
}

/// All tasks of a daemon, and how to end them, in this order.
struct Running {
    /// No longer ready; the doors close.
    doors: Part,
    /// Finishes what it has taken.
    engine: Part,
    /// Wait until what the engine has ordered is answered.
    links: Part,
    /// Settles what is in flight, and gives the rest back.
    worker: Part,
    /// What only watches: metrics, watchdog.
    watchers: Part,
    ari: ari::Ari,
    certificate: listen::Certificate,
    /// Said by a task that ended although nobody told it to.
    failed: mpsc::Receiver<anyhow::Error>,
}

/// All of it together is less than the 30 s in which a stop is to be over.
const DOORS_CLOSE: Duration = Duration::from_secs(12);
const ENGINE_FINISHES: Duration = Duration::from_secs(5);
const ORDERS_SETTLE: Duration = Duration::from_secs(2);
const WORKER_SETTLES: Duration = Duration::from_secs(6);
const WRITER_ENDS: Duration = Duration::from_secs(3);
const PART_ENDS: Duration = Duration::from_secs(1);
/// How often the store is asked whether it lives: at least every five seconds, for the watchdog.
const PULSE: Duration = Duration::from_secs(3);

/// What the parts share.
#[derive(Clone)]
struct Common {
    clock: Clock,
    store: Arc<dyn Store>,
    directory: Arc<ArcSwap<Directory>>,
    metrics: Arc<Metrics>,
    hearts: Heartbeats,
}

impl Running {
    async fn start(
        start: &Start,
        (store, clock): (Arc<SqliteStore>, Clock),
        (fail, failed): (&mpsc::Sender<anyhow::Error>, mpsc::Receiver<anyhow::Error>),
    ) -> anyhow::Result<Self> {
        let config = &start.config;
        let store: Arc<dyn Store> = store;
        let directory = directory::load(&store, config.directory.seed.as_deref(), clock).await?;
        let common = Common {
            clock,
            store,
            directory: Arc::new(ArcSwap::from_pointee(directory)),
            metrics: Arc::new(Metrics::new(clock.now())?),
            hearts: Heartbeats::new(clock),
        };
        let [doors, engine, links, worker, watchers] = std::array::from_fn(|_| Part::new(fail));
        let (orders, orders_in) = mpsc::channel(ORDERS);
        let (notices, notices_in) = mpsc::channel(NOTICES);
        let (ari, calling) = ari::link(&config.ari, clock, notices).context("[ari]")?;
        let board = recovered(&common).await?;
        let (paused, wanted) = watch::channel(Arc::new(board.paused()));
        let pausing = ami::Pausing { reason: config.ari.app.clone(), wanted };
        let (ami, watching) = ami::link(&config.ami, pausing).context("[ami]")?;
        let guard = Arc::new(Guard::new(&config.callback.allow_networks, &config.callback.allow_ports)?);
        let heart = common.hearts.heart("callbacks");
        let cannon = worker::worker(&common, &config.callback, &guard)?.beating(move || heart.beat());
        let exporter =
            exporter::Exporter::new(&common, (&ari, &ami), (cannon.counters(), Arc::clone(&start.telemetry.lines)));
        let editor = Arc::new(Editor::new(common.store.clone(), common.directory.clone(), clock));
        let (told, events) = watch::channel(0);
        let ports = crate::http::Ports {
            engine: Engine::new(orders),
            store: common.store.clone(),
            directory: common.directory.clone(),
            editor: Arc::clone(&editor),
            owed: cannon.wake_handle(),
            events,
            devices: ami.devices(),
            ari: ari.state(),
            ami: ami.state(),
            clock,
            public_url: config.http.public_url.as_str().into(),
            trusted_proxies: config.http.trusted_proxies.as_slice().into(),
            session: config.session,
            callback_check: Arc::new(move |url| {
                check_callback_url(url).map_err(|why| why.to_string())?;
                guard.check_url(url).map_err(|why| why.to_string())
            }),
            recordings: Arc::new(recordings::AtAsterisk(ari.clone())),
            counters: exporter.http(),
            metrics: Arc::new(exporter),
            stopping: doors.stop.clone(),
        };
        let listeners = listen::Listeners::bind(config).await?;
        let ends = Ends { orders: orders_in, notices: notices_in, owed: cannon.wake_handle(), told, paused };
        let turning = turning(&common, board, ends, ari.clone()).run(engine.stop.clone());
        engine.spawn("the engine", async { turning.await.context("the store refuses what the engine writes") });
        links.spawn("the ARI link", calling.run(links.stop.clone()).map(Ok));
        links.spawn("the AMI link", watching.run(links.stop.clone()).map(Ok));
        worker.spawn("the callback worker", cannon.run(worker.stop.clone()).map(Ok));
        let watchdog = systemd::watchdog(common.hearts.clone());
        doors.spawn("the watchdog", until(doors.stop.clone(), watchdog).map(Ok));
        let pulse = pulse(common.store.clone(), common.hearts.heart("store"));
        watchers.spawn("the store's pulse", until(watchers.stop.clone(), pulse).map(Ok));
        let certificate = listeners.serve(&Doors::new(ports), &doors, &watchers);
        Ok(Self { doors, engine, links, worker, watchers, ari, certificate, failed })
    }

    /// Waits for the end: a signal's, or that of any part.
    async fn until_told(mut self, start: &Start, mut signals: Signals) -> anyhow::Result<()> {
        tracing::info!(version = env!("CARGO_PKG_VERSION"), listen = %start.config.http.listen, "dialbridge is up");
        systemd::notify(Milestone::Ready, "taking clicks");
        let fatal = loop {
            tokio::select! {
                _ = signals.term.recv() => break None,
                _ = signals.int.recv() => break None,
                _ = signals.hup.recv() => self.reload(start),
                Some(why) = self.failed.recv() => break Some(why),
            }
        };
        self.stop().await;
        fatal.or_else(|| self.failed.try_recv().ok()).map_or(Ok(()), Err)
    }

    /// What can change without a restart: the log's filter and the TLS certificate.
    fn reload(&self, start: &Start) {
        systemd::notify(Milestone::Reloading, "reading the configuration");
        let reloaded = start.source.load().map_err(anyhow::Error::new).and_then(|config| {
            start.telemetry.set_filter(&config.log.filter)?;
            self.certificate.reload(&config)
        });
        match reloaded {
            Ok(()) => tracing::info!("the configuration was read again"),
            Err(error) => {
                tracing::warn!(error = format!("{error:#}"), "nothing was changed: the configuration is not in order");
            }
        }
        systemd::notify(Milestone::Ready, "taking clicks");
    }

    async fn stop(&self) {
        systemd::notify(Milestone::Stopping, "finishing");
        tracing::info!("stopping; calls that are up stay up");
        self.doors.end(DOORS_CLOSE).await;
        self.engine.end(ENGINE_FINISHES).await;
        // What the engine has ordered last is still on its way to Asterisk.
        drop(tokio::time::timeout(ORDERS_SETTLE, self.ari.settled()).await);
        self.links.end(PART_ENDS).await;
        self.worker.end(WORKER_SETTLES).await;
        self.watchers.end(PART_ENDS).await;
    }
}

/// The engine's ends of what joins it to the others.
struct Ends {
    orders: mpsc::Receiver<DoorOrder>,
    notices: mpsc::Receiver<Notice>,
    /// Rung when a callback was written.
    owed: Arc<Notify>,
    /// Counts commits that brought events.
    told: watch::Sender<u64>,
    /// Who is to be paused in which queue.
    paused: watch::Sender<Arc<BTreeSet<QueueMember>>>,
}

async fn recovered(common: &Common) -> anyhow::Result<Switchboard> {
    let directory = common.directory.load_full();
    let window = move |tenant: &str| {
        let seconds = directory.tenant(tenant).map_or(0, |tenant| tenant.duplicate_window);
        Duration::from_secs(u64::from(seconds))
    };
    let board = recover::switchboard(&common.store, common.clock, window).await.context("reading the calls")?;
    if !board.is_empty() {
        tracing::info!(calls = board.len(), "going on with calls of the last process");
    }
    common.metrics.calls_adopted(board.journals());
    Ok(board)
}

fn turning(common: &Common, board: Switchboard, ends: Ends, ari: ari::Ari) -> Loop {
    let (metrics, heart) = (Arc::clone(&common.metrics), common.hearts.heart("engine"));
    let ports = Ports {
        orders: ends.orders,
        notices: ends.notices,
        actions: Box::new(move |action| ari.send(action)),
        callbacks: ends.owed,
        events: ends.told,
        observe: Box::new(move |turn: &Turn<'_>| {
            heart.beat();
            metrics.turn(turn);
            say(&ends.paused, turn.board.paused());
        }),
    };
    Loop::new(board, common.store.clone(), common.clock, ports)
}

/// Wakes whoever listens only where something differs.
fn say<T: PartialEq>(listeners: &watch::Sender<Arc<T>>, now: T) {
    listeners.send_if_modified(|before| {
        let differs = **before != now;
        if differs {
            *before = Arc::new(now);
        }
        differs
    });
}

/// Beats for as long as the store's writer answers, be it with a refusal: only a hang is its death.
async fn pulse(store: Arc<dyn Store>, heart: Heart) {
    loop {
        if let Err(error) = store.ping().await {
            tracing::debug!(%error, "the store does not take writes");
        }
        heart.beat();
        tokio::time::sleep(PULSE).await;
    }
}

async fn until(cancel: CancellationToken, task: impl Future<Output = ()>) {
    cancel.run_until_cancelled(task).await;
}

/// Logs in to ARI and asks what it is, for `dialbridge check`.
pub async fn probe_ari(config: AriConfig) -> Result<Reached, String> {
    let found = ari::probe(&config).await.map_err(|error| error.to_string())?;
    Ok(Reached { version: found.version, transport: found.transport, cautions: found.warnings })
}

/// The same for AMI.
pub async fn probe_ami(config: AmiConfig) -> Result<Reached, String> {
    let found = ami::probe(&config).await.map_err(|error| error.to_string())?;
    Ok(Reached { version: found.version, transport: "ami", cautions: found.warnings })
}
