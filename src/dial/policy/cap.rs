//! What a click counts against, and how much of it there may be.
//!
//! Decided at admission, counted by the switchboard: the limits of the tenant's directory become
//! [`Cap`]s, which need no directory any more. What a call counts against follows from its request alone,
//! so a restarted process counts the calls of the last one in the same way.

use std::fmt;
use std::time::Duration;

use crate::call::CallRequest;
use crate::dial::number::Party;
use crate::dial::policy::Context;
use crate::directory::{Limits, Tenant};
use crate::report::token::time_zone;

/// Kinds of limits on calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Limit {
    /// Calls that an agent has at a time.
    AgentActive,
    /// Calls that an agent places in a minute.
    AgentPerMinute,
    /// Calls to one number in ten minutes.
    DestinationPerTenMinutes,
    /// Calls that a tenant places in a second.
    TenantPerSecond,
    /// Calls that a tenant has at a time.
    TenantActive,
    /// Calls abroad that an agent places in a day.
    AgentAbroadPerDay,
    /// Calls abroad that a tenant places in a day.
    TenantAbroadPerDay,
}

impl Limit {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::AgentActive,
        Self::AgentPerMinute,
        Self::DestinationPerTenMinutes,
        Self::TenantPerSecond,
        Self::TenantActive,
        Self::AgentAbroadPerDay,
        Self::TenantAbroadPerDay,
    ];

    /// Its name, as in the directory.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::AgentActive => "agent_active",
            Self::AgentPerMinute => "agent_per_minute",
            Self::DestinationPerTenMinutes => "destination_per_ten_minutes",
            Self::TenantPerSecond => "tenant_per_second",
            Self::TenantActive => "tenant_active",
            Self::AgentAbroadPerDay => "agent_abroad_per_day",
            Self::TenantAbroadPerDay => "tenant_abroad_per_day",
        }
    }

    /// The sliding window in which calls are counted; none where those under way are.
    pub const fn window(self) -> Option<Duration> {
        match self {
            Self::AgentActive | Self::TenantActive => None,
            Self::AgentPerMinute => Some(Duration::from_mins(1)),
            Self::DestinationPerTenMinutes => Some(Duration::from_mins(10)),
            Self::TenantPerSecond => Some(Duration::from_secs(1)),
            Self::AgentAbroadPerDay | Self::TenantAbroadPerDay => Some(Duration::from_hours(24)),
        }
    }

    /// Whether somebody who runs into it again and again is more likely a thief than in a hurry.
    pub const fn is_against_fraud(self) -> bool {
        match self {
            Self::DestinationPerTenMinutes | Self::AgentAbroadPerDay | Self::TenantAbroadPerDay => true,
            Self::AgentActive | Self::AgentPerMinute | Self::TenantPerSecond | Self::TenantActive => false,
        }
    }

    /// Whether only calls abroad count.
    pub const fn is_abroad(self) -> bool {
        matches!(self, Self::AgentAbroadPerDay | Self::TenantAbroadPerDay)
    }

    const fn most(self, limits: &Limits) -> u32 {
        match self {
            Self::AgentActive => limits.agent_active,
            Self::AgentPerMinute => limits.agent_per_minute,
            Self::DestinationPerTenMinutes => limits.destination_per_ten_minutes,
            Self::TenantPerSecond => limits.tenant_per_second,
            Self::TenantActive => limits.tenant_active,
            Self::AgentAbroadPerDay => limits.agent_abroad_per_day,
            Self::TenantAbroadPerDay => limits.tenant_abroad_per_day,
        }
    }

    /// Outside of office hours nobody should be calling much. What an agent does is seen by that agent.
    const fn is_quartered(self) -> bool {
        match self {
            Self::AgentActive | Self::AgentPerMinute => false,
            Self::DestinationPerTenMinutes
            | Self::TenantPerSecond
            | Self::TenantActive
            | Self::AgentAbroadPerDay
            | Self::TenantAbroadPerDay => true,
        }
    }
}

/// Whether the tenant is at work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hours {
    /// It is, or has not said when.
    Office,
    /// It is not.
    Off,
}

