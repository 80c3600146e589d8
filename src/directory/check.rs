//! What must be true of a tenant before it counts: every flaw is found at once and named by its path.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use phonenumber::country;

use crate::directory::password;
use crate::directory::tenant::Tenant;

/// One thing that is wrong, and where.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Flaw {
    /// Whose.
    pub tenant: String,
    /// As `agents[3].extension`.
    pub path: String,
    /// As `is not 1 to 16 digits`.
    pub message: String,
}

impl fmt::Display for Flaw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}: {}", self.tenant, self.path, self.message)
    }
}

/// Everything that is wrong with a tenant.
pub(super) fn flaws(tenant: &Tenant) -> Vec<Flaw> {
    let mut check = Check { tenant, flaws: Vec::new() };
    check.settings();
    check.limits();
    check.caller_ids();
    check.callbacks();
    check.dial_plans();
    check.extensions();
    check.queues();
    check.agents();
    check.tokens();
    check.flaws
}

/// What tenants may not share: a token that two of them, or one of them twice, would answer to, and a
/// phone, whose states and calls are its tenant's alone.
pub(super) fn shared<'a>(tenants: impl Iterator<Item = &'a Tenant>) -> Vec<Flaw> {
    let mut tokens = BTreeSet::new();
    let mut phones: BTreeMap<&str, &str> = BTreeMap::new();
    let mut flaws = Vec::new();
    for tenant in tenants {
        let flaw = |path, message: &str| Flaw { tenant: tenant.id.clone(), path, message: message.to_owned() };
        for (i, token) in tenant.tokens.iter().enumerate() {
            if token.secret_hash.is_some_and(|hash| !tokens.insert(String::from(hash))) {
                flaws.push(flaw(format!("tokens[{i}].secret"), "is another token's too"));
            }
        }
        for (path, device) in phones_of(tenant) {
            if *phones.entry(device).or_insert(&tenant.id) != tenant.id {
                flaws.push(flaw(path, "is another tenant's phone"));
            }
        }
    }
    flaws
}

fn phones_of(tenant: &Tenant) -> impl Iterator<Item = (String, &str)> {
    let agents = tenant.agents.iter().enumerate();
    let agents = agents.filter_map(|(i, a)| Some((format!("agents[{i}].device"), a.device.as_ref()?.device()?)));
    let services = tenant.services.iter().enumerate();
    agents.chain(services.filter_map(|(i, s)| Some((format!("services[{i}].endpoint"), s.endpoint.device()?))))
}

struct Check<'a> {
    tenant: &'a Tenant,
    flaws: Vec<Flaw>,
}

