//! The two ends of a call: who or what was typed, and what reaches it.

use crate::call::Identity;
use crate::dial::number::{self, NumberError, Party};
use crate::dial::policy::{Click, Context, Notes, Phone, Refusal, destination};
use crate::directory::{Agent, Service, Tenant};

/// How an end is reached.
#[derive(Clone, Copy, Debug)]
pub(super) enum Reach<'a> {
    /// At the phone of this agent.
    Agent(&'a Agent),
    /// In Asterisk, or behind a trunk of its own.
    Service(&'a Service),
    /// By a trunk.
    Outside,
}

/// One end of a call.
#[derive(Debug)]
pub(super) struct End<'a> {
    pub(super) field: &'static str,
    pub(super) party: Party,
    pub(super) reach: Reach<'a>,
    /// Asterisk's dial string; empty for an agent without a phone, who is refused later.
    pub(super) endpoint: String,
}

/// The first end, and on whose behalf the call is placed.
#[derive(Debug)]
pub(super) struct Origin<'a> {
    pub(super) end: End<'a>,
    pub(super) agent: Option<&'a Agent>,
}

impl<'a> Origin<'a> {
    pub(super) fn of(phone: &Phone, ctx: &Context<'a>) -> Result<Self, Refusal> {
        let tenant = ctx.tenant;
        let end = End::reach(PHONE, resolve_phone(phone, tenant)?, None, tenant)?;
        let own = match (phone, end.reach) {
            (Phone::LoginCode(code), _) => tenant.agent_by_login_code(code.trim()),
            (Phone::Agent(extension), _) => tenant.agent(extension),
            (_, Reach::Agent(agent)) => Some(agent),
            (_, Reach::Service(_) | Reach::Outside) => None,
        };
        let bound = ctx.credential.agent.as_deref().and_then(|extension| tenant.agent(extension));
        let agent = match (own, bound) {
            (Some(own), Some(bound)) if !may_use(own, bound) => {
                let message = format!("This token may act for extension {} only", bound.extension);
                return Err(Refusal::Forbidden(message));
            }
            (own, bound) => bound.or(own),
        };
        Ok(Self { end, agent })
    }

    /// The agent of the call, and whoever's phone it rings at.
    pub(super) fn agents(&self) -> impl Iterator<Item = &'a Agent> {
        let at_phone = match self.end.reach {
            Reach::Agent(agent) => Some(agent),
            Reach::Service(_) | Reach::Outside => None,
        };
        self.agent.into_iter().chain(at_phone)
    }
}

/// Whether `bound`, whose own token it is, may ring at this agent's phone: their own, or the one where they sit.
fn may_use(agent: &Agent, bound: &Agent) -> bool {
    agent.extension == bound.extension || bound.logged_in_at.as_ref() == Some(&agent.extension)
}

impl<'a> End<'a> {
    pub(super) fn target(click: &Click, tenant: &'a Tenant) -> Result<Self, Refusal> {
        let plan = tenant.dial_plan(click.dial_plan);
        if let (Some(id), None) = (click.dial_plan, plan) {
            return Err(Refusal::Unknown(format!("Dial plan {id} is unknown")));
        }
        let typed = click.target.as_str();
        let rewritten = match plan {
            Some(plan) if !is_own_extension(typed, tenant) => plan.rewrite(typed),
            _ => typed.to_owned(),
        };
        Self::reach(TARGET, party(TARGET, &rewritten, tenant)?, click.dial_plan, tenant)
    }

    fn reach(field: &'static str, party: Party, plan: Option<u32>, tenant: &'a Tenant) -> Result<Self, Refusal> {
        let (reach, endpoint) = match &party {
            Party::Extension(digits) => match (tenant.agent(digits), tenant.service(digits)) {
                (Some(agent), _) => (Reach::Agent(agent), agent.device.as_ref().map(ToString::to_string)),
                (None, Some(service)) => (Reach::Service(service), Some(service.endpoint.to_string())),
                (None, None) => return Err(unknown_extension(digits)),
            },
            Party::Outside(number) => (Reach::Outside, Some(dial_string(field, number, plan, tenant)?)),
        };
        Ok(Self { field, party, reach, endpoint: endpoint.unwrap_or_default() })
    }

    /// Whether what this end is shown leaves the PBX: an outside number, or a service behind a trunk.
    pub(super) fn is_outside(&self) -> bool {
        match self.reach {
            Reach::Outside => true,
            Reach::Service(service) => service.endpoint.leaves(),
            Reach::Agent(_) => false,
        }
    }

    /// Whether this is a number outside of the tenant's own country.
    pub(super) fn is_abroad(&self, tenant: &Tenant) -> bool {
        matches!(&self.party, Party::Outside(number) if !number::is_at_home(number, &tenant.region))
    }

    /// A caller id as this end's route wants numbers: with the plus where the number that is dialled has one.
    pub(super) fn dress(&self, identity: Identity) -> Identity {
        let keeps_plus = self.is_outside() && self.endpoint.contains('+');
        if !keeps_plus || identity.number.is_empty() {
            return identity;
        }
        Identity { number: format!("+{}", identity.number), name: identity.name }
    }

