//! What comes in, read strictly: queries, JSON bodies, and the id in a path.
//!
//! A refusal names the field at fault and what it must be, never the value that it had. Names count with
//! their case, none may come twice, and what is not known is left to the handler to mention.

use std::collections::BTreeMap;
use std::str::FromStr;
use std::sync::Arc;

use axum::extract::{FromRequest, FromRequestParts, Path, Request};
use axum::http::HeaderMap;
use axum::http::header::CONTENT_TYPE;
use axum::http::request::Parts;
use bytes::Bytes;
use serde::de::{DeserializeOwned, IntoDeserializer};
use serde_path_to_error::{Deserializer, Segment, Track};

use crate::http::door::params::{self, Carrier};
use crate::http::error::{ApiError, Kind};
use crate::http::{Shared, body};
use crate::timestamp::Timestamp;

/// The parameters of a query. A blank one counts as not given.
#[derive(Clone, Debug, Default)]
pub(in crate::http) struct Query(BTreeMap<String, String>);

impl Query {
    /// Those of this request.
    pub(in crate::http) fn of(parts: &Parts) -> Result<Self, ApiError> {
        let (pairs, broken) = params::pairs(parts.uri.query().unwrap_or_default(), Carrier::Query);
        if let Some(error) = broken {
            return Err(ApiError::new(Kind::Malformed, error.to_string()));
        }
        let mut query = BTreeMap::new();
        for pair in pairs {
            let field = shown(&pair.name);
            if pair.value.chars().any(char::is_control) {
                return Err(ApiError::malformed(field, "contains control characters"));
            }
            if query.insert(pair.name, pair.value).is_some() {
                return Err(ApiError::malformed(field, "is given twice"));
            }
        }
        Ok(Self(query))
    }

    /// A parameter's text, without the spaces around it.
    pub(in crate::http) fn text(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(|value| value.trim()).filter(|value| !value.is_empty())
    }

    /// A parameter as it came, spaces included: the one before a number may be a plus that was not escaped.
    pub(in crate::http) fn raw(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str).filter(|value| !value.trim().is_empty())
    }

    /// A parameter's value. The rule completes a sentence that begins with the name, as in
    /// `must be true or false`.
    pub(in crate::http) fn value<T: FromStr>(&self, name: &'static str, rule: &str) -> Result<Option<T>, ApiError> {
        let parse = |text: &str| text.parse().map_err(|_| ApiError::malformed(name, rule));
        self.text(name).map(parse).transpose()
    }

    /// A parameter that is `true` or `false`.
    pub(in crate::http) fn flag(&self, name: &'static str) -> Result<Option<bool>, ApiError> {
        self.value(name, "must be true or false")
    }
}

impl Query {
    /// A parameter that is one of a few words.
    pub(in crate::http) fn word<T: DeserializeOwned>(&self, name: &'static str) -> Result<Option<T>, ApiError> {
        let parse = |text: &str| {
            let word: Result<T, serde::de::value::Error> = T::deserialize(text.into_deserializer());
            word.map_err(|error| ApiError::malformed(name, &rule(&error.to_string()).1))
        };
        self.text(name).map(parse).transpose()
    }

    /// A parameter that is a moment.
    pub(in crate::http) fn moment(&self, name: &'static str) -> Result<Option<Timestamp>, ApiError> {
        let moment: Option<jiff::Timestamp> = self.value(name, "must be a moment, as 2026-01-31T12:00:00Z")?;
        Ok(moment.map(|moment| Timestamp::from_millis(moment.as_millisecond())))
    }
}

impl FromRequestParts<Arc<Shared>> for Query {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &Arc<Shared>) -> Result<Self, ApiError> {
        Self::of(parts)
    }
}

/// A name from outside, fit for a sentence.
fn shown(name: &str) -> String {
    name.chars().filter(char::is_ascii_graphic).take(40).collect()
}

/// The one parameter of a path. One that is no text is nobody's.
#[derive(Clone, Debug)]
pub(in crate::http) struct Id(pub(in crate::http) String);

impl FromRequestParts<Arc<Shared>> for Id {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, shared: &Arc<Shared>) -> Result<Self, ApiError> {
        let path = Path::<String>::from_request_parts(parts, shared).await;
        path.map(|Path(id)| Self(id)).map_err(|_| ApiError::not_found())
    }
}

