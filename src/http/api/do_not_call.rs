//! `/v1/do-not-call`: the numbers that a tenant does not call, as JSON and as CSV.
//!
//! Numbers may be written as people of the tenant's region do. A list comes in whole or not at all: every
//! line that is wrong is told.

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::http::header::{ACCEPT, CONTENT_DISPOSITION, CONTENT_TYPE, VARY};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::dial::number::{self, NumberError, Party};
use crate::directory::Tenant;
use crate::http::api::edit::edit;
use crate::http::api::etag::Conditions;
use crate::http::api::input::{self, Query};
use crate::http::api::list::{List, Page};
use crate::http::api::{Admin, Asker, Id, May, Read, csv};
use crate::http::error::{ApiError, Kind, Problem};
use crate::http::{Shared, body};

/// Longest list that comes in.
const MOST: usize = 100_000;
/// Bad lines that are told one by one.
const TOLD: usize = 1_000;
const COLUMN: &str = "number";

pub(super) fn routes() -> OpenApiRouter<Arc<Shared>> {
    OpenApiRouter::new().routes(routes!(list, add, replace)).routes(routes!(remove))
}

/// Numbers to come onto the list.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Numbers {
    /// As people write them.
    numbers: Vec<String>,
}

/// What became of the list.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(super) struct Listed {
    /// Numbers that were not on it.
    added: usize,
    /// Numbers that are not on it any more.
    removed: usize,
    /// Numbers on it now.
    total: usize,
}

/// List the numbers that are not called: a page as JSON, or, where `Accept` asks for `text/csv`, all of them.
///
/// The entity tag is that of the whole list.
#[utoipa::path(get, path = "/v1/do-not-call", tag = "directory", operation_id = "listDoNotCall",
    params(
        ("limit" = Option<u32>, Query, minimum = 1, maximum = 200, description = "Numbers on a page; by default 50"),
        ("cursor" = Option<String>, Query, description = "`next_cursor` of the page before"),
    ),
    responses((status = 200, description = "A page, sorted, or the whole list", content(
        (List<String> = "application/json"), (String = "text/csv"),
    ))))]
pub(super) async fn list(
    State(shared): State<Arc<Shared>>,
    asker: May<Read>,
    query: Query,
    (headers, conditions): (HeaderMap, Conditions),
) -> Result<Response, ApiError> {
    let tenant = tenant_of(&shared, &asker)?;
    let numbers: BTreeSet<&str> = tenant.do_not_call.iter().map(String::as_str).collect();
    let shown = if wants_csv(&headers) {
        let file = "attachment; filename=\"do-not-call.csv\"";
        let csv = csv::write(COLUMN, numbers.iter().copied());
        ([(CONTENT_TYPE, "text/csv; charset=utf-8"), (CONTENT_DISPOSITION, file)], csv).into_response()
    } else {
        let page: Page<String> = Page::of(&query)?;
        let rest = numbers.iter().filter(|number| page.after.as_deref().is_none_or(|after| **number > after));
        let rows: Vec<String> = rest.take(page.fetch() as usize).map(|number| (*number).to_owned()).collect();
        Json(List::page(&page, rows, String::clone, std::convert::identity)).into_response()
    };
    Ok(([(VARY, "accept")], conditions.show(&mark(&tenant), shown)).into_response())
}

/// Add numbers that are not called, as JSON or as CSV with a column `number`.
///
/// Numbers may be written as people of the tenant's region do. Where one is wrong, none comes in.
#[utoipa::path(post, path = "/v1/do-not-call", tag = "directory", operation_id = "addDoNotCall",
    request_body(content((Numbers = "application/json"), (String = "text/csv"))),
    responses(
        (status = 200, description = "What became of the list", body = Listed),
        (status = 412, description = "It has changed meanwhile", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "Numbers are wrong: each is told", body = Problem,
         content_type = "application/problem+json"),
    ))]
