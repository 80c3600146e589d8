//! `GET /v1/events`: what happens to calls, as server-sent events.
//!
//! The store is the truth and numbers its events; a stream reads them page by page from behind the last one
//! that its client has seen, so a client that comes back gets what it missed, each event once. A commit is
//! only a wake-up. A stream holds one small page at most, waits for its client to read it, and ends when the
//! process does, when the store does not answer, or when its credential is taken away.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::convert::Infallible;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::body::Body;
use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, HeaderValue};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures_util::{Stream, stream};
use tokio::sync::watch;
use tokio::time::{Interval, MissedTickBehavior, interval};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::http::Shared;
use crate::http::api::asker::{Asker, May, Read};
use crate::http::api::input::Query;
use crate::http::error::{ApiError, Kind};
use crate::report::event::EventKind;
use crate::store::{CallEvent, EventFilter};

/// A comment this often tells both sides that the other is there.
const KEEP_ALIVE: Duration = Duration::from_secs(15);
/// Events read at once.
const PAGE: u32 = 64;
/// Streams of one credential.
const MOST_STREAMS: usize = 32;
/// Names of event types, between commas.
const TYPES: &str = "must name events, as in call.ringing,call.ended";

pub(super) fn routes() -> OpenApiRouter<Arc<Shared>> {
    OpenApiRouter::new().routes(routes!(follow))
}

/// Follow what happens to calls, as server-sent events.
///
/// Begins with what happens next, or behind the event that `Last-Event-ID` or `after` names. Each event has an
/// `id` to resume behind, its type as `event`, and in `data` the same JSON as a callback of that type has.
#[utoipa::path(get, path = "/v1/events", tag = "events", operation_id = "followEvents",
    params(
        ("Last-Event-ID" = Option<u64>, Header, description = "The `id` of the last event that was seen"),
        ("after" = Option<u64>, Query, description = "The same, for clients that cannot set headers"),
        ("types" = Option<String>, Query, description = "Types of events, between commas; by default all",
         example = "call.ringing,call.ended"),
    ),
    responses((status = 200, description = "Events, until the client leaves", body = String,
        content_type = "text/event-stream")))]
async fn follow(
    State(shared): State<Arc<Shared>>,
    asker: May<Read>,
    query: Query,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let types = types(&query)?;
    let newest = shared.ports.store.newest_event().await?;
    // Numbers beyond the newest are another database's.
    let after = last_seen(&query, &headers)?.map_or(newest, |last| last.min(newest));
    let asker = Asker::clone(&asker);
    let seat = shared.audience.sit(asker.key()).ok_or_else(|| {
        ApiError::new(Kind::TooMany, format!("at most {MOST_STREAMS} event streams per token")).after(5)
    })?;
    let body = Body::from_stream(Following::new(shared, asker, (after, types), seat).frames());
    let mut response = body.into_response();
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    headers.insert("x-accel-buffering", HeaderValue::from_static("no"));
    Ok(response)
}

fn types(query: &Query) -> Result<Option<BTreeSet<EventKind>>, ApiError> {
    let Some(names) = query.text("types") else { return Ok(None) };
    let kinds: Result<_, _> = names.split(',').map(|name| name.trim().parse()).collect();
    kinds.map(Some).map_err(|_| ApiError::malformed("types", TYPES))
}

/// The header counts before the parameter: it is newer where a client comes back to the same URL.
fn last_seen(query: &Query, headers: &HeaderMap) -> Result<Option<u64>, ApiError> {
    const HEADER: &str = "Last-Event-ID";
    const RULE: &str = "must be the id of an event";
    let Some(value) = headers.get(HEADER) else { return query.value("after", RULE) };
    match value.to_str().map(str::trim) {
        Ok("") => query.value("after", RULE),
        Ok(text) => text.parse().map(Some).map_err(|_| ApiError::malformed(HEADER, RULE)),
        Err(_) => Err(ApiError::malformed(HEADER, RULE)),
    }
}

