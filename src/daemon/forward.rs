//! Callbacks to the developer's own machine, for `dialbridge listen`: the courier of real ones, with one
//! key, and without the guard against private addresses, since the person at the keyboard chose the address.

use std::sync::Arc;
use std::time::Duration;

use ipnet::{IpNet, Ipv4Net, Ipv6Net};

use crate::callback::client::{Answer, Client};
use crate::callback::guard::Guard;
use crate::callback::retry::Met;
use crate::callback::sign::Key;
use crate::callback::{Courier, Secrets};
use crate::cli::{Deliver, Delivered};
use crate::clock::Clock;

/// For one attempt; the default of real ones.
const TIMEOUT: Duration = Duration::from_secs(15);

struct OneKey(Key);

impl Secrets for OneKey {
    fn keys(&self, _: &str) -> Vec<Key> {
        vec![self.0.clone()]
    }
}

/// Delivers callbacks that are signed with this key, each once.
pub fn courier(key: Key) -> Result<Deliver, String> {
    let everywhere = [IpNet::V4(Ipv4Net::default()), IpNet::V6(Ipv6Net::default())];
    let guard = Guard::new(&everywhere, &["1-65535".to_owned()]).map_err(|error| error.to_string())?;
    let client = Client::new(guard, TIMEOUT).map_err(|error| error.to_string())?;
    let courier = Courier::new(client, Arc::new(OneKey(key)), Clock::start());
    Ok(Box::new(move |callback| {
        let courier = courier.clone();
        Box::pin(async move {
            let Answer { met, note } = courier.deliver(&callback).await;
            match met {
                Met::Status { code, .. } => Delivered { status: Some(code), note },
                Met::Unreachable(_) | Met::Forbidden(_) => Delivered { status: None, note },
            }
        })
    }))
}
