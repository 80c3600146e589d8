//! `GET /v1/openapi.json`: the API described, in `OpenAPI` 3.1.
//!
//! Handlers describe themselves; what all of them share is added here: who may ask, and the refusals that any
//! request may meet.

use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use serde_json::{Map, Value, json};
use utoipa::openapi::OpenApi;

use crate::http::error::{Kind, Problem};

const PROBLEM: &str = "application/problem+json";

/// Refusals that any request may meet, and those that one with a body may meet besides.
const ANY: [(u16, &str); 6] = [
    (400, "The request cannot be understood"),
    (401, "No valid token"),
    (403, "Not allowed"),
    (404, "There is no such thing"),
    (429, "Too many requests, or a limit is reached"),
    (503, "Something that is needed is away"),
];
const WITH_BODY: [(u16, &str); 4] = [
    (408, "The body did not arrive in time"),
    (413, "The body is too large"),
    (415, "The body is of a type that is not understood"),
    (422, "Understood, but impossible"),
];

/// The description, as it is sent.
pub(super) fn document(described: OpenApi) -> Bytes {
    let mut api = serde_json::to_value(described).unwrap_or_default();
    api["info"] = json!({
        "title": "dialbridge",
        "version": env!("CARGO_PKG_VERSION"),
        "description": introduction(),
        "license": {"name": "MIT OR Apache-2.0", "identifier": "MIT OR Apache-2.0"},
    });
    api["servers"] = json!([{"url": "/"}]);
    api["security"] = json!([{"token": []}]);
    let bearer = json!({"type": "http", "scheme": "bearer", "description": "A token of the directory"});
    api["components"]["securitySchemes"] = json!({"token": bearer});
    let problem = <Problem as utoipa::PartialSchema>::schema();
    api["components"]["schemas"]["Problem"] = serde_json::to_value(problem).unwrap_or_default();
    if let Value::Object(paths) = &mut api["paths"] {
        for operation in paths.values_mut().filter_map(Value::as_object_mut).flat_map(Map::values_mut) {
            add_refusals(operation);
        }
    }
    serde_json::to_vec(&api).unwrap_or_default().into()
}

/// Sends it. Anybody may read it.
pub(super) fn send(document: Bytes) -> Response {
    ([(CONTENT_TYPE, "application/json")], document).into_response()
}

fn introduction() -> String {
    let kinds = Kind::ALL.map(|kind| {
        let (status, name, title) = kind.parts();
        format!("| {} | `{name}` | {title} |\n", status.as_u16())
    });
    format!(
        "Places two-leg calls and tells how they ended. Send a token as `Authorization: Bearer …`. Lists come in \
         pages: `limit` says how long, `cursor` where to go on. What is refused says why as \
         `application/problem+json`, with the `field` at fault where there is one.\n\n| status | type | |\n|---|---|---|\n{}",
        kinds.concat()
    )
}

/// What a request may be refused for, whatever it asks. What an operation says itself stands.
fn add_refusals(operation: &mut Value) {
    let has_body = operation.get("requestBody").is_some();
    let body = WITH_BODY.iter().filter(|_| has_body);
    let Some(responses) = operation.get_mut("responses").and_then(Value::as_object_mut) else { return };
    for (status, description) in ANY.iter().chain(body) {
        responses.entry(status.to_string()).or_insert_with(|| refusal(description));
    }
}

fn refusal(description: &str) -> Value {
    let schema = json!({"$ref": "#/components/schemas/Problem"});
    json!({"description": description, "content": {PROBLEM: {"schema": schema}}})
}
