//! Recordings are kept by Asterisk and fetched from there.

use async_trait::async_trait;

use crate::asterisk::ari::{Ari, RecordingError};
use crate::call::CallId;
use crate::http::{Audio, NoAudio, Recordings};

/// Recordings at the Asterisk behind this link.
pub(super) struct AtAsterisk(pub(super) Ari);

#[async_trait]
impl Recordings for AtAsterisk {
    async fn fetch(&self, call: CallId) -> Result<Audio, NoAudio> {
        match self.0.stored_recording(call).await {
            Ok(stored) => Ok(Audio { length: stored.length, bytes: stored.bytes }),
            Err(RecordingError::NotFound) => Err(NoAudio::NotFound),
            Err(_) => Err(NoAudio::Unavailable),
        }
    }
}
