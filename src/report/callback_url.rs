//! The callback URL: a template whose tokens may stand in its path and its query, and nowhere else.
//!
//! Where the request goes (scheme, host, port) is what the client wrote and what was checked when the click
//! was taken; nothing that happens in a call can change it. The authority is cut off by the same rules that
//! browsers and the `url` crate use (`\` ends it like `/`), before any token is looked at. What a token becomes is
//! percent-encoded but for letters, digits and `-._~`; `$equal$` alone stays `=`, which is what it is for.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use url::Url;

use crate::report::token::Tokens;

/// All that is not unreserved in RFC 3986.
const RESERVED: AsciiSet = NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Why a URL is no place for a callback.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CallbackUrlError {
    /// Another scheme, or none.
    #[error("the callback URL must begin with http:// or https://")]
    NotHttp,
    /// A user name or password in it.
    #[error("the callback URL must not hold a user name or password")]
    Credentials,
    /// A `$` before the path or behind a `#`.
    #[error("tokens are allowed only in the path and the query of the callback URL")]
    TokenOutsidePath,
    /// Not a URL.
    #[error("the callback URL is malformed")]
    Malformed,
}

/// Whether a template may be called at the end of a call. Which addresses may be reached is not asked here.
pub fn check_callback_url(template: &str) -> Result<(), CallbackUrlError> {
    let parts = Parts::of(template)?;
    let authority = &parts.origin[parts.scheme_length..];
    if parts.origin.contains('$') || parts.fragment.contains('$') {
        return Err(CallbackUrlError::TokenOutsidePath);
    }
    if authority.contains('@') {
        return Err(CallbackUrlError::Credentials);
    }
    if authority.is_empty() || template.contains(|c: char| c.is_ascii_control() || c == ' ') {
        return Err(CallbackUrlError::Malformed);
    }
    Url::parse(template).map(drop).map_err(|_| CallbackUrlError::Malformed)
}

/// The URL to call: tokens replaced in path and query, the fragment dropped. A template that
/// [`check_callback_url`] refuses comes back as it is.
pub fn expand_callback_url(template: &str, tokens: &Tokens) -> String {
    let Ok(parts) = Parts::of(template) else { return template.to_owned() };
    let mut expanded = parts.origin.to_owned();
    expanded.push_str(&tokens.expand_with(parts.path, in_path));
    if let Some(query) = parts.query {
        expanded.push('?');
        expanded.push_str(&tokens.expand_with(query, in_query));
    }
    Url::parse(&expanded).map(String::from).unwrap_or(expanded)
}

/// A template cut where a token's reach ends.
struct Parts<'a> {
    /// Scheme and authority.
    origin: &'a str,
    /// Length of the scheme with its `://`.
    scheme_length: usize,
    path: &'a str,
    query: Option<&'a str>,
    fragment: &'a str,
}

impl<'a> Parts<'a> {
    fn of(template: &'a str) -> Result<Self, CallbackUrlError> {
        let begins =
            |scheme: &&&str| template.get(..scheme.len()).is_some_and(|head| head.eq_ignore_ascii_case(scheme));
        let scheme_length = ["http://", "https://"].iter().find(begins).ok_or(CallbackUrlError::NotHttp)?.len();
        let authority = &template[scheme_length..];
        let end = scheme_length + authority.find(['/', '\\', '?', '#']).unwrap_or(authority.len());
        let (origin, rest) = template.split_at(end);
        let (rest, fragment) = rest.split_once('#').unwrap_or((rest, ""));
        let (path, query) = match rest.split_once('?') {
            Some((path, query)) => (path, Some(query)),
            None => (rest, None),
        };
        Ok(Self { origin, scheme_length, path, query, fragment })
    }
}

/// Dots alone would climb the path (`..`), encoded or not: they are encoded twice.
fn in_path(name: &str, value: &str) -> String {
    if !value.is_empty() && value.bytes().all(|byte| byte == b'.') {
        return "%252E".repeat(value.len());
    }
    in_query(name, value)
}

