//! Links that name somebody to call. Pure.
//!
//! `votel://+NUMBER/+CALLER-ID`, both with a plus, as 8x8 wrote it down; `tel:` of RFC 3966, with the slashes
//! and capitals of `TEL://` too; `callto:` and `sip:` where they hold a number. A link comes from a page
//! that anybody may have written: escapes are undone once, piece by piece, a plus is a plus, and whatever
//! is not plainly a number is refused rather than guessed at. Whose numbers they are, and whether they may
//! be called or shown, is the daemon's to say.

use percent_encoding::percent_decode_str;

/// The longest number that the daemon reads.
const MAX_DIGITS: usize = 32;

/// What a link asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Link {
    /// Digits, with a plus where the link has one.
    pub(super) number: String,
    /// A plus and digits.
    pub(super) caller_id: Option<String>,
}

/// What is wrong with a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum LinkError {
    /// No link, or one of another kind.
    #[error("a link must begin with votel:, tel:, callto: or sip:")]
    Scheme,
    /// `%` without two hexadecimal digits, or bytes that are no text.
    #[error("the link is not properly escaped")]
    Escape,
    /// `;ext=1` and the like.
    #[error("the link has parameters, which would not be honoured")]
    Parameters,
    /// Nothing to call.
    #[error("the {0} is missing in the link")]
    Missing(Piece),
    /// A third piece.
    #[error("the link has more than a number and a caller id")]
    More,
    /// Only a number with its country is the same number everywhere.
    #[error("the {0} in the link must begin with a plus and its country")]
    NoPlus(Piece),
    /// Letters, a second plus, anything that is not part of how numbers are written.
    #[error("the {0} in the link may hold digits, spaces, dashes, dots and brackets after its plus, nothing else")]
    Odd(Piece),
    /// More digits than any number has.
    #[error("the {0} in the link is longer than {MAX_DIGITS} digits")]
    Long(Piece),
    /// `sip:101@elsewhere.example`
    #[error("a SIP address of another host cannot be called")]
    Host,
}

/// Which part of a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Piece {
    Number,
    CallerId,
}

impl std::fmt::Display for Piece {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Number => "number",
            Self::CallerId => "caller id",
        })
    }
}

/// Reads a link.
pub(super) fn parse(uri: &str) -> Result<Link, LinkError> {
    let (scheme, rest) = uri.split_once(':').ok_or(LinkError::Scheme)?;
    match scheme.to_ascii_lowercase().as_str() {
        "votel" => votel(plain(rest)?),
        "tel" | "callto" => Ok(Link { number: number(plain(rest)?, Piece::Number)?, caller_id: None }),
        "sip" | "sips" => Ok(Link { number: sip(rest)?, caller_id: None }),
        _ => Err(LinkError::Scheme),
    }
}

/// What follows the scheme, without the slashes that some write before and browsers add after it.
fn plain(rest: &str) -> Result<&str, LinkError> {
    if rest.contains([';', '?', '#']) {
        return Err(LinkError::Parameters);
    }
    let Some(path) = rest.strip_prefix("//") else { return Ok(rest) };
    Ok(path.strip_suffix('/').unwrap_or(path))
}

fn votel(path: &str) -> Result<Link, LinkError> {
    let mut pieces = path.split('/');
    let mut next = |piece| international(pieces.next().ok_or(LinkError::Missing(piece))?, piece);
    let link = Link { number: next(Piece::Number)?, caller_id: Some(next(Piece::CallerId)?) };
    if pieces.next().is_some() { Err(LinkError::More) } else { Ok(link) }
}

fn international(raw: &str, piece: Piece) -> Result<String, LinkError> {
    let number = number(raw, piece)?;
    if number.starts_with('+') { Ok(number) } else { Err(LinkError::NoPlus(piece)) }
}

/// A number, or the user part of an address where that is one of the whole world's: `+1212…@anywhere`.
fn sip(rest: &str) -> Result<String, LinkError> {
    let Some((user, host)) = rest.split_once('@') else { return number(plain(rest)?, Piece::Number) };
    let host = host.to_ascii_lowercase();
    let host = host.strip_suffix(";user=phone").unwrap_or(&host);
    if !host.bytes().all(|b| b.is_ascii_alphanumeric() || b".-:[]".contains(&b)) {
        return Err(LinkError::Parameters);
    }
    let number = number(plain(user)?, Piece::Number)?;
    if number.starts_with('+') { Ok(number) } else { Err(LinkError::Host) }
}