/// A JSON body.
#[derive(Clone, Debug)]
pub(in crate::http) struct JsonBody<T> {
    /// What it says.
    pub(in crate::http) value: T,
    /// Paths of fields that are not known here, fit for a sentence.
    pub(in crate::http) unknown: Vec<String>,
    /// The body as it came.
    pub(in crate::http) bytes: Bytes,
    /// What came before it.
    pub(in crate::http) head: Parts,
}

impl<T: DeserializeOwned> FromRequest<Arc<Shared>> for JsonBody<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, _: &Arc<Shared>) -> Result<Self, ApiError> {
        let (head, body) = request.into_parts();
        let bytes = body::read(&head.headers, body, body::SMALL).await?;
        if !is_json(&head.headers) {
            return Err(ApiError::new(Kind::MediaType, "Content-Type must be application/json"));
        }
        let (value, unknown) = parse(&bytes)?;
        Ok(Self { value, unknown, bytes, head })
    }
}

fn is_json(headers: &HeaderMap) -> bool {
    let value = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let essence = value.split(';').next().unwrap_or_default().trim();
    essence.eq_ignore_ascii_case("application/json")
}

/// Reads JSON; besides the value: the paths of what it does not know.
pub(in crate::http) fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<(T, Vec<String>), ApiError> {
    let mut track = Track::new();
    let mut json = serde_json::Deserializer::from_slice(bytes);
    let mut unknown = Vec::new();
    let mut note = |path: serde_ignored::Path<'_>| unknown.push(path_of(&path));
    let value = serde_ignored::deserialize(Deserializer::new(&mut json, &mut track), &mut note)
        .and_then(|value| json.end().map(|()| value));
    value.map(|value| (value, unknown)).map_err(|error| fault(&error, &track.path()))
}

/// What is wrong with a body, by field; without any of its values.
fn fault(error: &serde_json::Error, path: &serde_path_to_error::Path) -> ApiError {
    if !error.is_data() {
        let at = format!("the body is not JSON (line {}, column {})", error.line(), error.column());
        return ApiError::new(Kind::Malformed, at);
    }
    let text = error.to_string();
    let said = text.rfind(" at line ").map_or(text.as_str(), |end| &text[..end]);
    let (more, rule) = rule(said);
    let field = field_of(path, more.as_deref());
    if field.is_empty() {
        return ApiError::new(Kind::Malformed, format!("the body {rule}"));
    }
    ApiError::malformed(field, &rule)
}

/// What serde says, as the rest of a sentence that begins with the field; before it, the field's own name
/// where serde tells of the object that should have it.
fn rule(said: &str) -> (Option<String>, String) {
    let quoted = |rest: &str| rest.split('`').nth(1).map(shown);
    let about_a_field =
        [("missing field ", "is missing"), ("duplicate field ", "is given twice"), ("unknown field ", "is unknown")];
    for (start, rule) in about_a_field {
        if let Some(rest) = said.strip_prefix(start) {
            return (quoted(rest), rule.to_owned());
        }
    }
    match said.rsplit_once(", expected ") {
        Some((_, expected)) => (None, format!("must be {}", plain(expected))),
        None => (None, said.to_owned()),
    }
}

/// A path as clients write it: `codes[1].short`.
fn field_of(path: &serde_path_to_error::Path, last: Option<&str>) -> String {
    let mut field = String::new();
    let mut name = |name: &str| {
        if !field.is_empty() {
            field.push('.');
        }
        field.push_str(name);
    };
    for segment in path {
        match segment {
            Segment::Map { key } => name(&shown(key)),
            Segment::Seq { index } => name(&format!("[{index}]")),
            Segment::Enum { .. } | Segment::Unknown => {}
        }
    }
    // A field that is unknown is the path's last already; one that is missing is not.
    let is_named = |last: &str| matches!(path.iter().next_back(), Some(Segment::Map { key }) if shown(key) == last);
    last.into_iter().filter(|last| !is_named(last)).for_each(name);
    field.replace(".[", "[")
}

