//! The 8x8 door's answers: a page for people, or the same in JSON. Pure.

use axum::Json;
use axum::http::header::{ACCEPT, ALLOW, RETRY_AFTER};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use maud::{Markup, html};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Serialize;

use super::{CONFIRM, PATH};
use crate::call::{CallId, CallRequest};
use crate::dial::number::{Party, spaced};
use crate::dial::policy::Refusal;
use crate::directory::Tenant;
use crate::http::body::BodyError;
use crate::http::door::params::Params;
use crate::http::login;
use crate::http::order::Declined;
use crate::http::page::{self, Language, Page};

/// How an answer is said.
#[derive(Clone, Copy, Debug)]
pub(in crate::http) struct Speech {
    language: Language,
    is_json: bool,
}

impl Speech {
    /// As the request asks for it.
    pub(in crate::http) fn of_request(headers: &HeaderMap) -> Self {
        let accepts = headers.get(ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let is_json = accepts.contains("application/json") && !accepts.contains("text/html");
        Self { language: Language::of_request(headers), is_json }
    }

    /// In a tenant's language.
    pub(in crate::http) fn to(self, tenant: &Tenant) -> Self {
        Self { language: Language::of_tenant(&tenant.language), ..self }
    }
}

/// Whom a call reaches, and as whom: for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::http) struct Ends {
    to: String,
    shown: String,
}

impl Ends {
    /// Those of an order.
    pub(in crate::http) fn of(request: &CallRequest) -> Self {
        let shown = request.b.connected.number.trim_start_matches('+');
        match &request.b.party {
            Party::Outside(number) => Self { to: spaced(number), shown: spaced(&format!("+{shown}")) },
            Party::Extension(extension) => Self { to: extension.clone(), shown: shown.to_owned() },
        }
    }

    fn sentence(&self) -> String {
        format!("Calling {} as {}", self.to, self.shown)
    }
}

/// What became of a request.
#[derive(Debug)]
pub(in crate::http) enum Reply {
    /// The agent's phone is about to ring.
    Calling { call: CallId, ends: Option<Ends> },
    /// A person is asked; the token says yes.
    Confirm { ends: Ends, token: String, params: Params },
    /// The answer to a question that was answered before.
    UsedUp,
    /// Nobody is signed in; the query of the link, or what a form has sent.
    SignIn { query: String, params: Option<Params> },
    /// An image, a frame, a script, a prefetch.
    NotANavigation,
    /// Over plain HTTP.
    Insecure,
    /// No such method.
    Method(&'static str),
    /// The body did not arrive whole.
    Unreadable(BodyError),
    /// No call, and why.
    Declined(Declined),
}

impl From<Declined> for Reply {
    fn from(why: Declined) -> Self {
        Self::Declined(why)
    }
}

impl From<Refusal> for Reply {
    fn from(refusal: Refusal) -> Self {
        Self::Declined(refusal.into())
    }
}

impl From<BodyError> for Reply {
    fn from(why: BodyError) -> Self {
        Self::Unreadable(why)
    }
}

#[derive(Serialize)]
struct Body {
    status: &'static str,
    message: String,
    call_id: Option<String>,
}

impl Reply {
    pub(in crate::http) const fn status(&self) -> StatusCode {
        match self {
            Self::Calling { .. } | Self::Confirm { .. } => StatusCode::OK,
            Self::UsedUp => StatusCode::CONFLICT,
            Self::SignIn { .. } => StatusCode::UNAUTHORIZED,
            Self::NotANavigation | Self::Insecure => StatusCode::FORBIDDEN,
            Self::Method(_) => StatusCode::METHOD_NOT_ALLOWED,
            Self::Unreadable(BodyError::TooLarge) => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Unreadable(BodyError::TooSlow) => StatusCode::REQUEST_TIMEOUT,
            Self::Unreadable(BodyError::Broken) => StatusCode::BAD_REQUEST,
            Self::Declined(why) => match why {
                Declined::Refused(Refusal::Invalid { .. }) => StatusCode::BAD_REQUEST,
                Declined::Refused(Refusal::Forbidden(_) | Refusal::Blocked(_)) => StatusCode::FORBIDDEN,
                Declined::Refused(Refusal::Unknown(_)) | Declined::NoActiveCall => StatusCode::NOT_FOUND,
                Declined::Refused(Refusal::Offline(_)) | Declined::KeyReused => StatusCode::UNPROCESSABLE_ENTITY,
                Declined::TooMany(_) | Declined::Limited { .. } => StatusCode::TOO_MANY_REQUESTS,
                Declined::Unavailable(_) => StatusCode::SERVICE_UNAVAILABLE,
            },
        }
    }

