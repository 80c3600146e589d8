//! When to try again: capped, jittered, doubling.
