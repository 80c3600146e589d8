//! Numbers: what a human may type, and the two things it can mean inside.
//!
//! Formatting is forgiven (spaces, dashes, dots, brackets, one leading plus), anything else is refused with its
//! place. Digits that are an extension of the directory are that extension, before anything else. Other
//! digits are read as the tenant's region would dial them, then as E.164 without its plus. Where several
//! readings fit, one that libphonenumber's patterns know wins over one whose length alone is possible. A
//! possible length is enough in the end, though: numbering plans grow faster than the metadata compiled in,
//! and the network is the judge of what exists.
//!
//! Emergency numbers, star codes and other short digits never come out of here as a party.

mod place;
mod plan;

use std::fmt::Write;

pub use place::{Country, Place, Tariff, is_at_home, place};
use serde::{Deserialize, Serialize};

/// Most digits in any number.
pub const MAX_DIGITS: usize = 32;

/// Digits of an E.164 number, country code included.
const E164_DIGITS: std::ops::RangeInclusive<usize> = 7..=15;

/// Numbers that reach help somewhere in the world. All are refused as short digits anyway: this list only
/// decides what the refusal says.
const EMERGENCY: [&str; 20] = [
    "000", "08", "100", "101", "102", "103", "104", "108", "110", "111", "112", "113", "117", "118", "119", "122",
    "911", "933", "988", "999",
];

/// Whom a number reaches.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Party {
    /// An extension of the tenant's own directory: digits.
    Extension(String),
    /// An outside number: E.164 with its plus.
    Outside(String),
}

impl Party {
    /// Digits without plus: how numbers are shown in tokens and on displays.
    pub fn digits(&self) -> &str {
        match self {
            Self::Extension(digits) => digits,
            Self::Outside(e164) => e164.trim_start_matches('+'),
        }
    }
}

/// Why an input is no number. Each reads as the rest of a sentence that begins with the field's name:
/// "Phone is missing".
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NumberError {
    /// Nothing, or nothing but formatting.
    #[error("is missing")]
    Missing,
    /// ASCII letters: a vanity number, a channel name, a URI.
    #[error("must not contain letters")]
    Letters,
    /// A character that no number holds; the position counts characters from 1.
    #[error("contains the character {character:?} at position {position}")]
    Character {
        /// Which.
        character: char,
        /// Where.
        position: usize,
    },
    /// More than [`MAX_DIGITS`] digits.
    #[error("is longer than {MAX_DIGITS} digits")]
    TooLong,
    /// An emergency number or a star code: never dialled for a click.
    #[error("is an emergency number or a service code, which cannot be dialled by a click")]
    NotDialable,
    /// Short digits that are no extension of the directory.
    #[error("is not a known extension")]
    UnknownExtension,
    /// Neither the region nor the world has a number of this form.
    #[error("is not a valid phone number")]
    Invalid,
}

/// Loads the numbering plans, which takes a tenth of a second: at start, or else the first click waits for it.
pub fn load() {
    let _ = plan::is_known("1");
}

/// Reads a number. `region` is ISO 3166 (`US`, `IL`), `is_extension` knows the tenant's directory.
pub fn parse(input: &str, region: &str, is_extension: impl Fn(&str) -> bool) -> Result<Party, NumberError> {
    let typed = Typed::read(input)?;
    if typed.lead != Lead::Plus && is_extension(&typed.digits) {
        return Ok(Party::Extension(typed.digits));
    }
    if typed.lead == Lead::Plus {
        return outside(plan::international(&typed.digits));
    }
    if EMERGENCY.contains(&typed.digits.as_str()) {
        return Err(NumberError::NotDialable);
    }
    if typed.digits.len() < *E164_DIGITS.start() {
        return Err(NumberError::UnknownExtension);
    }
    if typed.lead == Lead::Space && plan::is_known(&typed.digits) {
        return outside(plan::international(&typed.digits));
    }
    outside(plan::dialled_in(region, &typed.digits))
}

fn outside(e164: Option<String>) -> Result<Party, NumberError> {
    let e164 = e164.filter(|digits| E164_DIGITS.contains(&digits.len())).ok_or(NumberError::Invalid)?;
    Ok(Party::Outside(format!("+{e164}")))
}

/// What stands before the first digit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Lead {
    /// Nothing that matters.
    Nothing,
    /// A plus: international without doubt.
    Plus,
    /// A space: perhaps a plus that a query string's decoding turned into one.
    Space,
}

/// An input without its formatting.
#[derive(Debug)]
struct Typed {
    lead: Lead,
    digits: String,
}

