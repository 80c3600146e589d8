//! Two hundred strings that no client should send, for every parameter of every door.

use std::borrow::Cow;

use super::Value;

/// All of them, each once.
pub(crate) fn strings() -> Vec<Value> {
    let mut bytes: Vec<Vec<u8>> = TEXTS.iter().map(|text| text.as_bytes().to_vec()).collect();
    bytes.extend(
        (0..=0x9f_u8)
            .filter(|code| *code < 0x20 || *code >= 0x7f)
            .map(|code| format!("1{}2", char::from(code)).into_bytes()),
    );
    bytes.extend(MARKS.chars().map(|mark| format!("12125550{mark}101").into_bytes()));
    bytes.extend(BROKEN.iter().map(|broken| broken.to_vec()));
    bytes.extend(
        [
            ("1", 33),
            ("9", 10_000),
            ("é", 5_000),
            ("%", 3_000),
            ("$notes$", 1_000),
            ("[", 9_000),
            ("\\", 4_000),
            ("<a>", 3_000),
        ]
        .map(|(piece, times)| piece.repeat(times).into_bytes()),
    );
    let json = JSON.iter().map(|json| Value::Json(Cow::Borrowed(*json)));
    let deep =
        [("[", "]"), ("{\"a\":", "}")].map(|(open, close)| format!("{}1{}", open.repeat(3_000), close.repeat(3_000)));
    let json = json.chain(deep.map(|deep| Value::Json(deep.into())));
    bytes.into_iter().map(|bytes| Value::Bytes(bytes.into())).chain(json).collect()
}

/// What changes how the text around it is read, is not seen, or is no digit though it looks like one.
const MARKS: &str = "\u{ad}\u{61c}\u{180e}\u{200b}\u{200c}\u{200d}\u{200e}\u{200f}\u{2028}\u{2029}\u{202a}\u{202b}\u{202c}\u{202d}\u{202e}\u{2060}\u{2066}\u{2067}\u{2068}\u{2069}\u{feff}\u{fffd}\u{fffe}\u{ffff}\u{10ffff}\u{e0001}\u{1f4de}\u{301}\u{3000}\u{a0}\u{ff0b}\u{ff11}\u{661}\u{6f1}\u{967}\u{1d7d9}";

/// What is no UTF-8.
const BROKEN: [&[u8]; 10] = [
    b"\xff",
    b"\xfe\xff",
    b"\x80",
    b"1\xc3",
    b"\xc0\xb1",
    b"\xe0\x80\xb1",
    b"\xed\xa0\x80",
    b"\xf4\x90\x80\x80",
    b"\xf8\x88\x80\x80\x80",
    b"1\xff\r\n2",
];

/// What only JSON can say, or what is none.
const JSON: [&str; 26] = [
    "null",
    "true",
    "false",
    "0",
    "-0",
    "-1",
    "1.0",
    "1.5",
    "1e3",
    "1E400",
    "-1e-400",
    "18446744073709551616",
    "-9223372036854775809",
    "[]",
    "[null]",
    "[\"101\"]",
    "{}",
    "{\"a\":{\"b\":[1,2,{\"c\":null}]}}",
    "{\"$ref\":\"#/\"}",
    "\"\\u0000\"",
    "\"\\ud800\"",
    "\"\\udc00\\ud800\"",
    "\"\\x41\"",
    "01",
    "NaN",
    "'101'",
];

const TEXTS: [&str; 80] = [
    "",
    " ",
    "\u{0}",
    "0",
    "-1",
    "1e9",
    "1E+3",
    "NaN",
    "Infinity",
    "null",
    "true",
    "undefined",
    "None",
    "[]",
    "{}",
    "0x10",
    "1_000",
    "1,000",
    "٣",
    "¹",
    "%",
    "%%",
    "%0",
    "%00",
    "%0d%0a",
    "%2B1",
    "%252B1",
    "%25252B1",
    "%u0031",
    "%c0%b1",
    "&phone=101",
    "&",
    "=",
    "a=b&c=d",
    "+",
    "++",
    "#",
    "?",
    ";",
    "|",
    "100&Local/911@x",
    "100,30,g",
    "PJSIP/101",
    "Local/101@demo",
    "${SHELL(id)}",
    "${EVAL(${CALLERID(num)})}",
    "$[1+1]",
    "`id`",
    "$(id)",
    "; rm -rf /",
    "sip:101@127.0.0.1",
    "tel:+12125550101",
    "\"a\" <sip:1@h>",
    "<script>alert(1)</script>",
    "\"><img src=x onerror=alert(1)>",
    "javascript:alert(1)",
    "]]>",
    "<!DOCTYPE x [<!ENTITY y SYSTEM \"file:///etc/passwd\">]>&y;",
    "&#0;",
    "&lt;",
    "' OR '1'='1",
    "'; DROP TABLE calls;--",
    "\\",
    "\\u0000",
    "\"",
    "'",
    "../../etc/passwd",
    "..\\..",
    "/dev/null",
    "C:\\x",
    "=HYPERLINK(\"http://evil\")",
    "@SUM(1)",
    "[ctl_callbackUrl|http://127.0.0.1:5038/]",
    "[a|b][a|b]",
    "[|]",
    "[a|$notes$]",
    "$caller_id$",
    "{{7*7}}",
    "%s%s%n",
    "Action: Originate",
];
