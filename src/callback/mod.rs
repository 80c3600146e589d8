//! The callback worker: a reliable HTTP cannon that knows nothing of calls.