impl Check<'_> {
    fn require(&mut self, holds: bool, path: impl fmt::Display, message: &str) {
        if !holds {
            let (tenant, path) = (self.tenant.id.clone(), path.to_string());
            self.flaws.push(Flaw { tenant, path, message: message.to_owned() });
        }
    }

    fn unique<'k>(&mut self, keys: impl Iterator<Item = (String, &'k str)>) {
        let mut seen = BTreeSet::new();
        for (path, key) in keys {
            self.require(seen.insert(key.to_ascii_lowercase()), path, "is there twice");
        }
    }

    fn settings(&mut self) {
        let tenant = self.tenant;
        let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
        let id_is_plain = !tenant.id.is_empty() && tenant.id.len() <= 32 && tenant.id.bytes().all(plain);
        self.require(id_is_plain, "id", "is not 1 to 32 lower-case letters, digits and hyphens");
        self.require(tenant.region.parse::<country::Id>().is_ok(), "region", "is not a region such as US");
        let zone = jiff::tz::TimeZone::get(&tenant.time_zone);
        self.require(zone.is_ok(), "time_zone", "is not a time zone such as America/New_York");
        self.require(is_language(&tenant.language), "language", "is not a language such as en or en_US");
        self.require(tenant.duplicate_window <= 60, "duplicate_window", "is not 0 to 60 seconds");
        for (i, prefix) in tenant.allowed_destinations.iter().enumerate() {
            let path = format!("allowed_destinations[{i}]");
            self.require(is_plus_and_digits(prefix, 1), path, "is not a plus and digits, as +1");
        }
        self.require(tenant.do_not_call.len() <= MOST_NOT_CALLED, "do_not_call", "has more than 100000 numbers");
        for (i, number) in tenant.do_not_call.iter().enumerate() {
            self.require(is_e164(number), format!("do_not_call[{i}]"), NOT_E164);
        }
        for (i, origin) in tenant.crm_origins.iter().enumerate() {
            self.require(
                is_origin(origin),
                format!("crm_origins[{i}]"),
                "is not an origin such as https://crm.example",
            );
        }
    }

    fn limits(&mut self) {
        let Tenant { limits, office_hours, .. } = self.tenant;
        self.require((1..=1000).contains(&limits.agent_active), "limits.agent_active", "is not 1 to 1000");
        self.require((1..=10_000).contains(&limits.tenant_active), "limits.tenant_active", "is not 1 to 10000");
        self.require((1..=1000).contains(&limits.tenant_per_second), "limits.tenant_per_second", "is not 1 to 1000");
        for (path, most) in [
            ("limits.agent_per_minute", limits.agent_per_minute),
            ("limits.destination_per_ten_minutes", limits.destination_per_ten_minutes),
        ] {
            self.require(most > 0, path, "is 0: nobody could call");
        }
        let Some(hours) = office_hours else { return };
        self.require(hours.from != hours.until, "office_hours.until", "is the same as from");
        self.require(!hours.weekdays.is_empty(), "office_hours.weekdays", "is empty");
    }

    fn caller_ids(&mut self) {
        let tenant = self.tenant;
        self.unique(tenant.caller_ids.iter().enumerate().map(|(i, c)| (format!("caller_ids[{i}].number"), &*c.number)));
        for (i, caller_id) in tenant.caller_ids.iter().enumerate() {
            self.require(is_e164(&caller_id.number), format!("caller_ids[{i}].number"), NOT_E164);
            for (j, extension) in caller_id.shared_with.iter().flatten().enumerate() {
                let known = tenant.agent(extension).is_some();
                self.require(known, format!("caller_ids[{i}].shared_with[{j}]"), "is not an agent's extension");
            }
        }
        if let Some(number) = &tenant.caller_id {
            let shared = tenant.caller_id_of(number).is_some_and(|caller_id| caller_id.is_shared_with(None));
            self.require(shared, "caller_id", "is not one of caller_ids that is shared with everybody");
        }
    }

    fn callbacks(&mut self) {
        let tenant = self.tenant;
        let is_http = |url: &str| {
            url::Url::parse(url).is_ok_and(|url| matches!(url.scheme(), "http" | "https") && url.host().is_some())
        };
        self.require(tenant.cdr_url.as_deref().is_none_or(is_http), "cdr_url", "is not an http or https URL");
        self.require(tenant.callback_secrets.len() <= 2, "callback_secrets", "are more than two");
        self.unique(
            tenant.callback_secrets.iter().enumerate().map(|(i, s)| (format!("callback_secrets[{i}].name"), &*s.name)),
        );
        for (i, key) in tenant.callback_secrets.iter().enumerate() {
            let usable = key.secret.is_kept() || is_callback_key(key.secret.expose());
            let path = format!("callback_secrets[{i}].secret");
            self.require(usable, path, "is not whsec_ and the Base64 of 24 to 64 bytes");
        }
        let Some(header) = &tenant.callback_header else { return };
        self.require(is_header_name(&header.name), "callback_header.name", "is not a header's name");
        let printable = header.secret.expose().bytes().all(|b| (b' '..=b'~').contains(&b));
        self.require(printable, "callback_header.secret", "holds what a header may not");
    }

    fn dial_plans(&mut self) {
        let tenant = self.tenant;
        let ids: Vec<String> = tenant.dial_plans.iter().map(|plan| plan.id.to_string()).collect();
        self.unique(ids.iter().enumerate().map(|(i, id)| (format!("dial_plans[{i}].id"), id.as_str())));
        self.unique(tenant.routes.iter().enumerate().map(|(i, route)| (format!("routes[{i}].name"), &*route.name)));
        for (i, route) in tenant.routes.iter().enumerate() {
            self.require(!route.name.trim().is_empty(), format!("routes[{i}].name"), "is empty");
        }
        for (i, plan) in tenant.dial_plans.iter().enumerate() {
            self.require(tenant.route(&plan.route).is_some(), format!("dial_plans[{i}].route"), "is not one of routes");
            for (j, rule) in plan.rewrite.iter().enumerate() {
                let digits = [&rule.strip, &rule.add].iter().all(|text| text.bytes().all(|b| b.is_ascii_digit()));
                self.require(digits, format!("dial_plans[{i}].rewrite[{j}]"), "takes or gives more than digits");
            }
        }
        let known = tenant.dial_plan.is_none() || tenant.dial_plan(None).is_some();
        self.require(known, "dial_plan", "is not the id of one of dial_plans");
    }

    fn extensions(&mut self) {
        let tenant = self.tenant;
        let services =
            tenant.services.iter().enumerate().map(|(i, s)| (format!("services[{i}].extension"), &*s.extension));
        let agents = tenant.agents.iter().enumerate().map(|(i, a)| (format!("agents[{i}].extension"), &*a.extension));
        let all: Vec<(String, &str)> = services.chain(agents).collect();
        for (path, extension) in &all {
            let digits = (1..=16).contains(&extension.len()) && extension.bytes().all(|b| b.is_ascii_digit());
            self.require(digits, path, "is not 1 to 16 digits");
        }
        self.unique(all.into_iter());
        let known = tenant.sip_trunk.as_deref().is_none_or(|extension| tenant.is_extension(extension));
        self.require(known, "sip_trunk", "is not an extension of services or agents");
    }

    fn queues(&mut self) {
        let tenant = self.tenant;
        let ids: Vec<String> = tenant.queues.iter().map(|queue| queue.id.to_string()).collect();
        self.unique(ids.iter().enumerate().map(|(i, id)| (format!("queues[{i}].id"), id.as_str())));
        for (i, queue) in tenant.queues.iter().enumerate() {
            self.unique(
                queue
                    .code_lists
                    .iter()
                    .enumerate()
                    .map(|(j, l)| (format!("queues[{i}].code_lists[{j}].name"), &*l.name)),
            );
        }
    }

    fn agents(&mut self) {
        let tenant = self.tenant;
        let agents = || tenant.agents.iter().enumerate();
        self.unique(agents().map(|(i, agent)| (format!("agents[{i}].email"), &*agent.email)));
        self.unique(agents().filter_map(|(i, a)| Some((format!("agents[{i}].login_code"), a.login_code.as_deref()?))));
        for (i, agent) in agents() {
            let at = |field: &str| format!("agents[{i}].{field}");
            self.require(agent.email.contains('@'), at("email"), "is not an e-mail address");
            let code = agent.login_code.as_deref();
            self.require(code.is_none_or(|code| !code.trim().is_empty()), at("login_code"), "is empty");
            let desk = agent.logged_in_at.as_deref();
            let known = desk.is_none_or(|extension| tenant.agent(extension).is_some());
            self.require(known, at("logged_in_at"), "is not an agent's extension");
            let shared = agent.caller_id.as_deref().is_none_or(|number| {
                tenant.caller_id_of(number).is_some_and(|known| known.is_shared_with(Some(&agent.extension)))
            });
            self.require(shared, at("caller_id"), "is not one of caller_ids that is shared with this agent");
            let hash = agent.password_hash.as_ref();
            let hashed = hash.is_none_or(|hash| hash.is_kept() || password::is_hash(hash.expose()));
            self.require(hashed, at("password_hash"), "is not an Argon2id hash ($argon2id$…) of at most 128 MiB");
            let good = agent.password.as_ref().is_none_or(|clear| password::is_good(clear.expose()));
            self.require(good, at("password"), password::NOT_GOOD);
            for (j, (name, value)) in agent.auto_answer_headers.iter().flatten().enumerate() {
                let clean = is_header_name(name) && value.bytes().all(|b| (b' '..=b'~').contains(&b));
                self.require(clean, at(&format!("auto_answer_headers[{j}]")), "is not a SIP header");
            }
        }
    }

    fn tokens(&mut self) {
        let tenant = self.tenant;
        self.unique(tenant.tokens.iter().enumerate().map(|(i, token)| (format!("tokens[{i}].name"), &*token.name)));
        for (i, token) in tenant.tokens.iter().enumerate() {
            let name = &token.name;
            let plain = !name.trim().is_empty() && name.len() <= 64 && !name.chars().any(char::is_control);
            self.require(plain, format!("tokens[{i}].name"), "is not 1 to 64 printable characters");
            let reserved = name.starts_with("session:") || name == "admin socket";
            self.require(!reserved, format!("tokens[{i}].name"), "is a name that logs and audit use for somebody else");
            let known = token.agent.as_deref().is_none_or(|extension| tenant.agent(extension).is_some());
            self.require(known, format!("tokens[{i}].agent"), "is not an agent's extension");
        }
    }
}