pub(super) async fn add(
    State(shared): State<Arc<Shared>>,
    asker: May<Admin>,
    headers: HeaderMap,
    conditions: Conditions,
    body: Body,
) -> Result<Json<Listed>, ApiError> {
    let numbers = read(&shared, &asker, &headers, body).await?;
    change(&shared, &asker, conditions, |now| now.union(&numbers).cloned().collect()).await
}

/// Replace the numbers that are not called: these and no others, as JSON or as CSV with a column `number`.
#[utoipa::path(put, path = "/v1/do-not-call", tag = "directory", operation_id = "replaceDoNotCall",
    params(("If-Match" = Option<String>, Header, description = "The entity tag of what is to be replaced")),
    request_body(content((Numbers = "application/json"), (String = "text/csv"))),
    responses(
        (status = 200, description = "What became of the list", body = Listed),
        (status = 412, description = "It has changed meanwhile", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "Numbers are wrong: each is told", body = Problem,
         content_type = "application/problem+json"),
    ))]
pub(super) async fn replace(
    State(shared): State<Arc<Shared>>,
    asker: May<Admin>,
    headers: HeaderMap,
    conditions: Conditions,
    body: Body,
) -> Result<Json<Listed>, ApiError> {
    let numbers = read(&shared, &asker, &headers, body).await?;
    change(&shared, &asker, conditions, |_| numbers.into_iter().collect()).await
}

/// Let a number be called again.
#[utoipa::path(delete, path = "/v1/do-not-call/{number}", tag = "directory", operation_id = "removeDoNotCall",
    params(("number" = String, Path, description = "The number, best as E.164")),
    responses((status = 204, description = "It may be called"),
        (status = 412, description = "The list has changed meanwhile", body = Problem,
         content_type = "application/problem+json"),
    ))]
pub(super) async fn remove(
    State(shared): State<Arc<Shared>>,
    asker: May<Admin>,
    Id(typed): Id,
    conditions: Conditions,
) -> Result<StatusCode, ApiError> {
    let tenant = tenant_of(&shared, &asker)?;
    let number = outside(&typed, &tenant.region).map_err(|_| ApiError::not_found())?;
    if !tenant.do_not_call.contains(&number) {
        return Err(ApiError::not_found());
    }
    let without = |now: &BTreeSet<String>| now.iter().filter(|known| **known != number).cloned().collect();
    change(&shared, &asker, conditions, without).await.map(|_| StatusCode::NO_CONTENT)
}

/// The tenant, to whoever may see its list: no agent's own credential needs it.
fn tenant_of(shared: &Shared, asker: &Asker) -> Result<Arc<Tenant>, ApiError> {
    if asker.agent().is_some() {
        return Err(ApiError::forbidden());
    }
    asker.tenant(&shared.ports.directory.load())
}

/// What the entity tag is of: the list, however it is shown.
fn mark(tenant: &Tenant) -> Value {
    let numbers: BTreeSet<&String> = tenant.do_not_call.iter().collect();
    serde_json::to_value(numbers).unwrap_or_default()
}

async fn change(
    shared: &Shared,
    asker: &Asker,
    conditions: Conditions,
    plan: impl FnOnce(&BTreeSet<String>) -> Vec<String>,
) -> Result<Json<Listed>, ApiError> {
    let mut before = BTreeSet::new();
    let tenant = edit(shared, asker, None, |tenant| {
        conditions.allow(Some(&mark(tenant)))?;
        before = tenant.do_not_call.iter().cloned().collect();
        Ok(Tenant { do_not_call: plan(&before), ..tenant.clone() })
    });
    let after: BTreeSet<String> = tenant.await?.do_not_call.iter().cloned().collect();
    let (added, removed) = (after.difference(&before).count(), before.difference(&after).count());
    Ok(Json(Listed { added, removed, total: after.len() }))
}

