//! Keeps the ARI link alive: connect, register, look round, carry on, and again.
//!
//! ```text
//!        +---------------- back-off 0.2 s to 5 s (30 s: wrong password) <--------+
//!        v                                                                       |
//!   about, version -> event socket -> filter -> command sockets -> census -> up -+
//!                                                                  ^    |        |
//!                                            after 3 s, every 15 s +----+        v
//!                                                       replaced by another: stand by, 60 s
//! ```
//! Whatever breaks, one socket or the census, ends the whole connection: half a link is none. While
//! there is no link, every order that starts something is answered at once as not sent.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::future::{BoxFuture, FutureExt, join_all};
use futures_util::stream::FuturesUnordered;
use serde::Deserialize;
use tokio::sync::{mpsc, watch};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use tracing::{debug, error, info, trace, warn};

use super::census::{self, CensusError};
use super::http::{Connection, Target};
use super::inbox::{Inbox, carry};
use super::lane::{Job, Yard, carry_out, refuse_all};
use super::message::{Message, UNWANTED, decode};
use super::post::{Closing, Post, over_http, over_socket};
use super::request::{self, Answer};
use super::socket::{Socket, SocketError};
use crate::asterisk::backoff::Backoff;
use crate::asterisk::publish;
use crate::asterisk::version::Version;
use crate::clock::Clock;
use crate::config::AriTransport;
use crate::link::{LinkState, Notice};

const SECOND_CENSUS: Duration = Duration::from_secs(3);
const NEXT_CENSUS: Duration = Duration::from_secs(15);
const AFTER_OVERFLOW: Duration = Duration::from_millis(250);
const AFTER_REFUSAL: Duration = Duration::from_secs(30);
const STAND_BY: Duration = Duration::from_mins(1);
/// A fresh application may take a moment to be found.
const REGISTERED: Duration = Duration::from_millis(50);
const REGISTER_TRIES: usize = 20;

/// What keeps the link alive: to be run once.
pub struct Driver {
    pub(super) keeper: Keeper,
    pub(super) waiting: mpsc::Receiver<Notice>,
    pub(super) notices: mpsc::Sender<Notice>,
}

/// Connects, over and over.
pub(super) struct Keeper {
    pub(super) target: Arc<Target>,
    pub(super) transport: AriTransport,
    pub(super) command_sockets: usize,
    pub(super) clock: Clock,
    pub(super) yard: Yard,
    pub(super) orders: Vec<mpsc::Receiver<Job>>,
    pub(super) state: watch::Sender<LinkState>,
}

/// Why a connection ended, or did not come about.
enum End {
    Refused,
    Replaced,
    Lost(String),
}

impl From<SocketError> for End {
    fn from(error: SocketError) -> Self {
        match error {
            SocketError::Refused => Self::Refused,
            error => Self::Lost(error.to_string()),
        }
    }
}

impl From<Closing> for End {
    fn from(closing: Closing) -> Self {
        match closing {
            Closing::Replaced => Self::Replaced,
            Closing::Lost(error) => error.into(),
        }
    }
}

impl From<CensusError> for End {
    fn from(error: CensusError) -> Self {
        match error {
            CensusError::Refused(401 | 403) => Self::Refused,
            error => Self::Lost(error.to_string()),
        }
    }
}

/// What `asterisk/info` says.
#[derive(Debug, Deserialize)]
pub(super) struct About {
    pub(super) system: System,
    pub(super) status: Status,
}

#[derive(Debug, Deserialize)]
pub(super) struct System {
    pub(super) version: String,
}

#[derive(Debug, Deserialize)]
pub(super) struct Status {
    pub(super) startup_time: String,
}

impl About {
    pub(super) async fn ask(control: &mut Connection) -> Result<Self, CensusError> {
        let request = request::about();
        match control.send(&request).await? {
            Answer { status: 200, body } => Ok(serde_json::from_slice(&body)?),
            Answer { status, .. } => Err(CensusError::Refused(status)),
        }
    }

