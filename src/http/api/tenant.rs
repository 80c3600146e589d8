//! `/v1/tenant`: settings that are no list. `/v1/tenants`, on the admin socket: who there is.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use serde_json::{Map, Value, json};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::directory::Tenant;
use crate::directory::edit::{APART, patched, settings};
use crate::http::Shared;
use crate::http::api::edit::edit;
use crate::http::api::etag::Conditions;
use crate::http::api::input::{self, JsonBody};
use crate::http::api::list::List;
use crate::http::api::{Admin, Asker, May, Read};
use crate::http::error::{ApiError, Kind, Problem};

/// What an agent's own credential sees.
const FOR_AGENTS: [&str; 4] = ["id", "region", "time_zone", "language"];

pub(super) fn routes() -> OpenApiRouter<Arc<Shared>> {
    OpenApiRouter::new().routes(routes!(show, patch))
}

/// Show the tenant's settings: all that is in no list of its own.
#[utoipa::path(get, path = "/v1/tenant", tag = "directory", operation_id = "showTenant",
    params(("If-None-Match" = Option<String>, Header, description = "The entity tag of what was seen")),
    responses(
        (status = 200, description = "The settings; to an agent's own token those that it needs", body = Tenant,
         headers(("ETag" = String, description = "For `If-Match`"))),
        (status = 304, description = "As they were seen"),
    ))]
pub(super) async fn show(
    State(shared): State<Arc<Shared>>,
    asker: May<Read>,
    conditions: Conditions,
) -> Result<Response, ApiError> {
    let tenant = asker.tenant(&shared.ports.directory.load())?;
    Ok(conditions.show_json(&view(&tenant, &asker)))
}

/// Change settings of the tenant: a merge patch (RFC 7396).
///
/// Null takes a setting back to its default. Secrets that are named without their value stay.
#[utoipa::path(patch, path = "/v1/tenant", tag = "directory", operation_id = "changeTenant",
    params(("If-Match" = Option<String>, Header, description = "The entity tag of what is to be changed")),
    request_body = Tenant,
    responses(
        (status = 200, description = "The settings now", body = Tenant),
        (status = 412, description = "They have changed meanwhile", body = Problem,
         content_type = "application/problem+json"),
        (status = 422, description = "They cannot be so", body = Problem, content_type = "application/problem+json"),
    ))]
pub(super) async fn patch(
    State(shared): State<Arc<Shared>>,
    asker: May<Admin>,
    conditions: Conditions,
    body: JsonBody<Map<String, Value>>,
) -> Result<Response, ApiError> {
    for field in body.value.keys() {
        if field == "id" || APART.contains(&field.as_str()) {
            return Err(ApiError::new(Kind::Impossible, format!("{field} is not changed here")).at(field.clone()));
        }
    }
    let edited = edit(&shared, &asker, None, |tenant| {
        conditions.allow(Some(&view(tenant, &asker)))?;
        let (wanted, _): (Tenant, _) = input::parse(patched(tenant, body.value).to_string().as_bytes())?;
        Ok(wanted)
    });
    Ok(Conditions::default().show_json(&view(&*edited.await?, &asker)))
}

fn view(tenant: &Tenant, asker: &Asker) -> Value {
    let mut view = settings(tenant);
    if let (Some(_), Value::Object(fields)) = (asker.agent(), &mut view) {
        fields.retain(|field, _| FOR_AGENTS.contains(&field.as_str()));
    }
    view
}

/// `GET /v1/tenants`
pub(super) async fn list(State(shared): State<Arc<Shared>>, _: May<Admin>, conditions: Conditions) -> Response {
    let directory = shared.ports.directory.load();
    let tenants = directory.tenants.values().map(|tenant| {
        json!({ "id": tenant.id, "region": tenant.region, "time_zone": tenant.time_zone, "agents": tenant.agents.len() })
    });
    conditions.show_json(&List::whole(tenants.collect()))
}
