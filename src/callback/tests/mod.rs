//! The worker and its client, against receivers of all kinds, mostly in simulated time.

mod client;
mod delivery;
mod isolation;
mod outbox;
mod sink;
mod tls;

use std::sync::Arc;
use std::time::Duration;

use crate::callback::guard::Guard;
use crate::callback::sign::Key;
use crate::callback::{Client, Secrets};

/// A guard that lets loopback through, as a user on a private network would set it.
fn loopback() -> Guard {
    let ports = ["1024-65535".to_owned()];
    Guard::new(&["127.0.0.0/8".parse().unwrap(), "::1/128".parse().unwrap()], &ports).unwrap()
}

fn client() -> Client {
    Client::new(loopback(), Duration::from_secs(15)).unwrap()
}

struct DemoSecret;

const DEMO_SECRET: &str = "whsec_ZGlhbGJyaWRnZS1kZW1vLWNhbGxiYWNrLXNlY3JldCE=";

impl Secrets for DemoSecret {
    fn keys(&self, tenant: &str) -> Vec<Key> {
        if tenant == "demo" { vec![Key::parse(DEMO_SECRET).unwrap()] } else { Vec::new() }
    }
}

fn secrets() -> Arc<dyn Secrets> {
    Arc::new(DemoSecret)
}
