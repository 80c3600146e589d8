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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn click(query: &str) -> Result<Click, Refusal> {
        Ask::read(query, Carrier::Query)?.click("101")
    }

    #[test]
    fn a_link_that_was_pasted_out_of_a_wrapped_page_is_read() {
        let read = click("%20prefix=1&%0D%0A%20phone=212%20555%200101%0A&CALLERID=+2125550100&x=1").unwrap();
        assert_eq!((read.target.as_str(), read.target_caller_id.as_deref()), ("1212 555 0101", Some(" 2125550100")));
        assert_eq!((read.door, read.phone), ("8x8", Phone::Agent("101".to_owned())));
        assert_eq!(read.warnings, ["unknown parameter x ignored"]);
    }

    #[test]
    fn a_prefix_is_left_out_where_the_number_says_its_country() {
        let read = click("prefix=1&phone=%2B44%2020%207946%200000").unwrap();
        assert_eq!(read.target, "+44 20 7946 0000");
        assert_eq!(read.warnings, ["prefix ignored: the number says its country"]);
    }

    #[test]
    fn a_yes_is_no_part_of_the_click() {
        let ask = Ask::read("phone=1&confirm=x", Carrier::Query).unwrap();
        assert_eq!((ask.confirm.as_deref(), ask.params.len()), (Some("x"), 1));
        assert_eq!(ask.unknown().count(), 0);
    }

    proptest! {
        #[test]
        fn no_query_upsets_the_reader(query in "(phone|prefix|callerId|queue_id|ctl_userdata|x|=|&|%0A|%|\\[|\\||\\]|1|\\+| |\\PC){0,30}") {
            if let Ok(click) = click(&query) {
                prop_assert!(!click.target.trim().is_empty());
            }
        }
    }
}
