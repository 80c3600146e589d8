//! The lists of a tenant as the API describes them: one set of handlers ([`members`](super::members)), a name
//! and an address for each list.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use serde_json::{Map, Value};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::dial::route::{DialPlan, Route};
use crate::directory::{Agent, CallerId, Credential, Queue, Service};
use crate::http::Shared;
use crate::http::api::etag::Conditions;
use crate::http::api::{Admin, Id, JsonBody, List, May, Query, Read, members, tokens};
use crate::http::error::{ApiError, Problem};

pub(super) fn routes() -> OpenApiRouter<Arc<Shared>> {
    OpenApiRouter::new()
        .routes(routes!(agents::list))
        .routes(routes!(agents::show, agents::put, agents::remove))
        .routes(routes!(numbers::list))
        .routes(routes!(numbers::show, numbers::put, numbers::remove))
        .routes(routes!(services::list))
        .routes(routes!(services::show, services::put, services::remove))
        .routes(routes!(exits::list))
        .routes(routes!(exits::show, exits::put, exits::remove))
        .routes(routes!(dial_plans::list))
        .routes(routes!(dial_plans::show, dial_plans::put, dial_plans::remove))
        .routes(routes!(queues::list))
        .routes(routes!(queues::show, queues::put, queues::remove))
        .routes(routes!(credentials::list, tokens::create))
        .routes(routes!(credentials::show, credentials::remove))
}

macro_rules! resource {
    ($module:ident of $member:ident, $address:tt by $key:tt in $one:tt,
     list $list_id:tt $list:tt, show $show_id:tt $show:tt, remove $remove_id:tt $remove:tt
     $(, put $put_id:tt $put:tt)?) => {
        mod $module {
            use super::*;

            #[doc = $list]
            #[utoipa::path(get, path = $address, tag = "directory", operation_id = $list_id,
                params(
                    ("limit" = Option<u32>, Query, minimum = 1, maximum = 200,
                     description = "Members on a page; by default 50"),
                    ("cursor" = Option<String>, Query, description = "`next_cursor` of the page before"),
                    ("If-None-Match" = Option<String>, Header, description = "The entity tag of what was seen"),
                ),
                responses(
                    (status = 200, description = "A page, in the order of the keys", body = List<$member>),
                    (status = 304, description = "As it was seen"),
                ))]
            pub(super) async fn list(
                State(shared): State<Arc<Shared>>,
                asker: May<Read>,
                query: Query,
                conditions: Conditions,
            ) -> Result<Response, ApiError> {
                members::list::<$member>(&shared, &asker, &query, &conditions)
            }

            #[doc = $show]
            #[utoipa::path(get, path = $one, tag = "directory", operation_id = $show_id,
                params(
                    ($key = String, Path, description = "Its key"),
                    ("If-None-Match" = Option<String>, Header, description = "The entity tag of what was seen"),
                ),
                responses(
                    (status = 200, description = "As it is now", body = $member,
                     headers(("ETag" = String, description = "For `If-Match`"))),
                    (status = 304, description = "As it was seen"),
                ))]
            pub(super) async fn show(
                State(shared): State<Arc<Shared>>,
                asker: May<Read>,
                Id(key): Id,
                conditions: Conditions,
            ) -> Result<Response, ApiError> {
                members::show::<$member>(&shared, &asker, &key, &conditions)
            }

            #[doc = $remove]
            #[utoipa::path(delete, path = $one, tag = "directory", operation_id = $remove_id,
                params(
                    ($key = String, Path, description = "Its key"),
                    ("If-Match" = Option<String>, Header, description = "The entity tag of what is to be removed"),
                ),
                responses(
                    (status = 204, description = "Removed"),
                    (status = 412, description = "It has changed meanwhile", body = Problem,
                     content_type = "application/problem+json"),
                    (status = 422, description = "Something else needs it", body = Problem,
                     content_type = "application/problem+json"),
                ))]
            pub(super) async fn remove(
                State(shared): State<Arc<Shared>>,
                asker: May<Admin>,
                Id(key): Id,
                conditions: Conditions,
            ) -> Result<StatusCode, ApiError> {
                members::remove::<$member>(&shared, &asker, &key, &conditions).await
            }

            $(
            #[doc = $put]
            ///
            /// What is left out gets its default; secrets that are left out stay. With `If-Match` only what was seen
            /// is replaced, with `If-None-Match: *` nothing is.
            #[utoipa::path(put, path = $one, tag = "directory", operation_id = $put_id,
                params(
                    ($key = String, Path, description = "Its key"),
                    ("If-Match" = Option<String>, Header, description = "The entity tag of what is to be replaced"),
                ),
                request_body = $member,
                responses(
                    (status = 200, description = "Replaced", body = $member),
                    (status = 201, description = "Made", body = $member),
                    (status = 412, description = "It has changed meanwhile", body = Problem,
                     content_type = "application/problem+json"),
                    (status = 422, description = "It cannot be so", body = Problem,
                     content_type = "application/problem+json"),
                ))]
            pub(super) async fn put(
                State(shared): State<Arc<Shared>>,
                asker: May<Admin>,
                Id(key): Id,
                conditions: Conditions,
                body: JsonBody<Map<String, Value>>,
            ) -> Result<Response, ApiError> {
                members::put::<$member>(&shared, &asker, &key, (&conditions, body)).await
            }
            )?
        }
    };
}

resource!(agents of Agent, "/v1/agents" by "extension" in "/v1/agents/{extension}",
    list "listAgents" "List agents.",
    show "showAgent" "Show an agent.",
    remove "deleteAgent" "Remove an agent.",
    put "putAgent" "Make or replace an agent.");

resource!(numbers of CallerId, "/v1/numbers" by "number" in "/v1/numbers/{number}",
    list "listNumbers" "List the company's numbers.",
    show "showNumber" "Show a number of the company.",
    remove "deleteNumber" "Remove a number of the company.",
    put "putNumber" "Make or replace a number of the company.");

resource!(services of Service, "/v1/services" by "extension" in "/v1/services/{extension}",
    list "listServices" "List services: menus, queues and other extensions without a person.",
    show "showService" "Show a service.",
    remove "deleteService" "Remove a service.",
    put "putService" "Make or replace a service.");

resource!(exits of Route, "/v1/routes" by "name" in "/v1/routes/{name}",
    list "listRoutes" "List routes: the ways out.",
    show "showRoute" "Show a route.",
    remove "deleteRoute" "Remove a route.",
    put "putRoute" "Make or replace a route.");

resource!(dial_plans of DialPlan, "/v1/dial-plans" by "id" in "/v1/dial-plans/{id}",
    list "listDialPlans" "List dial plans.",
    show "showDialPlan" "Show a dial plan.",
    remove "deleteDialPlan" "Remove a dial plan.",
    put "putDialPlan" "Make or replace a dial plan.");

resource!(queues of Queue, "/v1/queues" by "id" in "/v1/queues/{id}",
    list "listQueues" "List queues, with the codes that their calls are wrapped up with.",
    show "showQueue" "Show a queue.",
    remove "deleteQueue" "Remove a queue.",
    put "putQueue" "Make or replace a queue.");

resource!(credentials of Credential, "/v1/tokens" by "name" in "/v1/tokens/{name}",
    list "listTokens" "List tokens; they themselves are never shown again.",
    show "showToken" "Show a token's name, scopes and networks.",
    remove "revokeToken" "Revoke a token: it counts no longer, at once.");
