//! From a request to the click that it asks for. Pure.
//!
//! Names and values are the 8x8 API's. Whose phone rings is the session's to say; numbers stay as they
//! were typed, and whether any of it is allowed is decided elsewhere.

use crate::dial::policy::{Click, Phone, Refusal};
use crate::http::door::params::{self, Carrier, Param, Params, number, text};

/// The parameter of our own by which a person's yes comes back. Without a good token in it, it asks.
pub(in crate::http) const CONFIRM: &str = "confirm";

const KNOWN: [&str; 7] =
    ["callerid", "ctl_userdata", "dialplan_id", "exttransactiondata", "phone", "prefix", "queue_id"];

/// What came in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::http) struct Ask {
    /// A person's yes, or what pretends to be one.
    pub(in crate::http) confirm: Option<String>,
    /// Everything else, as it came.
    pub(in crate::http) params: Params,
}

impl Ask {
    /// Reads a request.
    pub(in crate::http) fn read(query: &str, carrier: Carrier<'_>) -> Result<Self, Refusal> {
        let (mut pairs, broken) = params::pairs(query, carrier);
        pairs.iter_mut().for_each(unwrap);
        let normal = broken.map_or_else(|| params::normal(pairs), Err);
        let mut params = normal.map_err(|error| invalid("request", error.to_string()))?;
        let confirm = params.remove(CONFIRM).map(|param| param.value);
        Ok(Self { confirm, params })
    }

    /// Names of parameters that this door does not know, fit for a log.
    pub(in crate::http) fn unknown(&self) -> impl Iterator<Item = String> {
        params::unknown(&self.params, |key| KNOWN.contains(&key))
    }

    /// The click, for the agent at this extension.
    pub(in crate::http) fn click(&self, extension: &str) -> Result<Click, Refusal> {
        let params = &self.params;
        let (userdata, mut warnings) = params::user_data(params, "ctl_userdata")?;
        let (ext_transaction_data, more) = params::user_data(params, "extTransactionData")?;
        warnings.extend(more);
        warnings.extend(self.unknown().map(|name| format!("unknown parameter {name} ignored")));
        Ok(Click {
            door: "8x8",
            phone: Phone::Agent(extension.to_owned()),
            target: target(params, &mut warnings)?,
            target_caller_id: number(params, "callerid"),
            dial_plan: id(params, "dialplan_id")?,
            queue: id(params, "queue_id")?,
            userdata,
            ext_transaction_data,
            warnings,
            ..Click::default()
        })
    }
}

/// Links are pasted out of pages that wrap them: line breaks around names and values do not count.
fn unwrap(param: &mut Param) {
    param.name = param.name.trim().to_owned();
    param.value = param.value.trim_matches(['\r', '\n', '\t']).to_owned();
}

/// The prefix goes before the number, unless that says its country itself.
fn target(params: &Params, warnings: &mut Vec<String>) -> Result<String, Refusal> {
    let phone = number(params, "phone").ok_or_else(|| invalid("phone", "Phone is missing"))?;
    let Some(prefix) = text(params, "prefix") else { return Ok(phone) };
    if !prefix.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(invalid("prefix", "Prefix must be digits"));
    }
    let phone = phone.trim();
    if phone.starts_with('+') {
        warnings.push("prefix ignored: the number says its country".to_owned());
        return Ok(phone.to_owned());
    }
    Ok(format!("{prefix}{phone}"))
}

fn id(params: &Params, name: &'static str) -> Result<Option<u32>, Refusal> {
    let Some(typed) = text(params, name) else { return Ok(None) };
    let number = typed.bytes().all(|byte| byte.is_ascii_digit()).then(|| typed.parse().ok()).flatten();
    number.map(Some).ok_or_else(|| invalid(name, format!("{name} must be digits, as the id of one")))
}

fn invalid(field: &'static str, message: impl Into<String>) -> Refusal {
    Refusal::Invalid { field, message: message.into() }
}
