//! Who asks, and what they may show: `/v1/me` and `/v1/caller-ids`.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::call::AgentRef;
use crate::directory::Scope;
use crate::http::Shared;
use crate::http::api::{Asker, List, May, Read};
use crate::http::error::ApiError;

pub(super) fn routes() -> OpenApiRouter<Arc<Shared>> {
    OpenApiRouter::new().routes(routes!(me)).routes(routes!(caller_ids))
}

/// Who asks.
#[derive(Debug, Serialize, utoipa::ToSchema)]
struct Me {
    /// The tenant; null for the administrator of all of them.
    tenant: Option<String>,
    /// Name of the token.
    credential: String,
    /// Whose own token it is; null: nobody's.
    agent: Option<AgentRef>,
    /// What it may be used for.
    scopes: Vec<Scope>,
}

/// Say who asks. Any token may.
#[utoipa::path(get, path = "/v1/me", tag = "me", operation_id = "whoAmI",
    responses((status = 200, description = "Who asks", body = Me)))]
async fn me(asker: Asker) -> Json<Me> {
    let credential = asker.credential();
    let tenant = asker.only_tenant();
    let agent = asker.agent().zip(tenant).and_then(|(extension, tenant)| tenant.agent(extension));
    Json(Me {
        tenant: tenant.map(|tenant| tenant.id.clone()),
        credential: credential.name.clone(),
        agent: agent.map(AgentRef::from),
        scopes: credential.scopes.iter().copied().collect(),
    })
}

/// A number that may be shown.
#[derive(Debug, Serialize, utoipa::ToSchema)]
struct CallerIdView {
    /// E.164 with its plus.
    #[schema(example = "+12125550100")]
    number: String,
    /// What displays show beside it.
    name: String,
    /// Whether it is shown where none is asked for.
    default: bool,
}

/// List the numbers that calls may show: those shared with the agent whose own token asks, or with everybody.
#[utoipa::path(get, path = "/v1/caller-ids", tag = "me", operation_id = "listCallerIds",
    responses((status = 200, description = "The numbers, in the order of the directory", body = List<CallerIdView>)))]
async fn caller_ids(State(shared): State<Arc<Shared>>, asker: May<Read>) -> Result<Json<List<CallerIdView>>, ApiError> {
    let tenant = asker.tenant(&shared.ports.directory.load())?;
    let agent = asker.agent();
    let own = agent.and_then(|extension| tenant.agent(extension)).and_then(|agent| agent.caller_id.as_ref());
    let default = own.or(tenant.caller_id.as_ref());
    let shown = tenant.caller_ids.iter().filter(|caller_id| caller_id.is_shared_with(agent));
    let views = shown.map(|caller_id| CallerIdView {
        number: caller_id.number.clone(),
        name: caller_id.name.clone(),
        default: Some(&caller_id.number) == default,
    });
    Ok(Json(List::whole(views.collect())))
}
