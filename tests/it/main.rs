//! The product from the outside, one file per behaviour.
//!
//! What touches Asterisk runs against a real one, with real phones and a carrier, once per supported
//! version; each test has a world of its own and may run beside others.

#[path = "../lab/mod.rs"]
mod lab;

mod abuse;
mod audio;
mod bad_input;
mod browser;
mod callbacks;
mod caller_id;
mod cli;
mod crash;
mod getdesk;
mod identical;
mod links;
mod make_call;
mod metrics;
mod observer;
mod operation;
mod outbox;
mod outcomes;
mod readme;
mod readme_live;
mod rig;
mod tidy;
mod timers;
mod webhooks;
