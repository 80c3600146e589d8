//! The links to Asterisk: ARI for calls, AMI for the state of phones.
//!
//! Links turn what Asterisk says into [`Notice`](crate::link::Notice)s, and orders into requests.
//! They know nothing of calls beyond the names in [`naming`]. They never import one another.

pub mod ami;
pub mod ari;
pub mod backoff;
pub mod naming;
