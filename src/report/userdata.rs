//! User data: opaque `[name|value]` pairs that a client hands in and gets back.
//!
//! Two dialects, and they are not the same. What comes in ([`parse`]) is typed by people and pasted out
//! of web pages: it is read generously and taken literally, so `%5B` in it is three characters. What goes
//! out ([`UserData`] printed) is strict: a value can never create a pair, and [`parse_printed`] reads back
//! exactly what went in. Printed, `[ ] |` are `%5B %5D %7C`, and a `%` is `%25` only where `5B`, `5D`, `7C`
//! or `25` follows it, so that percent signs of ordinary text stay as they are.
//!
//! Names that start with `ctl_` are system data: ours to understand, in whatever case they are written.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Most pairs in one piece of user data.
pub const MAX_PAIRS: usize = 256;

/// Most bytes in one piece of user data.
pub const MAX_BYTES: usize = 32 * 1024;

/// Name of the pair that only we may append.
const NEW_RECORD_ID: &str = "ctl_newRecordId";

/// `[name|value]` pairs in the order in which they came.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct UserData {
    /// Name and value; both taken literally.
    pub pairs: Vec<(String, String)>,
}

/// User data that cannot be taken at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UserDataError {
    /// More than [`MAX_BYTES`].
    #[error("user data is longer than {MAX_BYTES} bytes")]
    TooLong,
    /// More than [`MAX_PAIRS`].
    #[error("user data has more than {MAX_PAIRS} pairs")]
    TooManyPairs,
    /// There is text, but nothing in it has the form of a pair.
    #[error("user data holds no [name|value] pair")]
    NoPair,
}

/// Reads user data as clients write it. Each pair splits at its first bar and ends at the next `]`; space
/// and line breaks around pairs and names do not count, and what is no pair is left out. Besides the pairs:
/// what was left out, in words for the client.
pub fn parse(text: &str) -> Result<(UserData, Vec<String>), UserDataError> {
    if text.len() > MAX_BYTES {
        return Err(UserDataError::TooLong);
    }
    let mut found = Found::default();
    let mut rest = text;
    while let Some(open) = rest.find('[') {
        found.outside(&rest[..open]);
        rest = found.pair(&rest[open + 1..])?;
    }
    found.outside(rest);
    if found.seen == 0 && !text.trim().is_empty() {
        return Err(UserDataError::NoPair);
    }
    let warnings = found.warnings();
    Ok((found.userdata, warnings))
}

/// What a walk over user data has met so far.
#[derive(Debug, Default)]
struct Found {
    userdata: UserData,
    /// Pairs met, those left out among them.
    seen: usize,
    /// There was text outside of pairs, or in brackets that make no pair.
    garbage: bool,
    /// There was a pair that only we may append.
    reserved: bool,
}

impl Found {
    fn outside(&mut self, text: &str) {
        self.garbage |= !text.trim().is_empty();
    }

    /// Takes the pair whose opening bracket was just read; gives what is behind it. A bracket that opens
    /// before the bar, or nothing that closes, makes the bracket before it plain garbage.
    fn pair<'a>(&mut self, text: &'a str) -> Result<&'a str, UserDataError> {
        let Some(stop) = text.find(['|', '[', ']']) else {
            self.garbage = true;
            return Ok("");
        };
        let (name, rest) = (text[..stop].trim(), &text[stop + 1..]);
        match text.as_bytes()[stop] {
            b'[' => {
                self.garbage = true;
                return Ok(&text[stop..]);
            }
            b']' => {
                self.garbage = true;
                return Ok(rest);
            }
            _ => {}
        }
        let Some(close) = rest.find(']') else {
            self.garbage = true;
            return Ok("");
        };
        self.keep(name, &rest[..close])?;
        Ok(&rest[close + 1..])
    }

    fn keep(&mut self, name: &str, value: &str) -> Result<(), UserDataError> {
        if name.is_empty() {
            self.garbage = true;
            return Ok(());
        }
        self.seen += 1;
        if self.seen > MAX_PAIRS {
            return Err(UserDataError::TooManyPairs);
        }
        if name.eq_ignore_ascii_case(NEW_RECORD_ID) {
            self.reserved = true;
            return Ok(());
        }
        self.userdata.pairs.push((name.to_owned(), value.to_owned()));
        Ok(())
    }

    fn warnings(&self) -> Vec<String> {
        let mut warnings = Vec::new();
        if self.garbage {
            warnings.push("user data: text that is no [name|value] pair was ignored".to_owned());
        }
        if self.reserved {
            warnings.push(format!("user data: {NEW_RECORD_ID} is not for clients to set and was ignored"));
        }
        warnings
    }
}

/// System data: the first pair of that name counts; blank is the same as not there.
impl UserData {
    /// `ctl_action`: what is to be done at the CRM (`create`).
    pub fn action(&self) -> Option<&str> {
        self.system("ctl_action")
    }

