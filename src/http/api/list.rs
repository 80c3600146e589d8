//! Lists, a page at a time. A cursor says behind which row the next page begins, so that rows that come or
//! go meanwhile neither repeat others nor hide them. To clients it is opaque.

use std::str::FromStr;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Serialize;

use crate::http::api::input::Query;
use crate::http::error::ApiError;

const DEFAULT_LIMIT: u32 = 50;
const MAX_LIMIT: u32 = 200;

/// Which part of a list is asked for. `K` is what the list is sorted by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::http) struct Page<K> {
    /// Rows at most.
    limit: u32,
    /// The last row of the page before.
    pub(in crate::http) after: Option<K>,
}

impl<K: FromStr> Page<K> {
    /// `limit` and `cursor` of a query.
    pub(in crate::http) fn of(query: &Query) -> Result<Self, ApiError> {
        let limit = query.value("limit", "must be 1 to 200")?.unwrap_or(DEFAULT_LIMIT);
        if !(1..=MAX_LIMIT).contains(&limit) {
            return Err(ApiError::malformed("limit", "must be 1 to 200"));
        }
        let after = query.text("cursor").map(|cursor| {
            let key = URL_SAFE_NO_PAD.decode(cursor).ok().and_then(|bytes| String::from_utf8(bytes).ok());
            let key = key.and_then(|key| key.parse().ok());
            key.ok_or_else(|| ApiError::malformed("cursor", "must be the next_cursor of a page"))
        });
        Ok(Self { limit, after: after.transpose()? })
    }

    /// How many rows to fetch: one more than the page has, to know whether there is another.
    pub(in crate::http) fn fetch(&self) -> u32 {
        self.limit + 1
    }
}

/// One page.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub(in crate::http) struct List<T> {
    data: Vec<T>,
    /// Where the next page begins; null: there is none.
    next_cursor: Option<String>,
}

impl<T> List<T> {
    /// The page, from rows of which there may be one too many.
    pub(in crate::http) fn page<K, R>(
        page: &Page<K>,
        mut rows: Vec<R>,
        key: impl Fn(&R) -> String,
        view: impl Fn(R) -> T,
    ) -> Self {
        let limit = page.limit as usize;
        let more = rows.len() > limit;
        rows.truncate(limit);
        let next_cursor = rows.last().filter(|_| more).map(|last| URL_SAFE_NO_PAD.encode(key(last)));
        Self { data: rows.into_iter().map(view).collect(), next_cursor }
    }

    /// A list that is short enough to be one page.
    pub(in crate::http) fn whole(data: Vec<T>) -> Self {
        Self { data, next_cursor: None }
    }
}
