//! The integration tests: one binary, one file per behaviour.

mod metrics;
mod tidy;