/// One client's stream.
struct Following {
    shared: Arc<Shared>,
    asker: Asker,
    types: Option<BTreeSet<EventKind>>,
    filter: EventFilter,
    after: u64,
    commits: watch::Receiver<u64>,
    keep_alive: Interval,
    /// Read, and not sent yet.
    page: VecDeque<(u64, CallEvent)>,
    _seat: Seat,
}

impl Following {
    fn new(shared: Arc<Shared>, asker: Asker, (after, types): (u64, Option<BTreeSet<EventKind>>), seat: Seat) -> Self {
        let filter = EventFilter {
            tenant: asker.only_tenant().map(|tenant| tenant.id.clone()),
            agent: asker.agent().map(str::to_owned),
        };
        let mut keep_alive = interval(KEEP_ALIVE);
        keep_alive.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let commits = shared.ports.events.clone();
        Self { shared, asker, types, filter, after, commits, keep_alive, page: VecDeque::new(), _seat: seat }
    }

    /// What is sent, piece by piece.
    fn frames(self) -> impl Stream<Item = Result<Bytes, Infallible>> + Send {
        stream::unfold(self, |mut following| async {
            let frame = following.next().await?;
            Some((Ok(frame), following))
        })
    }

    /// The next piece; none: the stream ends.
    async fn next(&mut self) -> Option<Bytes> {
        loop {
            while let Some((number, event)) = self.page.pop_front() {
                if self.types.as_ref().is_none_or(|types| types.contains(&event.kind)) {
                    return Some(frame(number, &event));
                }
            }
            // Whatever is committed from here on wakes the wait below.
            self.commits.borrow_and_update();
            self.turn().await?;
            if self.page.is_empty() {
                let stopping = &self.shared.ports.stopping;
                tokio::select! {
                    () = stopping.cancelled() => return None,
                    // Without anybody who commits there is nothing to come.
                    changed = self.commits.changed() => changed.ok()?,
                    _ = self.keep_alive.tick() => return Some(sign_of_life(self.after)),
                }
            }
        }
    }

    /// Reads the next page, if the stream is to go on.
    async fn turn(&mut self) -> Option<()> {
        let good = !self.shared.ports.stopping.is_cancelled() && self.asker.is_still_good(&self.shared).await;
        if !good {
            return None;
        }
        match self.shared.ports.store.events_after(&self.filter, self.after, PAGE).await {
            Ok(events) => {
                self.after = events.last().map_or(self.after, |(number, _)| *number);
                self.page = events.into();
                Some(())
            }
            Err(error) => {
                tracing::warn!(%error, "an event stream ends: the store did not answer");
                None
            }
        }
    }
}

/// A comment, with the number behind which to resume: a client that is cut off before its first event misses none.
/// An id without data is no event to it.
fn sign_of_life(after: u64) -> Bytes {
    format!(": keep-alive\nid: {after}\n\n").into()
}

/// One event. Its body is one line.
fn frame(number: u64, event: &CallEvent) -> Bytes {
    format!("id: {number}\nevent: {}\ndata: {}\n\n", event.kind.as_str(), event.body).into()
}

/// Who follows, counted by credential.
#[derive(Clone, Debug, Default)]
pub(in crate::http) struct Audience(Arc<Mutex<BTreeMap<(String, String), usize>>>);

impl Audience {
    /// A seat, where there is one left.
    fn sit(&self, key: (String, String)) -> Option<Seat> {
        let mut taken = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let seats = taken.entry(key.clone()).or_default();
        if *seats >= MOST_STREAMS {
            return None;
        }
        *seats += 1;
        Some(Seat { audience: self.clone(), key })
    }
}

/// One stream's seat; given back when dropped.
#[derive(Debug)]
struct Seat {
    audience: Audience,
    key: (String, String),
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut taken = self.audience.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(seats) = taken.get_mut(&self.key) else { return };
        *seats -= 1;
        if *seats == 0 {
            taken.remove(&self.key);
        }
    }
}
