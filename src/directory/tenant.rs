//! One tenant and everything that is its own.

use serde::{Deserialize, Serialize};

use crate::dial::endpoint::Endpoint;
use crate::dial::route::{DialPlan, Route};
use crate::directory::agent::Agent;
use crate::directory::credential::Credential;
use crate::directory::hours::OfficeHours;
use crate::directory::limits::Limits;
use crate::directory::secret::Sealed;

/// One tenant: its document in the store, and its part of a directory file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Tenant {
    /// Its id: lower-case letters, digits and hyphens.
    pub id: String,
    /// ISO 3166 region by which national numbers are read.
    pub region: String,
    /// IANA time zone.
    pub time_zone: String,
    /// Language of prompts: two letters, optionally `_` and a region.
    pub language: String,
    /// The caller id of whoever has none of their own, E.164; one of `caller_ids`, shared with everybody.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub caller_id: Option<String>,
    /// Beginnings of numbers (`+1`) that may be called; nothing else may. A country that shares another's
    /// code, and a number that costs more than the way there, need one that says more than the code.
    pub allowed_destinations: Vec<String>,
    /// Numbers that may not be called, E.164.
    #[schema(ignore)]
    pub do_not_call: Vec<String>,
    /// Origins (`https://crm.example`) whose pages may place calls.
    pub crm_origins: Vec<String>,
    /// Ask the agent first about links that come from no page at all: typed, a bookmark, a spreadsheet.
    pub confirm_typed_links: bool,
    /// Where the record of each call goes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cdr_url: Option<String>,
    /// Seconds within which the same click again gives the same call, 0 to 60.
    pub duplicate_window: u32,
    /// The extension that `SIPTRUNK` means.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sip_trunk: Option<String>,
    /// Id of the dial plan for whoever asks for none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dial_plan: Option<u32>,
    /// How much it may do.
    pub limits: Limits,
    /// When it works; absent: always. Outside of these hours most limits are a quarter.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub office_hours: Option<OfficeHours>,
    /// A static header of callbacks, for receivers that cannot check signatures.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub callback_header: Option<CallbackHeader>,
    /// Keys that sign callbacks; two while they are being changed.
    pub callback_secrets: Vec<CallbackSecret>,
    /// Its numbers.
    #[schema(ignore)]
    pub caller_ids: Vec<CallerId>,
    /// Ways out.
    #[schema(ignore)]
    pub routes: Vec<Route>,
    /// Dial plans.
    #[schema(ignore)]
    pub dial_plans: Vec<DialPlan>,
    /// Menus, queues and other extensions without a person.
    #[schema(ignore)]
    pub services: Vec<Service>,
    /// Queues whose calls are wrapped up.
    #[schema(ignore)]
    pub queues: Vec<Queue>,
    /// People.
    #[schema(ignore)]
    pub agents: Vec<Agent>,
    /// Tokens.
    #[schema(ignore)]
    pub tokens: Vec<Credential>,
}

/// A number of the company.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CallerId {
    /// E.164.
    pub number: String,
    /// What displays show beside it.
    #[serde(default)]
    pub name: String,
    /// Extensions of the agents who may show it; absent: everybody, empty: nobody.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shared_with: Option<Vec<String>>,
}

impl CallerId {
    /// Whether an agent (by extension), or somebody who is no agent, may show this number.
    pub fn is_shared_with(&self, agent: Option<&str>) -> bool {
        match (&self.shared_with, agent) {
            (None, _) => true,
            (Some(extensions), Some(agent)) => extensions.iter().any(|extension| extension == agent),
            (Some(_), None) => false,
        }
    }
}

/// An extension without a person: a menu, a queue, a trunk.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Service {
    /// Digits, at most 16; unique in the tenant.
    pub extension: String,
    /// What displays show.
    pub name: String,
    /// What is dialled, as `Local/700@services/n`.
    #[schema(value_type = String, example = "Local/700@services/n")]
    pub endpoint: Endpoint,
}

