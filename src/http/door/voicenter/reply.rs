//! The Voicenter door's answers: XML or JSON, always the same three values. Pure.
//!
//! The XML is that of the API's documentation: an XML-RPC `methodResponse` with one struct, in which
//! every value is a `<string>`, `ERRORCODE` included. In JSON `ERRORCODE` is an integer.

use std::io;

use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use quick_xml::Writer;
use quick_xml::events::{BytesDecl, BytesText, Event};
use serde::Serialize;

use crate::call::CallId;

/// The form of an answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::http) enum Format {
    /// The default.
    #[default]
    Xml,
    /// `format=json`
    Json,
}

/// `ERRORCODE`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::http) enum ErrorCode {
    /// Done.
    Ok = 0,
    /// The parameters are wrong, or not allowed.
    InvalidParameters = 1,
    /// It cannot be done now.
    ApplicationError = 2,
    /// The extension is offline.
    ExtensionOffline = 3,
    /// The extension is blocked for click-to-call.
    ExtensionBlocked = 4,
}

/// One answer of this door.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::http) struct Reply {
    /// What it says.
    pub(in crate::http) code: ErrorCode,
    /// The same as a short sentence.
    pub(in crate::http) message: String,
    /// The call, on success.
    pub(in crate::http) call: Option<CallId>,
    /// HTTP's own word; 200 but where HTTP itself says no.
    pub(in crate::http) status: StatusCode,
    /// `Retry-After`, seconds.
    pub(in crate::http) retry_after: Option<u64>,
}

#[derive(Serialize)]
#[serde(rename_all = "UPPERCASE")]
struct Body<'a> {
    errorcode: u8,
    errormessage: &'a str,
    callid: &'a str,
}

impl Reply {
    /// Success.
    pub(in crate::http) fn ok(call: CallId) -> Self {
        Self { call: Some(call), ..Self::refused(ErrorCode::Ok, "OK") }
    }

    /// A refusal.
    pub(in crate::http) fn refused(code: ErrorCode, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), call: None, status: StatusCode::OK, retry_after: None }
    }

    /// The same words under another HTTP status.
    pub(in crate::http) fn with_status(self, status: StatusCode) -> Self {
        Self { status, ..self }
    }

    /// Written out.
    pub(in crate::http) fn write(&self, format: Format) -> String {
        let call = self.call.map(|id| id.to_string()).unwrap_or_default();
        let body = Body { errorcode: self.code as u8, errormessage: &self.message, callid: &call };
        match format {
            Format::Json => serde_json::to_string(&body).unwrap_or_default(),
            Format::Xml => xml(&body).unwrap_or_default(),
        }
    }

    /// As an HTTP response.
    pub(in crate::http) fn into_response(self, format: Format) -> Response {
        let content_type = match format {
            Format::Xml => "text/xml; charset=utf-8",
            Format::Json => "application/json",
        };
        let mut response = (self.status, [(CONTENT_TYPE, content_type)], self.write(format)).into_response();
        if let Some(seconds) = self.retry_after {
            response.headers_mut().insert("retry-after", HeaderValue::from(seconds));
        }
        response
    }
}

/// Writing into memory cannot fail; the error type is the writer's.
fn xml(body: &Body<'_>) -> io::Result<String> {
    let mut writer = Writer::new(Vec::new());
    writer.write_event(Event::Decl(BytesDecl::new("1.0", Some("utf-8"), None)))?;
    let members = [
        ("ERRORCODE", body.errorcode.to_string()),
        ("ERRORMESSAGE", clean(body.errormessage)),
        ("CALLID", clean(body.callid)),
    ];
    nested(&mut writer, &["methodResponse", "params", "param", "value", "struct"], &|writer| {
        members.iter().try_for_each(|(name, value)| member(writer, name, value))
    })?;
    Ok(String::from_utf8_lossy(&writer.into_inner()).into_owned())
}

