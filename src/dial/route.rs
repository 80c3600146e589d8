//! Dial plans and routes: from what was typed to the dial string that reaches it.
//!
//! A dial plan's rules rewrite what was *typed*, before it is read as a number: a leading 9 for an
//! outside line goes first, then the rest is normalised. So do-not-call lists and allowed
//! destinations judge the very number that is dialled, and no rule can turn an allowed number into
//! another one behind their back. What a trunk wants before or after a number stands in its template.

use serde::{Deserialize, Serialize};

use crate::dial::endpoint::{NotDialable, Plus, Template};

/// One rewriting rule: a beginning, and what stands there instead.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Rewrite {
    /// Leading digits that are taken away. Empty matches every number.
    pub strip: String,
    /// Digits that are put there instead.
    pub add: String,
}

/// A dial plan: rules, and the route that its numbers take.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DialPlan {
    /// Its id, as in `dialplan_id`.
    pub id: u32,
    /// Name of a route.
    pub route: String,
    /// The first rule that matches counts; none has to.
    #[serde(default)]
    pub rewrite: Vec<Rewrite>,
}

impl DialPlan {
    /// What was typed, rewritten. Numbers that say their country (`+` or `00`) stay as they are, and
    /// so does everything that is not a number.
    pub fn rewrite(&self, typed: &str) -> String {
        let plain: String = typed.chars().filter(|c| !" -().".contains(*c)).collect();
        let international = typed.starts_with([' ', '+']) || plain.starts_with("00");
        if international || !plain.bytes().all(|b| b.is_ascii_digit()) {
            return typed.to_owned();
        }
        let matching = self.rewrite.iter().find_map(|rule| Some((rule, plain.strip_prefix(rule.strip.as_str())?)));
        matching.map_or_else(|| typed.to_owned(), |(rule, rest)| format!("{}{rest}", rule.add))
    }
}

/// A way out: how a number is dialled there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Route {
    /// Its name.
    pub name: String,
    /// The dial string, as `PJSIP/{number}@trunk` or `Local/{number}@from-internal/n`.
    #[schema(value_type = String, example = "PJSIP/{number}@trunk")]
    pub endpoint: Template,
    /// Whether the number keeps its plus.
    #[serde(default)]
    pub plus: Plus,
}

impl Route {
    /// The dial string that reaches an outside number (E.164) this way.
    pub fn dial(&self, number: &str) -> Result<String, NotDialable> {
        self.endpoint.fill(number, self.plus)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(rules: &[(&str, &str)]) -> DialPlan {
        let rewrite = rules.iter().map(|(strip, add)| Rewrite { strip: (*strip).into(), add: (*add).into() }).collect();
        DialPlan { id: 2, route: "trunk".into(), rewrite }
    }

    #[test]
    fn the_first_matching_rule_rewrites_what_was_typed() {
        let plan = plan(&[("9", ""), ("8", "44")]);
        assert_eq!(plan.rewrite("912125550101"), "12125550101");
        assert_eq!(plan.rewrite("9 (1212) 555-0101"), "12125550101");
        assert_eq!(plan.rewrite("82071234567"), "442071234567");
        assert_eq!(plan.rewrite("2125550101"), "2125550101");
    }

    #[test]
    fn a_number_that_says_its_country_is_left_alone() {
        let plan = plan(&[("9", ""), ("0", "")]);
        for typed in ["+972501234567", " 972501234567", "00972501234567", "sip:9@x", "9;x"] {
            assert_eq!(plan.rewrite(typed), typed);
        }
    }
}
