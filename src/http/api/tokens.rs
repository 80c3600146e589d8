//! `/v1/tokens`: made here, shown once, known afterwards by their hash alone.

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::LOCATION;
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ipnet::IpNet;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::directory::{Credential, Scope, TokenHash, edit};
use crate::http::Shared;
use crate::http::api::edit::edit as edit_tenant;
use crate::http::api::input::JsonBody;
use crate::http::api::members::address;
use crate::http::api::{Admin, May};
use crate::http::error::{ApiError, Kind, Problem};

/// A token to be.
#[derive(Clone, Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewToken {
    /// By which logs and audit call it.
    #[schema(min_length = 1, max_length = 64)]
    name: String,
    /// What it may be used for.
    scopes: BTreeSet<Scope>,
    /// Extension of the agent whose own token it is.
    agent: Option<String>,
    /// Networks that it may come from; none: any.
    #[serde(default)]
    #[schema(value_type = Vec<String>, example = json!(["192.0.2.0/24"]))]
    networks: Vec<IpNet>,
}

/// A token as it is shown once.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(super) struct TokenOnce {
    #[serde(flatten)]
    credential: Value,
    /// The token itself: kept by nobody but its owner.
    token: String,
}

/// Make a token. It is shown once, and nobody can give away more than they have.
#[utoipa::path(post, path = "/v1/tokens", tag = "directory", operation_id = "createToken", request_body = NewToken,
    responses(
        (status = 201, description = "Made; `token` is not shown again", body = TokenOnce),
        (status = 409, description = "There is a token of this name", body = Problem,
         content_type = "application/problem+json"),
        (status = 422, description = "It cannot be so", body = Problem, content_type = "application/problem+json"),
    ))]
pub(super) async fn create(
    State(shared): State<Arc<Shared>>,
    asker: May<Admin>,
    body: JsonBody<NewToken>,
) -> Result<Response, ApiError> {
    let NewToken { name, scopes, agent, networks } = body.value;
    if !scopes.iter().all(|scope| asker.credential().allows(*scope)) {
        return Err(ApiError::new(Kind::Forbidden, "scopes holds more than this token has itself").at("scopes"));
    }
    let token = format!("db_{}", URL_SAFE_NO_PAD.encode(rand::random::<[u8; 32]>()));
    let secret_hash = Some(TokenHash::of(&token));
    let credential = Credential { name, secret_hash, scopes, networks, agent, suspended: false };
    let name = credential.name.clone();
    let tenant = edit_tenant(&shared, &asker, Some(("tokens", &name)), |tenant| {
        if edit::find::<Credential>(tenant, &name).is_some() {
            return Err(ApiError::new(Kind::Conflict, "name is another token's already").at("name"));
        }
        Ok(edit::put(tenant, credential))
    });
    let tenant = tenant.await?;
    let created = edit::find::<Credential>(&tenant, &name).ok_or_else(ApiError::not_found)?;
    let shown = TokenOnce { credential: edit::shown(created), token };
    Ok((StatusCode::CREATED, [(LOCATION, address::<Credential>(&name))], Json(shown)).into_response())
}
