//! The native API, one file per resource.

pub(super) mod calls;
pub(super) mod directory;
pub(super) mod health;

use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;

use crate::directory::Scope;
use crate::http::auth::{Administrator, Caller, Denied};
use crate::http::error::ApiError;
use crate::http::{Peer, Shared, client};

/// Who may read calls.
#[derive(Clone, Debug)]
pub(super) enum Reader {
    /// The calls of one tenant.
    Caller(Box<Caller>),
    /// All calls.
    Administrator,
}

impl FromRequestParts<Arc<Shared>> for Reader {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, shared: &Arc<Shared>) -> Result<Self, ApiError> {
        if parts.extensions.get::<Administrator>().is_some() {
            return Ok(Self::Administrator);
        }
        let header = parts.headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok());
        let token = header.and_then(bearer).ok_or(ApiError::Unauthorized)?;
        let peer = parts.extensions.get::<Peer>().copied().unwrap_or(Peer::Local);
        let client = client::address(peer, &parts.headers, &shared.ports.trusted_proxies);
        let caller = shared.gate.caller(&shared.ports, token, client).map_err(|denied| match denied {
            Denied::Wrong => ApiError::Unauthorized,
            Denied::TooMany(too_many) => ApiError::TooMany(too_many),
        })?;
        if !caller.credential.allows(Scope::Read) {
            return Err(ApiError::Forbidden);
        }
        Ok(Self::Caller(Box::new(caller)))
    }
}

fn bearer(header: &str) -> Option<&str> {
    let (scheme, token) = header.split_once(' ')?;
    let token = token.trim();
    (scheme.eq_ignore_ascii_case("bearer") && !token.is_empty()).then_some(token)
}
