//! Whether this process lives, whether it can take clicks, and the metrics of Prometheus.
//!
//! Alive means: it answers. Ready means: both links to Asterisk are up, the store takes writes, and
//! this process is not ending.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;
use serde::Serialize;
use tokio::sync::watch;
use tokio::time::timeout;

use crate::http::Shared;
use crate::link::LinkState;

/// A store that takes longer than this to say that it can be written to is not ready.
const STORE_PATIENCE: Duration = Duration::from_secs(1);

#[derive(Serialize)]
struct Readiness {
    status: &'static str,
    components: Components,
}

#[derive(Serialize)]
struct Components {
    ari: Component,
    ami: Component,
    store: Component,
}

#[derive(Serialize)]
struct Component {
    ready: bool,
    state: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    transport: Option<&'static str>,
}

/// `GET /healthz`
pub(in crate::http) async fn alive() -> impl IntoResponse {
    ([(CONTENT_TYPE, "application/json")], r#"{"status":"ok"}"#)
}

/// `GET /readyz`
pub(in crate::http) async fn ready(State(shared): State<Arc<Shared>>) -> impl IntoResponse {
    let ports = &shared.ports;
    let components = Components { ari: link(&ports.ari), ami: link(&ports.ami), store: store(&shared).await };
    let all = components.ari.ready && components.ami.ready && components.store.ready;
    let (code, status) = match (ports.stopping.is_cancelled(), all) {
        (true, _) => (StatusCode::SERVICE_UNAVAILABLE, "stopping"),
        (false, true) => (StatusCode::OK, "ready"),
        (false, false) => (StatusCode::SERVICE_UNAVAILABLE, "unready"),
    };
    (code, Json(Readiness { status, components }))
}

fn link(state: &watch::Receiver<LinkState>) -> Component {
    match &*state.borrow() {
        LinkState::Up { transport, .. } => Component { ready: true, state: "up", transport: Some(transport) },
        LinkState::Down => Component { ready: false, state: "down", transport: None },
        LinkState::StandBy => Component { ready: false, state: "stand-by", transport: None },
    }
}

async fn store(shared: &Shared) -> Component {
    let ready = matches!(timeout(STORE_PATIENCE, shared.ports.store.ping()).await, Ok(Ok(())));
    Component { ready, state: if ready { "up" } else { "down" }, transport: None }
}

/// `GET /metrics`
pub(in crate::http) async fn metrics(State(shared): State<Arc<Shared>>) -> impl IntoResponse {
    ([(CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], shared.ports.metrics.text().await)
}
