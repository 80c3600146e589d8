//! The doors: HTTP in.
