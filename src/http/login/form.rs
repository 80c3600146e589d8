//! The sign-in page, and where it leads.

use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use maud::{Markup, html};

use super::{PATH, Refused};
use crate::http::auth::Caller;
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

/// A path of this site to go on to; none where it leads elsewhere.
pub(super) fn local(next: &str) -> Option<String> {
    let is_plain = next.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\');
    (is_plain && next.starts_with('/') && !next.starts_with("//")).then(|| next.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_way_on_never_leaves_this_site() {
        for path in ["/", "/login", "/AGUI/make_call.php?phone=1%202&a=//x"] {
            assert_eq!(local(path).as_deref(), Some(path));
        }
        for other in [
            "",
            "login",
            "//evil.example",
            "/\\evil.example",
            "\\\\evil.example",
            "https://evil.example/",
            "javascript:alert(1)",
            "/\t/evil.example",
            "/x\r\nset-cookie: a=b",
            "/ x",
            "/é",
        ] {
            assert_eq!(local(other), None, "{other:?}");
        }
    }
}
