//! What a click counts against, and how much of it there may be.
//!
//! Decided at admission, counted by the switchboard: the limits of the tenant's directory become
//! [`Cap`]s, which need no directory any more.

use std::fmt;
use std::time::Duration;

/// Kinds of limits on calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Limit {
    /// Calls that an agent has at a time.
    AgentActive,
}

impl Limit {
    /// All of them, in the order in which they are judged.
    pub const ALL: [Self; 1] = [Self::AgentActive];

    /// Its name, as in the directory.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::AgentActive => "agent_active",
        }
    }
}

/// A limit that a click would go beyond. Reads as a sentence for people.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Exceeded {
    /// Which.
    pub limit: Limit,
    /// How many there may be.
    pub most: u32,
    /// Worth trying again after this long.
    pub retry_after: Duration,
}

impl fmt::Display for Exceeded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.limit, self.most) {
            (Limit::AgentActive, 1) => f.write_str("The agent is in a call already"),
            (Limit::AgentActive, most) => write!(f, "The agent has {most} calls already"),
        }
    }
}
