//! Whether a click came from a person who meant it. Pure: a table of what browsers say, and a verdict.
//!
//! The door is opened by a cookie, and a cookie comes along with whatever makes a browser ask: so what
//! counts is where the request was made, which no page can lie about. A call is placed at once for a
//! person's own navigation (`Sec-Fetch-User`) of a whole window from a listed CRM, from a page of ours,
//! or from no page at all: typed, a bookmark, a spreadsheet. Every other navigation is asked about.
//! What a page loads without anybody seeing it (images, frames, scripts' requests) is turned away.

use axum::http::header::{ORIGIN, REFERER};
use axum::http::{HeaderMap, Method};
use url::Url;

use crate::http::guard::{self, Meant};

/// What is to become of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::http) enum Verdict {
    /// Place the call.
    Call,
    /// Ask the person first.
    Confirm,
    /// Nobody is signed in.
    SignIn,
    /// No navigation, or fetched ahead.
    Forbid,
    /// A method that this door does not have.
    Method,
    /// Answered plainly.
    Preflight,
}

/// What the agent's tenant says about clicks, and where this daemon is.
#[derive(Clone, Copy, Debug)]
pub(in crate::http) struct Policy<'a> {
    /// Origins whose pages may place calls.
    pub(in crate::http) crm_origins: &'a [String],
    /// Ask about links that come from no page as well.
    pub(in crate::http) confirm_typed_links: bool,
    /// `http.public_url`
    pub(in crate::http) public_url: &'a str,
}

/// Judges a request by its head. The policy is that of the agent who is signed in, if one is.
pub(in crate::http) fn judge(method: &Method, headers: &HeaderMap, policy: Option<Policy<'_>>) -> Verdict {
    match guard::judge(method, headers, &[Method::GET, Method::POST]) {
        Meant::Preflight => return Verdict::Preflight,
        Meant::Method => return Verdict::Method,
        Meant::Prefetch => return Verdict::Forbid,
        Meant::Maybe => {}
    }
    let fetch = Fetch::of(headers);
    if fetch.is_told() && !fetch.is_navigation() {
        return Verdict::Forbid;
    }
    match policy {
        None => Verdict::SignIn,
        Some(policy) if fetch.is_meant(&policy, headers) => Verdict::Call,
        Some(_) => Verdict::Confirm,
    }
}

/// What a browser says of a request (`Sec-Fetch-*`).
struct Fetch<'a> {
    site: Option<&'a str>,
    mode: Option<&'a str>,
    dest: Option<&'a str>,
    user: Option<&'a str>,
}

impl<'a> Fetch<'a> {
    fn of(headers: &'a HeaderMap) -> Self {
        let text = |name: &str| headers.get(name).map(|value| value.to_str().unwrap_or_default());
        Self {
            site: text("sec-fetch-site"),
            mode: text("sec-fetch-mode"),
            dest: text("sec-fetch-dest"),
            user: text("sec-fetch-user"),
        }
    }

    /// Old browsers, and what is no browser, say nothing.
    fn is_told(&self) -> bool {
        [self.site, self.mode, self.dest, self.user].iter().any(Option::is_some)
    }

    /// Of a whole window, where somebody sees it.
    fn is_navigation(&self) -> bool {
        self.mode == Some("navigate") && self.dest == Some("document")
    }

    fn is_meant(&self, policy: &Policy<'_>, headers: &HeaderMap) -> bool {
        let is_listed = |origin: &String| policy.crm_origins.contains(origin);
        let is_own = |origin: &String| guard::is_own_origin(origin, headers, policy.public_url);
        let origin = origin(headers);
        if !self.is_told() {
            return origin.is_some_and(|origin| is_listed(&origin) || is_own(&origin));
        }
        let by_a_person = self.user == Some("?1");
        by_a_person
            && match self.site {
                Some("same-origin") => true,
                Some("none") => !policy.confirm_typed_links,
                _ => origin.is_some_and(|origin| is_listed(&origin)),
            }
    }
}

/// Where the page is from that made the request: `Origin`, as forms say it, or else the referrer's.
fn origin(headers: &HeaderMap) -> Option<String> {
    if let Some(origin) = headers.get(ORIGIN) {
        return origin.to_str().ok().map(str::to_owned);
    }
    let referer = headers.get(REFERER)?.to_str().ok()?;
    Url::parse(referer).ok().map(|url| url.origin().ascii_serialization())
}
