//! `/v1/agents/{extension}/password` and `/v1/agents/{extension}/desk`.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::Deserialize;
use serde_json::Value;

use crate::directory::desk::{self, NoDesk};
use crate::directory::edit::{find, put};
use crate::directory::{Agent, Sealed, password};
use crate::http::Shared;
use crate::http::api::edit::edit;
use crate::http::api::input::JsonBody;
use crate::http::api::members::Resource as _;
use crate::http::api::{Admin, Asker, Id, May};
use crate::http::error::{ApiError, Kind};

/// A password to be.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct NewPassword {
    /// 8 to 256 characters.
    password: Sealed,
    /// The password until now: agents who change their own need it.
    current: Option<Sealed>,
}

/// `PUT /v1/agents/{extension}/password`: by an administrator, or by the agent who knows the one until now.
pub(super) async fn set_password(
    State(shared): State<Arc<Shared>>,
    asker: Asker,
    Id(extension): Id,
    body: JsonBody<NewPassword>,
) -> Result<StatusCode, ApiError> {
    let NewPassword { password: wanted, current } = body.value;
    let tenant = asker.tenant(&shared.ports.directory.load())?;
    let is_own = asker.agent() == Some(extension.as_str());
    if !asker.administers() && !is_own {
        return Err(ApiError::forbidden());
    }
    let agent = tenant.agent(&extension).ok_or_else(ApiError::not_found)?.clone();
    if !password::is_good(wanted.expose()) {
        return Err(ApiError::new(Kind::Impossible, format!("password {}", password::NOT_GOOD)).at("password"));
    }
    // That it is the agent who asks, and nobody who found a screen unlocked.
    if is_own && !shared.sign_ins.prove(&shared.ports, (&tenant, &agent), current.unwrap_or_default()).await? {
        return Err(ApiError::new(Kind::Forbidden, "current is not the agent's password").at("current"));
    }
    let hash = shared.sign_ins.passwords().work(move || password::hash(&wanted)).await?;
    let changed = edit(&shared, &asker, Some(("agents", &extension)), |tenant| {
        let agent = find::<Agent>(tenant, &extension).ok_or_else(ApiError::not_found)?;
        Ok(put(tenant, Agent { password_hash: Some(hash), ..agent.clone() }))
    });
    changed.await.map(|_| StatusCode::NO_CONTENT)
}

/// Where to log in.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Desk {
    /// Extension of the agent whose phone it is.
    at: String,
}

/// `POST /v1/agents/{extension}/desk`: logs the agent in at a phone, and whoever was logged in there out.
pub(super) async fn log_in(
    State(shared): State<Arc<Shared>>,
    asker: May<Admin>,
    Id(extension): Id,
    body: JsonBody<Desk>,
) -> Result<Json<Value>, ApiError> {
    let at = body.value.at;
    let tenant = edit(&shared, &asker, Some(("agents", &extension)), |tenant| {
        desk::log_in(tenant, &extension, &at).map_err(refusal)
    });
    let tenant = tenant.await?;
    let agent = tenant.agent(&extension).ok_or_else(ApiError::not_found)?;
    Ok(Json(agent.shown(&asker)))
}

/// `DELETE /v1/agents/{extension}/desk`: logs the agent out, wherever that is.
pub(super) async fn log_out(
    State(shared): State<Arc<Shared>>,
    asker: May<Admin>,
    Id(extension): Id,
) -> Result<StatusCode, ApiError> {
    let tenant = edit(&shared, &asker, Some(("agents", &extension)), |tenant| {
        desk::log_out(tenant, &extension).map_err(refusal)
    });
    tenant.await.map(|_| StatusCode::NO_CONTENT)
}

fn refusal(why: NoDesk) -> ApiError {
    match why {
        NoDesk::NoAgent => ApiError::not_found(),
        NoDesk::NoPhone => ApiError::new(Kind::Impossible, "at is not an agent's extension with a phone").at("at"),
        NoDesk::Nobody => ApiError::new(Kind::Conflict, "the agent is logged out already"),
    }
}