/// Digits, and the plus before them.
fn number(raw: &str, piece: Piece) -> Result<String, LinkError> {
    let text = decoded(raw)?;
    let bare: String = text.chars().filter(|c| !matches!(c, ' ' | '-' | '.' | '(' | ')')).collect();
    let digits = bare.strip_prefix('+').unwrap_or(&bare);
    match digits.len() {
        _ if !digits.bytes().all(|b| b.is_ascii_digit()) => Err(LinkError::Odd(piece)),
        0 => Err(LinkError::Missing(piece)),
        1..=MAX_DIGITS => Ok(bare),
        _ => Err(LinkError::Long(piece)),
    }
}

/// Percent-decoded, once.
fn decoded(raw: &str) -> Result<String, LinkError> {
    let is_escape = |rest: &str| rest.as_bytes().get(..2).is_some_and(|hex| hex.iter().all(u8::is_ascii_hexdigit));
    if !raw.split('%').skip(1).all(is_escape) {
        return Err(LinkError::Escape);
    }
    let text = percent_decode_str(raw).decode_utf8().map_err(|_| LinkError::Escape)?;
    Ok(text.into_owned())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn link(number: &str, caller_id: Option<&str>) -> Link {
        Link { number: number.to_owned(), caller_id: caller_id.map(str::to_owned) }
    }

    #[test]
    fn votel_names_a_number_and_the_caller_id_for_that_call() {
        let both = Ok(link("+12125550101", Some("+12125550102")));
        for uri in [
            "votel://+12125550101/+12125550102",
            "VOTEL://+12125550101/+12125550102",
            "votel:+12125550101/+12125550102",
            "votel://+12125550101/+12125550102/",
            "votel://%2B12125550101/%2b12125550102",
            "votel://+1%20(212)%20555-0101/+1.212.555.0102",
        ] {
            assert_eq!(parse(uri), both, "{uri}");
        }
    }

    #[test]
    fn votel_without_both_in_full_is_refused() {
        for (uri, error) in [
            ("votel:", LinkError::Missing(Piece::Number)),
            ("votel:///+12125550102", LinkError::Missing(Piece::Number)),
            ("votel://+/+12125550102", LinkError::Missing(Piece::Number)),
            ("votel://+12125550101", LinkError::Missing(Piece::CallerId)),
            ("votel://+12125550101/", LinkError::Missing(Piece::CallerId)),
            ("votel://12125550101/+12125550102", LinkError::NoPlus(Piece::Number)),
            ("votel://+12125550101/12125550102", LinkError::NoPlus(Piece::CallerId)),
            ("votel://+12125550101/+12125550102/+1", LinkError::More),
            ("votel://+12125550101/+12125550102//", LinkError::More),
            ("votel://+1669xxxxx91/+1408xxxxx55", LinkError::Odd(Piece::Number)),
            ("votel://+12125550101%2F+12125550102", LinkError::Odd(Piece::Number)),
        ] {
            assert_eq!(parse(uri), Err(error), "{uri}");
        }
    }

    #[test]
    fn tel_names_a_number_in_any_of_its_spellings() {
        for uri in [
            "tel:+13334445555",
            "TEL://+13334445555",
            "tel://+13334445555/",
            "Tel:+1-333-444-5555",
            "tel:+1(333)444.5555",
            "callto:+13334445555",
            "callto://+13334445555",
            "sip:+13334445555",
            "sip:+13334445555@pbx.example",
            "SIPS:+1-333-444-5555@[2001:db8::1]:5061;user=phone",
        ] {
            assert_eq!(parse(uri), Ok(link("+13334445555", None)), "{uri}");
        }
        for uri in ["tel:101", "callto:101", "sip:101"] {
            assert_eq!(parse(uri), Ok(link("101", None)), "{uri}");
        }
    }

    #[test]
    fn what_would_be_guesswork_is_refused() {
        for (uri, error) in [
            ("", LinkError::Scheme),
            ("+13334445555", LinkError::Scheme),
            ("https://crm.example/+13334445555", LinkError::Scheme),
            (" tel:+13334445555", LinkError::Scheme),
            ("tel:", LinkError::Missing(Piece::Number)),
            ("tel:()", LinkError::Missing(Piece::Number)),
            ("tel:+13334445555;ext=1", LinkError::Parameters),
            ("tel:4445555;phone-context=+1333", LinkError::Parameters),
            ("tel:+13334445555?call", LinkError::Parameters),
            ("tel:+13334445555#1", LinkError::Parameters),
            ("sip:+13334445555@pbx.example;transport=tcp", LinkError::Parameters),
            ("sip:101@pbx.example", LinkError::Host),
            ("tel:1-800-FLOWERS", LinkError::Odd(Piece::Number)),
            ("callto:alice", LinkError::Odd(Piece::Number)),
            ("tel:*72", LinkError::Odd(Piece::Number)),
            ("tel:++13334445555", LinkError::Odd(Piece::Number)),
            ("tel:1+3334445555", LinkError::Odd(Piece::Number)),
            ("tel:+1333/444", LinkError::Odd(Piece::Number)),
            ("tel:%252B13334445555", LinkError::Odd(Piece::Number)),
            ("tel:+1333%0A4445555", LinkError::Odd(Piece::Number)),
            ("tel:+1333%004445555", LinkError::Odd(Piece::Number)),
            ("tel:１０１", LinkError::Odd(Piece::Number)),
            ("tel:\u{202e}101", LinkError::Odd(Piece::Number)),
            ("tel:%", LinkError::Escape),
            ("tel:%2", LinkError::Escape),
            ("tel:%+b1", LinkError::Escape),
            ("tel:%ff", LinkError::Escape),
        ] {
            assert_eq!(parse(uri), Err(error), "{uri}");
        }
        assert_eq!(parse(&format!("tel:+{}", "1".repeat(33))), Err(LinkError::Long(Piece::Number)));
    }

    /// One number as people and programs write it, with what it is.
    fn written() -> impl Strategy<Value = (String, String)> {
        let separator = prop::sample::select(vec!["", "", "", "-", ".", "%20", "(", ")", "%28", "%2d"]);
        let digit = (separator, 0..10u8, any::<bool>());
        (any::<bool>(), prop::collection::vec(digit, 1..=MAX_DIGITS)).prop_map(|(escaped_plus, digits)| {
            let mut text = if escaped_plus { "%2B" } else { "+" }.to_owned();
            let mut number = "+".to_owned();
            for (separator, digit, escaped) in digits {
                let digit = char::from(b'0' + digit);
                text.extend([separator, if escaped { "%3" } else { "" }]);
                text.push(digit);
                number.push(digit);
            }
            (text, number)
        })
    }

    fn is_number(text: &str) -> bool {
        let digits = text.strip_prefix('+').unwrap_or(text);
        (1..=MAX_DIGITS).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit())
    }

    proptest! {
        #[test]
        fn a_votel_link_reads_back_however_it_is_written(
            (called, number) in written(),
            (shown, caller_id) in written(),
            scheme in "[vV][oO][tT][eE][lL]",
            slashes in prop::sample::select(vec!["", "//"]),
        ) {
            prop_assert_eq!(parse(&format!("{scheme}:{slashes}{called}/{shown}")), Ok(link(&number, Some(&caller_id))));
        }

        #[test]
        fn a_tel_link_reads_back_however_it_is_written(
            (called, number) in written(),
            start in prop::sample::select(vec!["tel:", "TEL://", "callto:", "sip:", "sips://"]),
        ) {
            prop_assert_eq!(parse(&format!("{start}{called}")), Ok(link(&number, None)));
        }

        #[test]
        fn whatever_is_accepted_is_made_of_digits(
            uri in "(votel|TEL|callto|sip):(//)?[+0-9a-f%/ ();@?#.-]{0,40}|(votel|tel|sip):\\PC{0,20}|.{0,20}",
        ) {
            if let Ok(link) = parse(&uri) {
                prop_assert!(is_number(&link.number), "{link:?}");
                prop_assert!(link.caller_id.is_none_or(|id| id.starts_with('+') && is_number(&id)));
            }
        }

        #[test]
        fn what_is_escaped_twice_is_no_number((called, _) in written()) {
            let twice = called.replace('%', "%25");
            prop_assume!(twice != called);
            prop_assert_eq!(parse(&format!("tel:{twice}")), Err(LinkError::Odd(Piece::Number)));
        }
    }
}
