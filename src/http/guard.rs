//! Requests that nobody meant: HEAD, OPTIONS, and what browsers and link scanners fetch ahead of a
//! person. At a door that places calls they get their answer here, and nothing rings.

use axum::http::header::ALLOW;
use axum::http::{HeaderMap, Method, StatusCode};
use axum::response::{IntoResponse, Response};

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
    fn a_prefetch_is_told_by_any_of_its_headers() {
        for (name, value) in [("sec-purpose", "prefetch;prerender"), ("Purpose", "Prefetch"), ("x-moz", "prefetch")] {
            let mut headers = HeaderMap::new();
            headers.insert(axum::http::HeaderName::try_from(name).unwrap(), value.parse().unwrap());
            assert!(matches!(judge(&Method::GET, &headers, &[Method::GET]), Meant::Prefetch), "{name}");
        }
        assert!(matches!(judge(&Method::GET, &HeaderMap::new(), &[Method::GET]), Meant::Maybe));
    }
}