/// Longest do-not-call list.
const MOST_NOT_CALLED: usize = 100_000;

const NOT_E164: &str = "is not a number with its plus, as +12125550100";

fn is_plus_and_digits(text: &str, least: usize) -> bool {
    text.strip_prefix('+')
        .is_some_and(|rest| (least..=15).contains(&rest.len()) && rest.bytes().all(|b| b.is_ascii_digit()))
}

fn is_e164(text: &str) -> bool {
    is_plus_and_digits(text, 5)
}

/// Two letters, optionally `-` or `_` and two letters.
pub(crate) fn is_language(text: &str) -> bool {
    let two = |part: &str| part.len() == 2 && part.bytes().all(|b| b.is_ascii_alphabetic());
    match text.split_once(['-', '_']) {
        None => two(text),
        Some((language, region)) => two(language) && two(region),
    }
}

fn is_origin(text: &str) -> bool {
    url::Url::parse(text)
        .is_ok_and(|url| matches!(url.scheme(), "http" | "https") && url.origin().ascii_serialization() == text)
}

fn is_header_name(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
}

fn is_callback_key(text: &str) -> bool {
    use base64::Engine as _;
    let Some(encoded) = text.strip_prefix("whsec_") else { return false };
    base64::engine::general_purpose::STANDARD.decode(encoded).is_ok_and(|key| (24..=64).contains(&key.len()))
}