    /// How requests travel to this Asterisk.
    pub(super) fn transport(&self, wanted: AriTransport) -> &'static str {
        let able = Version::parse(&self.system.version).is_some_and(Version::takes_requests_over_websockets);
        match wanted {
            AriTransport::Websocket => "websocket",
            AriTransport::Auto if able => "websocket",
            AriTransport::Auto | AriTransport::Http => "http",
        }
    }
}

impl Driver {
    /// Keeps the link alive until it is cancelled.
    pub async fn run(mut self, cancel: CancellationToken) {
        tokio::select! {
            () = cancel.cancelled() => {}
            () = carry(self.waiting, self.notices) => {}
            () = self.keeper.keep() => {}
        }
        publish(&self.keeper.state, LinkState::Down);
    }
}

impl Keeper {
    async fn keep(&mut self) {
        let mut backoff = Backoff::default();
        let mut first = true;
        loop {
            let connected = self.live(&mut backoff, first).await;
            first &= !matches!(*self.state.borrow(), LinkState::Up { .. });
            let wait = self.lament(&connected, &mut backoff);
            tokio::select! {
                () = sleep(wait) => {}
                () = refuse(&mut self.orders, &self.yard.inbox) => return,
            }
        }
    }

    /// Says how a connection ended, and how long to wait.
    fn lament(&self, end: &End, backoff: &mut Backoff) -> Duration {
        let was_up = self.state.borrow().is_up();
        let wait = match end {
            End::Refused => AFTER_REFUSAL,
            End::Replaced => STAND_BY,
            End::Lost(_) => backoff.fail(rand::random()),
        };
        match end {
            End::Refused => error!(wait.s = wait.as_secs(), "ari: Asterisk refuses our user or password"),
            End::Replaced => {
                error!(wait.s = wait.as_secs(), "ari: another client took our application over, standing by");
            }
            End::Lost(why) if was_up => warn!(%why, "ari link down"),
            End::Lost(why) => debug!(%why, "ari link still down"),
        }
        publish(
            &self.state,
            match end {
                End::Replaced => LinkState::StandBy,
                End::Refused | End::Lost(_) => LinkState::Down,
            },
        );
        wait
    }

    /// One connection, from its first request to its end.
    async fn live(&mut self, backoff: &mut Backoff, first: bool) -> End {
        let opened = tokio::select! {
            opened = open(&self.target, (self.transport, self.command_sockets), self.clock, &self.yard) => opened,
            () = refuse(&mut self.orders, &self.yard.inbox) => return End::Lost("nobody gives orders".into()),
        };
        let open = match opened {
            Ok(open) => open,
            Err(end) => return end,
        };
        backoff.succeed();
        if !first {
            self.yard.counters.reconnects.fetch_add(1, Relaxed);
        }
        let version = open.about.system.version.clone();
        info!(version, transport = open.transport, "ari link up");
        publish(&self.state, LinkState::Up { version, transport: open.transport });
        serve(open, &mut self.orders, self.clock, &self.yard).await
    }
}

