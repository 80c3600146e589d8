//! The native API, one file per resource.
//!
//! A handler takes who asks as [`May`], its input by [`Query`], [`Id`] and [`JsonBody`], and refuses with
//! an [`ApiError`].

mod asker;
mod calls;
mod devices;
mod directory;
pub(super) mod health;
mod input;
mod list;
mod me;

use std::sync::Arc;

use axum::Router;
use axum::routing::{get, post};
use utoipa_axum::router::OpenApiRouter;

use asker::{Asker, Dial, May, Read, Terminate};
use input::{Id, JsonBody, Query};
use list::{List, Page};

use crate::http::Shared;
use crate::http::error::{ApiError, Kind};

/// What everybody with a token may ask.
pub(super) fn routes() -> Router<Arc<Shared>> {
    let (router, _) = described().split_for_parts();
    router.method_not_allowed_fallback(not_this_method)
}

/// All resources, each with its description.
fn described() -> OpenApiRouter<Arc<Shared>> {
    OpenApiRouter::new().merge(calls::routes()).merge(devices::routes()).merge(me::routes())
}

/// The same, and what is for the admin socket alone.
pub(super) fn admin_routes() -> Router<Arc<Shared>> {
    let directory = Router::new()
        .route("/v1/directory", get(directory::export).put(directory::apply))
        .route("/v1/directory/check", post(directory::check))
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
