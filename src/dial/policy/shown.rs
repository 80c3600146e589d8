//! Caller ids: what each phone shows, and what leaves the house under the company's name.
//!
//! Towards an outside number, and a service behind a trunk, only a number of the tenant that is shared with the agent may be shown;
//! another one is refused, never replaced. Towards any other extension anything may be shown: it never
//! leaves the PBX.

use crate::call::Identity;
use crate::dial::endpoint::MAX_DIGITS;
use crate::dial::number::{self, Party};
use crate::dial::policy::end::{End, Origin, Reach, sentence_case};
use crate::dial::policy::{Click, Refusal};
use crate::directory::{Agent, CallerId, Tenant};

/// Longest name on a display.
const MAX_NAME: usize = 40;

/// What both phones show.
#[derive(Debug)]
pub(super) struct Shown {
    /// What the party on A sees.
    pub(super) on_a: Identity,
    /// What the party on B sees.
    pub(super) on_b: Identity,
    /// The company's number for this call, digits; empty where it has none.
    pub(super) company: String,
}

/// What a click asks one leg to show.
struct Asked<'a> {
    field: &'static str,
    number: Option<&'a str>,
    name: Option<&'a str>,
}

impl Shown {
    pub(super) fn choose(
        click: &Click,
        tenant: &Tenant,
        origin: &Origin<'_>,
        target: &End<'_>,
    ) -> Result<Self, Refusal> {
        let on_a = Asked {
            field: "phonecallerid",
            number: filled(click.phone_caller_id.as_deref()),
            name: click.phone_caller_name.as_deref(),
        };
        let on_b = Asked {
            field: "targetcallerid",
            number: filled(click.target_caller_id.as_deref()),
            name: click.target_caller_name.as_deref(),
        };
        let agent = origin.agent;
        let on_a = if origin.end.is_outside() { on_a.of_company(tenant, agent)? } else { on_a.or(of_end(target))? };
        let on_b = match agent {
            _ if target.is_outside() => on_b.of_company(tenant, agent)?,
            Some(agent) => on_b.or(of_agent(agent))?,
            None => on_b.or(of_end(&origin.end))?,
        };
        let company = match (target.is_outside(), origin.end.is_outside()) {
            (true, _) => on_b.number.clone(),
            (false, true) => on_a.number.clone(),
            (false, false) => default_of(tenant, agent).map(|own| digits(&own.number)).unwrap_or_default(),
        };
        Ok(Self { on_a: origin.end.dress(on_a), on_b: target.dress(on_b), company })
    }
}

impl Asked<'_> {
    /// Towards an outside number: the number asked for, if it may be shown, else the agent's or the tenant's.
    fn of_company(&self, tenant: &Tenant, agent: Option<&Agent>) -> Result<Identity, Refusal> {
        let own = match self.number {
            Some(typed) => self.permitted(typed, tenant, agent)?,
            None => default_of(tenant, agent)
                .ok_or_else(|| Refusal::Forbidden("There is no caller id for calls to the outside".to_owned()))?,
        };
        let name = filled(self.name).unwrap_or(&own.name);
        Ok(Identity { number: digits(&own.number), name: clean_name(name) })
    }

    fn permitted<'t>(&self, typed: &str, tenant: &'t Tenant, agent: Option<&Agent>) -> Result<&'t CallerId, Refusal> {
        let name = sentence_case(self.field);
        let Ok(Party::Outside(number)) = number::parse(typed, &tenant.region, |_| false) else {
            return Err(Refusal::Invalid { field: self.field, message: format!("{name} is invalid") });
        };
        let extension = agent.map(|agent| agent.extension.as_str());
        tenant
            .caller_id_of(&number)
            .filter(|own| own.is_shared_with(extension))
            .ok_or_else(|| Refusal::Forbidden(format!("{name} is not allowed")))
    }

    /// Towards an extension: what was asked for, else this.
    fn or(&self, default: Identity) -> Result<Identity, Refusal> {
        let number = match self.number {
            Some(typed) => plain_number(typed).ok_or_else(|| Refusal::Invalid {
                field: self.field,
                message: format!("{} is invalid", sentence_case(self.field)),
            })?,
            None => default.number,
        };
        // Another number without a name of its own is not this party's: its name would be a lie.
        let fallback = if self.number.is_some() { "" } else { &default.name };
        Ok(Identity { number, name: clean_name(filled(self.name).unwrap_or(fallback)) })
    }
}

/// The agent's own caller id, else the tenant's.
fn default_of<'t>(tenant: &'t Tenant, agent: Option<&Agent>) -> Option<&'t CallerId> {
    let own = agent.and_then(|agent| agent.caller_id.as_deref());
    tenant.caller_id_of(own.or(tenant.caller_id.as_deref())?)
}

fn of_agent(agent: &Agent) -> Identity {
    Identity { number: agent.extension.clone(), name: agent.name.clone() }
}

fn of_end(end: &End<'_>) -> Identity {
    let name = match end.reach {
        Reach::Agent(agent) => agent.name.clone(),
        Reach::Service(service) => service.name.clone(),
        Reach::Outside => String::new(),
    };
    Identity { number: end.party.digits().to_owned(), name }
}

/// Digits, `*` and `#` of what was typed, without a plus and the usual separators.
fn plain_number(typed: &str) -> Option<String> {
    let typed = typed.trim();
    let rest = typed.strip_prefix('+').unwrap_or(typed);
    let plain: String = rest.chars().filter(|c| !" -().".contains(*c)).collect();
    let clean = plain.bytes().all(|b| b.is_ascii_digit() || b == b'*' || b == b'#');
    (clean && (1..=MAX_DIGITS).contains(&plain.len())).then_some(plain)
}

/// Printable, without what SIP and HTML quote with, at most 40 characters.
pub(super) fn clean_name(name: &str) -> String {
    let kept = |c: &char| !c.is_control() && !"\"<>\\".contains(*c) && !is_invisible(*c);
    let clean: String = name.chars().filter(kept).collect();
    clean.trim().chars().take(MAX_NAME).collect::<String>().trim_end().to_owned()
}

/// Marks that change how text around them is read, and show nothing themselves.
fn is_invisible(c: char) -> bool {
    matches!(c, '\u{ad}' | '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

fn digits(e164: &str) -> String {
    e164.trim_start_matches('+').to_owned()
}

fn filled(text: Option<&str>) -> Option<&str> {
    text.filter(|text| !text.trim().is_empty())
}