    /// `ctl_intType`: which CRM (`sfdc`).
    pub fn integration(&self) -> Option<&str> {
        self.system("ctl_intType")
    }

    /// `ctl_launchopt`: whether a page is to be opened afterwards (`true`, `false`).
    pub fn launch_option(&self) -> Option<&str> {
        self.system("ctl_launchopt")
    }

    /// `ctl_launchext`: how that page is to be opened (`edit`).
    pub fn launch_mode(&self) -> Option<&str> {
        self.system("ctl_launchext")
    }

    /// `ctl_parentid`: the record to come back to.
    pub fn parent_id(&self) -> Option<&str> {
        self.system("ctl_parentid")
    }

    /// `ctl_recordname`: name of the window.
    pub fn record_name(&self) -> Option<&str> {
        self.system("ctl_recordname")
    }

    /// `ctl_callbackUrl`, tokens not yet replaced. Space and line breaks in it come from a page that was
    /// copied, since no URL holds any: they are taken out.
    pub fn callback_url(&self) -> Option<String> {
        self.system("ctl_callbackUrl").map(|url| url.split_ascii_whitespace().collect())
    }

    fn system(&self, name: &str) -> Option<&str> {
        let (_, value) = self.pairs.iter().find(|(key, _)| key.eq_ignore_ascii_case(name))?;
        Some(value.trim()).filter(|value| !value.is_empty())
    }
}

/// The form that goes out.
impl fmt::Display for UserData {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.pairs.iter().try_for_each(|(name, value)| write!(f, "[{}|{}]", Escaped(name), Escaped(value)))
    }
}

/// A name or value in which nothing can end a value or begin a pair.
struct Escaped<'a>(&'a str);

/// What follows a `%` that [`unescape`] would take for one of its own.
const ESCAPES: [(&str, char); 4] = [("5B", '['), ("5D", ']'), ("7C", '|'), ("25", '%')];

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut rest = self.0;
        while let Some(at) = rest.find(['[', ']', '|', '%']) {
            let (plain, special) = rest.split_at(at);
            f.write_str(plain)?;
            rest = &special[1..];
            f.write_str(match special.as_bytes()[0] {
                b'[' => "%5B",
                b']' => "%5D",
                b'|' => "%7C",
                _ if ESCAPES.iter().any(|(digits, _)| rest.starts_with(digits)) => "%25",
                _ => "%",
            })?;
        }
        f.write_str(rest)
    }
}

fn unescape(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('%') {
        plain.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        let escape = ESCAPES.iter().find_map(|(digits, is)| Some((rest.strip_prefix(digits)?, *is)));
        let (behind, character) = escape.unwrap_or((rest, '%'));
        plain.push(character);
        rest = behind;
    }
    plain.push_str(rest);
    plain
}

/// Not what [`UserData`] prints.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a sequence of [name|value] pairs from byte {0} on")]
pub struct NotPrinted(pub usize);

