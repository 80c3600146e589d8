//! Requests that nobody meant, and pages of others: the same good click, asked for in a way in which no click is.

use super::door::Door;

/// A way to ask, and the status that it gets.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Unmeant {
    /// None: the door's own.
    pub(crate) method: Option<&'static str>,
    pub(crate) headers: &'static [(&'static str, &'static str)],
    pub(crate) status: u16,
}

const fn by(method: &'static str, status: u16) -> Unmeant {
    Unmeant { method: Some(method), headers: &[], status }
}

const fn ahead(headers: &'static [(&'static str, &'static str)]) -> Unmeant {
    Unmeant { method: None, headers, status: 403 }
}

const PREFLIGHT: [(&str, &str); 3] = [
    ("origin", "https://evil.example"),
    ("access-control-request-method", "POST"),
    ("access-control-request-headers", "content-type"),
];

/// At every door.
const EVERYWHERE: [Unmeant; 11] = [
    by("HEAD", 405),
    by("OPTIONS", 204),
    Unmeant { method: Some("OPTIONS"), headers: &PREFLIGHT, status: 204 },
    by("PUT", 405),
    by("DELETE", 405),
    by("PATCH", 405),
    ahead(&[("sec-purpose", "prefetch")]),
    ahead(&[("sec-purpose", "prefetch;prerender")]),
    ahead(&[("purpose", "prefetch")]),
    ahead(&[("x-moz", "prefetch")]),
    ahead(&[("x-purpose", "preview")]),
];

/// What other pages make a browser ask for without anybody seeing it: images, frames, scripts, plugins.
const SEEN_BY_NOBODY: [&[(&str, &str)]; 8] = [
    &[("sec-fetch-site", "cross-site"), ("sec-fetch-mode", "no-cors"), ("sec-fetch-dest", "image")],
    &[("sec-fetch-site", "cross-site"), ("sec-fetch-mode", "navigate"), ("sec-fetch-dest", "iframe")],
    &[("sec-fetch-site", "same-origin"), ("sec-fetch-mode", "navigate"), ("sec-fetch-dest", "iframe")],
    &[("sec-fetch-site", "cross-site"), ("sec-fetch-mode", "no-cors"), ("sec-fetch-dest", "empty")],
    &[("sec-fetch-site", "same-site"), ("sec-fetch-mode", "cors"), ("sec-fetch-dest", "empty")],
    &[("sec-fetch-site", "cross-site"), ("sec-fetch-mode", "navigate"), ("sec-fetch-dest", "object")],
    &[("sec-fetch-site", "cross-site"), ("sec-fetch-mode", "no-cors"), ("sec-fetch-dest", "script")],
    &[("sec-fetch-mode", "websocket")],
];

/// What is tried at this door.
pub(crate) fn at(door: Door) -> Vec<Unmeant> {
    let mut all = EVERYWHERE.to_vec();
    match door {
        Door::Getdesk => all.push(by("POST", 405)),
        Door::EightGet | Door::EightPost | Door::EightPage => all.extend(SEEN_BY_NOBODY.map(ahead)),
        Door::VoicenterGet | Door::VoicenterForm | Door::VoicenterJson => {}
    }
    all
}
