//! AMI on the wire.
//!
//! A banner (one line, no blank line after it), then messages: lines of `Name: value`, ended by a
//! blank one. Lines end in CRLF or LF. Whatever is longer than reason ends the connection.

use bytes::{Buf, BytesMut};
use tokio_util::codec::{Decoder, Encoder};

use super::message::{Action, Message};

const LONGEST_LINE: usize = 64 * 1024;
const MOST_FIELDS: usize = 1024;

/// What comes in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Frame {
    /// The first line.
    Banner(String),
    /// Everything after it.
    Message(Message),
}

/// Why the other end is no longer understood.
#[derive(Debug, thiserror::Error)]
pub enum CodecError {
    /// A line of more than 64 KiB.
    #[error("a line without end")]
    Line,
    /// A message of more than 1,024 fields.
    #[error("a message without end")]
    Message,
    /// The connection broke.
    #[error(transparent)]
    Io(#[from] std::io::Error),
}

/// Cuts bytes into frames.
#[derive(Debug, Default)]
pub struct AmiCodec {
    greeted: bool,
    fields: Vec<(String, String)>,
    /// Bytes that are known to hold no LF.
    searched: usize,
}

impl AmiCodec {
    fn line(&mut self, bytes: &mut BytesMut) -> Result<Option<String>, CodecError> {
        let end = bytes[self.searched..].iter().position(|byte| *byte == b'\n').map(|at| at + self.searched);
        let Some(end) = end.filter(|end| *end <= LONGEST_LINE) else {
            self.searched = bytes.len();
            return if bytes.len() > LONGEST_LINE { Err(CodecError::Line) } else { Ok(None) };
        };
        self.searched = 0;
        let line = bytes.split_to(end);
        bytes.advance(1);
        let line = line.strip_suffix(b"\r").unwrap_or(&line);
        Ok(Some(String::from_utf8_lossy(line).into_owned()))
    }

    /// Takes a line in; gives the message that it ends.
    fn take(&mut self, line: &str) -> Result<Option<Message>, CodecError> {
        if line.is_empty() {
            let fields = std::mem::take(&mut self.fields);
            return Ok((!fields.is_empty()).then(|| Message::new(fields)));
        }
        if self.fields.len() >= MOST_FIELDS {
            return Err(CodecError::Message);
        }
        let (name, value) = line.split_once(':').unwrap_or((line, ""));
        self.fields.push((name.to_owned(), value.strip_prefix(' ').unwrap_or(value).to_owned()));
        Ok(None)
    }
}

impl Decoder for AmiCodec {
    type Item = Frame;
    type Error = CodecError;

    fn decode(&mut self, bytes: &mut BytesMut) -> Result<Option<Frame>, CodecError> {
        while let Some(line) = self.line(bytes)? {
            if !self.greeted {
                self.greeted = true;
                return Ok(Some(Frame::Banner(line)));
            }
            if let Some(message) = self.take(&line)? {
                return Ok(Some(Frame::Message(message)));
            }
        }
        Ok(None)
    }
}

impl Encoder<Action> for AmiCodec {
    type Error = CodecError;

    fn encode(&mut self, action: Action, bytes: &mut BytesMut) -> Result<(), CodecError> {
        bytes.extend_from_slice(action.to_string().as_bytes());
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn decode_in_pieces(bytes: &[u8], piece: usize) -> Result<Vec<Frame>, CodecError> {
        let (mut codec, mut buffer, mut frames) = (AmiCodec::default(), BytesMut::new(), Vec::new());
        for piece in bytes.chunks(piece.max(1)) {
            buffer.extend_from_slice(piece);
            while let Some(frame) = codec.decode(&mut buffer)? {
                frames.push(frame);
            }
        }
        Ok(frames)
    }

    #[test]
    fn a_banner_and_messages_with_either_end_of_line_are_understood() {
        let bytes =
            b"Asterisk Call Manager/9.0.0\r\nResponse: Success\r\nMessage: a: b:c\r\n\r\n\r\nEvent: X\nEmpty:\n\n";
        let frames = decode_in_pieces(bytes, 3).unwrap();
        let [Frame::Banner(banner), Frame::Message(response), Frame::Message(event)] = &*frames else {
            panic!("{frames:?}")
        };
        assert_eq!(banner, "Asterisk Call Manager/9.0.0");
        assert_eq!((response.succeeded(), response.get("message")), (Some(true), Some("a: b:c")));
        assert_eq!((event.event(), event.get("Empty"), event.succeeded()), (Some("X"), Some(""), None));
    }

    #[test]
    fn what_never_ends_is_cut() {
        assert!(matches!(decode_in_pieces(&vec![b'x'; LONGEST_LINE + 2], 4096), Err(CodecError::Line)));
        let line_too_long = [vec![b'x'; LONGEST_LINE + 2], b"\n".to_vec()].concat();
        assert!(matches!(decode_in_pieces(&line_too_long, usize::MAX), Err(CodecError::Line)));
        let many = format!("banner\n{}", "A: b\n".repeat(MOST_FIELDS + 1));
        assert!(matches!(decode_in_pieces(many.as_bytes(), 4096), Err(CodecError::Message)));
    }

    proptest! {
        #[test]
        fn any_bytes_in_any_pieces_give_the_same_frames(
            bytes in proptest::collection::vec(prop_oneof![Just(b'\n'), Just(b'\r'), Just(b':'), Just(b'A'), any::<u8>()], 0..400),
            piece in 1_usize..50,
        ) {
            prop_assert_eq!(decode_in_pieces(&bytes, piece).unwrap(), decode_in_pieces(&bytes, usize::MAX).unwrap());
        }

        #[test]
        fn what_is_written_reads_back_as_one_message(values in proptest::collection::vec("[^\r\n\0]{0,60}", 0..20)) {
            let mut action = Action::new("Ping").unwrap();
            for value in &values {
                action = action.with("Variable", value).unwrap();
            }
            let mut bytes = BytesMut::from(&b"banner\n"[..]);
            AmiCodec::default().encode(action, &mut bytes).unwrap();
            let frames = decode_in_pieces(&bytes, 7).unwrap();
            prop_assert_eq!(frames.len(), 2);
            let fields = std::iter::once(("Action".to_owned(), "Ping".to_owned()));
            let fields = fields.chain(values.into_iter().map(|value| ("Variable".to_owned(), value)));
            prop_assert_eq!(&frames[1], &Frame::Message(Message::new(fields.collect())));
        }
    }
}