impl Typed {
    fn read(input: &str) -> Result<Self, NumberError> {
        let mut typed = Self { lead: Lead::Nothing, digits: String::new() };
        if input.starts_with(' ') {
            typed.lead = Lead::Space;
        }
        if is_service_code(input) {
            return Err(NumberError::NotDialable);
        }
        for (index, character) in input.chars().enumerate() {
            match character {
                ' ' | '-' | '(' | ')' | '.' => {}
                '0'..='9' if typed.digits.len() == MAX_DIGITS => return Err(NumberError::TooLong),
                '0'..='9' => typed.digits.push(character),
                '+' if typed.digits.is_empty() && typed.lead != Lead::Plus => typed.lead = Lead::Plus,
                'a'..='z' | 'A'..='Z' => return Err(NumberError::Letters),
                _ => return Err(NumberError::Character { character, position: index + 1 }),
            }
        }
        if typed.digits.is_empty() {
            return Err(NumberError::Missing);
        }
        Ok(typed)
    }
}

/// `*72`, `#31#`, `*67 5550100`: digits with stars or hashes, beginning with one.
fn is_service_code(input: &str) -> bool {
    let code = input.trim_matches(' ');
    code.starts_with(['*', '#']) && code.bytes().all(|byte| byte.is_ascii_digit() || b"*# -".contains(&byte))
}

/// A number for people: `+12125550101` is `+1 212 555 0101`.
pub fn spaced(e164: &str) -> String {
    let international =
        |number: phonenumber::PhoneNumber| number.format().mode(phonenumber::Mode::International).to_string();
    phonenumber::parse(None, e164).map_or_else(|_| e164.to_owned(), |number| international(number).replace('-', " "))
}

