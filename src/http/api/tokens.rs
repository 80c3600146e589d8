//! `/v1/tokens`: made here, shown once, known afterwards by their hash alone.

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::LOCATION;
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ipnet::IpNet;
use serde::Deserialize;

use crate::directory::{Credential, Scope, TokenHash, edit};
use crate::http::Shared;
use crate::http::api::edit::edit as edit_tenant;
use crate::http::api::input::JsonBody;
use crate::http::api::members::address;
use crate::http::api::{Admin, May};
use crate::http::error::{ApiError, Kind};

/// A token to be.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct NewToken {
    /// By which logs and audit call it.
    name: String,
    /// What it may be used for.
    scopes: BTreeSet<Scope>,
    /// Extension of the agent whose own token it is.
    agent: Option<String>,
    /// Networks that it may come from; none: any.
    #[serde(default)]
    networks: Vec<IpNet>,
}

/// `POST /v1/tokens`. Nobody can give away more than they have.
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
    let mut shown = edit::shown(created);
    shown["token"] = token.into();
    Ok((StatusCode::CREATED, [(LOCATION, address::<Credential>(&name))], axum::Json(shown)).into_response())
}
