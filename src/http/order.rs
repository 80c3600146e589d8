//! From a click that some door understood to an order that the engine has stored: the steps that all
//! doors share, in the order in which they may refuse.

use std::time::Duration;

use futures_util::future::try_join_all;
use tokio::sync::watch;
use tokio::time::timeout;

use crate::call::{CallId, CallRequest, WrapUp};
use crate::dial::number::Party;
use crate::dial::policy::{Admission, Click, Context, Exceeded, Limit, Phone, Refusal, admit, resolve_phone};
use crate::directory::Scope;
use crate::engine::{Receipt, Termination, Unavailable, Usage, Wrapped};
use crate::http::Shared;
use crate::http::auth::Caller;
use crate::http::count::Refused;
use crate::http::limits::TooMany;
use crate::http::suspicion;
use crate::link::LinkState;
use crate::store::{AuditLine, Mark, Snapshot};

/// How long an order may wait for its answer once a link to Asterisk is down.
const WITHOUT_PBX: Duration = Duration::from_secs(2);
/// How long an order may wait for its answer at all: with a slow body before it (10 s) and what else may
/// be waited for still less than a whole request may take (20 s).
const PATIENCE: Duration = Duration::from_secs(7);
/// How long an order may wait for what its idempotency key stands for.
const MARK_PATIENCE: Duration = Duration::from_secs(1);
/// How long a refusal may wait for its line in the audit.
const AUDIT_PATIENCE: Duration = Duration::from_secs(1);

/// Why an order was not taken, as a sentence for the client. Nothing rings because of it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Declined {
    /// The click itself is wrong or not allowed.
    #[error("{0}")]
    Refused(#[from] Refusal),
    /// Too many wrong login codes.
    #[error("Too many requests")]
    TooMany(TooMany),
    /// Beyond a limit on calls; worth trying again after so many seconds.
    #[error("{message}")]
    Limited { limit: Limit, message: String, seconds: u64 },
    /// The idempotency key of an order that asked for something else.
    #[error("This Idempotency-Key was used for another request")]
    KeyReused,
    /// There is nothing to end.
    #[error("No active call")]
    NoActiveCall,
    /// Not now.
    #[error("{0}")]
    Unavailable(#[from] Unavailable),
}

impl Declined {
    const fn kind(&self) -> Option<Refused> {
        Some(match self {
            Self::Refused(Refusal::Invalid { .. }) => Refused::Invalid,
            Self::Refused(Refusal::Forbidden(_)) => Refused::Forbidden,
            Self::Refused(Refusal::Unknown(_)) => Refused::Unknown,
            Self::Refused(Refusal::Offline(_)) => Refused::Offline,
            Self::Refused(Refusal::Blocked(_)) => Refused::Blocked,
            Self::TooMany(_) => Refused::TooMany,
            Self::KeyReused => Refused::KeyReused,
            Self::Unavailable(_) => Refused::Unavailable,
            Self::Limited { .. } | Self::NoActiveCall => return None,
        })
    }
}

impl From<Exceeded> for Declined {
    fn from(exceeded: Exceeded) -> Self {
        let Exceeded { limit, retry_after, .. } = exceeded;
        Self::Limited { limit, message: exceeded.to_string(), seconds: TooMany { retry_after }.seconds() }
    }
}

/// What a click came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Placed {
    /// The call.
    pub(super) call: CallId,
    /// Whether this click placed it; or else the same click, or the same idempotency key, had before.
    pub(super) is_new: bool,
}

/// Places a call; answers with its id once it is durably stored, or with that of the call that the
/// same click placed a moment ago.
pub(super) async fn place(shared: &Shared, caller: &Caller, click: Click) -> Result<Placed, Declined> {
    let overridden = override_asked_for(&click);
    let placed = taken(shared, caller, click).await;
    let Err(declined) = &placed else { return placed };
    if let Declined::Limited { limit, .. } = declined {
        shared.ports.counters.limit(*limit);
        if limit.is_against_fraud() {
            suspicion::note(shared, caller).await;
        }
    } else if let Some(kind) = declined.kind() {
        shared.ports.counters.refuse(kind);
    }
    if let Some(overridden) = overridden {
        note_refused(shared, caller, format!("{overridden}; refused: {declined}")).await;
    }
    placed
}

/// Which ends of a click were to be called although they are on the do-not-call list, in words.
fn override_asked_for(click: &Click) -> Option<String> {
    let phone = match &click.phone {
        Phone::Number(typed) => typed.as_str(),
        Phone::SipTrunk => "SIPTRUNK",
        Phone::LoginCode(_) => "by login code",
        Phone::Agent(extension) => extension.as_str(),
    };
    let ends = [
        (click.ignore_do_not_call_phone, "phone", phone),
        (click.ignore_do_not_call_target, "target", click.target.as_str()),
    ];
    let asked = ends.into_iter().filter(|(asked, ..)| *asked);
    let ends: Vec<String> =
        asked.map(|(_, name, typed)| format!("{name} {}", typed.chars().take(40).collect::<String>())).collect();
    (!ends.is_empty()).then(|| format!("do-not-call list override asked for {}", ends.join(" and ")))
}

