//! Integration tests.
mod webhooks;
