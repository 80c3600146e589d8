//! The native API's refusals, as `application/problem+json` (RFC 9457).
//!
//! A refusal is of one [`Kind`], which decides its status and its `type`; clients may rely on both. The
//! detail is a short sentence for people, and says which field is at fault where one is.

use std::borrow::Cow;

use axum::http::header::{CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use crate::engine::Unavailable;
use crate::http::auth::Denied;
use crate::http::body::BodyError;
use crate::http::limits::TooMany;
use crate::http::password::Busy;
use crate::store::StoreError;

/// All kinds of refusals.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// The request cannot be understood.
    Malformed,
    /// No token, or a wrong one.
    Unauthorized,
    /// The token may not do this.
    Forbidden,
    /// A rule of the tenant forbids it.
    Policy,
    /// It does not exist, or belongs to somebody else.
    NotFound,
    /// Not with this method.
    MethodNotAllowed,
    /// The body did not come in time.
    TooSlow,
    /// Not in the state in which it is.
    Conflict,
    /// It has changed since the client read it.
    PreconditionFailed,
    /// The body has more bytes than allowed.
    TooLarge,
    /// The body is of a type that is not understood here.
    MediaType,
    /// Understood, but impossible.
    Impossible,
    /// The `Idempotency-Key` was used for something else.
    KeyReused,
    /// Too many requests, or a limit is reached.
    TooMany,
    /// Something that is needed is away.
    Unavailable,
}

impl Kind {
    /// The list that is documented.
    pub(super) const ALL: [Self; 15] = [
        Self::Malformed,
        Self::Unauthorized,
        Self::Forbidden,
        Self::Policy,
        Self::NotFound,
        Self::MethodNotAllowed,
        Self::TooSlow,
        Self::Conflict,
        Self::PreconditionFailed,
        Self::TooLarge,
        Self::MediaType,
        Self::Impossible,
        Self::KeyReused,
        Self::TooMany,
        Self::Unavailable,
    ];

    /// Status, `type` and `title`.
    pub(super) const fn parts(self) -> (StatusCode, &'static str, &'static str) {
        match self {
            Self::Malformed => (StatusCode::BAD_REQUEST, "urn:dialbridge:malformed", "Malformed request"),
            Self::Unauthorized => (StatusCode::UNAUTHORIZED, "urn:dialbridge:unauthorized", "Not authenticated"),
            Self::Forbidden => (StatusCode::FORBIDDEN, "urn:dialbridge:forbidden", "Not allowed"),
            Self::Policy => (StatusCode::FORBIDDEN, "urn:dialbridge:policy", "Against the rules"),
            Self::NotFound => (StatusCode::NOT_FOUND, "urn:dialbridge:not-found", "Not found"),
            Self::MethodNotAllowed => {
                (StatusCode::METHOD_NOT_ALLOWED, "urn:dialbridge:method-not-allowed", "Method not allowed")
            }
            Self::TooSlow => (StatusCode::REQUEST_TIMEOUT, "urn:dialbridge:too-slow", "Too slow"),
            Self::Conflict => (StatusCode::CONFLICT, "urn:dialbridge:conflict", "Not now"),
            Self::PreconditionFailed => {
                (StatusCode::PRECONDITION_FAILED, "urn:dialbridge:precondition-failed", "Changed meanwhile")
            }
            Self::TooLarge => (StatusCode::PAYLOAD_TOO_LARGE, "urn:dialbridge:too-large", "Too large"),
            Self::MediaType => {
                (StatusCode::UNSUPPORTED_MEDIA_TYPE, "urn:dialbridge:media-type", "Unsupported media type")
            }
            Self::Impossible => (StatusCode::UNPROCESSABLE_ENTITY, "urn:dialbridge:impossible", "Impossible"),
            Self::KeyReused => (StatusCode::UNPROCESSABLE_ENTITY, "urn:dialbridge:key-reused", "Key used before"),
            Self::TooMany => (StatusCode::TOO_MANY_REQUESTS, "urn:dialbridge:too-many-requests", "Too many requests"),
            Self::Unavailable => (StatusCode::SERVICE_UNAVAILABLE, "urn:dialbridge:unavailable", "Unavailable"),
        }
    }
}

/// Why the native API did not do what it was asked to.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{detail}")]
pub(super) struct ApiError {
    kind: Kind,
    field: Option<Cow<'static, str>>,
    detail: Cow<'static, str>,
    /// Seconds.
    retry_after: Option<u64>,
}