/// Writes a refused override into the audit; one that is used is written with its call.
async fn note_refused(shared: &Shared, caller: &Caller, action: String) {
    let (tenant, actor) = (caller.tenant.id.clone(), caller.credential.name.clone());
    let line = AuditLine { at: shared.ports.clock.now(), tenant, actor, action };
    let written = timeout(AUDIT_PATIENCE, shared.ports.store.put_tenants(&[], &[line])).await;
    if !matches!(written, Ok(Ok(()))) {
        tracing::warn!(tenant.id = %caller.tenant.id, "a refused do-not-call override could not be written into the audit");
    }
}

async fn taken(shared: &Shared, caller: &Caller, click: Click) -> Result<Placed, Declined> {
    let ports = &shared.ports;
    if let Some(call) = placed_before(shared, caller, &click).await? {
        return Ok(Placed { call, is_new: false });
    }
    let admission = rehearse(shared, caller, &click)?;
    let id = admission.request.id;
    if !admission.request.warnings.is_empty() {
        let warnings = &admission.request.warnings;
        tracing::info!(call.id = %id, door = click.door, ?warnings, "accepted and ignored");
    }
    match answered(shared, ports.engine.submit(admission)).await? {
        Receipt::Accepted(call) => {
            tracing::debug!(call.id = %call, "accepted");
            Ok(Placed { call, is_new: true })
        }
        Receipt::Duplicate(first) => {
            tracing::debug!(call.id = %first, call.duplicate = %id, "the same click again");
            Ok(Placed { call: first, is_new: false })
        }
        Receipt::KeyReused => Err(Declined::KeyReused),
        Receipt::TooMany(exceeded) => Err(exceeded.into()),
    }
}

/// The call that the click's idempotency key stands for. Whether the click would be allowed now does not
/// matter: it was, and this is the answer that its client has missed.
async fn placed_before(shared: &Shared, caller: &Caller, click: &Click) -> Result<Option<CallId>, Declined> {
    let Some(mark) = &click.idempotency else { return Ok(None) };
    let (store, since) = (&shared.ports.store, shared.ports.clock.now() - Mark::LIFE);
    let whose = (caller.tenant.id.as_str(), caller.credential.name.as_str());
    let Ok(Ok(found)) = timeout(MARK_PATIENCE, store.marked(whose, &mark.key, since)).await else {
        return Err(Unavailable::StoreAway.into());
    };
    match found {
        Some(first) if first.call.was_abandoned() => Ok(None),
        Some(first) if first.fingerprint != mark.fingerprint => Err(Declined::KeyReused),
        first => Ok(first.map(|first| first.call.request.id)),
    }
}

/// What a click would be, and whether it would be taken now; nothing is placed.
pub(super) fn rehearse(shared: &Shared, caller: &Caller, click: &Click) -> Result<Admission, Declined> {
    login_code_guarded(shared, caller, &click.phone)?;
    let admission = judge(shared, caller, click)?;
    if !(shared.ports.ari.borrow().is_up() && shared.ports.ami.borrow().is_up()) {
        return Err(Unavailable::PbxAway.into());
    }
    Ok(admission)
}

/// What a click would be, and whether it may be; nothing is placed.
pub(super) fn judge(shared: &Shared, caller: &Caller, click: &Click) -> Result<Admission, Declined> {
    let ports = &shared.ports;
    let devices = ports.devices.borrow().clone();
    let context = Context {
        id: ports.clock.call_id(),
        now: ports.clock.now(),
        tenant: &caller.tenant,
        credential: &caller.credential,
        devices: &devices,
        public_url: &ports.public_url,
        callback_check: &*ports.callback_check,
    };
    Ok(admit(click, &context)?)
}

/// Ends all calls of a phone; answers with the newest of them. A phone that this tenant does not know
/// has no call.
pub(super) async fn terminate(shared: &Shared, caller: &Caller, phone: &Phone) -> Result<CallId, Declined> {
    if !caller.credential.allows(Scope::Terminate) {
        return Err(Refusal::Forbidden("This token may not end calls".to_owned()).into());
    }
    login_code_guarded(shared, caller, phone)?;
    let party = match resolve_phone(phone, &caller.tenant) {
        Ok(party) => party,
        // Digits that nobody may dial are no call's phone; what is no number at all is said to be wrong.
        Err(Refusal::Invalid { .. }) if is_short_number(phone) => return Err(Declined::NoActiveCall),
        Err(refusal @ (Refusal::Invalid { .. } | Refusal::Forbidden(_) | Refusal::Blocked(_))) => {
            return Err(refusal.into());
        }
        Err(Refusal::Unknown(_) | Refusal::Offline(_)) => return Err(Declined::NoActiveCall),
    };
    let tenant = caller.tenant.id.clone();
    let ended = match reach_of(caller, &party)? {
        Within::Phone => answered(shared, shared.ports.engine.terminate(Termination::Party { tenant, party })).await?,
        Within::CallsOf(agent) => terminate_own(shared, (&tenant, agent), &party).await?,
    };
    ended.ok_or(Declined::NoActiveCall)
}

