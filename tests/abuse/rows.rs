//! The table itself.

use super::Becomes::{self, Blocked, Forbidden, Malformed, Nobody, Offline, Placed, Stranger, Unknown};
use super::Field::{
    self, Action, CallbackUrl, CallerId, CallerName, CheckPhone, DialPlan, Email, ExtRecord, Format, IgnoreDoNotCall,
    JsonpCallback, Language, LoginCode, MaxDuration, Named, Phone, PhoneAutoAnswer, PhoneCallerId, PhoneCallerName,
    PhoneMaxDialTime, Prefix, Queue, Record, Target, TargetInCapitals, TargetMaxDialTime, Token, UserData, Var,
};
use super::{Row, Value};

/// All of it, in the order in which it is told.
pub(crate) fn all() -> Vec<Row> {
    [
        missing(),
        no_numbers(),
        numbers(),
        twice(),
        variables(),
        caller_ids(),
        times(),
        choices(),
        strangers(),
        destinations(),
        plans(),
        callbacks(),
        user_data(),
        names(),
    ]
    .concat()
}

fn row(name: &str, becomes: Becomes, change: impl IntoIterator<Item = (Field, Value)>) -> Row {
    Row { name: name.to_owned(), change: change.into_iter().collect(), becomes }
}

/// One row each: this field with each of these values.
fn each<V: Into<Value> + Clone>(field: Field, becomes: Becomes, values: &[(&str, V)]) -> Vec<Row> {
    let named =
        |(name, value): &(&str, V)| row(&format!("{field:?}: {name}"), becomes, [(field, value.clone().into())]);
    values.iter().map(named).collect()
}

fn missing() -> Vec<Row> {
    let blanks = [
        ("empty", ""),
        ("one space", " "),
        ("only spaces", "   "),
        ("nothing but separators", " -()."),
        ("a plus alone", "+"),
    ];
    let mut rows = Vec::new();
    for field in [Phone, Target] {
        rows.push(row(&format!("{field:?} is left out"), Malformed, [(field, Value::Absent)]));
        rows.extend(each(field, Malformed, &blanks));
    }
    rows.extend(each(Email, Malformed, &blanks[..3]));
    rows.extend(each(LoginCode, Malformed, &blanks[..3]));
    for field in [Email, Action] {
        rows.push(row(&format!("{field:?} is left out"), Malformed, [(field, Value::Absent)]));
    }
    rows
}

/// What would mean something to Asterisk, to SIP or to a shell, or only looks like digits.
const NO_NUMBERS: [(&str, &str); 33] = [
    ("a second channel", "100&Local/911@x"),
    ("dial options", "100,30,g"),
    ("an old separator", "100|x"),
    ("a SIP URI behind a slash", "100/sip:evil@h"),
    ("another context", "100@other"),
    ("a dialplan function", "${SHELL(id)}"),
    ("a dialplan expression", "$[1+1]"),
    ("a technology", "SIP/101"),
    ("a technology that is configured", "PJSIP/101"),
    ("a local channel", "Local/101@demo"),
    ("a SIP URI", "sip:101@127.0.0.1"),
    ("a tel URI", "tel:+972501234567;ext=1"),
    ("a parameter", "12125550101;ext=1"),
    ("letters", "1-800-FLOWERS"),
    ("a hexadecimal number", "0x7f000001"),
    ("an exponent", "1e9"),
    ("full-width digits", "１０１"),
    ("Arabic digits", "١٠١"),
    ("Devanagari digits", "१०१"),
    ("mathematical digits", "\u{1d7ec}\u{1d7ed}\u{1d7ec}"),
    ("a right-to-left override", "\u{202e}12125550101"),
    ("a right-to-left mark", "12125550101\u{200f}"),
    ("an isolate", "\u{2066}12125550101\u{2069}"),
    ("a zero-width space", "1212555\u{200b}0101"),
    ("a byte order mark", "\u{feff}12125550101"),
    ("a no-break space", "1212555\u{a0}0101"),
    ("NUL", "12125550101\u{0}"),
    ("a header behind CR LF", "12125550101\r\nAction: Ping"),
    ("a field behind LF", "12125550101\nVariable: x=1"),
    ("a tab", "1212555\t0101"),
    ("an escape sequence", "\u{1b}[2J12125550101"),
    ("a plus that is encoded twice", "%2B12125550101"),
    ("two pluses", "++12125550101"),
];

