//! Random interleavings of many calls.
