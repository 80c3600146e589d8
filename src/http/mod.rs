//! The HTTP side: doors where clicks come in, the native API, health, and the metrics listener.
//!
//! Each door is one file that turns its dialect into the one [`Click`](crate::dial::policy::Click) and
//! what became of it back into the dialect. No door waits for Asterisk: it answers once the engine has
//! stored the order. Three routers, all on this page: the public one, the same with an implicit
//! administrator for the Unix socket, and the small one that Prometheus scrapes. What a handler may
//! use comes in as [`Ports`]; connections and their limits are [`serve()`]'s.

mod api;
mod auth;
mod body;
mod client;
mod count;
mod crowd;
mod door;
mod error;
mod guard;
mod idempotency;
mod limits;
mod login;
mod order;
mod pace;
mod page;
mod password;
mod serve;
mod session;
mod suspicion;
#[cfg(test)]
mod tests;
pub mod tls;

use std::io;
use std::pin::Pin;
use std::sync::Arc;

use arc_swap::ArcSwap;
use async_trait::async_trait;
use axum::Router;
use axum::extract::{Request, State};
use axum::http::header::{CACHE_CONTROL, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS};
use axum::http::{HeaderValue, StatusCode};
use axum::middleware::{Next, from_fn_with_state, map_response};
use axum::response::{IntoResponse, Response};
use axum::routing::{any, get, post};
use bytes::Bytes;
use futures_util::Stream;
use ipnet::IpNet;
use tokio::sync::{Notify, watch};
use tokio_util::sync::CancellationToken;

pub use client::Peer;
pub use count::{Counted, HttpCounters};
pub use crowd::Crowd;
pub use serve::{Listener, serve};

use crate::call::CallId;
use crate::clock::Clock;
use crate::config::SessionConfig;
use crate::device::Devices;
use crate::directory::Directory;
use crate::editor::Editor;
use crate::engine::Engine;
use crate::http::auth::Gate;
use crate::http::door::eightbyeight::Questions;
use crate::http::login::SignIns;
use crate::http::suspicion::Suspects;
use crate::link::LinkState;
use crate::store::Store;

/// Judges a callback's URL; the error is a sentence's end, as in `must be http or https`.
pub type CallbackCheck = Arc<dyn Fn(&str) -> Result<(), String> + Send + Sync>;

/// Everything that the HTTP side may use.
#[derive(Clone)]
pub struct Ports {
    /// Where orders go.
    pub engine: Engine,
    /// What is known of calls.
    pub store: Arc<dyn Store>,
    /// The directory that counts now.
    pub directory: Arc<ArcSwap<Directory>>,
    /// Who changes it.
    pub editor: Arc<Editor>,
    /// Counts commits that brought events: only a wake-up, the truth is in the store.
    pub events: watch::Receiver<u64>,
    /// Told of callbacks that are owed: they go out at once.
    pub owed: Arc<Notify>,
    /// States of all phones.
    pub devices: watch::Receiver<Arc<Devices>>,
    /// How the ARI link stands.
    pub ari: watch::Receiver<LinkState>,
    /// How the AMI link stands.
    pub ami: watch::Receiver<LinkState>,
    /// The time.
    pub clock: Clock,
    /// `http.public_url`, without a trailing slash.
    pub public_url: Arc<str>,
    /// `http.trusted_proxies`
    pub trusted_proxies: Arc<[IpNet]>,
    /// How long agents stay signed in.
    pub session: SessionConfig,
    /// Whether a callback may go somewhere.
    pub callback_check: CallbackCheck,
    /// Recorded calls.
    pub recordings: Arc<dyn Recordings>,
    /// All metrics in Prometheus' text format.
    pub metrics: Arc<dyn MetricsText>,
    /// Answers, counted here and read by the metrics.
    pub counters: Arc<HttpCounters>,
    /// Cancelled when this process begins to end: no longer ready.
    pub stopping: CancellationToken,
}

/// Audio of a recorded call, as it comes from Asterisk.
pub struct Audio {
    /// Bytes in all, where known.
    pub length: Option<u64>,
    /// The WAV file, piece by piece.
    pub bytes: Pin<Box<dyn Stream<Item = io::Result<Bytes>> + Send>>,
}

/// Why there is no audio.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoAudio {
    /// Asterisk has no such file.
    #[error("there is no recording of this call")]
    NotFound,
    /// Asterisk cannot be asked now.
    #[error("the PBX is not reachable")]
    Unavailable,
}

/// Where the metrics come from.
#[async_trait]
pub trait MetricsText: Send + Sync {
    /// All metrics, as they are at this moment.
    async fn text(&self) -> String;
}