fn no_numbers() -> Vec<Row> {
    let mut rows = Vec::new();
    for field in [Phone, Target, CallerId, PhoneCallerId] {
        rows.extend(each(field, Malformed, &NO_NUMBERS));
        rows.push(row(&format!("{field:?}: 33 digits"), Malformed, [(field, "1".repeat(33).into())]));
        rows.push(row(&format!("{field:?}: 10,000 digits"), Malformed, [(field, "1".repeat(10_000).into())]));
        rows.push(row(&format!("{field:?}: no UTF-8"), Malformed, [(field, Value::Bytes(b"1\xff\xfe2"[..].into()))]));
        rows.push(row(
            &format!("{field:?}: overlong UTF-8"),
            Malformed,
            [(field, Value::Bytes(b"\xc0\xb1"[..].into()))],
        ));
        for json in ["null", "[]", "{}", "[\"101\"]", "1.5", "1e3", "{\"phone\":101}", "\"\\u0000\"", "\"\\ud800\""] {
            let becomes =
                if json == "null" && matches!(field, CallerId | PhoneCallerId) { continue } else { Malformed };
            rows.push(row(&format!("{field:?}: the JSON {json}"), becomes, [(field, Value::Json(json.into()))]));
        }
    }
    rows
}

fn numbers() -> Vec<Row> {
    let mut rows = each(
        Target,
        Placed,
        &[
            ("a plus", "+12125550101"),
            ("a plus that arrived as a space", " 12125550101"),
            ("as people write it", "+1 (212) 555-0101"),
            ("with dots", "212.555.0101"),
            ("the international prefix", "01112125550101"),
        ],
    );
    rows.extend(each(Target, Unknown, &[("an extension of nobody's", "199"), ("another tenant's extension", "201")]));
    rows.extend(each(Phone, Unknown, &[("an extension of nobody's", "199"), ("another tenant's extension", "201")]));
    rows.extend(each(LoginCode, Unknown, &[("nobody's", "0000"), ("another tenant's", "2010")]));
    rows.extend(each(Phone, Blocked, &[("a blocked agent", "103")]));
    rows.extend(each(Email, Blocked, &[("a blocked agent", "carol@demo.example")]));
    rows.extend(each(Phone, Offline, &[("an agent without a phone", "107")]));
    rows.push(row("a phone that is away, checked", Offline, [(Phone, "102".into()), (CheckPhone, "true".into())]));
    rows.push(row("to the phone itself", Malformed, [(Phone, "101".into()), (Target, "101".into())]));
    rows.extend(each(
        Email,
        Nobody,
        &[("nobody's", "nobody@demo.example"), ("another tenant's", "yael@other.example")],
    ));
    rows.extend(each(Email, Nobody, &NO_NUMBERS[..16]));
    rows
}

fn twice() -> Vec<Row> {
    let same = |field: Field, value: &'static str| [(field, value.into()), (field, value.into())];
    vec![
        row("the phone twice", Malformed, same(Phone, "101")),
        row("the target twice", Malformed, same(Target, "12125550101")),
        row("two targets", Malformed, [(Target, "12125550101".into()), (Target, "12125550102".into())]),
        row("the target in capitals, too", Malformed, [(TargetInCapitals, "12125550102".into())]),
        row("the token twice", Malformed, same(Token, "demo-code")),
        row("the address twice", Malformed, same(Email, "erin@demo.example")),
        row("what nobody knows, twice", Malformed, same(Named("a<b>&\"]]>"), "1")),
    ]
}

const ELEVEN: [&str; 11] = ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k"];

