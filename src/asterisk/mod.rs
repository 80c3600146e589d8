//! The links to Asterisk: ARI for calls, AMI for the state of phones.
//!
//! Links turn what Asterisk says into [`Notice`](crate::link::Notice)s, and orders into requests.
//! They know nothing of calls beyond the names in [`naming`]. They never import one another; what
//! both need (reaching the other end, waiting before the next try) stands beside them.

pub mod ami;
pub mod ari;
pub mod backoff;
mod connect;
pub mod naming;
pub mod version;

/// Publishes a value to whoever watches, and wakes them only when it is another one.
fn publish<T: PartialEq>(watched: &tokio::sync::watch::Sender<T>, value: T) {
    watched.send_if_modified(|now| {
        let differs = *now != value;
        *now = value;
        differs
    });
}
