//! The doors as clients meet them: whole requests against the routers, with the engine's inbox and the
//! store in the test's hands.

mod api;
mod calls;
mod getdesk;
mod idempotency;
mod login;
mod refusals;
mod rig;
mod voicenter;
mod wire;
