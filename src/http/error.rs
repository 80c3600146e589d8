//! The native API's refusals, as `application/problem+json` (RFC 9457).

use axum::http::header::{ALLOW, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use crate::http::body::BodyError;
use crate::http::limits::TooMany;
use crate::store::StoreError;

/// Why the native API did not do what it was asked to.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum ApiError {
    /// The request cannot be understood.
    #[error("{0}")]
    Malformed(String),
    /// No token, or a wrong one.
    #[error("a valid bearer token is needed")]
    Unauthorized,
    /// User and password do not belong together.
    #[error("user or password is wrong, or the tenant is needed as well")]
    NotSignedIn,
    /// A rule forbids it.
    #[error("{0}")]
    Refused(String),
    /// The token may not do this.
    #[error("this token may not do that")]
    Forbidden,
    /// It does not exist, or belongs to somebody else.
    #[error("there is no such thing")]
    NotFound,
    /// Not with this method.
    #[error("this method is not allowed here")]
    MethodNotAllowed(&'static str),
    /// Not in the state in which it is.
    #[error("{0}")]
    Conflict(String),
    /// The body has more bytes than allowed.
    #[error("the body is too large")]
    TooLarge,
    /// The body did not come in time.
    #[error("the body did not arrive in time")]
    TooSlow,
    /// Understood, but impossible.
    #[error("{0}")]
    Impossible(String),
    /// Too many requests.
    #[error("too many requests")]
    TooMany(TooMany),
    /// Something that is needed is away.
    #[error("{0}")]
    Unavailable(String),
}

#[derive(Serialize)]
struct Problem {
    r#type: &'static str,
    title: &'static str,
    status: u16,
    detail: String,
}

impl ApiError {
    /// Status, and the last part of the `type` URI, which clients may rely on.
    const fn kind(&self) -> (StatusCode, &'static str, &'static str) {
        match self {
            Self::Malformed(_) => (StatusCode::BAD_REQUEST, "urn:dialbridge:malformed", "Malformed request"),
            Self::NotSignedIn => (StatusCode::UNAUTHORIZED, "urn:dialbridge:not-signed-in", "Not signed in"),
            Self::Refused(_) => (StatusCode::FORBIDDEN, "urn:dialbridge:refused", "Refused"),
            Self::Unauthorized => (StatusCode::UNAUTHORIZED, "urn:dialbridge:unauthorized", "Not authenticated"),
            Self::Forbidden => (StatusCode::FORBIDDEN, "urn:dialbridge:forbidden", "Not allowed"),
            Self::NotFound => (StatusCode::NOT_FOUND, "urn:dialbridge:not-found", "Not found"),
            Self::MethodNotAllowed(_) => {
                (StatusCode::METHOD_NOT_ALLOWED, "urn:dialbridge:method-not-allowed", "Method not allowed")
            }
            Self::Conflict(_) => (StatusCode::CONFLICT, "urn:dialbridge:conflict", "Not now"),
            Self::TooLarge => (StatusCode::PAYLOAD_TOO_LARGE, "urn:dialbridge:too-large", "Too large"),
            Self::TooSlow => (StatusCode::REQUEST_TIMEOUT, "urn:dialbridge:too-slow", "Too slow"),
            Self::Impossible(_) => (StatusCode::UNPROCESSABLE_ENTITY, "urn:dialbridge:impossible", "Impossible"),
            Self::TooMany(_) => {
                (StatusCode::TOO_MANY_REQUESTS, "urn:dialbridge:too-many-requests", "Too many requests")
            }
            Self::Unavailable(_) => (StatusCode::SERVICE_UNAVAILABLE, "urn:dialbridge:unavailable", "Unavailable"),
        }
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let (status, kind, title) = self.kind();
        let problem = Problem { r#type: kind, title, status: status.as_u16(), detail: self.to_string() };
        let body = serde_json::to_string(&problem).unwrap_or_default();
        let mut response = (status, [(CONTENT_TYPE, "application/problem+json")], body).into_response();
        let headers = response.headers_mut();
        match self {
            Self::Unauthorized => drop(headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"))),
            Self::MethodNotAllowed(allow) => drop(headers.insert(ALLOW, HeaderValue::from_static(allow))),
            Self::TooMany(too_many) => drop(headers.insert(RETRY_AFTER, HeaderValue::from(too_many.seconds()))),
            _ => {}
        }
        response
    }
}

impl From<BodyError> for ApiError {
    fn from(error: BodyError) -> Self {
        match error {
            BodyError::TooLarge => Self::TooLarge,
            BodyError::TooSlow => Self::TooSlow,
            BodyError::Broken => Self::Malformed(error.to_string()),
        }
    }
}

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> Self {
        tracing::warn!(%error, "the store did not answer the API");
        Self::Unavailable("the store is not available".to_owned())
    }
}
