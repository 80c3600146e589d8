//! Small HTML pages for people: what became of a click, a question, a form. No script, nothing from
//! elsewhere, nobody may frame them.
//!
//! Every text is written twice where it is used, in English and in Hebrew. Templates escape whatever
//! they are given; the one style sheet is allowed by its hash. Colours are the system's, so contrast
//! and dark mode are the reader's own choice.

use std::sync::LazyLock;

use axum::http::header::{
    ACCEPT_LANGUAGE, CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY, RETRY_AFTER, X_FRAME_OPTIONS,
};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use maud::{DOCTYPE, Markup, PreEscaped, html};
use sha2::{Digest, Sha256};

const STYLE: &str = "\
:root{color-scheme:light dark;font:1rem/1.5 system-ui,sans-serif;background:Canvas;color:CanvasText}\
body{max-width:32rem;margin:0 auto;padding:2rem 1rem}\
h1{font-size:1.25rem;margin:0 0 1rem}\
label{display:block;margin:.75rem 0 .25rem}\
input,button{font:inherit;padding:.5rem .75rem;box-sizing:border-box}\
input{width:100%}\
button{margin-top:1rem}";

static POLICY: LazyLock<HeaderValue> = LazyLock::new(|| {
    let hash = STANDARD.encode(Sha256::digest(STYLE));
    let policy = format!(
        "default-src 'none'; style-src 'sha256-{hash}'; frame-ancestors 'none'; base-uri 'none'; form-action 'self'"
    );
    HeaderValue::try_from(policy).unwrap_or(HeaderValue::from_static("default-src 'none'"))
});

/// The language of a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Language {
    /// Left to right.
    English,
    /// Right to left.
    Hebrew,
}

impl Language {
    /// A tenant's.
    pub(super) fn of_tenant(language: &str) -> Self {
        let begins = |word: &str| language.get(..2).is_some_and(|start| start.eq_ignore_ascii_case(word));
        // Before 1989, Hebrew was iw.
        if begins("he") || begins("iw") { Self::Hebrew } else { Self::English }
    }

    /// The first that a browser asks for.
    pub(super) fn of_request(headers: &HeaderMap) -> Self {
        let asked = headers.get(ACCEPT_LANGUAGE).and_then(|value| value.to_str().ok()).unwrap_or_default();
        Self::of_tenant(asked.trim_start())
    }

    /// The text of this language.
    pub(super) const fn say(self, english: &'static str, hebrew: &'static str) -> &'static str {
        match self {
            Self::English => english,
            Self::Hebrew => hebrew,
        }
    }
}

/// One page.
#[derive(Debug)]
pub(super) struct Page {
    pub(super) status: StatusCode,
    pub(super) language: Language,
    /// Of the window, and the page's heading.
    pub(super) title: &'static str,
    pub(super) body: Markup,
    /// `Retry-After`, seconds.
    pub(super) retry_after: Option<u64>,
}

impl Page {
    pub(super) const fn new(status: StatusCode, language: Language, title: &'static str, body: Markup) -> Self {
        Self { status, language, title, body, retry_after: None }
    }

    fn markup(&self) -> Markup {
        let (lang, dir) = match self.language {
            Language::English => ("en", "ltr"),
            Language::Hebrew => ("he", "rtl"),
        };
        html! {
            (DOCTYPE)
            html lang=(lang) dir=(dir) {
                head {
                    meta charset="utf-8";
                    meta name="viewport" content="width=device-width, initial-scale=1";
                    title { (self.title) }
                    style { (PreEscaped(STYLE)) }
                }
                body { main { h1 { (self.title) } (self.body) } }
            }
        }
    }
}

impl IntoResponse for Page {
    fn into_response(self) -> Response {
        let mut response = (self.status, self.markup().into_string()).into_response();
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
        headers.insert(CONTENT_SECURITY_POLICY, POLICY.clone());
        headers.insert(X_FRAME_OPTIONS, HeaderValue::from_static("DENY"));
        // With no-referrer, browsers would send our own forms back with `Origin: null`.
        headers.insert(REFERRER_POLICY, HeaderValue::from_static("same-origin"));
        if let Some(seconds) = self.retry_after {
            headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}

/// A number or an extension in the middle of a text of either direction.
pub(super) fn number(text: &str) -> Markup {
    html! { bdi dir="ltr" { (text) } }
}

/// What the daemon itself says, which is English: marked as such on a page of another language.
pub(super) fn remark(text: &str) -> Markup {
    html! { p lang="en" dir="ltr" { (text) } }
}

/// What is said to a browser that came over plain HTTP.
pub(super) fn insecure(language: Language) -> Page {
    let title = language.say("Only over HTTPS", "רק דרך HTTPS");
    let text = language.say(
        "This page is answered over HTTPS only: your session must not be seen by others. Use an address that begins with https://.",
        "דף זה זמין רק דרך HTTPS, כדי שאחרים לא יראו את ההתחברות שלך. יש להשתמש בכתובת שמתחילה ב‎https://.",
    );
    Page::new(StatusCode::FORBIDDEN, language, title, html! { p role="status" { (text) } })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_is_said_stays_text() {
        let body = html! { p { (r#"<script>"&'"#) } input value=("\"><b>"); };
        let text = Page::new(StatusCode::OK, Language::English, "T", body).markup().into_string();
        assert!(
            text.contains("&lt;script&gt;&quot;&amp;'") && text.contains("value=\"&quot;&gt;&lt;b&gt;\""),
            "{text}"
        );
    }

    #[test]
    fn a_page_has_its_language_and_direction() {
        let page = |language| Page::new(StatusCode::OK, language, "T", number("+1")).markup().into_string();
        assert!(page(Language::Hebrew).contains("<html lang=\"he\" dir=\"rtl\">"));
        assert!(page(Language::English).contains("<html lang=\"en\" dir=\"ltr\">"));
        assert!(page(Language::Hebrew).contains("<bdi dir=\"ltr\">+1</bdi>"));
    }

    #[test]
    fn a_language_is_told_by_its_first_letters() {
        for (text, language) in [
            ("he", Language::Hebrew),
            ("he_IL", Language::Hebrew),
            ("iw-IL", Language::Hebrew),
            ("en-US,he;q=0.9", Language::English),
            ("", Language::English),
        ] {
            assert_eq!(Language::of_tenant(text), language, "{text}");
        }
    }
}
