//! From a click that some door understood to an order that the engine has stored: the steps that all
//! doors share, in the order in which they may refuse.

use std::time::Duration;

use tokio::sync::watch;
use tokio::time::timeout;

use crate::call::CallId;
use crate::dial::number::Party;
use crate::dial::policy::{Admission, Click, Context, Phone, Refusal, admit, resolve_phone};
use crate::directory::Scope;
use crate::engine::{Receipt, Termination, Unavailable};
use crate::http::Shared;
use crate::http::auth::Caller;
use crate::http::count::Refused;
use crate::http::limits::TooMany;
use crate::link::LinkState;

/// How long an order may wait for its answer once a link to Asterisk is down.
const WITHOUT_PBX: Duration = Duration::from_secs(2);
/// How long an order may wait for its answer at all: less than a whole request may take.
const PATIENCE: Duration = Duration::from_secs(15);

/// Why an order was not taken. Nothing rings because of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Declined {
    /// The click itself is wrong or not allowed.
    Refused(Refusal),
    /// Too many wrong login codes.
    TooMany(TooMany),
    /// The agent has as many calls as allowed.
    AgentBusy,
    /// There is nothing to end.
    NoActiveCall,
    /// Not now.
    Unavailable(Unavailable),
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
            Self::AgentBusy => Refused::AgentBusy,
            Self::Unavailable(_) => Refused::Unavailable,
            Self::NoActiveCall => return None,
        })
    }
}

impl From<Refusal> for Declined {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl From<Unavailable> for Declined {
    fn from(why: Unavailable) -> Self {
        Self::Unavailable(why)
    }
}

/// Places a call; answers with its id once it is durably stored, or with that of the call that the
/// same click placed a moment ago.
pub(super) async fn place(shared: &Shared, caller: &Caller, click: Click) -> Result<CallId, Declined> {
    let placed = taken(shared, caller, click).await;
    if let Some(kind) = placed.as_ref().err().and_then(Declined::kind) {
        shared.ports.counters.refuse(kind);
    }
    placed
}

async fn taken(shared: &Shared, caller: &Caller, click: Click) -> Result<CallId, Declined> {
    let ports = &shared.ports;
    login_code_guarded(shared, caller, &click.phone)?;
    let admission = judged(shared, caller, &click)?;
    if !(ports.ari.borrow().is_up() && ports.ami.borrow().is_up()) {
        return Err(Unavailable::PbxAway.into());
    }
    let id = admission.request.id;
    match answered(shared, ports.engine.submit(admission)).await? {
        Receipt::Accepted(call) => {
            tracing::debug!(call.id = %call, "accepted");
            Ok(call)
        }
        Receipt::Duplicate(first) => {
            tracing::debug!(call.id = %first, call.duplicate = %id, "the same click again");
            Ok(first)
        }
        Receipt::AgentBusy(_) => Err(Declined::AgentBusy),
    }
}

fn judged(shared: &Shared, caller: &Caller, click: &Click) -> Result<Admission, Declined> {
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
    let admission = admit(click, &context)?;
    if !admission.request.warnings.is_empty() {
        let warnings = &admission.request.warnings;
        tracing::info!(call.id = %admission.request.id, door = click.door, ?warnings, "accepted and ignored");
    }
    Ok(admission)
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
        Err(refusal @ (Refusal::Invalid { .. } | Refusal::Forbidden(_) | Refusal::Blocked(_))) => {
            return Err(refusal.into());
        }
        Err(Refusal::Unknown(_) | Refusal::Offline(_)) => return Err(Declined::NoActiveCall),
    };
    own_phone_only(caller, &party)?;
    let which = Termination::Party { tenant: caller.tenant.id.clone(), party };
    let ended = answered(shared, shared.ports.engine.terminate(which)).await?;
    ended.ok_or(Declined::NoActiveCall)
}

/// An agent's own token ends calls at that agent's phone, and at no other.
fn own_phone_only(caller: &Caller, party: &Party) -> Result<(), Refusal> {
    let Some(agent) = caller.credential.agent.as_deref() else { return Ok(()) };
    let desk = caller.tenant.agent(agent).and_then(|agent| agent.logged_in_at.as_deref());
    match party {
        Party::Extension(extension) if extension == agent || Some(extension.as_str()) == desk => Ok(()),
        Party::Extension(_) | Party::Outside(_) => {
            Err(Refusal::Forbidden(format!("This token may act for extension {agent} only")))
        }
    }
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
