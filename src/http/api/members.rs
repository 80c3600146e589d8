//! The lists of a tenant, member by member: agents, numbers, services, routes, dial plans, queues and
//! tokens, all by the same few handlers. What is written is checked as a directory file is.
//!
//! An agent's own credential sees of each list what that agent needs, and changes nothing.

use axum::http::StatusCode;
use axum::http::header::LOCATION;
use axum::response::{IntoResponse, Response};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Map, Value};

use crate::dial::route::{DialPlan, Route};
use crate::directory::edit::{self, Member};
use crate::directory::{Agent, CallerId, Credential, Queue, Service, Tenant};
use crate::http::Shared;
use crate::http::api::Asker;
use crate::http::api::edit::{edit, sealed};
use crate::http::api::etag::Conditions;
use crate::http::api::input::{self, JsonBody, Query};
use crate::http::api::list::{List, Page};
use crate::http::error::{ApiError, Kind};

/// A member of a list, as the API has it.
pub(super) trait Resource: Member {
    /// The list's address.
    const PATH: &'static str;

    /// Whether the agent whose own credential asks may see it.
    fn is_for(&self, agent: &str) -> bool;

    /// What is shown of it.
    fn shown(&self, _asker: &Asker) -> Value {
        edit::shown(self)
    }
}

impl Resource for Agent {
    const PATH: &'static str = "/v1/agents";

    fn is_for(&self, agent: &str) -> bool {
        self.extension == agent
    }

    /// Whoever knows a login code can take calls over: it is the agent's own and the administrator's.
    fn shown(&self, asker: &Asker) -> Value {
        let mut shown = edit::shown(self);
        if let (false, Value::Object(fields)) = (asker.administers() || asker.agent().is_some(), &mut shown) {
            fields.remove("login_code");
        }
        shown
    }
}

impl Resource for CallerId {
    const PATH: &'static str = "/v1/numbers";

    fn is_for(&self, agent: &str) -> bool {
        self.is_shared_with(Some(agent))
    }
}

impl Resource for Service {
    const PATH: &'static str = "/v1/services";

    fn is_for(&self, _: &str) -> bool {
        true
    }
}

impl Resource for Route {
    const PATH: &'static str = "/v1/routes";

    fn is_for(&self, _: &str) -> bool {
        false
    }
}

impl Resource for DialPlan {
    const PATH: &'static str = "/v1/dial-plans";

    fn is_for(&self, _: &str) -> bool {
        true
    }
}

impl Resource for Queue {
    const PATH: &'static str = "/v1/queues";

    fn is_for(&self, _: &str) -> bool {
        true
    }
}

impl Resource for Credential {
    const PATH: &'static str = "/v1/tokens";

    fn is_for(&self, _: &str) -> bool {
        false
    }
}

/// `GET` of the list, in the order of the keys.
pub(super) fn list<R: Resource>(
    shared: &Shared,
    asker: &Asker,
    query: &Query,
    conditions: &Conditions,
) -> Result<Response, ApiError> {
    let tenant = asker.tenant(&shared.ports.directory.load())?;
    let page: Page<String> = Page::of(query)?;
    let last = page.after.as_deref().map(edit::rank);
    let members = edit::sorted::<R>(&tenant).into_iter().filter(|member| is_seen(*member, asker));
    let rest = members.filter(|member| last.as_ref().is_none_or(|last| edit::rank(&member.key()) > *last));
    let rows: Vec<&R> = rest.take(page.fetch() as usize).collect();
    Ok(conditions.show_json(&List::page(&page, rows, |member| member.key(), |member| member.shown(asker))))
}

/// `GET` of a member.
pub(super) fn show<R: Resource>(
    shared: &Shared,
    asker: &Asker,
    key: &str,
    conditions: &Conditions,
) -> Result<Response, ApiError> {
    let tenant = asker.tenant(&shared.ports.directory.load())?;
    let member = edit::find::<R>(&tenant, key).filter(|member| is_seen(*member, asker));
    Ok(conditions.show_json(&member.ok_or_else(ApiError::not_found)?.shown(asker)))
}

/// `PUT` of a member: made, or replaced as a whole. Secrets that are not named stay.
pub(super) async fn put<R: Resource>(
    shared: &Shared,
    asker: &Asker,
    key: &str,
    (conditions, body): (&Conditions, JsonBody<Map<String, Value>>),
) -> Result<Response, ApiError> {
    let member = read::<R>(key, body.value)?;
    let id = asker.tenant(&shared.ports.directory.load())?.id.clone();
    let alone = edit::put(&Tenant { id, ..Tenant::default() }, member);
    let alone = sealed(shared, vec![alone]).await?;
    let member = alone.iter().flat_map(R::all).next().ok_or_else(ApiError::not_found)?.clone();
    let mut status = StatusCode::OK;
    let tenant = edit(shared, asker, Some((R::LIST, key)), |tenant| {
        let known = edit::find::<R>(tenant, key);
        conditions.allow(known.map(|known| known.shown(asker)).as_ref())?;
        if known.is_none() {
            status = StatusCode::CREATED;
        }
        Ok(edit::put(tenant, member))
    });
    let tenant = tenant.await?;
    let member = edit::find::<R>(&tenant, key).ok_or_else(ApiError::not_found)?;
    let shown = Conditions::default().show_json(&member.shown(asker));
    let address = (status == StatusCode::CREATED).then(|| [(LOCATION, address::<R>(key))]);
    Ok((status, address, shown).into_response())
}

/// `DELETE` of a member.
pub(super) async fn remove<R: Resource>(
    shared: &Shared,
    asker: &Asker,
    key: &str,
    conditions: &Conditions,
) -> Result<StatusCode, ApiError> {
    let removed = edit(shared, asker, Some((R::LIST, key)), |tenant| {
        let known = edit::find::<R>(tenant, key).ok_or_else(ApiError::not_found)?;
        conditions.allow(Some(&known.shown(asker)))?;
        Ok(edit::remove::<R>(tenant, key))
    });
    removed.await.map(|_| StatusCode::NO_CONTENT)
}

fn is_seen<R: Resource>(member: &R, asker: &Asker) -> bool {
    asker.agent().is_none_or(|agent| member.is_for(agent))
}

/// Where a member is.
pub(super) fn address<R: Resource>(key: &str) -> String {
    format!("{}/{}", R::PATH, utf8_percent_encode(key, NON_ALPHANUMERIC))
}

/// The member that a body describes; its key may be left to the address, and says the same as that.
fn read<R: Resource>(key: &str, mut body: Map<String, Value>) -> Result<R, ApiError> {
    let number = || key.parse::<u32>().map(Value::from);
    if !body.contains_key(R::KEY) {
        let typed = if R::KEY == "id" { number().map_err(|_| not_the_key::<R>())? } else { Value::from(key) };
        body.insert(R::KEY.to_owned(), typed);
    }
    let (member, _): (R, _) = input::parse(Value::Object(body).to_string().as_bytes())?;
    if member.key() == key { Ok(member) } else { Err(not_the_key::<R>()) }
}

fn not_the_key<R: Resource>() -> ApiError {
    ApiError::new(Kind::Impossible, format!("{} is not what the address says", R::KEY)).at(R::KEY)
}
