//! The native API, one file per resource.
//!
//! A handler takes who asks as [`May`], its input by [`Query`], [`Id`] and [`JsonBody`], and refuses with
//! an [`ApiError`].

mod agents;
mod asker;
mod callbacks;
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
mod resources;
mod tenant;
mod tokens;

use std::sync::Arc;

use axum::Router;
use axum::routing::{get, post};
use utoipa_axum::router::OpenApiRouter;

use asker::{Admin, Asker, Dial, May, Read, Terminate};
use input::{Id, JsonBody, Query};
use list::{List, Page};

pub(super) use events::Audience;

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
        .merge(callbacks::routes())
        .merge(events::routes())
        .merge(devices::routes())
        .merge(me::routes())
        .merge(directory_routes())
}

/// What a tenant's administrator edits.
fn directory_routes() -> OpenApiRouter<Arc<Shared>> {
    resources::routes().merge(agents::routes()).merge(do_not_call::routes()).merge(tenant::routes())
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