/// The same for a path to what is not known.
fn path_of(path: &serde_ignored::Path<'_>) -> String {
    use serde_ignored::Path;
    match path {
        Path::Root => String::new(),
        Path::Seq { parent, index } => format!("{}[{index}]", path_of(parent)),
        Path::Map { parent, key } => format!("{}.{}", path_of(parent), shown(key)).trim_start_matches('.').to_owned(),
        Path::Some { parent } | Path::NewtypeStruct { parent } | Path::NewtypeVariant { parent } => path_of(parent),
    }
}

/// What serde expects, in words that people use.
fn plain(expected: &str) -> String {
    match expected {
        "struct" | "a map" => "an object".to_owned(),
        "a sequence" => "a list".to_owned(),
        "a boolean" => "true or false".to_owned(),
        _ if expected.starts_with("struct ") => "an object".to_owned(),
        _ if matches!(expected, "i64" | "u64" | "u32" | "u16" | "u8" | "usize") => "a whole number".to_owned(),
        _ => expected.replace('`', ""),
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Deserialize)]
    #[expect(dead_code, reason = "only read")]
    struct Order {
        target: String,
        seconds: Option<u32>,
        record: Option<bool>,
        codes: Option<Vec<Code>>,
        kind: Option<Kind>,
    }

    #[derive(Debug, Deserialize)]
    #[expect(dead_code, reason = "only read")]
    struct Code {
        short: String,
    }

    #[derive(Debug, Deserialize)]
    #[serde(rename_all = "snake_case")]
    enum Kind {
        One,
        Two,
    }

    #[test]
    fn a_fault_names_its_field_and_never_its_value() {
        for (body, detail) in [
            (r#"{"target":"1","seconds":"secret"}"#, "seconds must be a whole number"),
            (r#"{"target":"1","seconds":-5}"#, "seconds must be a whole number"),
            (r#"{"target":"1","seconds":1.5}"#, "seconds must be a whole number"),
            (r#"{"target":"1","record":"secret, expected a pony"}"#, "record must be true or false"),
            (r#"{"target":7}"#, "target must be a string"),
            (r#"{"target":"1","codes":[{"short":"a"},{"short":1}]}"#, "codes[1].short must be a string"),
            (r#"{"target":"1","codes":[{"short":"a"},{}]}"#, "codes[1].short is missing"),
            (r#"{"target":"1","codes":7}"#, "codes must be a list"),
            (r#"{"target":"1","codes":[7]}"#, "codes[0] must be an object"),
            (r#"{"target":"1","kind":"secret"}"#, "kind must be one or two"),
            (r#"{"target":"1","target":"2"}"#, "target is given twice"),
            (r"{}", "target is missing"),
            (r"7", "the body must be an object"),
            (r#"{"target":"secret"#, "the body is not JSON (line 1, column 17)"),
            ("", "the body is not JSON (line 1, column 0)"),
            (r#"{"target":"1"} x"#, "the body is not JSON (line 1, column 16)"),
        ] {
            let error = parse::<Order>(body.as_bytes()).unwrap_err();
            assert_eq!(error.to_string(), detail, "{body}");
        }
    }

    #[test]
    fn a_field_that_may_not_be_there_is_named_once() {
        #[derive(Debug, Deserialize)]
        #[serde(deny_unknown_fields)]
        #[expect(dead_code, reason = "only read")]
        struct Strict {
            limits: Option<Box<Strict>>,
        }
        for (body, detail) in [(r#"{"x":1}"#, "x is unknown"), (r#"{"limits":{"x":1}}"#, "limits.x is unknown")] {
            assert_eq!(parse::<Strict>(body.as_bytes()).unwrap_err().to_string(), detail);
        }
    }

    #[test]
    fn what_is_not_known_is_told_by_its_path() {
        let (_, unknown) = parse::<Order>(br#"{"target":"1","x":{"y":1},"codes":[{"short":"a","z":1}]}"#).unwrap();
        assert_eq!(unknown, ["x", "codes[0].z"]);
    }

    #[test]
    fn depth_is_bounded() {
        let deep = "[".repeat(100_000);
        assert!(parse::<Order>(format!(r#"{{"target":"1","x":{deep}"#).as_bytes()).is_err());
    }
}
