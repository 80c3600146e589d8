//! Reading a request's body: whole, within a limit, within 10 s.

use std::error::Error;
use std::time::Duration;

use axum::body::{Body, to_bytes};
use axum::http::HeaderMap;
use axum::http::header::CONTENT_LENGTH;
use bytes::Bytes;
use http_body_util::LengthLimitError;
use tokio::time::timeout;

/// The body of a click or of an API request.
pub(super) const SMALL: usize = 64 * 1024;
/// A directory document.
pub(super) const DOCUMENT: usize = 4 * 1024 * 1024;

const PATIENCE: Duration = Duration::from_secs(10);

/// Why there is no body.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum BodyError {
    /// Longer than the limit.
    #[error("The body is too large")]
    TooLarge,
    /// It did not come in time.
    #[error("The body did not arrive in time")]
    TooSlow,
    /// The connection broke, or the framing is wrong.
    #[error("The body is broken")]
    Broken,
}

/// The whole body. A length that is announced and too large is refused before a byte is read.
pub(super) async fn read(headers: &HeaderMap, body: Body, limit: usize) -> Result<Bytes, BodyError> {
    let announced = headers.get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<usize>().ok());
    if announced.is_some_and(|length| length > limit) {
        return Err(BodyError::TooLarge);
    }
    match timeout(PATIENCE, to_bytes(body, limit)).await {
        Ok(Ok(bytes)) => Ok(bytes),
        Ok(Err(error)) if is_limit(&error) => Err(BodyError::TooLarge),
        Ok(Err(_)) => Err(BodyError::Broken),
        Err(_) => Err(BodyError::TooSlow),
    }
}

fn is_limit(error: &axum::Error) -> bool {
    error.source().is_some_and(<dyn Error>::is::<LengthLimitError>)
}
