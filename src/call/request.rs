//! What a door asks for once everything about it has been decided: the order for one call.
//!
//! A [`CallRequest`] is complete. Numbers are normalised, caller ids allowed, endpoints and time
//! limits chosen; nothing in it needs the directory again, so a call that is already running cannot
//! be changed by an edit of the directory, and the journal can bring it back after a crash.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::call::{CallId, QueuePlan};
use crate::dial::number::Party;
use crate::report::event::EventPlan;
use crate::report::userdata::UserData;
use crate::timestamp::Timestamp;

/// The two lines of a call, named after the order in which they are dialled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Leg {
    /// Dialled first: the agent's phone.
    A,
    /// Dialled once A has answered: the target.
    B,
}

impl Leg {
    /// Both, in the order of dialling.
    pub const BOTH: [Self; 2] = [Self::A, Self::B];

    /// The other one.
    #[must_use]
    pub const fn other(self) -> Self {
        match self {
            Self::A => Self::B,
            Self::B => Self::A,
        }
    }
}

impl fmt::Display for Leg {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::A => "A",
            Self::B => "B",
        })
    }
}

/// A number and a name, as a phone's display shows them; either may be empty.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Identity {
    /// Digits; with a plus before them only towards a trunk that wants numbers so.
    pub number: String,
    /// Printable, at most 40 characters, without quotes and angle brackets.
    pub name: String,
}

/// How one leg is to be dialled.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LegPlan {
    /// Whom it reaches.
    pub party: Party,
    /// Asterisk's dial string: a template of the directory with `[0-9*#]` filled in.
    pub endpoint: String,
    /// Asterisk's device behind it (`PJSIP/101`), where its state can be known.
    pub device: Option<String>,
    /// How long it may take to answer.
    pub max_dial_time: Duration,
    /// `CALLERID`: who the party on this leg is.
    pub caller: Identity,
    /// `CONNECTEDLINE`: whom the party on this leg sees. This is what the INVITE's From shows.
    pub connected: Identity,
    /// SIP headers for the INVITE (name, value), those for auto answer among them.
    pub headers: Vec<(String, String)>,
}

/// The agent on whose behalf a call is placed, where there is one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct AgentRef {
    /// The agent's own extension.
    pub extension: String,
    /// E-mail address; `$agent$`.
    pub email: String,
    /// Name for people.
    pub name: String,
}

/// Whom to tell, and with which words, when the call has ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReportPlan {
    /// `ctl_userdata`, as it came in.
    pub userdata: Option<UserData>,
    /// `extTransactionData`, as it came in.
    pub ext_transaction_data: Option<UserData>,
    /// `ctl_callbackUrl` out of the user data, checked; tokens not yet replaced.
    pub callback_url: Option<String>,
    /// The tenant's `cdr_url`.
    pub cdr_url: Option<String>,
    /// Which of the call's events are sent where.
    #[serde(default)]
    pub events: Option<EventPlan>,
    /// The tenant's IANA time zone.
    pub time_zone: String,
    /// The company's number for this call, digits: `$caller_id$`.
    pub caller_id: String,
    /// Where the outside reaches this daemon (`http.public_url`), without a trailing slash.
    pub public_url: String,
}

/// A client's own mark on an order (`Idempotency-Key`): the same order again gives the same call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Idempotency {
    /// The mark, 1 to 255 visible ASCII characters; its own for each credential.
    pub key: String,
    /// SHA-256 of what was asked for under it, hexadecimal.
    pub fingerprint: String,
}

/// One call, decided in every detail.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CallRequest {
    /// Its id, chosen by the door.
    pub id: CallId,
    /// Whose call it is.
    pub tenant: String,
    /// Name of the credential that asked for it.
    pub credential: String,
    /// Which door it came through.
    pub door: String,
    /// When the door took it.
    pub accepted_at: Timestamp,
    /// On whose behalf.
    pub agent: Option<AgentRef>,
    /// The first leg.
    pub a: LegPlan,
    /// The second leg.
    pub b: LegPlan,
    /// How long both may talk, from B's answer.
    pub max_duration: Duration,
    /// Record the bridge from the moment both talk.
    pub record: bool,
    /// The queue that it is placed for.
    #[serde(default)]
    pub queue: Option<QueuePlan>,
    /// What makes the same order again known as such, for a day.
    #[serde(default)]
    pub idempotency: Option<Idempotency>,
    /// Whether either end is outside of the tenant's own country.
    #[serde(default)]
    pub abroad: bool,
    /// Language of prompts on both channels.
    pub language: Option<String>,
    /// The client's own `var_*` parameters (names without the prefix).
    pub vars: BTreeMap<String, String>,
    /// Whom to tell.
    pub report: ReportPlan,
    /// What was accepted and ignored, in words for the client.
    pub warnings: Vec<String>,
}

impl CallRequest {
    /// The plan of one leg.
    pub const fn leg(&self, leg: Leg) -> &LegPlan {
        match leg {
            Leg::A => &self.a,
            Leg::B => &self.b,
        }
    }

    /// After this long Asterisk itself ends each leg (`TIMEOUT(absolute)`), should this process die
    /// for good: the longest life the call may have, and a minute.
    pub fn dead_man(&self) -> Duration {
        self.a.max_dial_time + self.b.max_dial_time + self.max_duration + Duration::from_mins(1)
    }
}