/// A connection that is ready for orders.
struct Open {
    about: About,
    transport: &'static str,
    control: Connection,
    events: Socket,
    carriers: Vec<(Post, BoxFuture<'static, End>)>,
}

async fn open(
    target: &Arc<Target>,
    (wanted, sockets): (AriTransport, usize),
    clock: Clock,
    yard: &Yard,
) -> Result<Open, End> {
    let mut control = Connection::new(Arc::clone(target));
    let about = About::ask(&mut control).await?;
    let transport = about.transport(wanted);
    let mut events = Socket::open(target, &yard.app).await?;
    let carriers = tokio::select! {
        end = hear(&mut events, yard) => return Err(end),
        prepared = async {
            put_filter(&mut control, &yard.app).await?;
            let carriers = match transport {
                "websocket" => socket_carriers(target, sockets, yard).await?,
                _ => http_carriers(target, yard),
            };
            count(&mut control, (clock, &about), yard).await?;
            Ok::<_, End>(carriers)
        } => prepared?,
    };
    Ok(Open { about, transport, control, events, carriers })
}

async fn put_filter(control: &mut Connection, app: &str) -> Result<(), End> {
    let filter = request::filter(app, &UNWANTED);
    for _ in 0..REGISTER_TRIES {
        match control.send(&filter).await.map_err(CensusError::from)?.status {
            200..300 => return Ok(()),
            404 => sleep(REGISTERED).await,
            status => return Err(CensusError::Refused(status).into()),
        }
    }
    Err(End::Lost(format!("Asterisk does not know our application {app}")))
}

async fn socket_carriers(
    target: &Target,
    sockets: usize,
    yard: &Yard,
) -> Result<Vec<(Post, BoxFuture<'static, End>)>, End> {
    let mut carriers = Vec::with_capacity(sockets);
    for number in 1..=sockets {
        let socket = Socket::open(target, &format!("{}-c{number}", yard.app)).await?;
        let (post, posted) = Post::new(Arc::clone(&yard.counters));
        carriers.push((post, over_socket(posted, socket).map(End::from).boxed()));
    }
    Ok(carriers)
}

fn http_carriers(target: &Arc<Target>, yard: &Yard) -> Vec<(Post, BoxFuture<'static, End>)> {
    let carrier = || {
        let (post, posted) = Post::new(Arc::clone(&yard.counters));
        let carried = over_http(posted, Connection::new(Arc::clone(target)));
        (post, carried.map(|()| End::Lost("nobody gives orders".into())).boxed())
    };
    (0..super::LANES).map(|_| carrier()).collect()
}

/// Everything that runs while the link is up; the first part to end ends it.
async fn serve(open: Open, orders: &mut [mpsc::Receiver<Job>], clock: Clock, yard: &Yard) -> End {
    let Open { about, mut control, mut events, carriers, .. } = open;
    let (posts, carried): (Vec<Post>, Vec<_>) = carriers.into_iter().unzip();
    let mut parts: FuturesUnordered<BoxFuture<'_, End>> = carried.into_iter().collect();
    parts.push(hear(&mut events, yard).boxed());
    parts.push(count_again(&mut control, (clock, &about), yard).boxed());
    for (orders, post) in orders.iter_mut().zip(posts.iter().cycle()) {
        let lane = carry_out(orders, post, yard).map(|()| End::Lost("nobody gives orders".into()));
        parts.push(lane.boxed());
    }
    parts.next().await.unwrap_or_else(|| End::Lost("nothing runs".into()))
}

/// Reads events, for as long as there are any.
async fn hear(events: &mut Socket, yard: &Yard) -> End {
    loop {
        let text = match events.next().await {
            Ok(text) => text,
            Err(error) => return error.into(),
        };
        trace!(bytes = text.len(), "ari event");
        match decode(&text) {
            Ok(Message::Notice(notice)) => yard.inbox.put(notice),
            Ok(Message::Replaced) => return End::Replaced,
            Ok(Message::Ignored | Message::Answer(_)) => {}
            Ok(Message::Unknown(kind)) => {
                yard.counters.unknown_events.fetch_add(1, Relaxed);
                debug!(kind = %kind.escape_debug(), "ari event of unknown type");
            }
            Err(error) => {
                yard.counters.unknown_events.fetch_add(1, Relaxed);
                warn!(%error, "ari event that cannot be read");
            }
        }
    }
}

async fn count_again(control: &mut Connection, subject: (Clock, &About), yard: &Yard) -> End {
    let mut wait = SECOND_CENSUS;
    loop {
        control.close();
        tokio::select! {
            () = sleep(wait) => {}
            () = yard.inbox.overflowed() => sleep(AFTER_OVERFLOW).await,
        }
        if let Err(error) = count(control, subject, yard).await {
            return error.into();
        }
        wait = NEXT_CENSUS;
    }
}

async fn count(control: &mut Connection, (clock, about): (Clock, &About), yard: &Yard) -> Result<(), CensusError> {
    let taken = census::take(control, clock, (&about.status.startup_time, &yard.app)).await?;
    for (call, leg) in taken.entered {
        yard.inbox.put(Notice::Line(call, leg, crate::call::LineEvent::Entered));
    }
    yard.inbox.put_surely(Notice::Census(taken.census)).await;
    Ok(())
}

async fn refuse(orders: &mut [mpsc::Receiver<Job>], inbox: &Inbox) {
    join_all(orders.iter_mut().map(|orders| refuse_all(orders, inbox))).await;
}
