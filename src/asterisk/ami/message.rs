//! What is said over AMI, both ways.
//!
//! Pure. An [`Action`] consists of [`Field`]s, and a field cannot hold CR, LF or NUL: AMI takes a bare
//! LF for the end of a line, so whoever could put one into a value could add an action of his own.

use std::fmt;

/// Asterisk reads 1,024 bytes of a line.
const LONGEST_LINE: usize = 1_000;
/// Asterisk reads 128 fields.
const MOST_FIELDS: usize = 64;

/// One line of an action, `Name: value`, checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Field(String);

/// Why something cannot be said over AMI.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FieldError {
    /// A name is letters, digits and dashes.
    #[error("not a name of a field")]
    Name,
    /// CR, LF or NUL in the value.
    #[error("a control character that would end the line")]
    Control,
    /// More than 1,000 bytes.
    #[error("longer than {LONGEST_LINE} bytes")]
    Long,
    /// More than 64 fields in an action.
    #[error("more than {MOST_FIELDS} fields")]
    Many,
}

impl Field {
    /// A line, if it can be one.
    pub fn new(name: &str, value: &str) -> Result<Self, FieldError> {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
        if name.is_empty() || !name.bytes().all(plain) {
            return Err(FieldError::Name);
        }
        if value.contains(['\r', '\n', '\0']) {
            return Err(FieldError::Control);
        }
        let line = format!("{name}: {value}");
        if line.len() > LONGEST_LINE {
            return Err(FieldError::Long);
        }
        Ok(Self(line))
    }
}

/// One action, ready to be sent.
#[derive(Clone, PartialEq, Eq)]
pub struct Action {
    fields: Vec<Field>,
}

impl Action {
    /// An action of this name.
    pub fn new(name: &str) -> Result<Self, FieldError> {
        Ok(Self { fields: vec![Field::new("Action", name)?] })
    }

    /// The same action with one more field.
    pub fn with(mut self, name: &str, value: &str) -> Result<Self, FieldError> {
        if self.fields.len() >= MOST_FIELDS {
            return Err(FieldError::Many);
        }
        self.fields.push(Field::new(name, value)?);
        Ok(self)
    }
}

/// As it stands on the wire, the blank line included.
impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for Field(line) in &self.fields {
            write!(f, "{line}\r\n")?;
        }
        f.write_str("\r\n")
    }
}

/// One response or event.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Message {
    fields: Vec<(String, String)>,
}

impl Message {
    /// A message of these fields.
    pub const fn new(fields: Vec<(String, String)>) -> Self {
        Self { fields }
    }

    /// The first value of this name, in any spelling.
    pub fn get(&self, name: &str) -> Option<&str> {
        let found = self.fields.iter().find(|(field, _)| field.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }

    /// Name of the event, when it is one.
    pub fn event(&self) -> Option<&str> {
        self.get("Event")
    }

    /// Whether it is the response `Success` (or a ping's `Pong` on old versions); `None` for events.
    pub fn succeeded(&self) -> Option<bool> {
        self.get("Response").map(|response| matches!(response, "Success" | "Pong"))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn an_action_is_written_line_by_line() {
        let action = Action::new("QueuePause").unwrap().with("Reason", "a: b, c").unwrap();
        assert_eq!(action.to_string(), "Action: QueuePause\r\nReason: a: b, c\r\n\r\n");
    }

    #[test]
    fn what_would_end_a_line_is_refused() {
        for value in ["A\n\nAction: Ping", "A\rB", "A\0"] {
            assert_eq!(Field::new("Variable", value), Err(FieldError::Control));
        }
        assert_eq!(Field::new("A: b\r\nAction", "x"), Err(FieldError::Name));
        assert_eq!(Field::new("", "x"), Err(FieldError::Name));
        assert_eq!(Field::new("A", &"x".repeat(1_000)), Err(FieldError::Long));
    }

    #[test]
    fn an_action_has_an_end() {
        let mut action = Ok(Action::new("Ping").unwrap());
        for _ in 0..MOST_FIELDS {
            action = action.and_then(|action| action.with("Variable", "x"));
        }
        assert!(matches!(action, Err(FieldError::Many)));
    }

    proptest! {
        #[test]
        fn no_value_adds_a_line_or_an_action(name in "\\PC*|[A-Za-z-]{1,9}", value in any::<String>()) {
            if let Ok(action) = Action::new("Ping").and_then(|action| action.with(&name, &value)) {
                let text = action.to_string();
                prop_assert_eq!(text.matches('\n').count(), 3);
                prop_assert_eq!(text.matches('\r').count(), 3);
                prop_assert!(text.ends_with("\r\n\r\n") && !text.contains('\0'));
                prop_assert!(text.lines().all(|line| line.len() <= LONGEST_LINE));
            }
        }
    }
}