    /// Asterisk's device behind this end, where its state can be known.
    pub(super) fn device(&self) -> Option<String> {
        let endpoint = match self.reach {
            Reach::Agent(agent) => agent.device.as_ref()?,
            Reach::Service(service) => &service.endpoint,
            Reach::Outside => return None,
        };
        endpoint.device().map(str::to_owned)
    }

    /// Do-not-call list and destinations; extensions are nobody's destination.
    pub(super) fn judge_number(&self, tenant: &Tenant, overridden: bool, notes: &mut Notes) -> Result<(), Refusal> {
        let listed = match &self.party {
            Party::Outside(number) => tenant.do_not_call.contains(number),
            Party::Extension(_) => false,
        };
        let name = sentence_case(self.field);
        if listed && !overridden {
            return Err(Refusal::Forbidden(format!("{name} is on the do-not-call list")));
        }
        if overridden {
            let stands = if listed { "is on it" } else { "is not on it" };
            let who = self.party.digits();
            notes.audit.push(format!("do-not-call list overridden for {} {who}, which {stands}", self.field));
        }
        match &self.party {
            Party::Outside(number) => {
                destination::judge(number, tenant).map_err(|why| Refusal::Forbidden(format!("{name} {why}")))
            }
            Party::Extension(_) => Ok(()),
        }
    }

    /// The headers that make a phone answer by itself, where it may.
    pub(super) fn auto_answer(&self, notes: &mut Notes) -> Vec<(String, String)> {
        let why = match self.reach {
            Reach::Agent(agent) if agent.auto_answer => return auto_answer_headers(agent),
            Reach::Agent(_) => "this phone may not answer by itself",
            Reach::Service(_) => "a service answers by itself",
            Reach::Outside => "an outside number never answers by itself",
        };
        notes.warnings.push(format!("auto answer of the {} is ignored: {why}", self.field));
        Vec::new()
    }
}

const PHONE: &str = "phone";
const TARGET: &str = "target";

/// The party that a `phone` parameter means now.
pub fn resolve_phone(phone: &Phone, tenant: &Tenant) -> Result<Party, Refusal> {
    match phone {
        Phone::Number(typed) => party(PHONE, typed, tenant),
        Phone::SipTrunk => {
            let extension = tenant.sip_trunk.clone().map(Party::Extension);
            extension.ok_or_else(|| Refusal::Unknown("There is no extension behind a SIP trunk".to_owned()))
        }
        Phone::LoginCode(code) if code.trim().is_empty() => {
            Err(Refusal::Invalid { field: "phonelogincode", message: "Phonelogincode is missing".to_owned() })
        }
        Phone::LoginCode(code) => {
            let agent = tenant.agent_by_login_code(code.trim());
            let agent = agent.ok_or_else(|| Refusal::Unknown("Login code is unknown".to_owned()))?;
            let desk = agent.logged_in_at.clone().map(Party::Extension);
            desk.ok_or_else(|| Refusal::Offline("The agent with this login code is logged out".to_owned()))
        }
        Phone::Agent(extension) => {
            let agent = tenant.agent(extension).ok_or_else(|| unknown_extension(extension))?;
            Ok(Party::Extension(agent.logged_in_at.clone().unwrap_or_else(|| agent.extension.clone())))
        }
    }
}

/// The party that somebody typed into a field.
pub fn party(field: &'static str, typed: &str, tenant: &Tenant) -> Result<Party, Refusal> {
    let parsed = number::parse(typed, &tenant.region, |digits| tenant.is_extension(digits));
    parsed.map_err(|error| match error {
        NumberError::UnknownExtension => unknown_extension(typed.trim()),
        error => Refusal::Invalid { field, message: format!("{} {error}", sentence_case(field)) },
    })
}

fn is_own_extension(typed: &str, tenant: &Tenant) -> bool {
    matches!(number::parse(typed, &tenant.region, |digits| tenant.is_extension(digits)), Ok(Party::Extension(_)))
}

fn unknown_extension(digits: &str) -> Refusal {
    Refusal::Unknown(format!("Extension {digits} is unknown"))
}

fn dial_string(field: &'static str, number: &str, plan: Option<u32>, tenant: &Tenant) -> Result<String, Refusal> {
    let route = tenant.dial_plan(plan).and_then(|plan| tenant.route(&plan.route));
    let route = route.ok_or_else(|| Refusal::Forbidden("There is no route to outside numbers".to_owned()))?;
    let invalid = |error| Refusal::Invalid { field, message: format!("{} is invalid: {error}", sentence_case(field)) };
    route.dial(number).map_err(invalid)
}

/// What phones understand as "answer by yourself". No header works on all, so the usual ones go together.
fn auto_answer_headers(agent: &Agent) -> Vec<(String, String)> {
    let usual = [
        ("Call-Info", "<sip:dialbridge>;answer-after=0"),
        ("Alert-Info", "<http://dialbridge>;info=alert-autoanswer;delay=0"),
        ("Answer-Mode", "Auto"),
        ("P-Auto-answer", "normal"),
    ];
    let usual = || usual.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
    agent.auto_answer_headers.clone().unwrap_or_else(usual)
}

/// `phone` as a sentence begins with it: `Phone`.
pub(super) fn sentence_case(field: &str) -> String {
    let mut letters = field.chars();
    letters.next().map(|first| first.to_ascii_uppercase()).into_iter().chain(letters).collect()
}