/// A number for logs: who reads them sees where it is and can tell two apart, but cannot call it.
/// `+972501234567` is `+9725****567`; four digits or fewer are an extension and stay.
pub fn mask(number: &str) -> String {
    let (plus, digits) = number.strip_prefix('+').map_or(("", number), |digits| ("+", digits));
    let length = digits.chars().count();
    if length <= 4 {
        return number.to_owned();
    }
    let (head, tail) = ((length / 3).min(4), (length / 4).min(3));
    let mut masked = plus.to_owned();
    masked.extend(digits.chars().take(head));
    let end: String = digits.chars().skip(length - tail).collect();
    let _ = write!(masked, "****{end}");
    masked
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(input: &str, region: &str) -> Result<Party, NumberError> {
        parse(input, region, |digits| ["101", "700", "2010"].contains(&digits))
    }

    fn number(input: &str, region: &str) -> String {
        match read(input, region) {
            Ok(Party::Outside(e164)) => e164,
            other => format!("{input:?} in {region}: {other:?}"),
        }
    }

    #[test]
    fn one_number_may_be_written_in_many_ways() {
        for input in [
            "+12125550101",
            "12125550101",
            "2125550101",
            "(212) 555-0101",
            "1.212.555.0101",
            " 12125550101",
            " 2125550101",
            "  +1 212 555 0101 ",
            "(+1) 212-555-0101",
            "01112125550101",
            "0012125550101",
        ] {
            assert_eq!(number(input, "US"), "+12125550101");
        }
        for input in
            ["+972501234567", " 972501234567", "972501234567", "050-123-4567", "00972501234567", "+972(0)501234567"]
        {
            assert_eq!(number(input, "il"), "+972501234567");
        }
        assert_eq!(number("011972501234567", "US"), "+972501234567");
        assert_eq!(number("972501234567", "US"), "+972501234567");
        assert_eq!(number("12125550101", "IL"), "+12125550101");
        assert_eq!(number("9725550101", "US"), "+19725550101");
        assert_eq!(number(" 9725550101", "US"), "+19725550101");
        assert_eq!(number("0011 44 20 7946 0123", "AU"), "+442079460123");
        assert_eq!(number("020 7946 0123", "GB"), "+442079460123");
        assert_eq!(number("06 698 12345", "IT"), "+390669812345");
        assert_eq!(number("12125550101", ""), "+12125550101");
    }

    #[test]
    fn the_numbers_of_the_demonstration_are_numbers() {
        for last in 0..100 {
            let expected = format!("+121255501{last:02}");
            assert_eq!(number(&expected, "US"), expected);
            assert_eq!(number(&expected[2..], "US"), expected);
            let (full, national) = (format!("+9723555{last:04}"), format!("03555{last:04}"));
            assert_eq!(number(&full, "US"), full);
            assert_eq!(number(&national, "IL"), full);
        }
    }

    #[test]
    fn an_extension_comes_before_anything_else() {
        for input in ["101", " 101", "1-01", "101 "] {
            assert_eq!(read(input, "US"), Ok(Party::Extension("101".to_owned())));
        }
        let everything = |_: &str| true;
        assert_eq!(parse("2125550101", "US", everything), Ok(Party::Extension("2125550101".to_owned())));
        assert_eq!(parse("+12125550101", "US", everything), Ok(Party::Outside("+12125550101".to_owned())));
        assert_eq!(read("102", "US"), Err(NumberError::NotDialable));
        assert_eq!(read("199", "US"), Err(NumberError::UnknownExtension));
    }

    #[test]
    fn whatever_is_no_number_is_refused_with_its_place() {
        let at = |character, position| Err(NumberError::Character { character, position });
        for input in ["", " ", "+", " -()."] {
            assert_eq!(read(input, "US"), Err(NumberError::Missing), "{input:?}");
        }
        assert_eq!(read("100&Local/911@x", "US"), at('&', 4));
        assert_eq!(read("100,30,g", "US"), at(',', 4));
        assert_eq!(read("100|x", "US"), at('|', 4));
        assert_eq!(read("100/sip:evil@h", "US"), at('/', 4));
        assert_eq!(read("${SHELL(id)}", "US"), at('$', 1));
        assert_eq!(read("$[1+1]", "US"), at('$', 1));
        assert_eq!(read("+1+2125550101", "US"), at('+', 3));
        assert_eq!(read("++12125550101", "US"), at('+', 2));
        assert_eq!(read("2125550101+", "US"), at('+', 11));
        assert_eq!(read("212\u{a0}5550101", "US"), at('\u{a0}', 4));
        assert_eq!(read("\u{ff11}2125550101", "US"), at('\u{ff11}', 1));
        assert_eq!(read("٢125550101", "US"), at('٢', 1));
        assert_eq!(read("212\r\n5550101", "US"), at('\r', 4));
        assert_eq!(read("212\u{0}5550101", "US"), at('\0', 4));
        assert_eq!(read("\t2125550101", "US"), at('\t', 1));
        assert_eq!(read("2125550101;ext=1", "US"), at(';', 11));
        for input in ["1-800-FLOWERS", "sip:100@h", "SIP/100", "tel:+12125550101", "SIPTRUNK"] {
            assert_eq!(read(input, "US"), Err(NumberError::Letters), "{input}");
        }
        assert_eq!(read(&"1".repeat(33), "US"), Err(NumberError::TooLong));
        assert_eq!(read(&"1".repeat(10_000), "US"), Err(NumberError::TooLong));
        assert_eq!(read(&"1".repeat(32), "US"), Err(NumberError::Invalid));
    }

    #[test]
    fn help_and_service_codes_are_never_dialled() {
        for input in ["911", "112", "100", "999", "*72", "#31#", "*67 5550101", " 911", "9-1-1"] {
            assert_eq!(read(input, "US"), Err(NumberError::NotDialable), "{input}");
        }
        for input in ["+911", "00911", "+112", "+1911", "011911", "1911", "9911"] {
            assert!(matches!(read(input, "US"), Err(NumberError::Invalid | NumberError::UnknownExtension)), "{input}");
        }
        assert_eq!(read("212*5550101", "US"), Err(NumberError::Character { character: '*', position: 4 }));
    }

    #[test]
    fn numbers_of_no_country_and_of_impossible_length_are_invalid() {
        for input in
            ["+0125550101", "+999123456789", "+1212555", "+12125550101999999", "+99912345", "5550101", "00000000"]
        {
            assert_eq!(read(input, "US"), Err(NumberError::Invalid), "{input}");
        }
    }

    #[test]
    fn a_number_newer_than_the_metadata_passes_by_its_length() {
        assert_eq!(number("+13992345678", "US"), "+13992345678");
        assert_eq!(number("3992345678", "US"), "+13992345678");
    }

    #[test]
    fn a_masked_number_cannot_be_called() {
        assert_eq!(mask("+972501234567"), "+9725****567");
        assert_eq!(mask("+12125550101"), "+121****01");
        assert_eq!(mask("12345"), "1****5");
        assert_eq!(mask("101"), "101");
        assert_eq!(mask(""), "");
    }

    fn typed() -> impl Strategy<Value = String> {
        let piece = prop_oneof![
            4 => "[0-9]{1,6}",
            1 => prop_oneof![Just("+"), Just("00"), Just("011"), Just("0"), Just("972"), Just("1212555")].prop_map(str::to_owned),
            1 => "[ ().-]{1,2}",
        ];
        prop::collection::vec(piece, 0..6).prop_map(|pieces| pieces.concat())
    }

    fn region() -> impl Strategy<Value = &'static str> {
        prop::sample::select(vec!["US", "IL", "GB", "DE", "IT", "AU", "AR", "BR", "MX", "RU", "FI", "SM", "XX", ""])
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2_000))]

        #[test]
        fn what_comes_out_is_clean_and_reads_as_itself(input in typed(), region in region()) {
            let Ok(party) = read(&input, region) else { return Ok(()) };
            let text = match &party {
                Party::Extension(digits) => digits.clone(),
                Party::Outside(e164) => {
                    prop_assert!(e164.starts_with('+'));
                    e164.clone()
                }
            };
            prop_assert!(party.digits().bytes().all(|byte| byte.is_ascii_digit()));
            prop_assert!(party.digits().len() <= MAX_DIGITS);
            prop_assert_eq!(read(&text, region), Ok(party));
        }

        #[test]
        fn no_input_upsets_the_reader(input in any::<String>(), region in any::<String>()) {
            let _ = read(&input, &region);
            let _ = mask(&input);
        }
    }
}
