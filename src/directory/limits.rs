//! Limits of a tenant: what a mistake or a thief can cost at most.

use serde::{Deserialize, Serialize};

/// How much a tenant, its agents and its tokens may do. Zero of anything means none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// Requests of one token at once, beyond its rate.
    pub token_burst: u32,
    /// Requests of one token per minute.
    pub token_per_minute: u32,
    /// Calls that one agent may have at a time.
    pub agent_active: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self { token_burst: 10, token_per_minute: 60, agent_active: 1 }
    }
}
