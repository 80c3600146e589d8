//! Every door's dialect: a click as it is sent, and an answer as it is read.

use std::borrow::Cow;

use percent_encoding::{NON_ALPHANUMERIC, percent_encode};
use quick_xml::events::Event;
use serde_json::Value as Json;

use super::spelling::{self, spell};
use super::{Answer, Becomes, Field, Row, Value};

/// A door, and each of the ways in which it takes clicks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Door {
    VoicenterGet,
    VoicenterForm,
    VoicenterJson,
    Getdesk,
    /// The 8x8 door, asked by a program.
    EightGet,
    EightPost,
    /// The 8x8 door, asked by a browser.
    EightPage,
}

/// A request, up to the host.
#[derive(Clone, Debug)]
pub(crate) struct Sent {
    pub(crate) method: &'static str,
    /// Path and query.
    pub(crate) target: String,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) body: Vec<u8>,
}

/// What a door said, in no dialect.
#[derive(Clone, Debug)]
pub(crate) struct Said {
    pub(crate) status: u16,
    /// `ERRORCODE`, where the door has one.
    pub(crate) code: Option<u8>,
    pub(crate) message: String,
    pub(crate) call: Option<String>,
}

/// Bytes of the longest address that is taken.
const LONGEST: usize = 16 * 1024;

/// Names and values as one request carries them.
pub(super) type Pairs = Vec<(Cow<'static, str>, Value)>;

impl Door {
    pub(crate) const fn path(self) -> &'static str {
        match self {
            Self::VoicenterGet | Self::VoicenterForm | Self::VoicenterJson => "/ForwardDialer/click2call.aspx",
            Self::Getdesk => "/ClickToCallAPI",
            Self::EightGet | Self::EightPost | Self::EightPage => "/AGUI/make_call.php",
        }
    }

    /// Whether it knows an agent by a session, which whoever sends the request has to add.
    pub(crate) const fn needs_session(self) -> bool {
        matches!(self, Self::EightGet | Self::EightPost | Self::EightPage)
    }

    /// The pairs of a click that is placed. Erin's phone is busy, so that the call ends at once.
    fn good(self) -> Pairs {
        let pairs: &[(&str, &str)] = match self {
            Self::VoicenterGet | Self::VoicenterForm | Self::VoicenterJson => {
                &[("code", "demo-code"), ("action", "call"), ("phone", "105"), ("target", "12125550101")]
            }
            Self::Getdesk => &[("token", "demo-code"), ("email", "erin@demo.example"), ("phone_number", "12125550101")],
            Self::EightGet | Self::EightPost | Self::EightPage => &[("phone", "12125550101")],
        };
        pairs.iter().map(|(name, value)| (Cow::Borrowed(*name), Value::from(*value))).collect()
    }

    /// Every field that this door has a name for.
    pub(crate) fn fields(self) -> Vec<Field> {
        spelling::fields(self)
    }

    /// The request of this row; none where the door has no such field, or no such value, or an address cannot
    /// hold it.
    pub(crate) fn request(self, row: &Row) -> Option<Sent> {
        let mut changed = Pairs::new();
        for (field, value) in &row.change {
            changed.extend(spell(self, *field, value)?);
        }
        let mut pairs = self.good();
        pairs.retain(|(name, _)| !changed.iter().any(|(other, _)| other == name));
        pairs.extend(changed.into_iter().filter(|(_, value)| *value != Value::Absent));
        let path = self.path().to_owned();
        let sent = match self {
            Self::VoicenterGet | Self::Getdesk => get(format!("{path}?{}", urlencoded(&pairs)?)),
            Self::VoicenterForm => post(path, FORM, urlencoded(&pairs)?.into_bytes()),
            Self::VoicenterJson => post(path, "application/json", object(&pairs)),
            Self::EightGet => get(format!("{path}?{}", urlencoded(&pairs)?)).with(&LINK).with(&FOR_PROGRAMS),
            Self::EightPost => post(path, FORM, urlencoded(&pairs)?.into_bytes()).with(&LINK).with(&FOR_PROGRAMS),
            Self::EightPage => get(format!("{path}?{}", urlencoded(&pairs)?)).with(&LINK),
        };
        (sent.target.len() <= LONGEST).then_some(sent)
    }

    /// Reads an answer, and refuses one that is not in this door's form.
    pub(crate) fn read(self, answer: &Answer) -> Result<Said, String> {
        let said = match self {
            Self::VoicenterGet | Self::VoicenterForm | Self::VoicenterJson => voicenter(answer),
            Self::Getdesk => getdesk(answer),
            Self::EightGet | Self::EightPost => eight(answer),
            Self::EightPage => page(answer),
        };
        let said = said.ok_or_else(|| format!("not an answer of {self:?}: {answer:?}"))?;
        let plain = !said.message.is_empty() && said.message.len() < 300 && !said.message.contains(char::is_control);
        if plain { Ok(said) } else { Err(format!("not a sentence: {:?}", said.message)) }
    }

    /// Status and error code with which this door says what became of a click.
    pub(crate) const fn says(self, becomes: Becomes) -> (u16, Option<u8>) {
        match self {
            Self::VoicenterGet | Self::VoicenterForm | Self::VoicenterJson => (200, Some(errorcode(becomes))),
            Self::Getdesk => match becomes {
                Becomes::Placed => (200, None),
                Becomes::Malformed | Becomes::Unknown => (400, None),
                Becomes::Stranger => (401, None),
                Becomes::Forbidden | Becomes::Blocked => (403, None),
                Becomes::Nobody | Becomes::Offline => (404, None),
            },
            Self::EightGet | Self::EightPost | Self::EightPage => (plainly(becomes), None),
        }
    }
}

