//! One attempt: signs a callback, sends it, says what was met.

use std::sync::Arc;

use hyper::header::{CONTENT_LENGTH, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, TRANSFER_ENCODING};

use crate::callback::client::{Answer, Client};
use crate::callback::retry::Met;
use crate::callback::sign::{self, Key};
use crate::clock::Clock;
use crate::report::Callback;

/// What a tenant shares with its receivers.
pub trait Secrets: Send + Sync + 'static {
    /// The keys that sign this tenant's callbacks: the newest first, two while one takes over from
    /// another, none where nothing is signed.
    fn keys(&self, tenant: &str) -> Vec<Key>;

    /// A header of the tenant's choice (`authorization`, say), for receivers that cannot check
    /// signatures. It never takes the place of one of ours.
    fn header(&self, _tenant: &str) -> Option<(HeaderName, HeaderValue)> {
        None
    }
}

/// Makes attempts.
#[derive(Clone)]
pub struct Courier {
    client: Client,
    secrets: Arc<dyn Secrets>,
    pub(super) clock: Clock,
}

impl Courier {
    /// A courier that signs with these secrets and goes out through this client.
    pub fn new(client: Client, secrets: Arc<dyn Secrets>, clock: Clock) -> Self {
        Self { client, secrets, clock }
    }

    /// Delivers a callback once. Every attempt carries the same id and body; timestamp and signature
    /// are those of the attempt.
    pub async fn deliver(&self, callback: &Callback) -> Answer {
        match self.headers(callback) {
            Ok(headers) => self.client.post(&callback.url, headers, callback.body.clone()).await,
            Err(error) => {
                let why = format!("it cannot be sent: {error}");
                Answer { met: Met::Forbidden(why.clone()), note: why }
            }
        }
    }

    fn headers(&self, callback: &Callback) -> Result<HeaderMap, hyper::header::InvalidHeaderValue> {
        let mut headers = HeaderMap::new();
        if let Some((name, mut value)) = self.secrets.header(&callback.tenant)
            && name != CONTENT_LENGTH
            && name != TRANSFER_ENCODING
        {
            value.set_sensitive(true);
            headers.insert(name, value);
        }
        let seconds = self.clock.now().as_seconds();
        headers.insert(CONTENT_TYPE, HeaderValue::try_from(&callback.content_type)?);
        headers.insert("webhook-id", HeaderValue::try_from(&callback.id)?);
        headers.insert("webhook-timestamp", HeaderValue::from(seconds));
        let keys = self.secrets.keys(&callback.tenant);
        headers.remove("webhook-signature");
        if let Some(signature) = sign::signature(&keys, &callback.id, seconds, callback.body.as_bytes()) {
            headers.insert("webhook-signature", HeaderValue::try_from(signature)?);
        }
        Ok(headers)
    }
}
