//! What may be called, however it is written.

use super::*;

#[test]
fn only_allowed_destinations_are_called() {
    let world = world();
    for good in ["+12125550101", "+972501234567"] {
        assert!(world.demo(&click("101", good)).is_ok(), "{good}");
        assert!(world.demo(&click(good, "700")).is_ok(), "{good}");
    }
    for bad in ["+442071234567", "00442071234567", "+881612345678", "+19002345678"] {
        assert!(world.demo(&click("101", bad)).is_err(), "{bad}");
        assert!(world.demo(&click(bad, "700")).is_err(), "{bad}");
    }
}

/// Country code and number, and how the refusal goes on.
const DENIED: [(&str, &str, &str); 8] = [
    ("1", "9002345678", "is a premium-rate number"),
    ("1", "8765550100", "is in another country that shares the country code"),
    ("1", "2425550100", "is in another country that shares the country code"),
    ("972", "1919123456", "is a premium-rate number"),
    ("972", "1700123456", "is a shared-cost number"),
    ("44", "2079460123", "is not an allowed destination"),
    ("881", "612345678", "is not an allowed destination"),
    ("882", "161234567", "is not an allowed destination"),
];

#[test]
fn a_class_that_is_denied_is_denied_in_every_notation_and_on_both_legs() {
    let world = world();
    for (code, number, why) in DENIED {
        for begin in ["+", "00", "011", " ", "", "(+", "0 0-"] {
            let written = format!("{begin}{code}){number}").replace(')', if begin == "(+" { ")" } else { "" });
            let (target, phone) = (click("101", &written), click(&written, "700"));
            let told = [message(world.demo(&target)), message(world.demo(&phone))];
            assert_eq!(told[0].strip_prefix("Target "), told[1].strip_prefix("Phone "), "{written}");
            assert!(told[0].strip_prefix("Target ").is_some_and(|told| told.starts_with(why)), "{written}: {told:?}");
        }
    }
}

#[test]
fn help_and_service_codes_are_refused_in_a_clear_sentence() {
    let world = world();
    let clear = "Target is an emergency number or a service code, which cannot be dialled by a click";
    for code in ["911", "112", "100", "999", " 911", "9-1-1", "*72", "#31#", "*67 12125550101", "*72*12125550101"] {
        assert_eq!(message(world.demo(&click("101", code))), clear, "{code}");
        let rewritten = Click { dial_plan: Some(2), ..click("101", code) };
        assert!(world.demo(&rewritten).is_err(), "{code} without its nine");
    }
    let behind_a_nine = Click { dial_plan: Some(2), ..click("101", "9911") };
    assert_eq!(message(world.demo(&behind_a_nine)), clear, "what is dialled counts, not what was typed");
    for written in ["+911", "00911", "011911", "+112", "1911"] {
        assert!(world.demo(&click("101", written)).is_err(), "{written}");
    }
}
