//! Recordings that Asterisk keeps, as streams.
//!
//! Always over HTTP, on a connection of their own: a WebSocket carries no binary answers, and a long
//! file must not hold up a lane.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use hyper::body::{Body, Frame, Incoming, SizeHint};
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::timeout;

use super::http::{Connection, TOTAL};
use super::request::{Method, Request};
use crate::asterisk::naming::recording_name;
use crate::call::CallId;

/// A recording on its way: an HTTP body (WAV), whose size hint is exact where Asterisk says it.
pub struct StoredRecording {
    body: Incoming,
    /// Kept until the last byte is read.
    _connection: Connection,
    _place: OwnedSemaphorePermit,
}

/// Why there is no recording to be had.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RecordingError {
    /// Asterisk has no such recording.
    #[error("there is no such recording")]
    NotFound,
    /// Asterisk cannot be asked now.
    #[error("recordings cannot be fetched now")]
    Unavailable,
}

impl StoredRecording {
    /// Length in bytes, where Asterisk says it.
    pub fn content_length(&self) -> Option<u64> {
        self.body.size_hint().exact()
    }
}

impl Body for StoredRecording {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// Opens the recording of a call.
pub(super) async fn fetch(
    mut connection: Connection,
    call: CallId,
    place: OwnedSemaphorePermit,
) -> Result<StoredRecording, RecordingError> {
    let request = Request::new(Method::Get, format!("recordings/stored/{}/file", recording_name(call)));
    let answer = timeout(TOTAL, connection.respond(&request)).await;
    let response = answer.ok().and_then(Result::ok).ok_or(RecordingError::Unavailable)?;
    match response.status().as_u16() {
        200 => Ok(StoredRecording { body: response.into_body(), _connection: connection, _place: place }),
        404 => Err(RecordingError::NotFound),
        _ => Err(RecordingError::Unavailable),
    }
}
