//! `GET /v1/openapi.json`: the API described, in `OpenAPI` 3.1.
//!
//! Handlers describe themselves; what all of them share is added here: who may ask, and the refusals that any
//! request may meet. The lists of the directory are alike, so they are described by a table.

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
const ON_CHANGE: [(u16, &str); 3] =
    [(409, "Not in the state in which it is"), (412, "Changed meanwhile"), (422, "Understood, but impossible")];

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
        directory(paths);
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

/// Member by member: the list's address, the key's name, and what a member is called.
const MEMBERS: [(&str, &str, &str); 6] = [
    ("/v1/agents", "extension", "Agent"),
    ("/v1/numbers", "number", "Number"),
    ("/v1/services", "extension", "Service"),
    ("/v1/routes", "name", "Route"),
    ("/v1/dial-plans", "id", "DialPlan"),
    ("/v1/queues", "id", "Queue"),
];

/// Method, address, name of the operation, what it does, status of success, whether there is a body.
type Row = (&'static str, &'static str, &'static str, &'static str, u16, Option<&'static str>);

const OTHERS: [Row; 13] = [
    ("put", "/v1/agents/{extension}/password", "setPassword", "Set an agent's password", 204, Some(JSON)),
    ("post", "/v1/agents/{extension}/desk", "logIn", "Log an agent in at a desk", 200, Some(JSON)),
    ("delete", "/v1/agents/{extension}/desk", "logOut", "Log an agent out", 204, None),
    ("get", "/v1/tokens", "listTokens", "List the tokens, without their secrets", 200, None),
    ("post", "/v1/tokens", "createToken", "Create a token; it is shown this once", 201, Some(JSON)),
    ("get", "/v1/tokens/{name}", "showToken", "Show a token, without its secret", 200, None),
    ("delete", "/v1/tokens/{name}", "revokeToken", "Revoke a token", 204, None),
    ("get", "/v1/do-not-call", "listDoNotCall", "List numbers that may not be called, JSON or CSV", 200, None),
    ("post", "/v1/do-not-call", "addDoNotCall", "Add numbers that may not be called", 200, Some(JSON)),
    ("put", "/v1/do-not-call", "replaceDoNotCall", "Replace the whole list by this CSV", 200, Some("text/csv")),
    ("delete", "/v1/do-not-call/{number}", "removeDoNotCall", "Allow a number again", 204, None),
    ("get", "/v1/tenant", "showTenant", "Show the tenant's settings", 200, None),
    ("patch", "/v1/tenant", "changeTenant", "Change settings: a merge patch", 200, Some(JSON)),
];
const JSON: &str = "application/json";

fn directory(paths: &mut Map<String, Value>) {
    for (address, key, name) in MEMBERS {
        let member = format!("{address}/{{{key}}}");
        add(paths, ("get", address), described((&format!("list{name}s"), &format!("List each {name}")), 200, None));
        add(paths, ("get", &member), described((&format!("show{name}"), &format!("Show one {name}")), 200, None));
        let put = format!("Create or replace one {name}; as in a directory file");
        let mut put = described((&format!("put{name}"), &put), 200, Some(JSON));
        put["responses"]["201"] = success(201);
        add(paths, ("put", &member), put);
        add(
            paths,
            ("delete", &member),
            described((&format!("delete{name}"), &format!("Delete one {name}")), 204, None),
        );
    }
    for (method, address, name, summary, status, body) in OTHERS {
        let mut operation = described((name, summary), status, body);
        if (method, address) == ("get", "/v1/do-not-call") {
            operation["responses"]["200"]["content"]["text/csv"] = json!({"schema": {"type": "string"}});
        }
        add(paths, (method, address), operation);
    }
}

fn described((name, summary): (&str, &str), status: u16, body: Option<&str>) -> Value {
    let mut operation = json!({"tags": ["directory"], "operationId": name, "summary": summary, "responses": {}});
    operation["responses"][status.to_string()] = success(status);
    if let Some(content_type) = body {
        let schema = if content_type == JSON { json!({"type": "object"}) } else { json!({"type": "string"}) };
        operation["requestBody"] = json!({"required": true, "content": {content_type: {"schema": schema}}});
    }
    operation
}

fn success(status: u16) -> Value {
    match status {
        204 => json!({"description": "Done"}),
        _ => json!({"description": "As it is now", "content": {JSON: {"schema": {"type": "object"}}}}),
    }
}

/// Adds an operation, with the parameters that its address names and what its method may meet.
fn add(paths: &mut Map<String, Value>, (method, address): (&str, &str), mut operation: Value) {
    let named = address.split('{').skip(1).filter_map(|rest| rest.split_once('}'));
    let path = |(name, _)| json!({"name": name, "in": "path", "required": true, "schema": {"type": "string"}});
    let mut parameters: Vec<Value> = named.map(path).collect();
    let conditional: &[(&str, u16)] = if method == "get" { &[("If-None-Match", 304)] } else { &[("If-Match", 412)] };
    let header = |(name, _): &(&str, u16)| json!({"name": name, "in": "header", "schema": {"type": "string"}});
    parameters.extend(conditional.iter().map(header));
    operation["parameters"] = parameters.into();
    if method == "get" {
        operation["responses"]["304"] = json!({"description": "It has not changed"});
    } else {
        for (status, description) in ON_CHANGE {
            operation["responses"][status.to_string()] = refusal(description);
        }
    }
    let item = paths.entry(address).or_insert_with(|| json!({}));
    item[method] = operation;
}
