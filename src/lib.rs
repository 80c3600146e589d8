//! dialbridge: a click-to-call daemon for Asterisk.

pub mod asterisk;
pub mod call;
pub mod callback;
pub mod cli;
pub mod clock;
pub mod config;
pub mod device;
pub mod dial;
pub mod directory;
pub mod engine;
pub mod http;
pub mod ledger;
pub mod link;
pub mod metrics;
pub mod report;
pub mod store;
pub mod switchboard;
pub mod systemd;
pub mod telemetry;
pub mod timestamp;