/// A refusal as it is written.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub(super) struct Problem {
    /// What kind of refusal it is: see the list of types.
    r#type: &'static str,
    /// The same for people.
    title: &'static str,
    /// The HTTP status.
    status: u16,
    /// What is wrong, as a short sentence.
    detail: Cow<'static, str>,
    /// The field at fault, where there is one: its name or its path, as in `codes[1].short`.
    #[serde(skip_serializing_if = "Option::is_none")]
    field: Option<Cow<'static, str>>,
}

impl ApiError {
    /// A refusal that no single field is to blame for.
    pub(super) fn new(kind: Kind, detail: impl Into<Cow<'static, str>>) -> Self {
        Self { kind, field: None, detail: detail.into(), retry_after: None }
    }

    /// The same, with the field at fault: its name, or its path as in `codes[1].short`.
    pub(super) fn at(self, field: impl Into<Cow<'static, str>>) -> Self {
        Self { field: Some(field.into()), ..self }
    }

    /// The same, worth trying again after so many seconds.
    pub(super) fn after(self, seconds: u64) -> Self {
        Self { retry_after: Some(seconds), ..self }
    }

    /// A field that cannot be understood; the detail is what its name begins, as in `must be true or false`.
    pub(super) fn malformed(field: impl Into<Cow<'static, str>>, rest: &str) -> Self {
        let field = field.into();
        Self::new(Kind::Malformed, format!("{field} {rest}")).at(field)
    }

    /// It does not exist, or belongs to somebody else.
    pub(super) fn not_found() -> Self {
        Self::new(Kind::NotFound, "there is no such thing")
    }

    /// No token, or a wrong one.
    pub(super) fn unauthorized() -> Self {
        Self::new(Kind::Unauthorized, "a valid bearer token is needed")
    }

    /// The token may not do this.
    pub(super) fn forbidden() -> Self {
        Self::new(Kind::Forbidden, "this token may not do that")
    }

    /// As it is written.
    pub(super) fn into_problem(self) -> Problem {
        let (status, kind, title) = self.kind.parts();
        Problem { r#type: kind, title, status: status.as_u16(), detail: self.detail, field: self.field }
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let (kind, retry_after) = (self.kind, self.retry_after);
        let body = serde_json::to_string(&self.into_problem()).unwrap_or_default();
        let mut response = (kind.parts().0, [(CONTENT_TYPE, "application/problem+json")], body).into_response();
        let headers = response.headers_mut();
        if kind == Kind::Unauthorized {
            headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        if let Some(seconds) = retry_after {
            headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}

impl From<BodyError> for ApiError {
    fn from(error: BodyError) -> Self {
        let kind = match error {
            BodyError::TooLarge => Kind::TooLarge,
            BodyError::TooSlow => Kind::TooSlow,
            BodyError::Broken => Kind::Malformed,
        };
        Self::new(kind, error.to_string())
    }
}

impl From<TooMany> for ApiError {
    fn from(too_many: TooMany) -> Self {
        Self::new(Kind::TooMany, "too many requests").after(too_many.seconds())
    }
}

impl From<Denied> for ApiError {
    fn from(denied: Denied) -> Self {
        match denied {
            Denied::Wrong => Self::unauthorized(),
            Denied::Suspended => Self::new(Kind::Forbidden, "this token is suspended"),
            Denied::TooMany(too_many) => too_many.into(),
        }
    }
}

impl From<Unavailable> for ApiError {
    fn from(why: Unavailable) -> Self {
        Self::new(Kind::Unavailable, why.to_string()).after(1)
    }
}

impl From<Busy> for ApiError {
    fn from(_: Busy) -> Self {
        Self::new(Kind::Unavailable, "too many passwords wait to be hashed").after(1)
    }
}

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> Self {
        tracing::warn!(%error, "the store did not answer the API");
        Self::new(Kind::Unavailable, "the store is not available").after(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_has_a_type_of_its_own() {
        let types: std::collections::BTreeSet<_> = Kind::ALL.iter().map(|kind| kind.parts().1).collect();
        assert_eq!(types.len(), Kind::ALL.len());
    }

    #[test]
    fn a_refusal_names_its_field() {
        let problem = ApiError::malformed("limit", "must be 1 to 200").into_problem();
        insta::assert_snapshot!(serde_json::to_string(&problem).unwrap(), @r#"{"type":"urn:dialbridge:malformed","title":"Malformed request","status":400,"detail":"limit must be 1 to 200","field":"limit"}"#);
    }
}
