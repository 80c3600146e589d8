//! What is tried against the doors, and what each of them must answer: one table for the routers in a test's
//! hands and for the running daemon before a real Asterisk.
//!
//! A [`Row`] says what is changed in a click that would be placed, and what becomes of it; [`door`] says it in
//! each dialect and reads each dialect's answer. Between the rows go clicks that are placed, so that whoever
//! counts calls is known to see them. [`nasty`] is what no table would think of.

pub(crate) mod door;
pub(crate) mod nasty;
pub(crate) mod rows;
mod spelling;
pub(crate) mod unmeant;

use std::borrow::Cow;
use std::fmt;

/// What a click says, under the name that each door has for it. A door that has none is not concerned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Field {
    /// The first leg, by number or extension.
    Phone,
    /// The first leg, by login code.
    LoginCode,
    /// The first leg, by its agent's address.
    Email,
    Target,
    TargetInCapitals,
    Token,
    CallerId,
    CallerName,
    PhoneCallerId,
    PhoneCallerName,
    PhoneMaxDialTime,
    TargetMaxDialTime,
    MaxDuration,
    Record,
    PhoneAutoAnswer,
    CheckPhone,
    Language,
    IgnoreDoNotCall,
    UserData,
    ExtRecord,
    /// A pair of the user data, or a field of its own.
    CallbackUrl,
    Queue,
    DialPlan,
    Prefix,
    Action,
    Format,
    /// `callback`, with which pages ask for JSONP.
    JsonpCallback,
    /// `var_…`, or a member of `vars`.
    Var(&'static str),
    /// Exactly so, at the doors whose parameters are pairs.
    Named(&'static str),
}

/// What a field is given.
#[derive(Clone, PartialEq, Eq)]
pub(crate) enum Value {
    /// These bytes, escaped as the dialect escapes.
    Bytes(Cow<'static, [u8]>),
    /// These characters of JSON, at the doors that read it.
    Json(Cow<'static, str>),
    /// Nothing: the field is left out.
    Absent,
}

impl<T: Into<Cow<'static, str>>> From<T> for Value {
    fn from(text: T) -> Self {
        match text.into() {
            Cow::Borrowed(text) => Self::Bytes(text.as_bytes().into()),
            Cow::Owned(text) => Self::Bytes(text.into_bytes().into()),
        }
    }
}

/// Its beginning: some are long.
impl fmt::Debug for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = match self {
            Self::Bytes(bytes) => String::from_utf8_lossy(bytes),
            Self::Json(json) => Cow::Borrowed(json.as_ref()),
            Self::Absent => Cow::Borrowed("nothing"),
        };
        write!(f, "{:?}", text.chars().take(60).collect::<String>())
    }
}

/// What becomes of a click; each door has its own way to say it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Becomes {
    /// A call.
    Placed,
    /// Refused: something is missing or malformed.
    Malformed,
    /// Refused: a rule of the tenant.
    Forbidden,
    /// Refused: nobody's extension, login code, dial plan or queue.
    Unknown,
    /// Refused: no agent has this address.
    Nobody,
    /// Refused: the phone is away, or there is none.
    Offline,
    /// Refused: the agent is blocked.
    Blocked,
    /// Refused: nobody's token.
    Stranger,
}

/// One line of the table.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    pub(crate) name: String,
    /// Instead of, or beside, what a click says that is placed. A field given here twice is sent twice.
    pub(crate) change: Vec<(Field, Value)>,
    pub(crate) becomes: Becomes,
}

impl Row {
    /// A click that is placed; each number is another one.
    pub(crate) fn good(number: usize) -> Self {
        let target = format!("1212555{:04}", 2000 + number % 8000);
        Self {
            name: format!("good click {number}"),
            change: vec![(Field::Target, target.into())],
            becomes: Becomes::Placed,
        }
    }
}

/// What a door answered.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) content_type: String,
    /// `Content-Security-Policy`
    pub(crate) policy: String,
    pub(crate) body: String,
}