/// Where recordings are fetched from.
#[async_trait]
pub trait Recordings: Send + Sync {
    /// The recording of one call.
    async fn fetch(&self, call: CallId) -> Result<Audio, NoAudio>;
}

/// What all handlers share.
struct Shared {
    ports: Ports,
    gate: Gate,
    suspects: Suspects,
    sign_ins: SignIns,
    questions: Questions,
    audience: api::Audience,
}

/// The routers of one daemon. They share their limits.
pub struct Doors(Arc<Shared>);

impl Doors {
    /// Opens nothing yet: only joins the doors to what they use.
    pub fn new(ports: Ports) -> Self {
        Self(Arc::new(Shared {
            ports,
            gate: Gate::default(),
            suspects: Suspects::default(),
            sign_ins: SignIns::default(),
            questions: Questions::default(),
            audience: api::Audience::default(),
        }))
    }

    /// For `http.listen`.
    pub fn public(&self) -> Router {
        let shared = Arc::clone(&self.0);
        let voicenter = Router::new().route(door::voicenter::PATH, any(door::voicenter::click2call));
        let getdesk = Router::new().route(door::getdesk::PATH, any(door::getdesk::click_to_call));
        let eightbyeight = Router::new().route(door::eightbyeight::PATH, any(door::eightbyeight::make_call));
        Router::new()
            .merge(self.counted(Counted::Voicenter, voicenter))
            .merge(self.counted(Counted::Getdesk, getdesk))
            .merge(self.counted(Counted::EightByEight, eightbyeight))
            .merge(self.counted(Counted::Api, api::routes()))
            .merge(self.counted(Counted::Login, login()))
            .merge(self.counted(Counted::Health, health()))
            .merge(self.counted(Counted::Other, Router::new().fallback(elsewhere)))
            .layer(map_response(cautious))
            .with_state(shared)
    }

    /// For the admin socket, which file permissions guard: whoever can open it is the administrator.
    pub fn admin(&self) -> Router {
        Router::new()
            .merge(self.counted(Counted::Api, api::admin_routes()))
            .merge(self.counted(Counted::Health, health()))
            .merge(self.counted(Counted::Other, Router::new().fallback(api::nothing_here)))
            .layer(map_response(cautious))
            .layer(axum::Extension(auth::Administrator))
            .with_state(Arc::clone(&self.0))
    }

    /// For `metrics.listen`.
    pub fn metrics(&self) -> Router {
        let router = health().route("/metrics", get(api::health::metrics)).fallback(api::nothing_here);
        router.layer(map_response(cautious)).with_state(Arc::clone(&self.0))
    }

    fn counted(&self, door: Counted, router: Router<Arc<Shared>>) -> Router<Arc<Shared>> {
        let counters = Arc::clone(&self.0.ports.counters);
        router.layer(from_fn_with_state((counters, door), count_answer))
    }
}

fn login() -> Router<Arc<Shared>> {
    Router::new().route(login::PATH, get(login::show).post(login::sign_in)).route("/logout", post(login::sign_out))
}

fn health() -> Router<Arc<Shared>> {
    Router::new().route("/healthz", get(api::health::alive)).route("/readyz", get(api::health::ready))
}

async fn count_answer(
    State((counters, door)): State<(Arc<HttpCounters>, Counted)>,
    request: Request,
    next: Next,
) -> Response {
    let response = next.run(request).await;
    let door = response.extensions().get::<Counted>().copied().unwrap_or(door);
    counters.count(door, response.status());
    response
}

/// Nothing here is to be kept, guessed at, or told to the next site.
async fn cautious(mut response: Response) -> Response {
    let headers = response.headers_mut();
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.entry(REFERRER_POLICY).or_insert(HeaderValue::from_static("no-referrer"));
    response
}

/// Paths that match nothing exactly. ASP.NET does not mind the case of a path, so clients of the
/// Voicenter API do not either; links to the 8x8 door are typed by people.
async fn elsewhere(State(shared): State<Arc<Shared>>, request: Request) -> Response {
    if request.uri().path().eq_ignore_ascii_case(door::voicenter::PATH) {
        let mut response = door::voicenter::click2call(State(shared), request).await;
        response.extensions_mut().insert(Counted::Voicenter);
        return response;
    }
    if request.uri().path().eq_ignore_ascii_case(door::eightbyeight::PATH) {
        let mut response = door::eightbyeight::make_call(State(shared), request).await;
        response.extensions_mut().insert(Counted::EightByEight);
        return response;
    }
    if request.uri().path().starts_with("/v1/") {
        let mut response = api::nothing_here().await.into_response();
        response.extensions_mut().insert(Counted::Api);
        return response;
    }
    StatusCode::NOT_FOUND.into_response()
}
