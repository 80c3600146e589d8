//! Entity tags: what a client saw, so that it changes nothing that it has not seen.
//!
//! A tag is a hash of the JSON that is shown. Reading with `If-None-Match` gives 304 where nothing has changed;
//! changing with `If-Match` (or `If-None-Match: *`, to make something new) gives 412 where something has. RFC 9110,
//! section 13.

use std::convert::Infallible;
use std::fmt::Write as _;
use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::header::{ETAG, IF_MATCH, IF_NONE_MATCH};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::http::Shared;
use crate::http::error::{ApiError, Kind};

/// The conditions of a request.
#[derive(Clone, Debug, Default)]
pub(super) struct Conditions {
    /// `If-Match`
    same: Option<Tags>,
    /// `If-None-Match`
    other: Option<Tags>,
}

#[derive(Clone, Debug)]
enum Tags {
    Any,
    These(Vec<String>),
}

impl Tags {
    fn of(headers: &HeaderMap, name: HeaderName) -> Option<Self> {
        let values: Vec<&str> = headers.get_all(name).iter().map(|value| value.to_str().unwrap_or_default()).collect();
        let tags = || values.iter().flat_map(|value| value.split(',')).map(|tag| tag.trim().to_owned());
        match values.as_slice() {
            [] => None,
            _ if tags().any(|tag| tag == "*") => Some(Self::Any),
            _ => Some(Self::These(tags().collect())),
        }
    }

    /// Whether one of them is this.
    fn has(&self, etag: &str) -> bool {
        match self {
            Self::Any => true,
            Self::These(tags) => tags.iter().any(|tag| tag == etag),
        }
    }

    /// The same where a weak tag is as good as a strong one.
    fn has_weakly(&self, etag: &str) -> bool {
        match self {
            Self::Any => true,
            Self::These(tags) => tags.iter().any(|tag| tag.strip_prefix("W/").unwrap_or(tag) == etag),
        }
    }
}

impl Conditions {
    /// Whether what is there now (none: nothing) may be changed.
    pub(super) fn allow(&self, now: Option<&Value>) -> Result<(), ApiError> {
        let etag = now.map(of);
        let changed = |detail| Err(ApiError::new(Kind::PreconditionFailed, detail));
        match (&self.same, &etag) {
            (Some(_), None) => return changed("there is no such thing any more"),
            (Some(tags), Some(etag)) if !tags.has(etag) => return changed("it has changed meanwhile: read it again"),
            _ => {}
        }
        match (&self.other, &etag) {
            (Some(tags), Some(etag)) if tags.has_weakly(etag) => changed("it is there already"),
            _ => Ok(()),
        }
    }

    /// The answer to reading: what is shown, or that it is what the client has. `marked` is what
    /// the tag is of.
    pub(super) fn show(&self, marked: &Value, shown: impl IntoResponse) -> Response {
        let etag = of(marked);
        if self.other.as_ref().is_some_and(|tags| tags.has_weakly(&etag)) {
            return (StatusCode::NOT_MODIFIED, [(ETAG, etag)]).into_response();
        }
        ([(ETAG, etag)], shown).into_response()
    }

    /// The same for JSON.
    pub(super) fn show_json(&self, shown: &impl Serialize) -> Response {
        let value = serde_json::to_value(shown).unwrap_or_default();
        self.show(&value, axum::Json(&value))
    }
}

impl FromRequestParts<Arc<Shared>> for Conditions {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &Arc<Shared>) -> Result<Self, Infallible> {
        Ok(Self { same: Tags::of(&parts.headers, IF_MATCH), other: Tags::of(&parts.headers, IF_NONE_MATCH) })
    }
}

/// The tag of some JSON.
pub(super) fn of(value: &Value) -> String {
    let hash = Sha256::digest(value.to_string().as_bytes());
    let mut etag = "\"".to_owned();
    for byte in &hash[..16] {
        let _ = write!(etag, "{byte:02x}");
    }
    etag + "\""
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn conditions(headers: &[(HeaderName, &str)]) -> Conditions {
        let headers: HeaderMap = headers.iter().map(|(name, value)| (name.clone(), value.parse().unwrap())).collect();
        Conditions { same: Tags::of(&headers, IF_MATCH), other: Tags::of(&headers, IF_NONE_MATCH) }
    }

    #[test]
    fn a_change_is_allowed_to_whoever_saw_what_is_there() {
        let now = json!({ "name": "Alice" });
        let etag = of(&now);
        let weak = format!("W/{etag}");
        let several = format!("\"x\", {etag}");
        let table = [
            (IF_MATCH, etag.as_str(), true, false),
            (IF_MATCH, &several, true, false),
            (IF_MATCH, &weak, false, false),
            (IF_MATCH, "\"x\"", false, false),
            (IF_MATCH, "*", true, false),
            (IF_NONE_MATCH, "*", false, true),
            (IF_NONE_MATCH, &weak, false, true),
            (IF_NONE_MATCH, "\"x\"", true, true),
        ];
        for (name, value, of_this, of_nothing) in table {
            let conditions = conditions(&[(name.clone(), value)]);
            assert_eq!(conditions.allow(Some(&now)).is_ok(), of_this, "{name} {value}");
            assert_eq!(conditions.allow(None).is_ok(), of_nothing, "{name} {value}");
        }
        assert!(conditions(&[]).allow(Some(&now)).is_ok() && conditions(&[]).allow(None).is_ok());
    }

    #[test]
    fn what_the_client_has_is_not_sent_again() {
        let now = json!({ "name": "Alice" });
        let fresh = conditions(&[]).show_json(&now);
        assert_eq!(fresh.status(), StatusCode::OK);
        let etag = fresh.headers()[ETAG].to_str().unwrap();
        assert_eq!(conditions(&[(IF_NONE_MATCH, etag)]).show_json(&now).status(), StatusCode::NOT_MODIFIED);
        let changed = conditions(&[(IF_NONE_MATCH, etag)]).show_json(&json!({ "name": "Bob" }));
        assert_eq!(changed.status(), StatusCode::OK);
    }
}
