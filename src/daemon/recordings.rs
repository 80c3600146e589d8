//! Recordings are kept by Asterisk and fetched from there.

use std::io;

use async_trait::async_trait;
use futures_util::TryStreamExt as _;
use http_body_util::BodyExt as _;

use crate::asterisk::ari::{Ari, RecordingError};
use crate::call::CallId;
use crate::http::{Audio, NoAudio, Recordings};

/// Recordings at the Asterisk behind this link.
pub(super) struct AtAsterisk(pub(super) Ari);

#[async_trait]
impl Recordings for AtAsterisk {
    async fn fetch(&self, call: CallId) -> Result<Audio, NoAudio> {
        match self.0.stored_recording(call).await {
            Ok(stored) => {
                let length = stored.content_length();
                let bytes = stored.into_data_stream().map_err(io::Error::other);
                Ok(Audio { length, bytes: Box::pin(bytes) })
            }
            Err(RecordingError::NotFound) => Err(NoAudio::NotFound),
            Err(_) => Err(NoAudio::Unavailable),
        }
    }
}
