//! Which outside numbers may be called: nothing but what the tenant allows, by the beginnings of numbers.
//!
//! A beginning that says no more than a country code opens the country that the code is known for, and the
//! tenant's own. It does not open the others that share the code (for +1: Canada it does, the Caribbean it
//! does not), nor numbers that charge for more than the way there, which is where fraud earns its money:
//! those need a beginning that says more, as +1876 or +1900. Satellites and global networks are in no
//! country, so their whole code has to be named.

use crate::dial::number::{Country, Tariff, is_at_home, place};
use crate::directory::Tenant;

/// Whether an outside number may be called; the error is the rest of a sentence that begins with its field.
pub(super) fn judge(number: &str, tenant: &Tenant) -> Result<(), String> {
    let begins = |prefix: &&String| number.starts_with(prefix.as_str());
    let longest = tenant.allowed_destinations.iter().filter(begins).map(|prefix| prefix.len() - 1).max();
    let (Some(named), Some(place)) = (longest, place(number)) else {
        return Err("is not an allowed destination".to_owned());
    };
    let (says_code, says_more) = (named >= place.code_length, named > place.code_length);
    let needs = |what: &str, example: &str| {
        Err(format!("is {what}, which only a longer allowed destination opens, as {example}"))
    };
    let example = |digits: usize| number.chars().take(1 + digits).collect::<String>();
    match (place.country, place.tariff) {
        (Country::Nowhere, _) if says_code => Ok(()),
        (Country::Nowhere, _) => needs("in a satellite or global network", &example(place.code_length)),
        _ if says_more => Ok(()),
        (_, Tariff::PremiumRate) => needs("a premium-rate number", &example(place.code_length + 3)),
        (_, Tariff::SharedCost) => needs("a shared-cost number", &example(place.code_length + 3)),
        (_, Tariff::Personal) => needs("a personal number", &example(place.code_length + 2)),
        (Country::Sharing(country), _) if country != "CA" && !is_at_home(number, &tenant.region) => {
            needs("in another country that shares the country code", &example(place.code_length + 3))
        }
        (Country::Main(_) | Country::Sharing(_), Tariff::Ordinary) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tenant(region: &str, allowed: &[&str]) -> Tenant {
        let allowed_destinations = allowed.iter().map(|&prefix| prefix.to_owned()).collect();
        Tenant { region: region.to_owned(), allowed_destinations, ..Tenant::default() }
    }

    #[test]
    fn a_country_code_opens_its_country_and_nothing_else() {
        let table: [(&str, &[&str], &[&str]); 9] = [
            (
                "+1",
                &["+12125550101", "+14165550100", "+18005550100", "+13992345678"],
                &["+18765550100", "+12425550100", "+18095550100", "+17875550100", "+19002345678", "+442079460123"],
            ),
            ("+1876", &["+18765550100"], &["+12125550101", "+16585550100"]),
            ("+1900", &["+19002345678"], &["+12125550101"]),
            ("+7", &["+74951234567"], &["+77172123456"]),
            ("+77", &["+77172123456"], &["+74951234567"]),
            ("+44", &["+442079460123", "+447400123456"], &["+441481960194", "+447624512345", "+449012345678"]),
            ("+972", &["+972501234567", "+97235550100"], &["+9721919123456", "+9721700123456", "+970599123456"]),
            ("+9721700", &["+9721700123456"], &["+972501234567"]),
            ("+39", &["+390612345678"], &["+390669812345", "+39899123456", "+39848123456"]),
        ];
        for (allowed, good, bad) in table {
            let tenant = tenant("FR", &[allowed]);
            for number in good {
                assert_eq!(judge(number, &tenant), Ok(()), "{allowed} {number}");
            }
            for number in bad {
                assert!(judge(number, &tenant).is_err(), "{allowed} {number}");
            }
        }
    }

    #[test]
    fn ones_own_country_is_opened_by_the_code_that_it_shares() {
        assert!(judge("+18765550100", &tenant("JM", &["+1"])).is_ok());
        assert!(judge("+12425550100", &tenant("JM", &["+1"])).is_err());
        assert!(judge("+77172123456", &tenant("KZ", &["+7"])).is_ok());
    }

    #[test]
    fn satellites_and_global_networks_are_opened_by_their_whole_code_alone() {
        for number in [
            "+870773111632",
            "+878101234567890",
            "+881612345678",
            "+882161234567",
            "+883510012345678",
            "+88812345678901",
            "+979123456789",
        ] {
            let (code, begin) = (&number[..4], &number[..3]);
            assert!(judge(number, &tenant("US", &[begin, "+1", "+8", "+9", "+97"])).is_err(), "{number}");
            assert_eq!(judge(number, &tenant("US", &[code])), Ok(()), "{number}");
        }
    }

    #[test]
    fn what_is_refused_is_refused_with_the_reason() {
        let why = |number, allowed| judge(number, &tenant("US", &[allowed])).unwrap_err();
        assert_eq!(why("+442079460123", "+1"), "is not an allowed destination");
        let premium = "is a premium-rate number, which only a longer allowed destination opens, as +1900";
        assert_eq!(why("+19002345678", "+1"), premium);
        let shared = "is in another country that shares the country code, which only a longer allowed destination \
                      opens, as +1876";
        assert_eq!(why("+18765550100", "+1"), shared);
        let satellite = "is in a satellite or global network, which only a longer allowed destination opens, as +881";
        assert_eq!(why("+881612345678", "+8"), satellite);
    }

    #[test]
    fn nothing_is_open_by_default() {
        assert!(judge("+12125550101", &tenant("US", &[])).is_err());
    }
}