/// The status with which most doors say what became of a click.
const fn plainly(becomes: Becomes) -> u16 {
    match becomes {
        Becomes::Placed => 200,
        Becomes::Malformed => 400,
        Becomes::Stranger => 401,
        Becomes::Forbidden | Becomes::Blocked => 403,
        Becomes::Unknown | Becomes::Nobody => 404,
        Becomes::Offline => 422,
    }
}

const fn errorcode(becomes: Becomes) -> u8 {
    match becomes {
        Becomes::Placed => 0,
        Becomes::Malformed | Becomes::Forbidden | Becomes::Unknown | Becomes::Nobody | Becomes::Stranger => 1,
        Becomes::Offline => 3,
        Becomes::Blocked => 4,
    }
}

fn get(target: String) -> Sent {
    Sent { method: "GET", target, headers: Vec::new(), body: Vec::new() }
}

fn post(target: String, content_type: &str, body: Vec<u8>) -> Sent {
    Sent { method: "POST", target, headers: vec![("content-type", content_type.to_owned())], body }
}

impl Sent {
    fn with(mut self, headers: &[(&'static str, &str)]) -> Self {
        self.headers.extend(headers.iter().map(|(name, value)| (*name, (*value).to_owned())));
        self
    }
}

const FORM: &str = "application/x-www-form-urlencoded";
const FOR_PROGRAMS: [(&str, &str); 1] = [("accept", "application/json")];
/// A link that somebody followed from no page at all.
const LINK: [(&str, &str); 4] = [
    ("sec-fetch-site", "none"),
    ("sec-fetch-mode", "navigate"),
    ("sec-fetch-dest", "document"),
    ("sec-fetch-user", "?1"),
];

/// For a query or a form; none where a value is JSON's own.
fn urlencoded(pairs: &Pairs) -> Option<String> {
    let escape = |bytes: &[u8]| percent_encode(bytes, NON_ALPHANUMERIC).to_string();
    let pair = |(name, value): &(Cow<'_, str>, Value)| match value {
        Value::Bytes(bytes) => Some(format!("{}={}", escape(name.as_bytes()), escape(bytes))),
        Value::Json(_) | Value::Absent => None,
    };
    Some(pairs.iter().map(pair).collect::<Option<Vec<_>>>()?.join("&"))
}

/// A JSON object, repeated names included. What is no UTF-8 stands in it as it is.
fn object(pairs: &Pairs) -> Vec<u8> {
    let mut text = b"{".to_vec();
    for (index, (name, value)) in pairs.iter().enumerate() {
        if index > 0 {
            text.push(b',');
        }
        text.extend(Json::from(name.as_ref()).to_string().into_bytes());
        text.push(b':');
        match value {
            Value::Bytes(bytes) => match std::str::from_utf8(bytes) {
                Ok(string) => text.extend(Json::from(string).to_string().into_bytes()),
                Err(_) => [b"\"", bytes.as_ref(), b"\""].iter().for_each(|piece| text.extend_from_slice(piece)),
            },
            Value::Json(json) => text.extend_from_slice(json.as_bytes()),
            Value::Absent => text.extend_from_slice(b"null"),
        }
    }
    text.push(b'}');
    text
}

fn voicenter(answer: &Answer) -> Option<Said> {
    let texts = match answer.content_type.as_str() {
        "text/xml; charset=utf-8" => texts_of(&answer.body)?,
        "application/json" => {
            let json: Json = serde_json::from_str(&answer.body).ok()?;
            let members = json.as_object()?;
            let text = |name: &str| members[name].as_str().map(str::to_owned);
            (members.len() == 3).then_some(())?;
            vec![members["ERRORCODE"].as_u64()?.to_string(), text("ERRORMESSAGE")?, text("CALLID")?]
        }
        _ => return None,
    };
    let [code, message, call] = <[String; 3]>::try_from(texts).ok()?;
    let code: u8 = code.parse().ok()?;
    let call = (!call.is_empty()).then_some(call);
    let fits = (code == 0) == call.is_some() && call.as_ref().is_none_or(|call| call.len() == 32);
    fits.then_some(Said { status: answer.status, code: Some(code), message, call })
}

/// The three values of an XML answer, read as XML, under their names.
fn texts_of(xml: &str) -> Option<Vec<String>> {
    let mut reader = quick_xml::Reader::from_str(xml);
    let (mut names, mut texts) = (Vec::new(), Vec::new());
    let mut element = String::new();
    loop {
        match reader.read_event().ok()? {
            Event::Start(tag) => {
                tag.name().as_ref().clone_into(&mut element);
                match element.as_str() {
                    "name" => names.push(String::new()),
                    "string" => texts.push(String::new()),
                    _ => {}
                }
            }
            Event::Text(text) => open(&element, &mut names, &mut texts)?.push_str(&text),
            Event::GeneralRef(name) => {
                let text = quick_xml::escape::unescape(&format!("&{};", &*name)).ok()?.into_owned();
                open(&element, &mut names, &mut texts)?.push_str(&text);
            }
            Event::End(_) => element.clear(),
            Event::Decl(_) => {}
            Event::Eof => return (names == ["ERRORCODE", "ERRORMESSAGE", "CALLID"]).then_some(texts),
            _ => return None,
        }
    }
}

/// Where text inside this element goes.
fn open<'a>(element: &str, names: &'a mut [String], texts: &'a mut [String]) -> Option<&'a mut String> {
    match element {
        "name" => names.last_mut(),
        "string" => texts.last_mut(),
        _ => None,
    }
}

fn getdesk(answer: &Answer) -> Option<Said> {
    let json: Json = serde_json::from_str(&answer.body).ok()?;
    let members = json.as_object()?;
    (members.len() == 3 && answer.content_type == "application/json").then_some(())?;
    let message = members["message"].as_str()?.to_owned();
    let call = members["call_id"].as_str().map(str::to_owned);
    let status = if call.is_some() { "success" } else { "error" };
    let fits = members["status"] == status && call.is_some() == (answer.status == 200);
    fits.then_some(Said { status: answer.status, code: None, message, call })
}

fn eight(answer: &Answer) -> Option<Said> {
    let json: Json = serde_json::from_str(&answer.body).ok()?;
    let members = json.as_object()?;
    (members.len() == 3 && answer.content_type == "application/json").then_some(())?;
    let message = members["message"].as_str()?.to_owned();
    let call = members["call_id"].as_str().map(str::to_owned);
    let status = if call.is_some() { "calling" } else { "error" };
    let fits = members["status"] == status && call.is_some() == (answer.status == 200);
    fits.then_some(Said { status: answer.status, code: None, message, call })
}

/// A page says no id; and nothing that came in is markup in it.
fn page(answer: &Answer) -> Option<Said> {
    let (_, rest) = answer.body.split_once("<p role=\"status\">")?;
    let (status, _) = rest.split_once("</p>")?;
    let message = status.replace("<bdi dir=\"ltr\">", "").replace("</bdi>", "");
    let is_page = answer.body.starts_with("<!DOCTYPE html>") && answer.body.ends_with("</html>");
    let is_text = !message.contains(['<', '>']) && !answer.body.contains("<script");
    let is_guarded = answer.policy.contains("default-src 'none'") && answer.policy.contains("frame-ancestors 'none'");
    let fits = is_page && is_text && is_guarded && answer.content_type == "text/html; charset=utf-8";
    fits.then_some(Said { status: answer.status, code: None, message, call: None })
}