/// Reads back what [`UserData`] printed: the exact inverse, nothing between pairs, nothing trimmed.
pub fn parse_printed(text: &str) -> Result<UserData, NotPrinted> {
    let mut pairs = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let fault = NotPrinted(text.len() - rest.len());
        let (pair, behind) = rest.strip_prefix('[').and_then(|rest| rest.split_once(']')).ok_or(fault)?;
        let (name, value) = pair.split_once('|').ok_or(fault)?;
        if pair.contains('[') || value.contains('|') {
            return Err(fault);
        }
        pairs.push((unescape(name), unescape(value)));
        rest = behind;
    }
    Ok(UserData { pairs })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn pairs(text: &str) -> Vec<(String, String)> {
        parse(text).unwrap().0.pairs
    }

    fn data(pairs: &[(&str, &str)]) -> UserData {
        UserData { pairs: pairs.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect() }
    }

    #[test]
    fn pairs_copied_out_of_a_page_are_read() {
        let text =
            " [foreign_key|12345678]\n  [ Transactionid |$interaction_guid$][start_time|$call_answered_time]\r\n[x|]";
        let (userdata, warnings) = parse(text).unwrap();
        let expected = [
            ("foreign_key", "12345678"),
            ("Transactionid", "$interaction_guid$"),
            ("start_time", "$call_answered_time"),
        ];
        assert_eq!(userdata.pairs[..3], data(&expected).pairs);
        assert_eq!(userdata.pairs[3], ("x".to_owned(), String::new()));
        assert!(warnings.is_empty());
    }

    #[test]
    fn a_pair_splits_at_its_first_bar_and_its_value_stays_as_it_is() {
        assert_eq!(pairs("[a|b|c][d| e%5B \n]"), data(&[("a", "b|c"), ("d", " e%5B \n")]).pairs);
        assert_eq!(pairs("[a|b[c]"), data(&[("a", "b[c")]).pairs);
    }

    #[test]
    fn what_is_no_pair_is_left_out_and_said() {
        for text in ["x[a|b]", "[a|b]x", "[no bar][a|b]", "[[a|b]", "[|v][a|b]", "[a|b][c|d", "[a|b]]"] {
            let (userdata, warnings) = parse(text).unwrap();
            assert_eq!(userdata.pairs, data(&[("a", "b")]).pairs, "{text}");
            assert_eq!(warnings.len(), 1, "{text}");
        }
    }

    #[test]
    fn the_record_id_is_ours_to_append() {
        let (userdata, warnings) = parse("[ctl_newRecordId|1][CTL_NEWRECORDID|2][a|b]").unwrap();
        assert_eq!(userdata, data(&[("a", "b")]));
        assert_eq!(warnings.len(), 1);
    }

    #[test]
    fn too_much_is_refused() {
        assert_eq!(parse(&"[a|b]".repeat(256)).map(|(u, _)| u.pairs.len()), Ok(256));
        assert_eq!(parse(&"[a|b]".repeat(257)), Err(UserDataError::TooManyPairs));
        assert_eq!(parse(&" ".repeat(MAX_BYTES + 1)), Err(UserDataError::TooLong));
        assert_eq!(parse("hello"), Err(UserDataError::NoPair));
        assert_eq!(parse(&"[".repeat(MAX_BYTES)), Err(UserDataError::NoPair));
        assert_eq!(parse(" \n").map(|(u, _)| u), Ok(UserData::default()));
    }

    #[test]
    fn system_data_has_names_of_its_own() {
        let text = "[ctl_action|create][CTL_INTTYPE| sfdc ][ctl_launchopt|true][ctl_launchext|edit][ctl_parentid|7]\
                    [ctl_recordname|n][ctl_callbackUrl|http://www.example.com/callback?\n  t=$call_id$][ctl_action|x]";
        let (userdata, _) = parse(text).unwrap();
        assert_eq!(userdata.action(), Some("create"));
        assert_eq!(userdata.integration(), Some("sfdc"));
        assert_eq!(userdata.launch_option(), Some("true"));
        assert_eq!(userdata.launch_mode(), Some("edit"));
        assert_eq!(userdata.parent_id(), Some("7"));
        assert_eq!(userdata.record_name(), Some("n"));
        assert_eq!(userdata.callback_url().as_deref(), Some("http://www.example.com/callback?t=$call_id$"));
        assert_eq!(data(&[("ctl_action", " ")]).action(), None);
    }

    #[test]
    fn a_value_cannot_create_a_pair() {
        let evil = data(&[("notes", "x][ctl_callbackUrl|http://evil/"), ("p", "100% of %5B")]);
        let printed = evil.to_string();
        assert_eq!(printed, "[notes|x%5D%5Bctl_callbackUrl%7Chttp://evil/][p|100% of %255B]");
        assert_eq!(parse_printed(&printed), Ok(evil));
    }

    #[test]
    fn what_was_not_printed_by_us_is_told_with_its_place() {
        assert_eq!(parse_printed("[a|b] [c|d]"), Err(NotPrinted(5)));
        for text in ["a", "[a|b", "[a]", "[a|b|c]", "[a|[b]"] {
            assert_eq!(parse_printed(text), Err(NotPrinted(0)), "{text}");
        }
    }

    fn nasty() -> impl Strategy<Value = String> {
        let piece = prop_oneof![
            Just("[".to_owned()),
            Just("]".to_owned()),
            Just("|".to_owned()),
            Just("%".to_owned()),
            Just("5B".to_owned()),
            Just("5b".to_owned()),
            Just("7C".to_owned()),
            Just("25".to_owned()),
            Just("2".to_owned()),
            Just("5".to_owned()),
            Just("$notes$".to_owned()),
            Just(" \r\n".to_owned()),
            any::<char>().prop_map(String::from),
        ];
        prop::collection::vec(piece, 0..16).prop_map(|pieces| pieces.concat())
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2_000))]

        #[test]
        fn what_is_printed_reads_back(pairs in prop::collection::vec((nasty(), nasty()), 0..8)) {
            let userdata = UserData { pairs };
            prop_assert_eq!(parse_printed(&userdata.to_string()), Ok(userdata));
        }

        #[test]
        fn the_generous_reader_sees_as_many_pairs_in_print(values in prop::collection::vec(nasty(), 1..8)) {
            let userdata = UserData { pairs: values.into_iter().map(|value| ("n".to_owned(), value)).collect() };
            let (read, warnings) = parse(&userdata.to_string()).unwrap();
            prop_assert_eq!(read.pairs.len(), userdata.pairs.len());
            prop_assert!(warnings.is_empty());
        }

        #[test]
        fn no_input_upsets_the_reader(text in nasty()) {
            if let Ok((userdata, _)) = parse(&text) {
                prop_assert!(userdata.pairs.iter().all(|(name, value)| !name.is_empty() && !value.contains(']')));
            }
            let _ = parse_printed(&text);
        }
    }
}