type Inner<'a> = &'a dyn Fn(&mut Writer<Vec<u8>>) -> io::Result<()>;

fn nested(writer: &mut Writer<Vec<u8>>, path: &[&str], inner: Inner<'_>) -> io::Result<()> {
    let Some((first, rest)) = path.split_first() else { return inner(writer) };
    writer.create_element(*first).write_inner_content(|writer| nested(writer, rest, inner))?;
    Ok(())
}

fn member(writer: &mut Writer<Vec<u8>>, name: &str, value: &str) -> io::Result<()> {
    nested(writer, &["member"], &|writer| {
        writer.create_element("name").write_text_content(BytesText::new(name))?;
        nested(writer, &["value"], &|writer| {
            writer.create_element("string").write_text_content(BytesText::new(value))?;
            Ok(())
        })
    })
}

/// Without the characters that XML 1.0 cannot hold at all, however they are escaped.
fn clean(text: &str) -> String {
    text.chars().filter(|c| !c.is_control() && !matches!(c, '\u{fffe}' | '\u{ffff}')).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use quick_xml::Reader;

    use super::*;

    #[test]
    fn the_xml_has_the_documented_structure() {
        let reply = Reply::refused(ErrorCode::InvalidParameters, "Phone is missing");
        assert_eq!(
            reply.write(Format::Xml),
            concat!(
                r#"<?xml version="1.0" encoding="utf-8"?>"#,
                "<methodResponse><params><param><value><struct>",
                "<member><name>ERRORCODE</name><value><string>1</string></value></member>",
                "<member><name>ERRORMESSAGE</name><value><string>Phone is missing</string></value></member>",
                "<member><name>CALLID</name><value><string></string></value></member>",
                "</struct></value></param></params></methodResponse>"
            )
        );
    }

    #[test]
    fn the_json_has_the_same_keys_in_the_same_order() {
        let reply = Reply::ok(CallId::from_bits(255));
        assert_eq!(
            reply.write(Format::Json),
            r#"{"ERRORCODE":0,"ERRORMESSAGE":"OK","CALLID":"000000000000000000000000000000ff"}"#
        );
    }

    /// The texts of all `<string>` elements, as a client's parser reads them.
    fn strings(xml: &str) -> Vec<String> {
        let mut reader = Reader::from_str(xml);
        let (mut texts, mut inside) = (Vec::new(), false);
        loop {
            match reader.read_event().unwrap() {
                Event::Start(tag) if tag.name().as_ref() == "string" => {
                    inside = true;
                    texts.push(String::new());
                }
                Event::End(tag) if tag.name().as_ref() == "string" => inside = false,
                Event::Text(text) if inside => texts.last_mut().unwrap().push_str(&text),
                Event::GeneralRef(name) if inside => {
                    let text = format!("&{};", &*name);
                    texts.last_mut().unwrap().push_str(&quick_xml::escape::unescape(&text).unwrap());
                }
                Event::Eof => return texts,
                _ => {}
            }
        }
    }

    proptest! {
        #[test]
        fn any_sentence_reads_back_from_both_formats(message in "\\PC{0,60}|[<>&\"'\\]\\[\\-!%;a ]{0,40}") {
            let reply = Reply::refused(ErrorCode::ApplicationError, message.clone());
            let read = strings(&reply.write(Format::Xml));
            prop_assert_eq!(read, vec!["2".to_owned(), clean(&message), String::new()]);
            let json: serde_json::Value = serde_json::from_str(&reply.write(Format::Json)).unwrap();
            prop_assert_eq!(json["ERRORMESSAGE"].as_str(), Some(message.as_str()));
        }

        #[test]
        fn no_sentence_makes_broken_xml(message in ".{0,60}") {
            let reply = Reply::refused(ErrorCode::ApplicationError, message);
            prop_assert_eq!(strings(&reply.write(Format::Xml)).len(), 3);
        }
    }
}
