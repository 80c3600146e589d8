//! Parameters of a legacy door: from query, form or JSON to one normal form. Pure.
//!
//! Names count without regard to case, and none may come twice, be it in the query and in the body.
//! Values are decoded exactly once (`+` is a space), must be UTF-8, and must not hold control
//! characters; only user data, which CRMs wrap, may hold line breaks and tabs.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::Value;

use crate::dial::number::mask;
use crate::dial::policy::Refusal;
use crate::report::userdata::{self, UserData};

/// Parameters that may be wrapped over several lines.
const WRAPPED: [&str; 2] = ["ctl_userdata", "exttransactiondata"];

/// How a request carries its parameters, as far as its head says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::http) enum Carrier<'a> {
    /// In the query alone.
    Query,
    /// In the query and in a body of this content type.
    Body {
        /// `Content-Type`, as it came; empty when there was none.
        content_type: &'a str,
        /// The body.
        bytes: &'a [u8],
    },
}

/// Why the parameters cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(in crate::http) enum ParamError {
    /// A name or value is no UTF-8.
    #[error("A parameter is not valid UTF-8")]
    NotUtf8,
    /// A name or value holds a control character.
    #[error("{0} contains control characters")]
    Control(String),
    /// The same name again.
    #[error("{0} is given twice")]
    Twice(String),
    /// The body is no JSON object.
    #[error("The body is not a JSON object")]
    NotJson,
    /// A JSON value that is no string, whole number, `true` or `false`.
    #[error("{0} must be a string, a whole number, true or false")]
    NotScalar(String),
    /// The body is neither a form nor JSON.
    #[error("Content-Type must be application/json or application/x-www-form-urlencoded, in UTF-8")]
    ContentType,
}

/// One parameter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::http) struct Param {
    /// Its name as it was spelled, without surrounding spaces.
    pub(in crate::http) name: String,
    /// Its value, decoded.
    pub(in crate::http) value: String,
}

/// Parameters by lower-case name.
pub(in crate::http) type Params = BTreeMap<String, Param>;

/// All pairs of a request in the order in which they came, as far as they can be decoded: the first
/// half of reading, so that even a request that is refused can say in which format it wants to hear it.
pub(in crate::http) fn pairs(query: &str, carrier: Carrier<'_>) -> (Vec<Param>, Option<ParamError>) {
    let mut found = Vec::new();
    let mut error = urlencoded(query.as_bytes(), &mut found).err();
    if let Carrier::Body { content_type, bytes } = carrier {
        let read = match kind(content_type) {
            _ if bytes.is_empty() => Ok(()),
            Some(Kind::Form) => urlencoded(bytes, &mut found),
            Some(Kind::Json) => json(bytes, &mut found),
            None => Err(ParamError::ContentType),
        };
        error = error.or(read.err());
    }
    (found, error)
}

/// The normal form of pairs that were all decoded.
pub(in crate::http) fn normal(pairs: Vec<Param>) -> Result<Params, ParamError> {
    let mut params = Params::new();
    for param in pairs {
        let key = param.name.to_ascii_lowercase();
        let wrapped = WRAPPED.contains(&key.as_str());
        let forbidden = |c: char| c.is_control() && !(wrapped && matches!(c, '\r' | '\n' | '\t'));
        if param.name.chars().any(char::is_control) {
            return Err(ParamError::Control("A parameter's name".to_owned()));
        }
        if param.value.chars().any(forbidden) {
            return Err(ParamError::Control(shown(&param.name)));
        }
        let name = shown(&param.name);
        if params.insert(key, param).is_some() {
            return Err(ParamError::Twice(name));
        }
    }
    Ok(params)
}

/// A value, unless it is blank. Spaces around it do not count.
pub(in crate::http) fn text<'a>(params: &'a Params, name: &str) -> Option<&'a str> {
    params.get(name).map(|param| param.value.trim()).filter(|value| !value.is_empty())
}

/// A number with the spaces around it: a space in front may be a plus that was not escaped.
pub(in crate::http) fn number(params: &Params, name: &str) -> Option<String> {
    params.get(name).map(|param| param.value.clone()).filter(|value| !value.trim().is_empty())
}

