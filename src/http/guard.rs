//! Requests that nobody meant: HEAD, OPTIONS, and what browsers and link scanners fetch ahead of a
//! person. At a door that places calls they get their answer here, and nothing rings. And requests that
//! somebody else meant: whose page sent a form.

use axum::http::header::{ALLOW, HOST, ORIGIN};
use axum::http::{HeaderMap, Method, StatusCode};
use axum::response::{IntoResponse, Response};
use url::Url;

/// What to do with a request before anybody looks at what it asks for.
#[derive(Debug)]
pub(super) enum Meant {
    /// It may be meant.
    Maybe,
    /// A preflight: answered plainly, without any `Access-Control-Allow-Origin`.
    Preflight,
    /// A method that this door does not have.
    Method,
    /// Fetched ahead, in case somebody should want it.
    Prefetch,
}

/// Judges a request to a door that knows these methods.
pub(super) fn judge(method: &Method, headers: &HeaderMap, methods: &[Method]) -> Meant {
    match method {
        &Method::OPTIONS => Meant::Preflight,
        method if !methods.contains(method) => Meant::Method,
        _ if is_prefetch(headers) => Meant::Prefetch,
        _ => Meant::Maybe,
    }
}

/// The answer to a preflight.
pub(super) fn preflight(allow: &'static str) -> Response {
    (StatusCode::NO_CONTENT, [(ALLOW, allow)]).into_response()
}

/// Whose page sent a request that changes something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sender {
    /// One of this very site.
    Own,
    /// Somebody else's.
    Foreign,
    /// It does not say, as no browser's form or script would.
    Unsaid,
}

/// Browsers say themselves where a request comes from; old ones at least name its origin.
pub(super) fn sender(headers: &HeaderMap, public_url: &str) -> Sender {
    let is_own = match (headers.get("sec-fetch-site"), headers.get(ORIGIN)) {
        (Some(site), _) => site == "same-origin",
        (None, Some(origin)) => origin.to_str().is_ok_and(|origin| is_own_origin(origin, headers, public_url)),
        (None, None) => return Sender::Unsaid,
    };
    if is_own { Sender::Own } else { Sender::Foreign }
}

/// Whether an origin is ours: that of `http.public_url`, or the host that the request itself names.
pub(super) fn is_own_origin(origin: &str, headers: &HeaderMap, public_url: &str) -> bool {
    let host = headers.get(HOST).and_then(|value| value.to_str().ok()).filter(|host| !host.is_empty());
    let is_host = ["http://", "https://"].iter().any(|scheme| origin.strip_prefix(scheme) == host && host.is_some());
    let public = Url::parse(public_url).map(|url| url.origin().ascii_serialization());
    is_host || public.is_ok_and(|public| public == origin)
}

fn is_prefetch(headers: &HeaderMap) -> bool {
    let ahead = |value: &str| ["prefetch", "prerender", "preview"].iter().any(|word| value.contains(word));
    ["sec-purpose", "purpose", "x-purpose", "x-moz"].iter().any(|name| {
        let mut values = headers.get_all(*name).iter();
        values.any(|value| ahead(&String::from_utf8_lossy(value.as_bytes()).to_ascii_lowercase()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sender_is_our_own_page_where_the_browser_says_so() {
        for (said, expected) in [
            (&[("sec-fetch-site", "same-origin")][..], Sender::Own),
            (&[("sec-fetch-site", "same-site")], Sender::Foreign),
            (&[("sec-fetch-site", "none")], Sender::Foreign),
            (&[("sec-fetch-site", "cross-site"), ("origin", "https://calls.example")], Sender::Foreign),
            (&[("origin", "https://calls.example")], Sender::Own),
            (&[("origin", "http://127.0.0.1:8080"), ("host", "127.0.0.1:8080")], Sender::Own),
            (&[("origin", "https://evil.example"), ("host", "127.0.0.1:8080")], Sender::Foreign),
            (&[("origin", "null"), ("host", "null")], Sender::Foreign),
            (&[("origin", "https://"), ("host", "")], Sender::Foreign),
            (&[], Sender::Unsaid),
        ] {
            let mut headers = HeaderMap::new();
            for (name, value) in said {
                headers.insert(*name, value.parse().unwrap());
            }
            assert_eq!(sender(&headers, "https://calls.example"), expected, "{said:?}");
        }
    }

    #[test]
    fn a_prefetch_is_told_by_any_of_its_headers() {
        for (name, value) in [("sec-purpose", "prefetch;prerender"), ("Purpose", "Prefetch"), ("x-moz", "prefetch")] {
            let mut headers = HeaderMap::new();
            headers.insert(axum::http::HeaderName::try_from(name).unwrap(), value.parse().unwrap());
            assert!(matches!(judge(&Method::GET, &headers, &[Method::GET]), Meant::Prefetch), "{name}");
        }
        assert!(matches!(judge(&Method::GET, &HeaderMap::new(), &[Method::GET]), Meant::Maybe));
    }
}
