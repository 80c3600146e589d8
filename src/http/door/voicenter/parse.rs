//! From a request to what it asks for. Pure: method, query, content type and body in, a click out.
//!
//! GET, form and JSON give one normal form. Nothing here knows the directory: numbers stay as they
//! were typed, and whether any of it is allowed is decided elsewhere.

use std::collections::BTreeMap;

use crate::call::Idempotency;
use crate::dial::policy::{Click, Phone, Refusal};
use crate::http::door::params::{self, Carrier, Params, number, text};
use crate::http::door::voicenter::reply::Format;

/// What came in, before anybody is asked whether it may.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::http) struct Parsed {
    /// The answer's form; the default where the request's own cannot be read.
    pub(in crate::http) format: Format,
    /// The identity token and what is asked for under it; or why it cannot be read.
    pub(in crate::http) ask: Result<Ask, Refusal>,
}

/// A token, and what is asked for under it. The order is judged only once the token is known to be good.
#[derive(Clone, PartialEq, Eq)]
pub(in crate::http) struct Ask {
    /// `code`
    pub(in crate::http) code: String,
    /// What is to be done.
    pub(in crate::http) order: Result<Order, Refusal>,
    /// Names of parameters that this door does not know, fit for a log.
    pub(in crate::http) unknown: Vec<String>,
}

impl Ask {
    /// The same with the client's own mark on its click; with one that is malformed, no click.
    pub(in crate::http) fn marked(mut self, mark: Result<Option<Idempotency>, Refusal>) -> Self {
        if let Ok(Order::Call(click)) = &mut self.order {
            match mark {
                Ok(mark) => click.idempotency = mark,
                Err(refusal) => self.order = Err(refusal),
            }
        }
        self
    }
}

/// The token stays out of every log.
impl std::fmt::Debug for Ask {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Ask").field("order", &self.order).finish_non_exhaustive()
    }
}

/// What is to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::http) enum Order {
    /// `action=call`
    Call(Box<Click>),
    /// `action=terminate`, for this phone.
    Terminate(Phone),
}

/// Reads a request. Never fails as a whole: even what cannot be read is answered in some format.
pub(in crate::http) fn parse(query: &str, carrier: Carrier<'_>) -> Parsed {
    let (pairs, broken) = params::pairs(query, carrier);
    let asked = pairs.iter().find(|pair| pair.name.eq_ignore_ascii_case("format")).map(|pair| pair.value.clone());
    let format = asked.as_deref().and_then(format_of).unwrap_or_default();
    let normal = broken.map_or_else(|| params::normal(pairs), Err);
    let ask = normal.map_err(|error| invalid("request", error.to_string())).and_then(|params| {
        let code = required(&params, "code", "Code")?;
        Ok(Ask { code: code.to_owned(), order: order(&params), unknown: unknown(&params).collect() })
    });
    Parsed { format, ask }
}

fn format_of(word: &str) -> Option<Format> {
    match word.trim().to_ascii_lowercase().as_str() {
        "" | "xml" => Some(Format::Xml),
        "json" => Some(Format::Json),
        _ => None,
    }
}

fn order(params: &Params) -> Result<Order, Refusal> {
    if format_of(text(params, "format").unwrap_or_default()).is_none() {
        return Err(invalid("format", "Format must be XML or json"));
    }
    // Not one more unknown parameter: whoever asks for a function's call around the answer means a page of
    // another origin to read it.
    if text(params, "callback").is_some() {
        return Err(invalid("callback", "Callback is not supported: answers are XML or JSON, never JSONP"));
    }
    match required(params, "action", "Action")?.to_ascii_lowercase().as_str() {
        "call" => Ok(Order::Call(Box::new(click(params)?))),
        "terminate" => Ok(Order::Terminate(phone(params)?)),
        _ => Err(invalid("action", "Action must be call or terminate")),
    }
}

