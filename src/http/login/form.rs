//! The sign-in page, and where it leads.

use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use maud::{Markup, html};
use url::{Position, Url};

use super::{PATH, Refused};
use crate::http::auth::Caller;
use crate::http::door::eightbyeight;
use crate::http::page::{self, Language, Page};

/// The sign-in form.
pub(super) struct Form {
    pub(super) language: Language,
    /// Where to go afterwards.
    pub(super) next: Option<String>,
    /// Whether there is more than one tenant to choose from.
    pub(super) names_tenant: bool,
}

impl Form {
    /// The form again, with the reason.
    pub(super) fn refused(&self, why: &Refused) -> Page {
        let say = |english, hebrew| self.language.say(english, hebrew);
        let (status, text) = match why {
            Refused::Insecure => return page::insecure(self.language),
            Refused::Foreign => (
                StatusCode::FORBIDDEN,
                say("This did not come from a page of this site.", "הבקשה לא הגיעה מדף של אתר זה."),
            ),
            Refused::Malformed(_) => {
                (StatusCode::BAD_REQUEST, say("Fill in user and password.", "יש למלא משתמש וסיסמה."))
            }
            Refused::Wrong if self.names_tenant => (
                StatusCode::UNAUTHORIZED,
                say(
                    "User or password is wrong. Where several companies have such a user, the company is needed as well.",
                    "המשתמש או הסיסמה שגויים. אם משתמש כזה קיים בכמה חברות, יש לציין גם את החברה.",
                ),
            ),
            Refused::Wrong => (StatusCode::UNAUTHORIZED, say("User or password is wrong.", "המשתמש או הסיסמה שגויים.")),
            Refused::TooMany(_) => (
                StatusCode::TOO_MANY_REQUESTS,
                say("Too many attempts. Try again in a minute.", "יותר מדי ניסיונות. יש לנסות שוב בעוד דקה."),
            ),
            Refused::Unavailable => (
                StatusCode::SERVICE_UNAVAILABLE,
                say("Nobody can sign in at the moment. Try again soon.", "לא ניתן להתחבר כרגע. יש לנסות שוב בקרוב."),
            ),
        };
        let retry_after = match why {
            Refused::TooMany(too_many) => Some(too_many.seconds()),
            _ => None,
        };
        Page { retry_after, ..self.page(status, &html! { p role="alert" { (text) } }) }
    }

    fn page(&self, status: StatusCode, before: &Markup) -> Page {
        let say = |english, hebrew| self.language.say(english, hebrew);
        let body = html! {
            (before)
            form method="post" action=(PATH) {
                label for="user" { (say("E-mail or extension", "דואר אלקטרוני או שלוחה")) }
                input id="user" name="user" dir="auto" autocomplete="username" required;
                label for="password" { (say("Password", "סיסמה")) }
                input id="password" name="password" type="password" dir="auto" autocomplete="current-password" required;
                @if self.names_tenant {
                    label for="tenant" { (say("Company (only where needed)", "חברה (רק אם צריך)")) }
                    input id="tenant" name="tenant" dir="auto" autocomplete="organization";
                }
                @if let Some(next) = &self.next { input type="hidden" name="next" value=(next); }
                button { (say("Sign in", "כניסה")) }
            }
        };
        Page::new(status, self.language, say("Sign in", "כניסה"), body)
    }
}

impl IntoResponse for Form {
    fn into_response(self) -> Response {
        self.page(StatusCode::OK, &html! {}).into_response()
    }
}

/// Who is signed in, and the way out.
pub(super) fn signed_in(caller: &Caller, next: Option<&str>) -> Page {
    let language = Language::of_tenant(&caller.tenant.language);
    let say = |english, hebrew| language.say(english, hebrew);
    let extension = caller.credential.agent.as_deref().unwrap_or_default();
    let name = caller.tenant.agent(extension).map(|agent| agent.name.as_str()).unwrap_or_default();
    let body = html! {
        p role="status" {
            bdi { (name) } ", " (say("extension", "שלוחה")) " " (page::number(extension))
        }
        @if let Some(next) = next { p { a href=(next) { (say("Go on", "המשך")) } } }
        form method="post" action="/logout" { button { (say("Sign out", "יציאה")) } }
    };
    Page::new(StatusCode::OK, language, say("You are signed in", "התחברת"), body)
}

/// A path of this site to go on to, as a browser would read it; none where it leads elsewhere. At the
/// door that a link opens, a person is asked first: whoever made the link has not signed in.
pub(super) fn local(next: &str) -> Option<String> {
    let here = Url::parse("https://here.invalid/").ok()?;
    let url = here.join(next).ok().filter(|url| url.origin() == here.origin())?;
    if !next.starts_with('/') || url.path().starts_with("//") {
        return None;
    }
    if !url.path().eq_ignore_ascii_case(eightbyeight::PATH) {
        return Some(url[Position::BeforePath..Position::AfterQuery].to_owned());
    }
    let pairs = url.query().unwrap_or_default().split('&').filter(|pair| !pair.is_empty() && !is_confirm(pair));
    let marker = format!("{}=", eightbyeight::CONFIRM);
    let query: Vec<&str> = pairs.chain([marker.as_str()]).collect();
    Some(format!("{}?{}", url.path(), query.join("&")))
}

fn is_confirm(pair: &str) -> bool {
    let name = form_urlencoded::parse(pair.as_bytes()).next().map(|(name, _)| name.into_owned());
    name.is_some_and(|name| name.trim().eq_ignore_ascii_case(eightbyeight::CONFIRM))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_way_on_never_leaves_this_site() {
        for path in ["/", "/login", "/x?phone=1%202&a=//x"] {
            assert_eq!(local(path).as_deref(), Some(path));
        }
        for other in [
            "",
            "login",
            "//evil.example",
            "/\\evil.example",
            "\\\\evil.example",
            "https://evil.example/",
            "https:evil.example",
            "javascript:alert(1)",
            "/\t/evil.example",
            "/.//evil.example",
            "/x/..//evil.example",
        ] {
            assert_eq!(local(other), None, "{other:?}");
        }
        assert_eq!(local("/x\r\nset-cookie: a=b#f").as_deref(), Some("/xset-cookie:%20a=b"));
    }

    #[test]
    fn the_way_to_a_call_asks_first_however_it_is_written() {
        for (next, expected) in [
            ("/AGUI/make_call.php?phone=1", "/AGUI/make_call.php?phone=1&confirm="),
            ("/AGUI/make_call.php", "/AGUI/make_call.php?confirm="),
            ("/agui/MAKE_CALL.php?a&confirm=x&b", "/agui/MAKE_CALL.php?a&b&confirm="),
            ("/x/../AGUI/./make_call.php?%43onfirm=x&+confirm", "/AGUI/make_call.php?confirm="),
            ("/x/%2e%2E/AGUI/make_call.php", "/AGUI/make_call.php?confirm="),
            ("/AGUI\\make_call.php", "/AGUI/make_call.php?confirm="),
        ] {
            assert_eq!(local(next).as_deref(), Some(expected), "{next}");
        }
    }
}
