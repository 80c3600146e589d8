//! The callback worker: a reliable HTTP cannon that knows nothing of calls.
//!
//! The outbox holds complete requests; the [`Worker`] claims what is due, a [`Courier`] signs and
//! sends it through the [`Client`], [`retry`] judges what was met, and the store is told. [`guard`]
//! decides where callbacks may go, at accept and again at each connect; [`endpoints`] keeps receivers
//! that are away from delaying the others.

pub mod client;
mod counters;
mod courier;
pub mod endpoints;
mod flight;
pub mod guard;
pub mod retry;
pub mod sign;
#[cfg(test)]
mod tests;
mod worker;

pub use client::Client;
pub use counters::{CallbackCounters, LagHistogram, LagSnapshot};
pub use courier::{Courier, Secrets};
pub use worker::Worker;