    /// As an HTTP response.
    pub(in crate::http) fn into_response(self, speech: Speech) -> Response {
        let retry_after = match &self {
            Self::Declined(Declined::TooMany(too_many)) => Some(too_many.seconds()),
            Self::Declined(Declined::Limited { seconds, .. }) => Some(*seconds),
            Self::Declined(Declined::Unavailable(_)) => Some(1),
            _ => None,
        };
        let mut response =
            if speech.is_json { self.json().into_response() } else { self.page(speech.language).into_response() };
        if let Some(seconds) = retry_after {
            response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        if let Self::Method(allowed) = self {
            response.headers_mut().insert(ALLOW, HeaderValue::from_static(allowed));
        }
        response
    }

    /// For programs. One that is asked for a person's yes has none to give.
    fn json(&self) -> (StatusCode, Json<Body>) {
        let is_calling = matches!(self, Self::Calling { .. });
        let status = if matches!(self, Self::Confirm { .. }) { StatusCode::FORBIDDEN } else { self.status() };
        let call_id = match self {
            Self::Calling { call, .. } => Some(call.to_string()),
            _ => None,
        };
        let word = if is_calling { "calling" } else { "error" };
        (status, Json(Body { status: word, message: self.sentence(), call_id }))
    }

    fn sentence(&self) -> String {
        match self {
            Self::Calling { ends, .. } => ends.as_ref().map_or_else(|| "Calling".to_owned(), Ends::sentence),
            Self::Confirm { .. } => "A person has to confirm this call: follow the link in a browser".to_owned(),
            Self::UsedUp => "This call was confirmed already".to_owned(),
            Self::SignIn { .. } => "Nobody is signed in".to_owned(),
            Self::NotANavigation => "Only a link that a person follows places a call".to_owned(),
            Self::Insecure => "This is answered over HTTPS only".to_owned(),
            Self::Method(_) => "Method must be GET or POST".to_owned(),
            Self::Unreadable(why) => why.to_string(),
            Self::Declined(why) => in_own_words(&why.to_string()),
        }
    }

    fn page(&self, language: Language) -> Page {
        let say = |english, hebrew| language.say(english, hebrew);
        let (title, body) = match self {
            Self::Insecure => return page::insecure(language),
            Self::Calling { ends, .. } => (say("Calling", "מחייגים"), calling(language, ends.as_ref())),
            Self::Confirm { ends, token, params } => {
                (say("Place this call?", "לבצע את השיחה?"), question(language, ends, (token, params)))
            }
            Self::SignIn { query, params } => {
                (say("Sign in first", "יש להתחבר תחילה"), sign_in(language, query, params.as_ref()))
            }
            Self::UsedUp => (say("Confirmed already", "כבר אושר"), used_up(language)),
            Self::NotANavigation | Self::Method(_) | Self::Unreadable(_) | Self::Declined(_) => {
                (say("The call was not placed", "השיחה לא בוצעה"), self.refusal(language))
            }
        };
        Page::new(self.status(), language, title, body)
    }

    /// The exact reason is said by whoever refused, in English; in another language the kind of it stands before.
    fn refusal(&self, language: Language) -> Markup {
        let Language::Hebrew = language else { return html! { p role="status" { (self.sentence()) "." } } };
        let kind = match self {
            Self::Unreadable(_) | Self::Declined(Declined::Refused(Refusal::Invalid { .. }) | Declined::KeyReused) => {
                "הבקשה שגויה או חסרה."
            }
            Self::Declined(Declined::Refused(Refusal::Unknown(_))) => "היעד אינו מוכר.",
            Self::Declined(Declined::Refused(Refusal::Offline(_))) => "אין טלפון מחובר.",
            Self::Declined(Declined::Refused(Refusal::Blocked(_))) => "השלוחה חסומה לחיוג בלחיצה.",
            Self::Declined(Declined::TooMany(_) | Declined::Limited { .. }) => {
                "יותר מדי שיחות או בקשות. יש לנסות שוב מאוחר יותר."
            }
            Self::Declined(Declined::Unavailable(_)) => "לא ניתן לבצע שיחות כרגע. יש לנסות שוב בקרוב.",
            _ => "השיחה אינה מותרת.",
        };
        html! { p role="status" { (kind) } (page::remark(&self.sentence())) }
    }
}

/// A sentence about what this door calls otherwise.
fn in_own_words(sentence: &str) -> String {
    let words = [("Targetcallerid ", "CallerId "), ("Target ", "Phone ")];
    let own = words.iter().find_map(|(theirs, own)| Some(format!("{own}{}", sentence.strip_prefix(theirs)?)));
    own.unwrap_or_else(|| sentence.to_owned())
}

fn calling(language: Language, ends: Option<&Ends>) -> Markup {
    let close = language
        .say("Your own phone rings first. You may close this window.", "הטלפון שלך יצלצל ראשון. אפשר לסגור חלון זה.");
    html! {
        p role="status" {
            @if let Some(ends) = ends { (from_to(language, ends)) "." } @else { (language.say("Calling.", "מחייגים.")) }
        }
        p { (close) }
    }
}

fn from_to(language: Language, ends: &Ends) -> Markup {
    let (to, shown) = (page::number(&ends.to), page::number(&ends.shown));
    match language {
        Language::English => html! { "Calling " (to) " as " (shown) },
        Language::Hebrew => html! { "מחייגים אל " (to) ", המספר המוצג: " (shown) },
    }
}

fn question(language: Language, ends: &Ends, (token, params): (&str, &Params)) -> Markup {
    let (to, shown) = (page::number(&ends.to), page::number(&ends.shown));
    html! {
        p role="status" {
            @match language {
                Language::English => { "Call " (to) " as " (shown) "? Your own phone rings first." }
                Language::Hebrew => { "להתקשר אל " (to) ", המספר המוצג: " (shown) "? הטלפון שלך יצלצל ראשון." }
            }
        }
        p { (language.say("If you did not ask for this call, close this window.", "אם לא ביקשת את השיחה, יש לסגור חלון זה.")) }
        (again(params, token, language.say("Call", "להתקשר")))
    }
}

fn used_up(language: Language) -> Markup {
    let text = language.say(
        "This call was confirmed already. If nothing rings, click the number once more.",
        "השיחה כבר אושרה. אם דבר אינו מצלצל, יש ללחוץ שוב על המספר.",
    );
    html! { p role="status" { (text) } }
}

/// Whoever comes back from the sign-in page is asked, and not taken at the word of whoever made the link.
fn sign_in(language: Language, query: &str, params: Option<&Params>) -> Markup {
    let text = language.say(
        "To place calls from links, sign in with your e-mail or extension.",
        "כדי להתקשר מקישורים יש להתחבר עם דואר אלקטרוני או שלוחה.",
    );
    let link = language.say("Sign in", "כניסה");
    html! {
        p role="status" { (text) }
        @if let Some(params) = params {
            p { a href=(login::PATH) target="_blank" rel="noopener" { (link) } }
            p { (language.say("Once you are signed in, or if you are already:", "לאחר ההתחברות, או אם כבר התחברת:")) }
            (again(params, "", language.say("Go on", "המשך")))
        } @else {
            p { a href=(login_with(query)) { (link) } }
        }
    }
}

fn login_with(query: &str) -> String {
    let next = format!("{PATH}?{query}");
    format!("{}?next={}", login::PATH, utf8_percent_encode(&next, NON_ALPHANUMERIC))
}

/// The same click again, with a person's yes.
fn again(params: &Params, token: &str, button: &str) -> Markup {
    html! {
        form method="post" action=(PATH) {
            @for param in params.values() { input type="hidden" name=(param.name) value=(param.value); }
            input type="hidden" name=(CONFIRM) value=(token);
            button { (button) }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::http::door::params::Param;

    /// The hidden fields of a page, as a browser reads them.
    fn fields(page: &str) -> Vec<(String, String)> {
        let plain = |text: &str| {
            let entities = [("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&amp;", "&")];
            entities.iter().fold(text.to_owned(), |text, (entity, is)| text.replace(entity, is))
        };
        let fields = page.split("<input type=\"hidden\" name=\"").skip(1);
        let read = |field: &str| {
            let (name, rest) = field.split_once("\" value=\"")?;
            Some((plain(name), plain(rest.split_once("\">")?.0)))
        };
        fields.filter_map(read).collect()
    }

    proptest! {
        #[test]
        fn whatever_was_asked_is_asked_again_by_the_form(
            params in prop::collection::btree_map("[a-z_]{1,8}", ".{0,20}|[<>&\"'\\[\\]|;$]{0,20}", 0..5)
        ) {
            let params: Params = params
                .into_iter()
                .map(|(name, value)| (name.clone(), Param { name, value }))
                .collect();
            let page = again(&params, "token", "Call").into_string();
            let mut expected: Vec<(String, String)> =
                params.values().map(|param| (param.name.clone(), param.value.clone())).collect();
            expected.push((CONFIRM.to_owned(), "token".to_owned()));
            prop_assert_eq!(fields(&page), expected);
            prop_assert_eq!(page.matches("<form").count(), 1);
        }

        #[test]
        fn no_refusal_breaks_out_of_its_page(message in ".{0,60}|[<>&\"'/a-z]{0,40}") {
            let refusal = || Reply::from(Refusal::Forbidden(message.clone()));
            for language in [Language::English, Language::Hebrew] {
                let page = refusal().refusal(language).into_string();
                prop_assert_eq!(page.matches('<').count(), if language == Language::English { 2 } else { 4 });
            }
        }
    }
}
