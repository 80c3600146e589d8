//! Logs: where they go, and what must not be in them.
