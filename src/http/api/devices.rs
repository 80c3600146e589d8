//! `GET /v1/devices`: the phones of a tenant's agents and services, and what state they are in.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::device::{DeviceState, Devices};
use crate::dial::endpoint::Endpoint;
use crate::http::Shared;
use crate::http::api::{List, May, Read};
use crate::http::error::ApiError;

pub(super) fn routes() -> OpenApiRouter<Arc<Shared>> {
    OpenApiRouter::new().routes(routes!(list))
}

/// A phone.
#[derive(Debug, Serialize, utoipa::ToSchema)]
struct DeviceView {
    /// Asterisk's name for it.
    #[schema(example = "PJSIP/101")]
    device: String,
    /// Its state: as Asterisk says, in lower case.
    state: DeviceState,
    /// The extension that it belongs to.
    #[schema(example = "101")]
    extension: String,
    /// Name of the agent; null for a service.
    agent: Option<String>,
}

/// List the phones of the tenant's agents and services, with the state that Asterisk tells of each.
#[utoipa::path(get, path = "/v1/devices", tag = "devices", operation_id = "listDevices",
    responses((status = 200, description = "The phones, agents' first", body = List<DeviceView>)))]
async fn list(State(shared): State<Arc<Shared>>, asker: May<Read>) -> Result<Json<List<DeviceView>>, ApiError> {
    let tenant = asker.tenant(&shared.ports.directory.load())?;
    let devices = shared.ports.devices.borrow().clone();
    let agents = tenant.agents.iter().filter_map(|agent| {
        let device = agent.device.as_ref().and_then(Endpoint::device)?;
        Some(view(device, &agent.extension, Some(&agent.name), &devices))
    });
    let services = tenant.services.iter().filter_map(|service| {
        let device = service.endpoint.device()?;
        Some(view(device, &service.extension, None, &devices))
    });
    Ok(Json(List::whole(agents.chain(services).collect())))
}

fn view(device: &str, extension: &str, agent: Option<&str>, devices: &Devices) -> DeviceView {
    DeviceView {
        device: device.to_owned(),
        state: devices.state(device),
        extension: extension.to_owned(),
        agent: agent.map(str::to_owned),
    }
}
