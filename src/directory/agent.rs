//! Agents: the people whose phones ring first.

use serde::{Deserialize, Serialize};

use crate::dial::endpoint::Endpoint;
use crate::directory::secret::Sealed;

/// A person with an extension.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Agent {
    /// Digits, at most 16; unique in the tenant.
    #[schema(pattern = "^[0-9]{1,16}$", example = "101")]
    pub extension: String,
    /// Name for people and displays.
    pub name: String,
    /// E-mail address; unique in the tenant, whatever its case.
    pub email: String,
    /// What the agent types at a shared phone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub login_code: Option<String>,
    /// Extension of the agent at whose phone this agent is logged in now; absent: logged out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub logged_in_at: Option<String>,
    /// Argon2id in PHC form (`$argon2id$…`), for the sign-in page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, write_only)]
    pub password_hash: Option<Sealed>,
    /// The password in clear, on its way into the directory: never stored, never shown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, write_only, min_length = 8, max_length = 256)]
    pub password: Option<Sealed>,
    /// The agent's own phone, as `PJSIP/101`; absent: none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, example = "PJSIP/101")]
    pub device: Option<Endpoint>,
    /// The agent's own caller id, one of those shared with this agent; absent: the tenant's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub caller_id: Option<String>,
    /// May not be called by a click.
    #[serde(default)]
    pub blocked: bool,
    /// The phone may be asked to answer by itself.
    #[serde(default)]
    pub auto_answer: bool,
    /// SIP headers (name, value) that make this phone do so, instead of the usual set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Vec<Vec<String>>>)]
    pub auto_answer_headers: Option<Vec<(String, String)>>,
}