fn variables() -> Vec<Row> {
    let var = |name: &'static str, value: &str| [(Var(name), value.to_owned().into())];
    vec![
        row("a dialplan function as variable", Malformed, var("CALLERID(num)", "911")),
        row("a global variable", Malformed, var("GLOBAL(x)", "1")),
        row("an assignment in a name", Malformed, var("A=B", "1")),
        row("a name of CR LF", Malformed, var("a\r\nVariable: b", "1")),
        row("a variable without a name", Malformed, var("", "1")),
        row("a name of 33 letters", Malformed, var("abcdefghijklmnopqrstuvwxyzabcdefg", "1")),
        row("a name that is inherited", Placed, var("__X", "1")),
        row("ten variables", Placed, ELEVEN[..10].iter().map(|name| (Var(name), "1".into()))),
        row("eleven variables", Malformed, ELEVEN.iter().map(|name| (Var(name), "1".into()))),
        row("a variable of 256 bytes", Placed, var("a", &"x".repeat(256))),
        row("a variable of 257 bytes", Malformed, var("a", &"x".repeat(257))),
        row("a variable of 5,000 bytes", Malformed, var("a", &"x".repeat(5_000))),
        row("a control character in a variable", Malformed, var("a", "x\u{1}")),
        row("CR LF in a variable", Malformed, var("a", "x\r\nAction: Originate")),
        row("an expression in a variable", Placed, var("a", "${SHELL(id)}")),
    ]
}

fn caller_ids() -> Vec<Row> {
    let mut rows = each(
        CallerId,
        Forbidden,
        &[
            ("another tenant's", "+97235550100"),
            ("shared with nobody", "+12125550102"),
            ("shared with another agent", "+12125550101"),
            ("nobody's", "+12125559999"),
        ],
    );
    rows.extend(each(CallerId, Malformed, &[("a tag", "<script>"), ("a display name", "\"a\" <1>"), ("short", "101")]));
    rows.extend(each(CallerId, Placed, &[("the tenant's", "+12125550100"), ("in another spelling", "(212) 555-0100")]));
    rows.extend(each(PhoneCallerId, Malformed, &[("a tag", "<script>"), ("a display name", "\"a\" <1>")]));
    let outside =
        |number: &'static str| [(Phone, "12125550105".into()), (Target, "700".into()), (PhoneCallerId, number.into())];
    rows.push(row("another tenant's number on an outside phone", Forbidden, outside("+97235550100")));
    for field in [CallerName, PhoneCallerName] {
        rows.extend(each(field, Placed, &[("what quotes", "\"a\" <1>"), ("a tag", "<script>alert(1)</script>")]));
        rows.extend(each(field, Placed, &[("marks", "\u{202e}evil\u{2066}"), ("a function", "${SHELL(id)}")]));
        rows.extend(each(
            field,
            Malformed,
            &[("CR LF", "a\r\nX-Evil: 1"), ("NUL", "a\u{0}"), ("an escape", "\u{1b}[31m")],
        ));
        rows.push(row(&format!("{field:?}: 10,000 characters"), Placed, [(field, "é".repeat(5_000).into())]));
    }
    rows
}

fn times() -> Vec<Row> {
    let mut rows = Vec::new();
    let wrong = [
        ("none", "0"),
        ("negative", "-1"),
        ("huge", "1000000000"),
        ("beyond 64 bits", "99999999999999999999"),
        ("an exponent", "1e2"),
        ("a fraction", "1.5"),
        ("letters behind", "60abc"),
        ("hexadecimal", "0x10"),
        ("a plus", "+60"),
        ("Arabic digits", "٦٠"),
        ("no number", "NaN"),
    ];
    for (field, most) in [(PhoneMaxDialTime, 300), (TargetMaxDialTime, 300), (MaxDuration, 14_400)] {
        rows.extend(each(field, Malformed, &wrong));
        rows.push(row(
            &format!("{field:?}: one more than allowed"),
            Malformed,
            [(field, (most + 1).to_string().into())],
        ));
        rows.push(row(&format!("{field:?}: as much as allowed"), Placed, [(field, most.to_string().into())]));
        for json in ["1e9", "60.5", "[60]", "{}"] {
            rows.push(row(&format!("{field:?}: the JSON {json}"), Malformed, [(field, Value::Json(json.into()))]));
        }
    }
    rows
}