impl Hours {
    fn of(tenant: &Tenant, ctx: &Context<'_>) -> Self {
        let Some(hours) = &tenant.office_hours else { return Self::Office };
        let zone = time_zone(&tenant.time_zone).unwrap_or(jiff::tz::TimeZone::UTC);
        if hours.include(ctx.now, &zone) { Self::Office } else { Self::Off }
    }
}

/// So many calls may count against one subject.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cap {
    /// What is limited.
    pub limit: Limit,
    /// Whom it concerns within the tenant: an extension, a number; empty: the tenant.
    pub subject: String,
    /// How many there may be.
    pub most: u32,
    /// Whether they are fewer because nobody is at work.
    pub hours: Hours,
}

/// A limit that a click would go beyond. Reads as a sentence for people.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Exceeded {
    /// Which.
    pub limit: Limit,
    /// How many there may be.
    pub most: u32,
    /// Whether they are fewer because nobody is at work.
    pub hours: Hours,
    /// Worth trying again after this long.
    pub retry_after: Duration,
}

/// All caps for a click.
pub(super) fn caps(request: &CallRequest, ctx: &Context<'_>) -> Vec<Cap> {
    let hours = Hours::of(ctx.tenant, ctx);
    let cap = |(limit, subject): (Limit, &str)| {
        let (most, hours) = match hours {
            Hours::Off if limit.is_quartered() => (limit.most(&ctx.tenant.limits).div_ceil(4), Hours::Off),
            Hours::Off | Hours::Office => (limit.most(&ctx.tenant.limits), Hours::Office),
        };
        Cap { limit, subject: subject.to_owned(), most, hours }
    };
    subjects(request).map(cap).collect()
}

/// What a call counts against: each kind of limit, and whom it concerns within the tenant.
pub fn subjects(request: &CallRequest) -> impl Iterator<Item = (Limit, &str)> {
    let abroad = request.abroad;
    let of_agents = [Limit::AgentActive, Limit::AgentPerMinute, Limit::AgentAbroadPerDay];
    let of_tenant = [Limit::TenantPerSecond, Limit::TenantActive, Limit::TenantAbroadPerDay];
    let agents = agents(request).flat_map(move |agent| of_agents.map(|limit| (limit, agent)));
    let numbers = numbers(request).map(|number| (Limit::DestinationPerTenMinutes, number));
    let tenant = of_tenant.map(|limit| (limit, ""));
    agents.chain(numbers).chain(tenant).filter(move |(limit, _)| abroad || !limit.is_abroad())
}

/// The agent of a call, and whoever's phone it rings at first. A menu or a trunk is no agent.
fn agents(request: &CallRequest) -> impl Iterator<Item = &str> {
    let own = request.agent.as_ref().map(|agent| agent.extension.as_str());
    let desk = match &request.a.party {
        Party::Extension(extension) if request.a.device.is_some() => Some(extension.as_str()),
        Party::Extension(_) | Party::Outside(_) => None,
    };
    own.into_iter().chain(desk.filter(move |desk| own != Some(*desk)))
}

fn numbers(request: &CallRequest) -> impl Iterator<Item = &str> {
    [&request.a.party, &request.b.party].into_iter().filter_map(|party| match party {
        Party::Outside(number) => Some(number.as_str()),
        Party::Extension(_) => None,
    })
}

impl fmt::Display for Exceeded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let calls = match self.most {
            1 => "1 call".to_owned(),
            most => format!("{most} calls"),
        };
        match self.limit {
            Limit::AgentActive if self.most == 1 => f.write_str("The agent is in a call already"),
            Limit::AgentActive => write!(f, "The agent has {calls} already"),
            Limit::AgentPerMinute => write!(f, "Limit reached: {calls} a minute for an agent"),
            Limit::DestinationPerTenMinutes => write!(f, "Limit reached: {calls} to one number in ten minutes"),
            Limit::TenantPerSecond => write!(f, "Limit reached: {calls} a second for the company"),
            Limit::TenantActive => write!(f, "Limit reached: {calls} at a time for the company"),
            Limit::AgentAbroadPerDay => write!(f, "Limit reached: {calls} abroad a day for an agent"),
            Limit::TenantAbroadPerDay => write!(f, "Limit reached: {calls} abroad a day for the company"),
        }?;
        match self.hours {
            Hours::Office => Ok(()),
            Hours::Off => f.write_str(", outside of office hours"),
        }
    }
}
