//! The doors as clients meet them: whole requests against the routers, with the engine's inbox and the
//! store in the test's hands.

mod abuse;
#[path = "../../tests/abuse/mod.rs"]
mod abuse_table;
mod api;
mod callbacks;
mod calls;
mod clicks;
mod directory;
mod eightbyeight;
mod events;
mod getdesk;
mod idempotency;
mod login;
mod openapi;
mod refusals;
mod rig;
mod suspicion;
mod voicenter;
mod wire;
