//! The native API, one file per resource.
//!
//! A handler takes who asks as [`May`], its input by [`Query`], [`Id`] and [`JsonBody`], and refuses with
//! an [`ApiError`].

mod agents;
mod asker;
mod calls;
mod csv;
mod devices;
mod directory;
mod do_not_call;
mod docs;
mod edit;
mod etag;
mod events;
pub(super) mod health;
mod input;
mod list;
mod me;
mod members;
mod openapi;
mod tenant;
mod tokens;

use std::sync::Arc;

use axum::Router;
use axum::routing::{delete, get, post, put};
use utoipa_axum::router::OpenApiRouter;

use asker::{Admin, Asker, Dial, May, Read, Terminate};
use input::{Id, JsonBody, Query};
use list::{List, Page};

pub(super) use events::Audience;

use crate::dial::route::{DialPlan, Route};
use crate::directory::{Agent, CallerId, Credential, Queue, Service};
use crate::http::Shared;
use crate::http::error::{ApiError, Kind};

/// What everybody with a token may ask.
pub(super) fn routes() -> Router<Arc<Shared>> {
    let (router, described) = described().split_for_parts();
    let document = openapi::document(described);
    let document = get(move || std::future::ready(openapi::send(document.clone())));
    let router = router.route("/v1/openapi.json", document).merge(docs::routes());
    router.method_not_allowed_fallback(not_this_method)
}

/// All resources, each with its description.
fn described() -> OpenApiRouter<Arc<Shared>> {
    OpenApiRouter::new()
        .merge(calls::routes())
        .merge(events::routes())
        .merge(devices::routes())
        .merge(me::routes())
        .merge(directory_routes().into())
}

/// What a tenant's administrator edits.
fn directory_routes() -> Router<Arc<Shared>> {
    Router::new()
        .merge(members::routes::<Agent>())
        .merge(members::routes::<CallerId>())
        .merge(members::routes::<Service>())
        .merge(members::routes::<Route>())
        .merge(members::routes::<DialPlan>())
        .merge(members::routes::<Queue>())
        .route("/v1/agents/{extension}/password", put(agents::set_password))
        .route("/v1/agents/{extension}/desk", post(agents::log_in).delete(agents::log_out))
        .route("/v1/tokens", get(members::list::<Credential>).post(tokens::create))
        .route("/v1/tokens/{name}", get(members::show::<Credential>).delete(members::remove::<Credential>))
        .route("/v1/do-not-call", get(do_not_call::list).post(do_not_call::add).put(do_not_call::replace))
        .route("/v1/do-not-call/{number}", delete(do_not_call::remove))
        .route("/v1/tenant", get(tenant::show).patch(tenant::patch))
}

/// The same, and what is for the admin socket alone.
pub(super) fn admin_routes() -> Router<Arc<Shared>> {
    let directory = Router::new()
        .route("/v1/directory", get(directory::export).put(directory::apply))
        .route("/v1/directory/check", post(directory::check))
        .route("/v1/tenants", get(tenant::list))
        .method_not_allowed_fallback(not_this_method);
    routes().merge(directory)
}

/// For paths that are nobody's.
pub(super) async fn nothing_here() -> ApiError {
    ApiError::not_found()
}

/// The router adds which methods there are.
async fn not_this_method() -> ApiError {
    ApiError::new(Kind::MethodNotAllowed, "this method is not allowed here")
}
