//! Limits of a tenant: what a mistake or a thief can cost at most.

use serde::{Deserialize, Serialize};

/// How much a tenant, its agents and its tokens may do. Each span is a sliding one: so much in any such span.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// Requests of one token at once, beyond its rate.
    pub token_burst: u32,
    /// Requests of one token per minute.
    pub token_per_minute: u32,
    /// Calls that one agent may have at a time.
    pub agent_active: u32,
    /// Calls that one agent may place in a minute.
    pub agent_per_minute: u32,
    /// Calls to one outside number, on either leg, in ten minutes.
    pub destination_per_ten_minutes: u32,
    /// Calls that the whole tenant may place in a second.
    pub tenant_per_second: u32,
    /// Calls that the whole tenant may have at a time.
    pub tenant_active: u32,
    /// Calls abroad that one agent may place in 24 hours; 0: none.
    pub agent_abroad_per_day: u32,
    /// Calls abroad that the whole tenant may place in 24 hours; 0: none.
    pub tenant_abroad_per_day: u32,
}

impl Limits {
    /// More calls a second than this are better warned of: nobody clicks so fast, but a mistake does.
    pub const WISE_PER_SECOND: u32 = 20;
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            token_burst: 10,
            token_per_minute: 60,
            agent_active: 1,
            agent_per_minute: 10,
            destination_per_ten_minutes: 3,
            tenant_per_second: 1,
            tenant_active: 100,
            agent_abroad_per_day: 20,
            tenant_abroad_per_day: 200,
        }
    }
}
