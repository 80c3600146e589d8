//! All calls of one node: routes events by call id, guards agents, keeps the deadlines.