/// A queue of Asterisk, and how its calls are wrapped up.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Queue {
    /// Its id, as in `queue_id`.
    pub id: u32,
    /// Asterisk's name for it.
    pub queue: String,
    /// Lists that transaction codes are chosen from.
    #[serde(default)]
    pub code_lists: Vec<CodeList>,
    /// Seconds that wrap-up may take, 1 to 3600.
    #[serde(default = "two_minutes")]
    pub wrap_up_time: u32,
}

const fn two_minutes() -> u32 {
    120
}

/// A list of transaction codes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CodeList {
    /// Its name.
    pub name: String,
    /// Its codes.
    pub codes: Vec<Code>,
}

/// A transaction code.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Code {
    /// As written in callbacks.
    pub short: String,
    /// As shown to people.
    pub description: String,
}

/// A key that signs callbacks.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CallbackSecret {
    /// Its name.
    pub name: String,
    /// `whsec_` and Base64.
    #[serde(default)]
    #[schema(value_type = String, write_only)]
    pub secret: Sealed,
}

/// A static header of callbacks.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CallbackHeader {
    /// As `Authorization`.
    pub name: String,
    /// As `Bearer …`.
    #[serde(default)]
    #[schema(value_type = String, write_only)]
    pub secret: Sealed,
}

impl Default for Tenant {
    fn default() -> Self {
        Self {
            id: String::new(),
            region: String::new(),
            time_zone: "UTC".to_owned(),
            language: "en".to_owned(),
            caller_id: None,
            allowed_destinations: Vec::new(),
            do_not_call: Vec::new(),
            crm_origins: Vec::new(),
            confirm_typed_links: false,
            cdr_url: None,
            duplicate_window: 5,
            sip_trunk: None,
            dial_plan: None,
            limits: Limits::default(),
            office_hours: None,
            callback_header: None,
            callback_secrets: Vec::new(),
            caller_ids: Vec::new(),
            routes: Vec::new(),
            dial_plans: Vec::new(),
            services: Vec::new(),
            queues: Vec::new(),
            agents: Vec::new(),
            tokens: Vec::new(),
        }
    }
}

impl Tenant {
    /// The agent at an extension.
    pub fn agent(&self, extension: &str) -> Option<&Agent> {
        self.agents.iter().find(|agent| agent.extension == extension)
    }

    /// The agent with a login code.
    pub fn agent_by_login_code(&self, code: &str) -> Option<&Agent> {
        self.agents.iter().find(|agent| agent.login_code.as_deref() == Some(code))
    }

    /// The agent with an e-mail address, whatever its case.
    pub fn agent_by_email(&self, email: &str) -> Option<&Agent> {
        self.agents.iter().find(|agent| agent.email.eq_ignore_ascii_case(email))
    }

    /// The service at an extension.
    pub fn service(&self, extension: &str) -> Option<&Service> {
        self.services.iter().find(|service| service.extension == extension)
    }

    /// Whether these digits are an extension of this tenant.
    pub fn is_extension(&self, digits: &str) -> bool {
        self.agent(digits).is_some() || self.service(digits).is_some()
    }

    /// One of its numbers (E.164).
    pub fn caller_id_of(&self, number: &str) -> Option<&CallerId> {
        self.caller_ids.iter().find(|caller_id| caller_id.number == number)
    }

    /// A dial plan: the one asked for, or the tenant's.
    pub fn dial_plan(&self, id: Option<u32>) -> Option<&DialPlan> {
        let id = id.or(self.dial_plan)?;
        self.dial_plans.iter().find(|plan| plan.id == id)
    }

    /// A queue by its id.
    pub fn queue(&self, id: u32) -> Option<&Queue> {
        self.queues.iter().find(|queue| queue.id == id)
    }

    /// A route by its name.
    pub fn route(&self, name: &str) -> Option<&Route> {
        self.routes.iter().find(|route| route.name == name)
    }
}