fn choices() -> Vec<Row> {
    let mut rows = each(Action, Malformed, &[("none", ""), ("another method", "DELETE"), ("two", "call,terminate")]);
    rows.extend(each(Format, Malformed, &[("JSONP", "jsonp"), ("HTML", "html")]));
    rows.extend(each(JsonpCallback, Malformed, &[("a function", "alert")]));
    for field in [Record, PhoneAutoAnswer, CheckPhone] {
        rows.extend(each(field, Malformed, &[("perhaps", "maybe"), ("two", "2"), ("an override", "true\u{202e}")]));
    }
    let languages = [("a word", "english"), ("a path", "../../etc"), ("a tag", "<b>"), ("a file", "en/../fr")];
    rows.extend(each(Language, Malformed, &languages));
    rows.extend(each(IgnoreDoNotCall, Malformed, &[("no such choice", "4"), ("negative", "-1"), ("a word", "all")]));
    for choice in ["1", "2", "3"] {
        rows.push(row(&format!("override {choice} without the right"), Forbidden, [(IgnoreDoNotCall, choice.into())]));
    }
    rows
}

fn strangers() -> Vec<Row> {
    each(
        Token,
        Stranger,
        &[("nobody's", "wrong"), ("a beginning", "demo-cod"), ("in capitals", "DEMO-CODE"), ("more", "demo-code2")],
    )
}

fn destinations() -> Vec<Row> {
    let mut rows = Vec::new();
    let forbidden = [
        ("premium rate", "19005550101"),
        ("premium rate with a plus", "+19005550101"),
        ("satellite", "+8816123456789"),
        ("satellite, dialled", "0118816123456789"),
        ("a network of no country", "+8835100123456"),
        ("another country behind the same code", "+18765550101"),
        ("the same, dialled", "8095550101"),
        ("another country", "+442079460000"),
        ("another country, dialled", "011442079460000"),
        ("another country, dialled as elsewhere", "00442079460000"),
        ("on the do-not-call list", "12125550199"),
    ];
    let malformed = [
        ("emergency", "911"),
        ("emergency elsewhere", "112"),
        ("emergency in Israel", "100"),
        ("emergency in pieces", "9-1-1"),
        ("a forward", "*72"),
        ("a forward with its number", "*7212125550101"),
        ("a service code", "#31#"),
        ("emergency with a plus", "+911"),
    ];
    for field in [Phone, Target] {
        rows.extend(each(field, Forbidden, &forbidden));
        rows.extend(each(field, Malformed, &malformed));
    }
    rows
}

/// What a prefix, or a dial plan's rewriting, would make of a number.
fn plans() -> Vec<Row> {
    let prefixed = |prefix: &'static str, target: &'static str| [(Prefix, prefix.into()), (Target, target.into())];
    let planned = |plan: &'static str, target: &'static str| [(DialPlan, plan.into()), (Target, target.into())];
    let mut rows = vec![
        row("a prefix", Placed, prefixed("1", "2125550101")),
        row("a prefix that makes an emergency number", Malformed, prefixed("9", "11")),
        row("a prefix that makes a premium-rate number", Forbidden, prefixed("1900", "5550101")),
        row("a prefix that makes another country", Forbidden, prefixed("01144", "2079460000")),
        row("a prefix of 10,000 digits", Malformed, [(Prefix, "1".repeat(10_000).into())]),
        row("a prefix before nothing", Malformed, prefixed("12125550101", "")),
        row("a dial plan", Placed, planned("2", "912125550101")),
        row("a dial plan that leaves an emergency number", Malformed, planned("2", "9911")),
        row("a dial plan that leaves a star code", Malformed, planned("2", "9*72")),
        row("a dial plan that leaves a premium-rate number", Forbidden, planned("2", "919005550101")),
    ];
    rows.extend(each(
        Prefix,
        Malformed,
        &[("a star", "*67"), ("a plus", "+1"), ("a technology", "SIP/"), ("Arabic", "٩")],
    ));
    for field in [DialPlan, Queue] {
        rows.extend(each(field, Unknown, &[("nobody's", "99"), ("none", "0")]));
        rows.extend(each(
            field,
            Malformed,
            &[("negative", "-1"), ("a name", "support"), ("a path", "7/../8"), ("huge", "99999999999")],
        ));
    }
    rows
}