fn is_short_number(phone: &Phone) -> bool {
    matches!(phone, Phone::Number(typed) if (1..=6).contains(&typed.len()) && typed.bytes().all(|b| b.is_ascii_digit()))
}

/// Which calls of a phone a token may end.
enum Within<'a> {
    /// All of them.
    Phone,
    /// Those of this agent.
    CallsOf(&'a str),
}

/// An agent's own token ends all calls at that agent's phone, none at another agent's, and anywhere
/// else (an outside number, a service) those that are the agent's.
fn reach_of<'a>(caller: &'a Caller, party: &Party) -> Result<Within<'a>, Refusal> {
    let Some(agent) = caller.credential.agent.as_deref() else { return Ok(Within::Phone) };
    let desk = caller.tenant.agent(agent).and_then(|agent| agent.logged_in_at.as_deref());
    match party {
        Party::Extension(extension) if extension == agent || Some(extension.as_str()) == desk => Ok(Within::Phone),
        Party::Extension(extension) if caller.tenant.agent(extension).is_some() => {
            Err(Refusal::Forbidden(format!("This token may act for extension {agent} only")))
        }
        Party::Extension(_) | Party::Outside(_) => Ok(Within::CallsOf(agent)),
    }
}

/// Ends a call; none: it is ending already, or over.
pub(super) async fn end(shared: &Shared, request: &CallRequest) -> Result<Option<CallId>, Unavailable> {
    let which = Termination::Call { tenant: request.tenant.clone(), call: request.id };
    answered(shared, shared.ports.engine.terminate(which)).await
}

/// How much of what a call would count against is used up.
pub(super) async fn usage(shared: &Shared, admission: &Admission) -> Result<Vec<Usage>, Unavailable> {
    answered(shared, shared.ports.engine.usage(admission)).await
}

/// Takes in what an agent noted after a call.
pub(super) async fn wrap_up(shared: &Shared, request: &CallRequest, noted: WrapUp) -> Result<Wrapped, Unavailable> {
    answered(shared, shared.ports.engine.wrap_up(request.tenant.clone(), request.id, noted)).await
}

/// Ends an agent's calls whose first leg is this party; answers with the newest of them.
async fn terminate_own(
    shared: &Shared,
    (tenant, agent): (&str, &str),
    party: &Party,
) -> Result<Option<CallId>, Unavailable> {
    let ports = &shared.ports;
    let Ok(Ok(active)) = timeout(PATIENCE / 2, ports.store.active_calls()).await else {
        return Err(Unavailable::StoreAway);
    };
    let is_own = |call: &&Snapshot| {
        let request = &call.request;
        request.tenant == tenant && request.a.party == *party && is_of_agent(request, agent)
    };
    let own: Vec<CallId> = active.iter().filter(is_own).map(|call| call.request.id).collect();
    let ends = own.into_iter().map(|call| {
        let which = Termination::Call { tenant: tenant.to_owned(), call };
        ports.engine.terminate(which)
    });
    let ended = timeout(PATIENCE / 2, answered(shared, try_join_all(ends))).await;
    Ok(ended.unwrap_or(Err(Unavailable::StoreAway))?.into_iter().flatten().max())
}

/// Whether a call was placed on behalf of the agent with this extension.
pub(super) fn is_of_agent(request: &CallRequest, extension: &str) -> bool {
    request.agent.as_ref().is_some_and(|agent| agent.extension == extension)
}

/// Lets nobody try login codes until one fits.
fn login_code_guarded(shared: &Shared, caller: &Caller, phone: &Phone) -> Result<(), Declined> {
    let Phone::LoginCode(code) = phone else { return Ok(()) };
    shared.gate.may_try_login_code(&shared.ports, caller).map_err(Declined::TooMany)?;
    if caller.tenant.agent_by_login_code(code.trim()).is_none() {
        shared.gate.wrong_login_code(&shared.ports, caller);
    }
    Ok(())
}

/// The engine's answer. It comes at once as long as everything works; with Asterisk away nobody waits
/// for longer than two seconds.
async fn answered<T>(shared: &Shared, answer: impl Future<Output = Result<T, Unavailable>>) -> Result<T, Unavailable> {
    tokio::select! {
        answer = timeout(PATIENCE, answer) => answer.unwrap_or(Err(Unavailable::StoreAway)),
        () = away(shared.ports.ari.clone()) => Err(Unavailable::PbxAway),
        () = away(shared.ports.ami.clone()) => Err(Unavailable::PbxAway),
    }
}

/// Returns once a link has been down for two seconds.
async fn away(mut link: watch::Receiver<LinkState>) {
    while link.wait_for(|state| !state.is_up()).await.is_ok() {
        match timeout(WITHOUT_PBX, link.wait_for(LinkState::is_up)).await {
            Ok(Ok(_)) => {}
            Ok(Err(_)) => break,
            Err(_) => return,
        }
    }
    // Nobody reports on the link any more: this process is ending, and says so itself.
    std::future::pending::<()>().await;
}
