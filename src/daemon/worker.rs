//! The callback worker, with each tenant's keys out of the directory of the moment.

use std::sync::Arc;

use anyhow::Context as _;
use arc_swap::ArcSwap;
use hyper::header::{HeaderName, HeaderValue};

use super::Common;
use crate::callback::guard::Guard;
use crate::callback::sign::Key;
use crate::callback::{Client, Courier, Secrets, Worker};
use crate::config::CallbackConfig;
use crate::directory::Directory;

/// Keys and headers as the directory has them now.
struct OfTheDirectory(Arc<ArcSwap<Directory>>);

impl Secrets for OfTheDirectory {
    fn keys(&self, tenant: &str) -> Vec<Key> {
        let directory = self.0.load();
        let secrets = directory.tenant(tenant).map(|tenant| tenant.callback_secrets.as_slice()).unwrap_or_default();
        secrets.iter().filter_map(|secret| Key::parse(secret.secret.expose()).ok()).collect()
    }

    fn header(&self, tenant: &str) -> Option<(HeaderName, HeaderValue)> {
        let directory = self.0.load();
        let header = directory.tenant(tenant)?.callback_header.as_ref()?;
        Some((header.name.parse().ok()?, HeaderValue::from_str(header.secret.expose()).ok()?))
    }
}

/// A worker that has not begun.
pub(super) fn worker(common: &Common, config: &CallbackConfig, guard: &Guard) -> anyhow::Result<Worker> {
    let client = Client::new(guard.clone(), config.timeout).context("[callback] TLS")?;
    let secrets = Arc::new(OfTheDirectory(Arc::clone(&common.directory)));
    let courier = Courier::new(client, secrets, common.clock);
    Ok(Worker::new(common.store.clone(), courier, config))
}
