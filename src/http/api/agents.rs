//! `/v1/agents/{extension}/password` and `/v1/agents/{extension}/desk`.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::Deserialize;
use serde_json::Value;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::directory::desk::{self, NoDesk};
use crate::directory::edit::{find, put};
use crate::directory::{Agent, Sealed, password};
use crate::http::Shared;
use crate::http::api::edit::edit;
use crate::http::api::input::JsonBody;
use crate::http::api::members::Resource as _;
use crate::http::api::{Admin, Asker, Id, May};
use crate::http::error::{ApiError, Kind, Problem};

pub(super) fn routes() -> OpenApiRouter<Arc<Shared>> {
    OpenApiRouter::new().routes(routes!(set_password)).routes(routes!(log_in, log_out))
}

/// A password to be.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewPassword {
    /// 8 to 256 characters.
    #[schema(value_type = String, min_length = 8, max_length = 256)]
    password: Sealed,
    /// The password until now: agents who change their own need it.
    #[schema(value_type = Option<String>)]
    current: Option<Sealed>,
}

/// Give an agent a password. Agents who change their own say the one until now.
///
/// Whoever is signed in with the one until now is signed out.
#[utoipa::path(put, path = "/v1/agents/{extension}/password", tag = "directory", operation_id = "setPassword",
    params(("extension" = String, Path, description = "The agent's extension")), request_body = NewPassword,
    responses(
        (status = 204, description = "It is the agent's password now"),
        (status = 422, description = "It is too short or too long", body = Problem,
         content_type = "application/problem+json"),
    ))]
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
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Desk {
    /// Extension of the agent whose phone it is.
    at: String,
}

/// Log an agent in at a phone, and whoever was logged in there out.
#[utoipa::path(post, path = "/v1/agents/{extension}/desk", tag = "directory", operation_id = "logIn",
    params(("extension" = String, Path, description = "The agent's extension")), request_body = Desk,
    responses(
        (status = 200, description = "The agent, logged in", body = Agent),
        (status = 422, description = "There is no phone", body = Problem, content_type = "application/problem+json"),
    ))]
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

/// Log an agent out, wherever that is.
#[utoipa::path(delete, path = "/v1/agents/{extension}/desk", tag = "directory", operation_id = "logOut",
    params(("extension" = String, Path, description = "The agent's extension")),
    responses(
        (status = 204, description = "Logged out"),
        (status = 409, description = "The agent was logged out already", body = Problem,
         content_type = "application/problem+json"),
    ))]
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
