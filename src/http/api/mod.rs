//! The native API, one file per resource.
//!
//! A handler takes who asks as [`May`], its input by [`Query`], [`Id`] and [`JsonBody`], and refuses with
//! an [`ApiError`].

mod asker;
mod calls;
mod directory;
pub(super) mod health;
mod input;
mod list;

use std::sync::Arc;

use axum::Router;
use axum::routing::{get, post};

use asker::{Asker, May, Read};
use input::Id;

use crate::http::Shared;
use crate::http::error::{ApiError, Kind};

/// What everybody with a token may ask.
pub(super) fn routes() -> Router<Arc<Shared>> {
    Router::new()
        .route("/v1/calls/{id}", get(calls::show))
        .route("/v1/calls/{id}/events", get(calls::events))
        .route("/v1/calls/{id}/recording", get(calls::recording))
        .method_not_allowed_fallback(not_this_method)
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