/// Where a callback may not go: the house itself, the cloud's own addresses, and any spelling of them.
const CALLBACKS: [(&str, &str); 25] = [
    ("the manager's port", "http://127.0.0.1:5038/"),
    ("this host", "http://127.0.0.1/"),
    ("this host by name", "http://localhost/"),
    ("this host by name with a dot", "http://crm.localhost./"),
    ("metadata", "http://169.254.169.254/latest/meta-data/"),
    ("mapped", "http://[::ffff:7f00:1]:8091/"),
    ("IPv6's own", "http://[::1]:8091/"),
    ("hexadecimal", "http://0x7f.1:8090/"),
    ("one number", "http://2130706433:5038/"),
    ("octal", "http://0177.0.0.1:5038/"),
    ("IPv6 metadata", "http://[fd00:ec2::254]/"),
    ("through NAT64", "http://[64:ff9b::a9fe:a9fe]/"),
    ("a user", "http://u:p@crm.example/"),
    ("a file", "file:///etc/passwd"),
    ("gopher", "gopher://127.0.0.1:5038/"),
    ("a script", "javascript:alert(1)"),
    ("data", "data:text/html,x"),
    ("no scheme", "//crm.example/"),
    ("mail", "http://crm.example:25/"),
    ("ARI", "http://crm.example:8088/"),
    ("no port at all", "http://crm.example:0/"),
    ("a private network", "http://10.0.0.1/"),
    ("a token in the host", "http://$notes$.evil.example/"),
    ("a token in the port", "http://crm.example:$extension$/"),
    ("a token in the scheme", "$notes$://crm.example/"),
];

fn callbacks() -> Vec<Row> {
    each(CallbackUrl, Malformed, &CALLBACKS)
}

fn user_data() -> Vec<Row> {
    let mut rows = Vec::new();
    rows.push(row("300 pairs", Malformed, [(UserData, "[a|b]".repeat(300).into())]));
    rows.push(row("33 kB of user data", Malformed, [(UserData, format!("[a|{}]", "x".repeat(33_000)).into())]));
    rows.push(row("nothing but brackets", Malformed, [(UserData, "[".repeat(8_000).into())]));
    rows.push(row("no pair at all", Malformed, [(UserData, "lead 4711".into())]));
    rows.push(row("NUL in user data", Malformed, [(UserData, "[a|\u{0}]".into())]));
    let pairs = [
        ("a value that looks like a pair", "[a|%5D%5Bctl_callbackUrl%7Chttp://127.0.0.1:5038/%5D]"),
        ("tokens without an end", "[a|$caller_id][b|$][c|$$$$]"),
        ("unknown tokens", "[a|$SHELL(id)$][b|${EPOCH}]"),
        ("a record of ours", "[ctl_newRecordId|7]"),
    ];
    rows.extend(each(UserData, Placed, &pairs));
    rows.extend(each(ExtRecord, Malformed, &[("no pair at all", "4711")]));
    rows
}

/// Parameters that nobody knows are ignored, whatever they are called.
fn names() -> Vec<Row> {
    let named = |name: &'static str| row(&format!("unknown: {name:?}"), Placed, [(Named(name), "1".into())]);
    let mut rows: Vec<Row> =
        ["<script>", "a]]>&xxe;", "ERROR", "callerid", "x-forwarded-for", "__proto__"].map(named).into();
    rows.push(row(
        "a name of CR LF and an escape",
        Malformed,
        [(Named("a\r\n2026-01-01 ERROR \u{1b}[2J"), "1".into())],
    ));
    rows
}
