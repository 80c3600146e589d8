//! Admission: from a click to a complete call request, or a refusal with its reason.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::call::{CallId, CallRequest};
use crate::device::Devices;
use crate::directory::{Credential, Tenant};
use crate::report::userdata::UserData;
use crate::timestamp::Timestamp;

/// What a door understood of a click; numbers still as they were typed.
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of the outside protocol, named there")]
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Click {
    /// Name of the door.
    pub door: &'static str,
    /// Who or what the first leg is.
    pub phone: Phone,
    /// The second leg, as typed.
    pub target: String,
    /// What A shows, as typed.
    pub phone_caller_id: Option<String>,
    /// Name that A shows.
    pub phone_caller_name: Option<String>,
    /// What B shows, as typed.
    pub target_caller_id: Option<String>,
    /// Name that B shows.
    pub target_caller_name: Option<String>,
    /// Seconds; default 60.
    pub phone_max_dial_time: Option<i64>,
    /// Seconds; default 60.
    pub target_max_dial_time: Option<i64>,
    /// Seconds; default 7200.
    pub max_duration: Option<i64>,
    /// Record it.
    pub record: bool,
    /// Ask A's phone to answer by itself.
    pub phone_auto_answer: bool,
    /// Ask B's phone to answer by itself.
    pub target_auto_answer: bool,
    /// Refuse when A's extension is offline.
    pub check_phone_device_state: bool,
    /// Refuse when B's extension is offline.
    pub check_target_device_state: bool,
    /// Language of prompts.
    pub language: Option<String>,
    /// `var_*`, names without the prefix.
    pub vars: BTreeMap<String, String>,
    /// Allow a restricted number on A.
    pub ignore_do_not_call_phone: bool,
    /// Allow a restricted number on B.
    pub ignore_do_not_call_target: bool,
    /// `ctl_userdata`.
    pub userdata: Option<UserData>,
    /// `extTransactionData`.
    pub ext_transaction_data: Option<UserData>,
    /// Dial plan asked for.
    pub dial_plan: Option<u32>,
    /// What was accepted and ignored so far.
    pub warnings: Vec<String>,
}

/// Who or what the first leg is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Phone {
    /// An extension or a number, as typed.
    Number(String),
    /// The tenant's extension behind a SIP trunk.
    SipTrunk,
    /// The extension at which the agent with this login code is logged in now.
    LoginCode(String),
}

impl Default for Phone {
    fn default() -> Self {
        Self::Number(String::new())
    }
}

/// Why a click is refused. A door says it in its own dialect; nothing rings.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// A field is missing or malformed; the sentence is for the client.
    #[error("{message}")]
    Invalid {
        /// The field, as the door names it.
        field: &'static str,
        /// A short sentence, as in "Phone is missing".
        message: String,
    },
    /// A rule of the tenant forbids it.
    #[error("{0}")]
    Forbidden(String),
    /// No such extension, login code or dial plan for this tenant.
    #[error("{0}")]
    Unknown(String),
    /// The extension is offline, or the agent has no phone now.
    #[error("{0}")]
    Offline(String),
    /// The extension is blocked for click-to-call.
    #[error("{0}")]
    Blocked(String),
}

/// What surrounds a click when it is judged.
#[derive(Clone, Copy, Debug)]
pub struct Context<'a> {
    /// The id that the call will have.
    pub id: CallId,
    /// Now.
    pub now: Timestamp,
    /// The tenant that the credential belongs to.
    pub tenant: &'a Tenant,
    /// The credential.
    pub credential: &'a Credential,
    /// States of all phones.
    pub devices: &'a Devices,
    /// `http.public_url`.
    pub public_url: &'a str,
}

/// A click that may be placed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Admission {
    /// The order, complete.
    pub request: CallRequest,
    /// Within this time the same click again gives the same call.
    pub duplicate_window: Duration,
    /// How many calls this agent may have at once.
    pub agent_active_limit: u32,
    /// What the audit must know: overrides used.
    pub audit: Vec<String>,
}