/// User data, and what of it was left out, in words for the client.
pub(in crate::http) fn user_data(
    params: &Params,
    name: &'static str,
) -> Result<(Option<UserData>, Vec<String>), Refusal> {
    let Some(typed) = text(params, &name.to_ascii_lowercase()) else { return Ok((None, Vec::new())) };
    let invalid = |error| Refusal::Invalid { field: name, message: format!("{name}: {error}") };
    let (pairs, warnings) = userdata::parse(typed).map_err(invalid)?;
    Ok((Some(pairs), warnings))
}

/// Names of the parameters that a door does not know, fit for a log.
pub(in crate::http) fn unknown(params: &Params, is_known: impl Fn(&str) -> bool) -> impl Iterator<Item = String> {
    params.iter().filter(move |(key, _)| !is_known(key)).map(|(_, param)| loggable(&param.name))
}

/// A name from outside as it may stand in a log: printable, short, and its digits masked as a number's are.
fn loggable(name: &str) -> String {
    let printable: String = name.chars().filter(char::is_ascii_graphic).take(40).collect();
    let mut pieces = vec![String::new()];
    for c in printable.chars() {
        let last = pieces.last().and_then(|piece| piece.chars().next());
        if last.is_some_and(|first| first.is_ascii_digit() != c.is_ascii_digit()) {
            pieces.push(String::new());
        }
        pieces.last_mut().into_iter().for_each(|piece| piece.push(c));
    }
    pieces
        .iter()
        .map(|piece| if piece.starts_with(|c: char| c.is_ascii_digit()) { mask(piece) } else { piece.clone() })
        .collect()
}

/// A name from outside, fit for a sentence.
fn shown(name: &str) -> String {
    name.chars().filter(char::is_ascii_graphic).take(40).collect()
}

enum Kind {
    Form,
    Json,
}

fn kind(content_type: &str) -> Option<Kind> {
    let mut parts = content_type.split(';').map(str::trim);
    let kind = match parts.next()?.to_ascii_lowercase().as_str() {
        "application/x-www-form-urlencoded" => Kind::Form,
        "application/json" | "text/json" => Kind::Json,
        _ => return None,
    };
    let is_utf8 = |part: &str| {
        let (name, value) = part.split_once('=').unwrap_or((part, ""));
        !name.trim().eq_ignore_ascii_case("charset") || value.trim().trim_matches('"').eq_ignore_ascii_case("utf-8")
    };
    parts.all(is_utf8).then_some(kind)
}

fn urlencoded(text: &[u8], found: &mut Vec<Param>) -> Result<(), ParamError> {
    for pair in text.split(|b| *b == b'&').filter(|pair| !pair.is_empty()) {
        let (name, value) = match pair.iter().position(|b| *b == b'=') {
            Some(at) => (&pair[..at], &pair[at + 1..]),
            None => (pair, &[][..]),
        };
        found.push(Param { name: decoded(name)?.trim_matches(' ').to_owned(), value: decoded(value)? });
    }
    Ok(())
}

/// Percent-decoded, once. A `%` that begins no escape stands for itself, as browsers send it.
fn decoded(bytes: &[u8]) -> Result<String, ParamError> {
    let spaced: Vec<u8> = bytes.iter().map(|b| if *b == b'+' { b' ' } else { *b }).collect();
    let decoded: Cow<'_, [u8]> = percent_encoding::percent_decode(&spaced).into();
    String::from_utf8(decoded.into_owned()).map_err(|_| ParamError::NotUtf8)
}

fn json(bytes: &[u8], found: &mut Vec<Param>) -> Result<(), ParamError> {
    let text = std::str::from_utf8(bytes).map_err(|_| ParamError::NotUtf8)?;
    let Members(members) = serde_json::from_str(text).map_err(|_| ParamError::NotJson)?;
    for (name, value) in members {
        let value = match value {
            Value::String(text) => text,
            Value::Bool(flag) => flag.to_string(),
            Value::Number(number) if number.is_i64() || number.is_u64() => number.to_string(),
            Value::Number(_) | Value::Null | Value::Array(_) | Value::Object(_) => {
                return Err(ParamError::NotScalar(shown(&name)));
            }
        };
        found.push(Param { name: name.trim_matches(' ').to_owned(), value });
    }
    Ok(())
}

/// The members of a JSON object in their order, repeated names included.
struct Members(Vec<(String, Value)>);

impl<'de> Deserialize<'de> for Members {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Collect;

        impl<'de> Visitor<'de> for Collect {
            type Value = Members;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Members(members))
            }
        }

        deserializer.deserialize_map(Collect)
    }
}
