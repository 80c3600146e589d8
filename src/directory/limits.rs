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
    /// Calls of one agent per minute.
    pub agent_per_minute: u32,
    /// Calls to one outside number within ten minutes.
    pub destination_per_ten_minutes: u32,
    /// Calls of the tenant per second, at most 1,000.
    pub tenant_per_second: u32,
    /// Calls that the tenant may have at a time.
    pub tenant_active: u32,
    /// Calls of one agent abroad per day.
    pub international_per_day_agent: u32,
    /// Calls of the tenant abroad per day.
    pub international_per_day_tenant: u32,
    /// What is left of the rates out of hours, in percent.
    pub off_hours_percent: u32,
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
            international_per_day_agent: 20,
            international_per_day_tenant: 200,
            off_hours_percent: 25,
        }
    }
}
