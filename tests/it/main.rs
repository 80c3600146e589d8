//! Integration tests.
mod outbox;
mod webhooks;
