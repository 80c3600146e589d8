//! Behaviour of one call.
