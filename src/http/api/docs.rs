//! `/docs`: the API as a page to browse and to try. It shows what `/v1/openapi.json` says.
//!
//! One vendored script (`RapiDoc`, MIT) and one page; nothing comes from outside, and the page's policy sees to it.

use std::sync::Arc;

use axum::Router;
use axum::http::header::{CONTENT_SECURITY_POLICY, CONTENT_TYPE, X_FRAME_OPTIONS};
use axum::response::IntoResponse;
use axum::routing::get;

use crate::http::Shared;

const PAGE: &str = include_str!("docs/page.html");
const SCRIPT: &str = include_str!("docs/rapidoc-min.js");
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; \
                      connect-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'";

pub(super) fn routes() -> Router<Arc<Shared>> {
    Router::new().route("/docs", get(page)).route("/docs/rapidoc.js", get(script))
}

async fn page() -> impl IntoResponse {
    let headers =
        [(CONTENT_TYPE, "text/html; charset=utf-8"), (CONTENT_SECURITY_POLICY, POLICY), (X_FRAME_OPTIONS, "DENY")];
    (headers, PAGE)
}

async fn script() -> impl IntoResponse {
    ([(CONTENT_TYPE, "text/javascript; charset=utf-8")], SCRIPT)
}