fn click(params: &Params) -> Result<Click, Refusal> {
    let ignored = do_not_call_ignored(params)?;
    let (userdata, mut warnings) = params::user_data(params, "ctl_userdata")?;
    let (ext_transaction_data, more) = params::user_data(params, "extTransactionData")?;
    warnings.extend(more);
    warnings.extend(unknown(params).map(|name| format!("unknown parameter {name} ignored")));
    let owned = |name| text(params, name).map(str::to_owned);
    Ok(Click {
        door: "voicenter",
        phone: phone(params)?,
        target: number(params, "target").ok_or_else(|| invalid("target", "Target is missing"))?,
        phone_caller_id: number(params, "phonecallerid"),
        phone_caller_name: owned("phonecallername"),
        target_caller_id: number(params, "targetcallerid"),
        target_caller_name: owned("targetcallername"),
        phone_max_dial_time: seconds(params, "phonemaxdialtime")?,
        target_max_dial_time: seconds(params, "targetmaxdialtime")?,
        max_duration: seconds(params, "maxduration")?,
        record: flag(params, "record")?,
        phone_auto_answer: flag(params, "phoneautoanswer")?,
        target_auto_answer: flag(params, "targetautoanswer")?,
        check_phone_device_state: flag(params, "checkphonedevicestate")?,
        check_target_device_state: flag(params, "checktargetdevicestate")?,
        language: owned("language"),
        vars: vars(params),
        ignore_do_not_call_phone: ignored.phone,
        ignore_do_not_call_target: ignored.target,
        userdata,
        ext_transaction_data,
        warnings,
        ..Click::default()
    })
}

/// The names that this door knows, `var_*` aside.
const KNOWN: [&str; 22] = [
    "action",
    "checkphonedevicestate",
    "checktargetdevicestate",
    "code",
    "ctl_userdata",
    "exttransactiondata",
    "format",
    "ignorednostatus",
    "language",
    "maxduration",
    "phone",
    "phoneautoanswer",
    "phonecallerid",
    "phonecallername",
    "phonelogincode",
    "phonemaxdialtime",
    "record",
    "target",
    "targetautoanswer",
    "targetcallerid",
    "targetcallername",
    "targetmaxdialtime",
];

fn unknown(params: &Params) -> impl Iterator<Item = String> {
    params::unknown(params, |key| KNOWN.contains(&key) || key.starts_with("var_"))
}

fn required<'a>(params: &'a Params, name: &'static str, shown: &str) -> Result<&'a str, Refusal> {
    text(params, name).ok_or_else(|| invalid(name, format!("{shown} is missing")))
}

fn phone(params: &Params) -> Result<Phone, Refusal> {
    let typed = required(params, "phone", "Phone")?;
    if typed.eq_ignore_ascii_case("siptrunk") {
        return Ok(Phone::SipTrunk);
    }
    if typed.eq_ignore_ascii_case("logincode") {
        return required(params, "phonelogincode", "Phonelogincode").map(|code| Phone::LoginCode(code.to_owned()));
    }
    Ok(Phone::Number(number(params, "phone").unwrap_or_default()))
}

fn flag(params: &Params, name: &'static str) -> Result<bool, Refusal> {
    match text(params, name).map(str::to_ascii_lowercase).as_deref() {
        None | Some("false" | "0") => Ok(false),
        Some("true" | "1") => Ok(true),
        Some(_) => Err(invalid(name, format!("{name} must be true or false"))),
    }
}

/// Whether so many seconds are allowed is the policy's to say.
fn seconds(params: &Params, name: &'static str) -> Result<Option<i64>, Refusal> {
    let Some(typed) = text(params, name) else { return Ok(None) };
    let digits = typed.strip_prefix('-').unwrap_or(typed);
    let number = digits.bytes().all(|b| b.is_ascii_digit()).then(|| typed.parse().ok()).flatten();
    number.map(Some).ok_or_else(|| invalid(name, format!("{name} must be a whole number of seconds")))
}

fn vars(params: &Params) -> BTreeMap<String, String> {
    let named = params.iter().filter(|(key, _)| key.starts_with("var_"));
    named.map(|(_, param)| (param.name["var_".len()..].to_owned(), param.value.clone())).collect()
}

struct Ignored {
    phone: bool,
    target: bool,
}

fn do_not_call_ignored(params: &Params) -> Result<Ignored, Refusal> {
    match text(params, "ignorednostatus") {
        None | Some("0") => Ok(Ignored { phone: false, target: false }),
        Some("1") => Ok(Ignored { phone: true, target: false }),
        Some("2") => Ok(Ignored { phone: false, target: true }),
        Some("3") => Ok(Ignored { phone: true, target: true }),
        Some(_) => Err(invalid("ignorednostatus", "ignorednostatus must be 1, 2 or 3")),
    }
}

fn invalid(field: &'static str, message: impl Into<String>) -> Refusal {
    Refusal::Invalid { field, message: message.into() }
}

#[cfg(test)]
#[path = "parse_tests.rs"]
mod tests;
