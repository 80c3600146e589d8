//! Where an E.164 number is, and what it costs whoever calls it, as far as the numbering plans know.
//!
//! A country code is not a country: +1 is shared by some twenty-five, +7 and +44 by several, and the codes
//! of satellites and global networks belong to none. A number that no plan knows counts as the main
//! country's, which grows fastest; nearly all others are told by their leading digits, known or not.

use phonenumber::metadata::Metadata;

use super::plan;

/// Where a number is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// How many digits its country code has.
    pub code_length: usize,
    /// Which of the countries that share the code it belongs to.
    pub country: Country,
    /// What is charged for.
    pub tariff: Tariff,
}

/// A country, or none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Country {
    /// The one that a country code is known for, alone or before others (ISO 3166).
    Main(&'static str),
    /// One that shares another's country code.
    Sharing(&'static str),
    /// Satellites and global networks.
    Nowhere,
}

/// What is charged for a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tariff {
    /// The way there, or nothing.
    Ordinary,
    /// Also what is heard there.
    PremiumRate,
    /// A part of what it costs, fixed by whoever is called.
    SharedCost,
    /// The way to wherever its owner is.
    Personal,
}

/// What the metadata calls a code that belongs to no country.
const WORLD: &str = "001";

/// Where an E.164 number (with its plus) is. None where no country has this code.
pub fn place(e164: &str) -> Option<Place> {
    let digits = e164.trim_start_matches('+');
    let (code, plans) = plan::country(digits)?;
    let national = &digits[code.len()..];
    let home = home_of(&plans, national)?;
    let country = match home.id() {
        WORLD => Country::Nowhere,
        id if plans.first().is_some_and(|main| main.id() == id) => Country::Main(id),
        id => Country::Sharing(id),
    };
    Some(Place { code_length: code.len(), country, tariff: tariff(home, national) })
}

/// Whether a number can be called within a country (ISO 3166) as one of its own.
pub fn is_at_home(e164: &str, region: &str) -> bool {
    let digits = e164.trim_start_matches('+');
    let Some((code, plans)) = plan::country(digits) else { return false };
    let national = &digits[code.len()..];
    let is_home = |plan: &&&Metadata| plan.id().eq_ignore_ascii_case(region);
    let Some(home) = plans.iter().find(is_home) else { return false };
    plan::is_known_in(home, national) || home_of(&plans, national).is_some_and(|plan| plan.id() == home.id())
}

fn home_of(plans: &[&'static Metadata], national: &str) -> Option<&'static Metadata> {
    let (main, sharing) = plans.split_first()?;
    let begins = |plan: &&&Metadata| plan::begins_as_in(plan, national);
    let knows = |plan: &&&Metadata| plan::is_known_in(plan, national);
    sharing.iter().find(begins).or_else(|| plans.iter().find(knows)).copied().or(Some(*main))
}

fn tariff(home: &Metadata, national: &str) -> Tariff {
    let kinds = home.descriptors();
    [
        (kinds.premium_rate(), Tariff::PremiumRate),
        (kinds.shared_cost(), Tariff::SharedCost),
        (kinds.personal_number(), Tariff::Personal),
    ]
    .into_iter()
    .find_map(|(kind, tariff)| plan::matches_all(kind?, national).then_some(tariff))
    .unwrap_or(Tariff::Ordinary)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn country(number: &str) -> Country {
        place(number).unwrap_or_else(|| panic!("{number}")).country
    }

    #[test]
    fn countries_that_share_a_code_are_told_apart() {
        for (number, expected) in [
            ("+12125550101", Country::Main("US")),
            ("+18005550100", Country::Main("US")),
            ("+14165550100", Country::Sharing("CA")),
            ("+18765550100", Country::Sharing("JM")),
            ("+16585550100", Country::Sharing("JM")),
            ("+18095550100", Country::Sharing("DO")),
            ("+17875550100", Country::Sharing("PR")),
            ("+442079460123", Country::Main("GB")),
            ("+441481960194", Country::Sharing("GG")),
            ("+447781123456", Country::Sharing("GG")),
            ("+441534456789", Country::Sharing("JE")),
            ("+441624756789", Country::Sharing("IM")),
            ("+447624512345", Country::Sharing("IM")),
            ("+74951234567", Country::Main("RU")),
            ("+77172123456", Country::Sharing("KZ")),
            ("+390669812345", Country::Sharing("VA")),
            ("+390612345678", Country::Main("IT")),
            ("+972501234567", Country::Main("IL")),
            ("+881612345678", Country::Nowhere),
        ] {
            assert_eq!(country(number), expected, "{number}");
        }
        assert_eq!(place("+999123456789"), None);
    }

    #[test]
    fn a_number_that_no_plan_knows_is_the_main_countrys() {
        assert_eq!(country("+13992345678"), Country::Main("US"));
        assert!(is_at_home("+13992345678", "US") && !is_at_home("+13992345678", "CA"));
    }

    #[test]
    fn what_costs_more_than_the_way_there_is_known() {
        for (number, tariff) in [
            ("+19002345678", Tariff::PremiumRate),
            ("+449012345678", Tariff::PremiumRate),
            ("+9721919123456", Tariff::PremiumRate),
            ("+9721700123456", Tariff::SharedCost),
            ("+447012345678", Tariff::Personal),
            ("+12125550101", Tariff::Ordinary),
            ("+18005550100", Tariff::Ordinary),
            ("+972501234567", Tariff::Ordinary),
        ] {
            assert_eq!(place(number).unwrap().tariff, tariff, "{number}");
        }
    }

    #[test]
    fn home_is_where_a_number_can_be_called_as_ones_own() {
        for (number, region) in [
            ("+12125550101", "US"),
            ("+12125550101", "us"),
            ("+14165550100", "CA"),
            ("+18005550100", "CA"),
            ("+18005550100", "US"),
            ("+18765550100", "JM"),
            ("+972501234567", "IL"),
        ] {
            assert!(is_at_home(number, region), "{number} {region}");
        }
        for (number, region) in [
            ("+14165550100", "US"),
            ("+18765550100", "US"),
            ("+441481960194", "GB"),
            ("+972501234567", "US"),
            ("+881612345678", "US"),
            ("+12125550101", "XX"),
        ] {
            assert!(!is_at_home(number, region), "{number} {region}");
        }
    }
}
