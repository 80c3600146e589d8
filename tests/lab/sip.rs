//! SIP messages, read from `SIPp`'s trace.
//!
//! `SIPp` answers by its scenario; what it received and sent it writes to a pipe as it happens, one entry per message with
//! its length. Here they become [`Message`]s, and each first INVITE an [`Invite`], which is also the line in
//! `carrier.log` and `phones.log`.

use std::collections::BTreeMap;
use std::io::{self, BufRead};

use serde::{Deserialize, Serialize};

/// One request or response.
#[derive(Clone, Debug, Default)]
pub struct Message {
    pub received: bool,
    /// `INVITE sip:101@127.0.0.1 SIP/2.0` or `SIP/2.0 200 OK`.
    pub start: String,
    pub headers: BTreeMap<String, Vec<String>>,
    pub body: String,
}

impl Message {
    /// Takes a message apart; header names stay as they were written.
    pub fn parse(text: &str, received: bool) -> Self {
        let (head, body) = text.split_once("\r\n\r\n").unwrap_or((text, ""));
        let mut lines = head.lines();
        let mut message =
            Self { received, start: lines.next().unwrap_or("").to_owned(), body: body.to_owned(), ..Self::default() };
        for (name, value) in lines.filter_map(|line| line.split_once(':')) {
            message.headers.entry(name.trim().to_owned()).or_default().push(value.trim().to_owned());
        }
        message
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        let (_, values) = self.headers.iter().find(|(key, _)| key.eq_ignore_ascii_case(name))?;
        values.first().map(String::as_str)
    }

    /// The method of a request; of a response, that of the request which it answers.
    pub fn method(&self) -> &str {
        self.header("CSeq").and_then(|cseq| cseq.split_whitespace().nth(1)).unwrap_or("")
    }

    /// The status of a response, none for a request.
    pub fn status(&self) -> Option<u16> {
        self.start.strip_prefix("SIP/2.0 ")?.get(..3)?.parse().ok()
    }

    pub fn call_id(&self) -> &str {
        self.header("Call-ID").unwrap_or("")
    }

    /// The port that its SDP wants audio at.
    pub fn audio_port(&self) -> Option<u16> {
        self.body.lines().find_map(|line| line.strip_prefix("m=audio ")?.split_whitespace().next()?.parse().ok())
    }

    /// The first request of a dialog, as opposed to one within it.
    pub fn starts_dialog(&self) -> bool {
        self.status().is_none() && !self.header("To").is_some_and(|to| to.contains(";tag="))
    }
}

/// An INVITE that reached a phone or the carrier.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Invite {
    /// RFC 3339 with milliseconds.
    pub at: String,
    /// Number or extension that was asked for (the user of the request's address).
    pub to: String,
    pub from: String,
    pub from_name: Option<String>,
    /// The address in P-Asserted-Identity, as it was written.
    pub pai: Option<String>,
    pub sip_call_id: String,
    pub headers: BTreeMap<String, Vec<String>>,
}

impl Invite {
    pub fn from_message(message: &Message) -> Self {
        let from = message.header("From").unwrap_or("");
        Self {
            at: now(),
            to: user_of(&message.start).unwrap_or("").to_owned(),
            from: user_of(from).unwrap_or("").to_owned(),
            from_name: display_name(from),
            pai: message.header("P-Asserted-Identity").map(str::to_owned),
            sip_call_id: message.call_id().to_owned(),
            headers: message.headers.clone(),
        }
    }

    /// First value of a header.
    pub fn header(&self, name: &str) -> Option<&str> {
        let (_, values) = self.headers.iter().find(|(key, _)| key.eq_ignore_ascii_case(name))?;
        values.first().map(String::as_str)
    }
}

/// This moment as RFC 3339 with milliseconds.
pub fn now() -> String {
    format!("{:.3}", jiff::Timestamp::now())
}

/// Reads the next message of a trace; `None` at its end.
pub fn read_trace(trace: &mut impl BufRead) -> io::Result<Option<Message>> {
    loop {
        let mut line = Vec::new();
        if trace.read_until(b'\n', &mut line)? == 0 {
            return Ok(None);
        }
        // `UDP message received [928] bytes:`, an empty line, then so many bytes. Everything else is decoration.
        let text = String::from_utf8_lossy(&line);
        let Some(rest) = text.strip_prefix("UDP message ") else { continue };
        let Some((direction, rest)) = rest.split_once(" [") else { continue };
        let Some(length) = rest.split_once(']').and_then(|(length, _)| length.parse().ok()) else { continue };
        trace.read_until(b'\n', &mut Vec::new())?;
        let mut bytes = vec![0; length];
        trace.read_exact(&mut bytes)?;
        return Ok(Some(Message::parse(&String::from_utf8_lossy(&bytes), direction == "received")));
    }
}

fn user_of(address: &str) -> Option<&str> {
    let (_, rest) = address.split_once("sip:")?;
    let (user, _) = rest.split_once('@')?;
    // Parameters of the user part (`;phone-context=…`) are no digits.
    user.split(';').next()
}

fn display_name(address: &str) -> Option<String> {
    let (name, _) = address.split_once('<')?;
    let name = name.trim();
    let name = name.strip_prefix('"').and_then(|name| name.strip_suffix('"')).unwrap_or(name);
    (!name.is_empty()).then(|| name.replace("\\\"", "\"").replace("\\\\", "\\"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trace_gives_the_invite_with_name_and_number() {
        let invite = "INVITE sip:+12125550101@127.0.0.1:5080 SIP/2.0\r\nFrom: \"Demo Main\" <sip:+12125550100@127.0.0.1>;tag=1\r\n\
                      To: <sip:+12125550101@127.0.0.1>\r\nCall-ID: x\r\nCSeq: 7 INVITE\r\n\r\nm=audio 4000 RTP/AVP 0\r\n";
        let trace = format!("----- now\nUDP message received [{}] bytes:\n\n{invite}\n", invite.len());
        let message = read_trace(&mut trace.as_bytes()).expect("it reads").expect("there is a message");
        assert!(message.received && message.starts_dialog());
        assert_eq!((message.method(), message.audio_port()), ("INVITE", Some(4000)));
        let invite = Invite::from_message(&message);
        assert_eq!((invite.to.as_str(), invite.from.as_str()), ("+12125550101", "+12125550100"));
        assert_eq!(invite.from_name.as_deref(), Some("Demo Main"));
    }
}