/// The numbers in a body, CSV or JSON.
async fn read(shared: &Shared, asker: &Asker, headers: &HeaderMap, body: Body) -> Result<BTreeSet<String>, ApiError> {
    let region = asker.tenant(&shared.ports.directory.load())?.region.clone();
    let bytes = body::read(headers, body, body::DOCUMENT).await?;
    match essence(headers).as_str() {
        "text/csv" => from_csv(&bytes, &region),
        "application/json" => {
            let (Numbers { numbers }, _) = input::parse(&bytes)?;
            let read = |(i, typed): (usize, &String)| {
                let field = format!("numbers[{i}]");
                outside(typed, &region)
                    .map_err(|why| ApiError::new(Kind::Impossible, format!("{field} {why}")).at(field))
            };
            numbers.iter().enumerate().map(read).collect()
        }
        _ => Err(ApiError::new(Kind::MediaType, "Content-Type must be text/csv or application/json")),
    }
}

/// The numbers in CSV: all of them, or what is wrong with each line that is wrong.
fn from_csv(bytes: &[u8], region: &str) -> Result<BTreeSet<String>, ApiError> {
    let (mut numbers, mut wrong) = (BTreeSet::new(), Vec::new());
    for (count, cell) in csv::read(COLUMN, bytes).enumerate() {
        if count >= MOST {
            return Err(ApiError::new(Kind::Impossible, format!("the file has more than {MOST} numbers")));
        }
        let read = cell.and_then(|(line, cell)| match outside(&cell, region) {
            Ok(number) => Ok(number),
            Err(why) => Err((line, why.to_string())),
        });
        match read {
            Ok(number) => drop(numbers.insert(number)),
            Err((line, why)) => wrong.push(format!("line {line} {why}")),
        }
    }
    if wrong.is_empty() {
        return Ok(numbers);
    }
    let more = wrong.len().saturating_sub(TOLD);
    wrong.truncate(TOLD);
    if more > 0 {
        wrong.push(format!("and {more} more"));
    }
    Err(ApiError::new(Kind::Impossible, wrong.join("\n")))
}

/// An outside number, whatever the tenant's extensions are.
fn outside(typed: &str, region: &str) -> Result<String, NumberError> {
    match number::parse(typed, region, |_| false)? {
        Party::Outside(number) => Ok(number),
        Party::Extension(_) => Err(NumberError::Invalid),
    }
}

fn wants_csv(headers: &HeaderMap) -> bool {
    let accept = headers.get(ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    accept.split([',', ';']).any(|word| word.trim().eq_ignore_ascii_case("text/csv"))
}

fn essence(headers: &HeaderMap) -> String {
    let value = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_as_people_write_them() {
        let read = from_csv(b"number\n'+12125550199\n(212) 555-0198\n212.555.0198\n+972 3-555-0100\n", "US").unwrap();
        assert_eq!(read.into_iter().collect::<Vec<_>>(), ["+12125550198", "+12125550199", "+97235550100"]);
    }

    #[test]
    fn each_bad_line_is_told_and_nothing_is_read() {
        let wrong = from_csv(b"number\n+12125550199\n=1+1\n911\n\nCALL-ME\n", "US").unwrap_err().to_string();
        insta::assert_snapshot!(wrong, @r"
        line 3 contains the character '=' at position 1
        line 4 is an emergency number or a service code, which cannot be dialled by a click
        line 6 must not contain letters
        ");
    }

    #[test]
    fn a_hundred_thousand_lines_are_read_and_not_one_more() {
        let numbers = (0..MOST).map(|n| format!("+1212{:07}\n", 2_000_000 + n));
        let mut file: String = std::iter::once("number\n".to_owned()).chain(numbers).collect();
        assert_eq!(from_csv(file.as_bytes(), "US").unwrap().len(), MOST);
        file += "+12125550199\n";
        assert!(from_csv(file.as_bytes(), "US").is_err());
        let wrong = from_csv("x\n".repeat(5_000).as_bytes(), "US").unwrap_err().to_string();
        assert!(wrong.ends_with("and 4000 more"));
    }
}