fn in_query(name: &str, value: &str) -> String {
    if name == "equal" {
        return value.to_owned();
    }
    utf8_percent_encode(value, &RESERVED).to_string()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::call::{Journal, WrapUp};
    use crate::report::fixture::{connected, order};
    use crate::timestamp::Timestamp;

    fn tokens(notes: &str) -> Tokens {
        let wrap_up = WrapUp { codes: Vec::new(), notes: notes.to_owned() };
        let then = 1_700_000_000_000;
        let journal = Journal { wrap_up: Some(wrap_up), ..connected(then, then + 5000) };
        Tokens::new(&order(), &journal, Timestamp::from_millis(then))
    }

    fn expand(template: &str, notes: &str) -> String {
        expand_callback_url(template, &tokens(notes))
    }

    #[test]
    fn tokens_stand_in_path_and_query() {
        assert_eq!(
            expand("https://crm.example:8443/call/$call_status$?t=$call_answered_time$&n$equal$$notes$#x", "a&b=c/d é"),
            "https://crm.example:8443/call/completed?t=1700000000&n=a%26b%3Dc%2Fd%20%C3%A9"
        );
        assert_eq!(
            expand("http://h?at=$callAnsweredTenantTT$", ""),
            "http://h/?at=2023%2F11%2F14%2017%3A13%3A20%20-0500"
        );
        assert_eq!(expand("HTTP://H/$unknown$/$notes", "x"), "http://h/$unknown$/$notes");
    }

    #[test]
    fn a_token_cannot_climb_the_path() {
        for notes in ["..", ".", "../..", "/", "\\", "?x", "#x", "%2e%2e"] {
            let url = Url::parse(&expand("http://h/a/b/$notes$/c", notes)).unwrap();
            assert!(url.path().starts_with("/a/b/") && url.path().ends_with("/c"), "{notes}: {url}");
            assert_eq!((url.query(), url.fragment()), (None, None), "{notes}: {url}");
        }
    }

    #[test]
    fn a_template_is_checked_when_the_click_is_taken() {
        for fine in [
            "http://h/",
            "https://h:8443/$call_id$?a=$b$&c",
            "HTTP://127.0.0.1:8090/cb",
            "http://[::1]/",
            "http://h?$call_id$",
            "http://münchen.example/",
        ] {
            assert_eq!(check_callback_url(fine), Ok(()), "{fine}");
        }
        for (template, why) in [
            ("", CallbackUrlError::NotHttp),
            ("ftp://h/", CallbackUrlError::NotHttp),
            ("file:///etc/passwd", CallbackUrlError::NotHttp),
            ("gopher://h/", CallbackUrlError::NotHttp),
            ("//h/", CallbackUrlError::NotHttp),
            ("http:h", CallbackUrlError::NotHttp),
            ("$notes$://h/", CallbackUrlError::NotHttp),
            (" http://h/", CallbackUrlError::NotHttp),
            ("é", CallbackUrlError::NotHttp),
            ("http://$notes$.evil/", CallbackUrlError::TokenOutsidePath),
            ("http://h:$seconds$/", CallbackUrlError::TokenOutsidePath),
            ("http://$x", CallbackUrlError::TokenOutsidePath),
            ("http://h/#$notes$", CallbackUrlError::TokenOutsidePath),
            ("http://u:p@h/", CallbackUrlError::Credentials),
            ("http://", CallbackUrlError::Malformed),
            ("http:///h", CallbackUrlError::Malformed),
            ("http://\\h", CallbackUrlError::Malformed),
            ("http://h:99999/", CallbackUrlError::Malformed),
            ("http://[::1/", CallbackUrlError::Malformed),
            ("http://h/a b", CallbackUrlError::Malformed),
            ("http://h\n.evil/", CallbackUrlError::Malformed),
        ] {
            assert_eq!(check_callback_url(template), Err(why), "{template}");
        }
    }

    fn template() -> impl Strategy<Value = String> {
        let piece = prop::sample::select(vec![
            "http:",
            "https:",
            "//",
            "/",
            "\\",
            "?",
            "#",
            "@",
            ":",
            "h",
            "evil.example",
            "$notes$",
            "$equal$",
            "..",
            "%2e",
            "80",
            "\t",
            "[",
            "]",
            "é",
        ]);
        prop::collection::vec(piece, 0..8).prop_map(|pieces| format!("http://{}", pieces.concat()))
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(5_000))]

        #[test]
        fn no_token_moves_a_checked_url_elsewhere(template in template(), notes in any::<String>()) {
            if check_callback_url(&template).is_err() {
                return Ok(());
            }
            let written = Url::parse(&template).unwrap();
            let called = Url::parse(&expand(&template, &notes)).unwrap();
            prop_assert_eq!(written.origin(), called.origin());
            prop_assert!(called.username().is_empty() && called.password().is_none());
        }
    }
}
