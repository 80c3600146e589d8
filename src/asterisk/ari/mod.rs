//! The ARI link: events in, orders out.
